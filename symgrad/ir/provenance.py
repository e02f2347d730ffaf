"""Where a node comes from: the user's line, scope and variable; beside a node, never in it."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType, FrameType

from symgrad.errors import DeclarationError

__all__ = ["Origin", "capture", "current_scope", "quiet", "scope", "user_location"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

Position = tuple[int | None, int | None, int | None, int | None]
#: a variable, or those that take the parts of a value
_Target = str | tuple[str | None, ...]


class _State(threading.local):
    scope: str = ""
    quiet: int = 0
    #: the frame of the user's latest call, held so that no other can be taken for it
    entry: FrameType | None = None
    call: int = 0


_state = _State()


class Origin:
    """The place of a declaration; the variable's name is read from the source when asked for.

    ``name`` is what the user called it with ``sg.name``; ``role`` is set by differentiation:
    ``("d", node)`` marks the cotangent of a node, ``("t", node)`` its tangent.
    """

    __slots__ = ("call", "code", "inner", "lasti", "name", "part", "role", "scope")

    def __init__(
        self,
        scope: str = "",
        name: str | None = None,
        code: CodeType | tuple[str, Position, int | None] | None = None,
        lasti: int = -1,
        role: tuple[str, object] | None = None,
        call: int = 0,
    ) -> None:
        self.scope = scope
        self.name = name
        self.code = code
        self.lasti = lasti
        self.role = role
        #: the user's call that made the node; what it made on the way is `inner`
        self.call = call
        self.inner = False
        #: of several arrays that the call gives, which one the node is
        self.part: int | None = None

    @property
    def filename(self) -> str | None:
        if isinstance(self.code, CodeType):
            return self.code.co_filename
        return self.code[0] if self.code else None

    @property
    def position(self) -> Position | None:
        """Line, end line, column and end column of the user's expression."""
        if isinstance(self.code, CodeType):
            return _positions(self.code)[self.lasti // 2]
        return self.code[1] if self.code else None

    @property
    def location(self) -> str | None:
        """``model.py:12``, or None where it is not known."""
        position, filename = self.position, self.filename
        return f"{filename}:{position[0]}" if position and filename else None

    @property
    def line(self) -> str:
        """The user's line of source, or nothing where it cannot be read."""
        position, filename = self.position, self.filename
        if position is None or filename is None or position[0] is None:
            return ""
        return linecache.getline(filename, position[0]).strip()

    @property
    def variable(self) -> str | None:
        """The variable that the expression was assigned to, where that can be read."""
        if self.inner:
            return None
        position, filename = self.position, self.filename
        if position is None or filename is None:
            return None
        found = _assignments(filename).get(position)
        if isinstance(found, tuple):
            part = self.part
            return found[part] if part is not None and part < len(found) else None
        return found

    def __getstate__(self) -> tuple[object, ...]:
        place = self.code is not None and not self.inner
        code = (self.filename, self.position, self.part) if place else None
        return (self.scope, self.name, code, self.role)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.scope, self.name, self.code, self.role = state  # type: ignore[assignment]
        self.lasti = -1
        self.call = 0
        self.inner = False
        self.part = self.code[2] if isinstance(self.code, tuple) else None


@lru_cache(maxsize=4096)
def _positions(code: CodeType) -> list[Position]:
    return list(code.co_positions())


#: file -> its lines, as linecache has them, and what they assign
_read: dict[str, tuple[list[str], dict[Position, _Target]]] = {}


def _assignments(filename: str) -> dict[Position, _Target]:
    """Position of each expression that is the whole value of an assignment -> the variable."""
    lines = linecache.getlines(filename)
    known = _read.get(filename)
    if known is None or known[0] is not lines:
        known = _read[filename] = (lines, _parsed(lines))
    return known[1]


def _parsed(lines: list[str]) -> dict[Position, _Target]:
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return {}
    found: dict[Position, _Target] = {}

    def note(target: ast.expr, value: ast.expr) -> None:
        place = (value.lineno, value.end_lineno, value.col_offset, value.end_col_offset)
        if isinstance(target, ast.Name):
            found.setdefault(place, target.id)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Call):
            names = [_unpacked(one) for one in target.elts]
            found.setdefault(place, tuple(names))
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, part in zip(target.elts, value.elts, strict=False):
                note(one, part)

    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                note(target, node.value)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            note(node.target, node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            # the operation's own position is that of the whole statement
            place = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            found.setdefault(place, node.target.id)
    return found


def _unpacked(target: ast.expr) -> str | None:
    return target.id if isinstance(target, ast.Name) and target.id.strip("_") else None


def capture(name: str | None = None) -> Origin | None:
    """The origin of what is being declared now; None inside the compiler's own passes."""
    if _state.quiet:
        return None
    state = _state
    entry = frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        entry, frame = frame, frame.f_back  # type: ignore[assignment]
    if frame is None:
        return Origin(state.scope, name)
    if entry is not state.entry:
        state.entry = entry
        state.call += 1
    return Origin(state.scope, name, frame.f_code, frame.f_lasti, None, state.call)


def user_location() -> str:
    """``file:line`` and the text of the user's statement that is running, for a message."""
    origin = capture()
    if origin is None or origin.location is None:
        return ""
    line = origin.line
    return f"{origin.location}: {line}" if line else origin.location


@contextmanager
def quiet() -> Iterator[None]:
    """Nodes made inside are the compiler's: they get no origin of their own."""
    _state.quiet += 1
    try:
        yield
    finally:
        _state.quiet -= 1


def current_scope() -> str:
    """The dotted path of the scopes that are open."""
    return _state.scope


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name a part of the model: it prefixes parameters, groups source, clusters pictures.

    Parameters
    ----------
    name : str
        One part of a dotted path; not empty, without dots.

    Examples
    --------
    >>> import symgrad as sg
    >>> with sg.scope("encoder"):
    ...     W = sg.param("W", (3, 2))
    >>> W.name
    'encoder.W'
    """
    if not isinstance(name, str) or not name or "." in name:
        raise DeclarationError(
            f"a scope's name must be a non-empty string without dots; got {name!r}"
        )
    old = _state.scope
    _state.scope = f"{old}.{name}" if old else name
    try:
        yield
    finally:
        _state.scope = old
