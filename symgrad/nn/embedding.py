"""Embeddings: a vector for each integer."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.init import normal
from symgrad.nn.layer import array, named
from symgrad.options import whole

__all__ = ["embedding"]


def embedding(
    ids: Any,
    size: int,
    dim: int,
    padding: int | None = None,
    init: Any = normal(),  # noqa: B008  # immutable
    dtype: Any = None,
    name: str | None = None,
) -> sg.Expr:
    """Look up a row of a table for each integer.

    Parameters
    ----------
    ids : Expr
        Integers ``0 <= id < size``, of any shape. In a model an input that is used as ids is
        checked against the size at each call. What is computed is not: there NumPy's indexing
        counts negative ids from the end, and raises an IndexError at those beyond it.
    size : int
        Rows of the table: how many different integers there are.
    dim : int
        Entries of a row.
    padding : int, optional
        An id that stands for nothing: its vector is zero, and its row gets no gradient.
    init : initialiser, array, number or callable, optional
        Of the table. A row is looked up alone, whatever their number, so that a fan has no
        meaning here: by default entries have variance 1. Where the table is also the output
        layer of a language model, ``sg.init.normal(0.02)`` keeps the first logits small.
    dtype : dtype, optional
        Of the table; the default dtype if None.
    name : str, optional
        A scope for the parameter.

    Returns
    -------
    Expr
        ``ids.shape + (dim,)``.

    Raises
    ------
    DeclarationError, DTypeError

    Notes
    -----
    Parameter: ``W`` (size, dim). The gradient of a row that is looked up several times is the
    sum over these. Bengio et al., *A neural probabilistic language model* (2003).

    Examples
    --------
    >>> import symgrad as sg
    >>> ids = sg.input("ids", ("B", "T"), dtype="int64")
    >>> sg.nn.embedding(ids, 1000, 64).shape
    (Dim('B'), Dim('T'), 64)
    """
    ids = array("embedding", ids)
    if ids.dtype.kind not in "iu":
        raise sg.DTypeError(f"embedding: expected integers as ids; got {ids.dtype}")
    size = whole("embedding", "size", size)
    dim = whole("embedding", "dim", dim)
    if padding is not None:
        padding = whole("embedding", "padding", padding, 0)
        if padding >= size:
            raise sg.DeclarationError(f"embedding: expected padding < size = {size}; got {padding}")
    with named(name):
        found = sg.param("W", (size, dim), init=init, dtype=dtype)[ids]
        return found if padding is None else sg.where((ids != padding)[..., None], found, 0.0)
