"""Positions in a sequence: added to it, or rotating queries and keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import symgrad as sg
from symgrad.init import normal
from symgrad.model.reasons import because
from symgrad.nn.layer import floating, named, shown, spreads
from symgrad.options import real, whole

__all__ = ["learned_positions", "rotary", "sinusoidal_positions"]


def sinusoidal_positions(
    length: Any, dim: int, base: float = 10000.0, dtype: Any = None
) -> sg.Expr:
    """A table of waves, a row for each position: sines and cosines of falling frequencies.

    In row p, entry 2 i is ``sin(p / base**(2 i / dim))`` and entry 2 i + 1 the cosine of the same.
    The row of p + k is a rotation of that of p, the same for each p. A. Vaswani et al.,
    *Attention is all you need* (2017), section 3.5.

    Parameters
    ----------
    length : int, str or Dim
        The number of positions, such as ``x.shape[1]``.
    dim : int
        Entries of a row.
    base : float
        The slowest wave has a period of some ``2 pi base`` positions.
    dtype : dtype, optional
        The default dtype if None. Angles are computed in double precision whatever it is.

    Returns
    -------
    Expr
        (length, dim), to be added to a sequence (B, length, dim).

    Raises
    ------
    DeclarationError, DTypeError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", "T", 4), "float32")
    >>> y = x + sg.nn.sinusoidal_positions(x.shape[1], 4, dtype=x.dtype)
    >>> sg.function([x], y)(np.zeros((1, 2, 4), np.float32)).round(2)
    array([[[0.  , 1.  , 0.  , 1.  ],
            [0.84, 0.54, 0.01, 1.  ]]], dtype=float32)
    """
    dim = whole("sinusoidal_positions", "dim", dim)
    if not isinstance(length, (str, sg.Dim)):
        length = whole("sinusoidal_positions", "length", length, 0)
    angles = _angles(sg.arange(length), _frequencies("sinusoidal_positions", dim, base))
    waves = sg.stack([sg.sin(angles), sg.cos(angles)], axis=-1)
    table = waves.reshape((angles.shape[0], 2 * angles.shape[1]))[:, :dim]
    return sg.name(table.astype(_dtype(dtype)), "positions")


def learned_positions(
    x: Any,
    max_length: int,
    init: Any = normal(0.02),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """Add a trained row to each position of a sequence: ``x + W[:T]``.

    A. Radford et al., *Improving language understanding by generative pre-training* (2018).

    Parameters
    ----------
    x : Expr
        (..., T, features), floating. At a call, `T` may be `max_length` at most.
    max_length : int
        Rows of the table.
    init : initialiser, array, number or callable, optional
        Of the table. Rows are looked up, not multiplied, so that fans have no meaning here.
    name : str, optional
        A scope for the parameter.

    Returns
    -------
    Expr
        Of the shape and dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameter: ``W`` (max_length, features).

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", "T", 4))
    >>> y = sg.nn.learned_positions(x, 512, name="positions")
    >>> params = sg.compile(y.sum()).init()
    >>> params["positions.W"].shape
    (512, 4)
    """
    x = floating("learned_positions", x, 2)
    max_length = whole("learned_positions", "max_length", max_length)
    length = x.shape[-2]
    too_long = f"learned_positions: expected a sequence of max_length {max_length} or less"
    if isinstance(length, int) and length > max_length:
        raise sg.ShapeError(f"{too_long}; got shape {shown(x.shape)}")
    with named(name), because(too_long):
        table = sg.param("W", (max_length, x.shape[-1]), init, x.dtype)
        return x + table[:length]


def rotary(x: Any, positions: Any = None, base: float = 10000.0) -> sg.Expr:
    """Rotate queries or keys by their position, so that their products know the distance alone.

    Entries 2 i and 2 i + 1 are taken for a complex number, which is multiplied by
    ``exp(1j * p * base**(-2 i / d))`` at position p. The product of a query at p with a key at q
    then depends on p and q by p - q only. J. Su et al., *RoFormer: enhanced transformer with rotary
    position embedding* (2021).

    Parameters
    ----------
    x : Expr
        (..., T, d), floating, d even.
    positions : Expr or array, optional
        (T,), or any shape that broadcasts to (..., T): integers or floats; 0, 1, 2, ... if None.
        Those of each example, (B, T), are for heads (B, heads, T, d) ``positions[:, None]``.
    base : float

    Returns
    -------
    Expr
        Of the shape and dtype of `x`. Angles are computed in double precision whatever it is.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("T", 2))
    >>> turned = sg.function([x], sg.nn.rotary(x))
    >>> turned(np.array([[1.0, 0.0], [1.0, 0.0]])).round(4)
    array([[1.    , 0.    ],
           [0.5403, 0.8415]])
    """
    x = floating("rotary", x, 2)
    dim = x.shape[-1]
    if not isinstance(dim, int) or dim % 2 or not dim:
        raise sg.ShapeError(f"rotary: expected an even last axis; got shape {shown(x.shape)}")
    p = sg.arange(x.shape[-2]) if positions is None else sg.as_expr(positions)
    if p.dtype.kind not in "iuf":
        raise sg.DTypeError(f"rotary: expected positions to be real numbers; got {p.dtype}")
    if p.ndim >= x.ndim or not all(map(spreads, p.shape[::-1], x.shape[-2::-1])):
        raise sg.ShapeError(
            f"rotary: expected positions of a shape that broadcasts to {shown(x.shape[:-1])}; "
            f"got {shown(p.shape)}"
        )
    angles = _angles(p, _frequencies("rotary", dim, base))
    cos = sg.name(sg.cos(angles).astype(x.dtype), "cos")
    sin = sg.name(sg.sin(angles).astype(x.dtype), "sin")
    pairs = x.reshape((*x.shape[:-1], dim // 2, 2))
    re, im = pairs[..., 0], pairs[..., 1]
    turned = sg.stack([re * cos - im * sin, re * sin + im * cos], axis=-1)
    return turned.reshape(x.shape)


def _frequencies(layer: str, dim: int, base: Any) -> NDArray[np.float64]:
    """Radians per position of each pair of entries: 1, and geometrically less."""
    slowest = real(layer, "base", base, 0, open_low=True)
    return slowest ** (-np.arange(0, dim, 2) / dim)


def _angles(positions: sg.Expr, frequencies: NDArray[np.float64]) -> sg.Expr:
    return positions[..., None].astype("float64") * sg.const(frequencies, "frequencies")


def _dtype(dtype: Any) -> Any:
    """As given, or else the default."""
    found = sg.zeros((), dtype).dtype
    if found.kind != "f":
        raise sg.DTypeError(f"sinusoidal_positions: expected a floating dtype; got {found}")
    return found
