"""Attention: mixtures of values, weighted by how well a query and the keys agree."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.init import glorot_uniform
from symgrad.nn.dropout import dropout as drop
from symgrad.nn.layer import floating, named, shown, spreads
from symgrad.nn.positions import rotary as rotated
from symgrad.options import flag, real, whole

__all__ = ["attention", "multi_head_attention"]


def attention(
    q: Any,
    k: Any,
    v: Any,
    causal: bool = False,
    mask: Any = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> sg.Expr:
    """Mix values by the agreement of queries with keys: ``softmax(scale * q @ k.T) @ v``.

    A. Vaswani et al., *Attention is all you need* (2017), section 3.2.1.

    Parameters
    ----------
    q : Expr
        Queries (..., Tq, d), floating.
    k : Expr
        Keys (..., Tk, d), of the same dtype.
    v : Expr
        Values (..., Tk, dv).
    causal : bool
        Whether query i sees the keys 0 to i alone.
    mask : Expr or array, optional
        Of a shape that broadcasts to (..., Tq, Tk). Boolean: True where a query may see a key.
        Floating: a bias that is added to the scaled products, -inf where it may not. Products that
        are masked should be finite.
    scale : float or Expr, optional
        ``1 / sqrt(d)`` if None.
    dropout : float
        The rate at which weights are dropped, in training.

    Returns
    -------
    Expr
        (..., Tq, dv), of their dtype. A query that may see no key gives 0, and gets and gives
        no gradient.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", "T", 8))
    >>> padding = sg.input("padding", ("B", "T"), "bool")
    >>> y = sg.nn.attention(x, x, x, causal=True, mask=~padding[:, None, :])
    >>> y.shape
    (Dim('B'), Dim('T'), 8)
    """
    return _attention(q, k, v, causal, mask, scale, dropout, operator.matmul)


def _attention(
    q: Any,
    k: Any,
    v: Any,
    causal: bool,
    mask: Any,
    scale: Any,
    dropout: float,
    product: Callable[[Any, Any], Any],
) -> sg.Expr:
    """What :func:`attention` does, where `product` multiplies by keys and by values."""
    causal = flag("attention", "causal", causal)
    q, k, v = (floating("attention", one, 2) for one in (q, k, v))
    if not q.dtype == k.dtype == v.dtype:
        raise sg.DTypeError(
            f"attention: expected queries, keys and values of one dtype; got q {q.dtype}, "
            f"k {k.dtype} and v {v.dtype}"
        )
    d = q.shape[-1]
    if k.shape[-1] != d:
        raise sg.ShapeError(
            f"attention: expected queries and keys of one size; got q {shown(q.shape)} and "
            f"k {shown(k.shape)}"
        )
    if k.shape[-2] != v.shape[-2]:
        raise sg.ShapeError(
            f"attention: expected as many values as keys; got k {shown(k.shape)} and "
            f"v {shown(v.shape)}"
        )
    if scale is None:
        # a symbolic size is a number in double precision; and no features agree in nothing
        factor: Any = (
            sg.as_expr(d**-0.5).astype(q.dtype) if isinstance(d, sg.Dim) else (d or 1) ** -0.5
        )
    else:
        given = isinstance(scale, sg.Expr)
        factor = scale.astype(q.dtype) if given else real("attention", "scale", scale)
    scores: sg.Expr = sg.name(product(q * factor, k.mT), "scores")
    bias, sighted = _bias(mask, causal, scores)
    if bias is not None:
        scores = scores + bias
    weights = drop(sg.name(sg.softmax(scores), "weights"), dropout)
    mixed: sg.Expr = product(weights, v)
    return mixed if sighted is None else sg.where(sighted, mixed, 0)


def _grouped(a: sg.Expr, b: sg.Expr) -> sg.Expr:
    """``a @ b``, where several heads of `a` share one of `b`: theirs are the rows of one matrix."""
    *batch, heads, length, size = a.shape
    shared = b.shape[-3]
    rows = a.reshape((*batch, shared, heads // shared * length, size))
    y = rows @ b
    return y.reshape((*y.shape[:-3], heads, length, y.shape[-1]))


def _require_mask(mask: sg.Expr, scores: sg.Expr) -> None:
    """Refuse a mask whose last axes are not queries and keys: other sizes would mean others."""
    *batch, queries, keys = scores.shape
    for own, size in zip(mask.shape[::-1], (keys, queries), strict=False):
        if not spreads(own, size):
            raise sg.ShapeError(
                f"attention: expected a mask of shape (..., queries, keys) = (..., {queries}, "
                f"{keys}); got {shown(mask.shape)}. One that says which keys are there at all, of "
                "shape (B, keys), needs an axis of queries: mask[:, None, :]"
            )
    for own, size in zip(mask.shape[-3::-1], batch[::-1], strict=False):
        if isinstance(own, int) and isinstance(size, int) and own != size and 1 not in (own, size):
            raise sg.ShapeError(
                f"attention: expected a mask that broadcasts to {shown(scores.shape)}; "
                f"got {shown(mask.shape)}"
            )


def _bias(mask: Any, causal: bool, scores: sg.Expr) -> tuple[sg.Expr | None, sg.Expr | None]:
    """What is added to scores, and which queries see a key (None where all do).

    What may not be seen gets the most negative finite number: its weight is exactly 0 beside any
    that may, and a row of nothing else stays finite, forward and backward.
    """
    dtype: np.dtype[Any] = scores.dtype
    queries, keys = scores.shape[-2:]
    none, least = dtype.type(0), np.finfo(dtype).min
    past = sg.arange(queries)[:, None] >= sg.arange(keys) if causal else None
    if mask is None:
        return (None if past is None else sg.name(sg.where(past, none, least), "bias")), None
    mask = sg.as_expr(mask)
    if mask.dtype.kind not in "bf":
        raise sg.DTypeError(
            "attention: expected mask to be boolean (True: may be seen) or a floating bias; "
            f"got {mask.dtype}"
        )
    if not mask.ndim:
        raise sg.ShapeError("attention: expected a mask with an axis of keys; got shape ()")
    _require_mask(mask, scores)
    boolean = mask.dtype.kind == "b"
    seen = mask if boolean else mask > -math.inf
    seen = seen if past is None else seen & past
    bias = sg.where(seen, none if boolean else mask.astype(dtype), least)
    return sg.name(bias, "bias"), sg.name(seen.any(axis=-1, keepdims=True), "sighted")


def multi_head_attention(
    q: Any,
    k: Any = None,
    v: Any = None,
    heads: int | None = None,
    causal: bool = False,
    mask: Any = None,
    *,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    units: int | None = None,
    rotary: bool = False,
    scale: float | None = None,
    dropout: float = 0.0,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """Attend in several heads at once, each with queries, keys and values of its own.

    A. Vaswani et al., *Attention is all you need* (2017), section 3.2.2; with fewer heads of keys
    and values N. Shazeer, *Fast transformer decoding: one write-head is all you need* (2019), and
    J. Ainslie et al., *GQA* (2023).

    Parameters
    ----------
    q : Expr
        (..., Tq, features), floating: what attends.
    k, v : Expr, optional
        (..., Tk, features of their own): what is attended to. `k` is `q` if None (self-attention),
        and `v` is `k`.
    heads : int
    causal : bool
        Whether position i sees positions 0 to i alone.
    mask : Expr or array, optional
        Boolean (True: may be seen) or a floating bias, as in :func:`attention`: (..., Tq, Tk), the
        same for all heads, or with one axis more than `q` and `k` have, (..., heads, Tq, Tk);
        sizes may be 1. To hide padding (B, Tk), ``mask=present[:, None, :]``.
    kv_heads : int, optional
        Heads of keys and values, each for ``heads / kv_heads`` heads of queries; 1 is multi-query
        attention. As many as `heads` if None.
    head_dim : int, optional
        Entries of a query; ``features / heads`` if None.
    units : int, optional
        Features of the result; those of `q` if None.
    rotary : bool
        Whether queries and keys are rotated by their position; see :func:`rotary`.
    scale, dropout
        As in :func:`attention`.
    bias : bool
    init : initialiser, array, number or callable, optional
        Of the four matrices.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        (..., Tq, units), of their dtype.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Parameters: ``W_q`` (features, heads * head_dim), ``W_k`` and ``W_v`` (features, kv_heads *
    head_dim), ``W_o`` (heads * head_dim, units); ``b_q``, ``b_k``, ``b_v``, ``b_o``. The columns of
    head h stand together.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x, source = sg.input("x", ("B", "T", 16)), sg.input("source", ("B", "S", 12))
    >>> y = sg.nn.multi_head_attention(x, heads=4, causal=True, name="own")
    >>> y = sg.nn.multi_head_attention(y, source, heads=4, name="cross")
    >>> params = sg.compile(y.sum()).init()
    >>> params["own.W_q"].shape, params["cross.W_k"].shape
    ((16, 16), (12, 16))
    """
    layer = "multi_head_attention"
    q = floating(layer, q, 2)
    k = q if k is None else floating(layer, k, 2)
    v = k if v is None else floating(layer, v, 2)
    heads = whole(layer, "heads", heads)
    causal, bias = flag(layer, "causal", causal), flag(layer, "bias", bias)
    rotary = flag(layer, "rotary", rotary)
    kv_heads = heads if kv_heads is None else whole(layer, "kv_heads", kv_heads)
    if heads % kv_heads:
        raise sg.DeclarationError(
            f"{layer}: expected heads to be a multiple of kv_heads; got {heads} and {kv_heads}"
        )
    features = q.shape[-1]
    if head_dim is None and (not isinstance(features, int) or features % heads):
        raise sg.DeclarationError(
            f"{layer}: expected head_dim, or features that are a multiple of heads={heads}; "
            f"got q {shown(q.shape)}"
        )
    size = features // heads if head_dim is None else whole(layer, "head_dim", head_dim)
    units = features if units is None else whole(layer, "units", units)

    def projected(x: sg.Expr, letter: str, width: Any) -> sg.Expr:
        y = x @ sg.param(f"W_{letter}", (x.shape[-1], width), init, q.dtype)
        return y + sg.param(f"b_{letter}", (width,), dtype=q.dtype) if bias else y

    def split(x: sg.Expr, letter: str, count: int) -> sg.Expr:
        """Heads of their own axis, before time."""
        y = projected(x, letter, count * size)
        y = y.reshape((*y.shape[:-1], count, size)).swapaxes(-3, -2)
        return sg.name(y, letter)

    with named(name):
        queries, keys, values = (
            split(q, "q", heads),
            split(k, "k", kv_heads),
            split(v, "v", kv_heads),
        )
        if rotary:
            queries, keys = rotated(queries), rotated(keys)
        if mask is not None:
            mask = sg.as_expr(mask)
            if 2 < mask.ndim <= max(q.ndim, k.ndim):
                mask = sg.expand_dims(mask, -3)
        product = operator.matmul if kv_heads == heads else _grouped
        mixed = _attention(queries, keys, values, causal, mask, scale, dropout, product)
        mixed = mixed.swapaxes(-3, -2)
        joined = sg.name(mixed.reshape((*mixed.shape[:-2], heads * size)), "mixed")
        return projected(joined, "o", units)
