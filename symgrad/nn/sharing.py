"""Weights that several layers have in common."""

from __future__ import annotations

from symgrad.model.sharing import Weights

__all__ = ["shared"]


def shared() -> Weights:
    """Make a store of weights: layers declared inside it again under a name are the same layer.

    Inside ``with weights:`` a parameter or a state that has been declared there before under the
    same full name (its scopes and all) is that parameter or state, as for the two arms of a
    siamese network or an encoder that two heads use. The gradient is then the sum over all uses.

    Returns
    -------
    Weights
        A context manager, to be entered as often as wanted. It is also a small mapping from the
        names to the leaves. Where one store is open inside another, the inner one counts.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError
        Where a name is declared again as something else: a state for a parameter, with another
        shape or with another dtype. The initialiser is that of the first declaration.

    Examples
    --------
    >>> import symgrad as sg
    >>> left, right = sg.input("left", ("B", 4)), sg.input("right", ("B", 4))
    >>> weights = sg.nn.shared()
    >>> with weights:
    ...     a = sg.tanh(left @ sg.param("W", (4, 3), init=sg.init.glorot_uniform()))
    >>> with weights:
    ...     b = sg.tanh(right @ sg.param("W", (4, 3)))
    >>> model = sg.compile(((a - b) ** 2).sum())
    >>> {name: value.shape for name, value in model.init().items()}
    {'W': (4, 3)}
    """
    return Weights()
