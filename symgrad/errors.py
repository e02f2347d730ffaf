"""The error classes: each says what was expected, what came, and where it was declared."""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "CompileError",
    "DTypeError",
    "DeclarationError",
    "ExpressionUseError",
    "GradientMismatch",
    "NonFiniteError",
    "ShapeError",
    "SymgradError",
]


class SymgradError(Exception):
    """Base class of all errors that symgrad raises on purpose."""


class ShapeError(SymgradError, ValueError):
    """Shapes that do not fit: at declaration, or of data at a call."""


class DTypeError(SymgradError, TypeError):
    """A dtype that an operation or an input does not take."""


class DeclarationError(SymgradError, ValueError):
    """A declaration that has no meaning: a bad name, axis, argument."""


class ExpressionUseError(DeclarationError, TypeError):
    """An expression used where Python needs a value that exists only at call time."""


class CompileError(SymgradError, ValueError):
    """A graph that cannot be compiled, or a call that does not fit what was compiled."""


class NonFiniteError(SymgradError, FloatingPointError):
    """The first expression that turned NaN or infinite, found by ``debug="nan"``."""


class CheckpointError(SymgradError, ValueError):
    """A checkpoint that is torn, of another model, or of a run with other settings."""


class GradientMismatch(SymgradError, AssertionError):
    """A derivative that disagrees with finite differences."""
