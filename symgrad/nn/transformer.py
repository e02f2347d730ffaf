"""The transformer's block: attention, then a network for each position by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import symgrad as sg
from symgrad.init import glorot_uniform
from symgrad.nn.attention import multi_head_attention
from symgrad.nn.dense import dense
from symgrad.nn.dropout import dropout as drop
from symgrad.nn.layer import Activation, floating, named, shown
from symgrad.nn.normalisation import layer_norm
from symgrad.options import flag, whole

__all__ = ["transformer_block"]


def transformer_block(
    x: Any,
    heads: int,
    causal: bool = False,
    mask: Any = None,
    *,
    source: Any = None,
    source_mask: Any = None,
    hidden: int | None = None,
    norm: str = "pre",
    normalisation: Callable[..., sg.Expr] = layer_norm,
    activation: Activation = sg.gelu,
    dropout: float = 0.0,
    kv_heads: int | None = None,
    rotary: bool = False,
    bias: bool = True,
    init: Any = glorot_uniform(),  # noqa: B008  # immutable
    name: str | None = None,
) -> sg.Expr:
    """One block of a transformer: each part is added to what it is computed from.

    With the normalisation before each part (``norm="pre"``), which trains without a warm-up::

        x = x + attention(n(x));  x = x + mlp(n(x))

    or after each sum (``norm="post"``), as at first::

        x = n(x + attention(x));  x = n(x + mlp(x))

    where ``mlp(x) = dense(activation(dense(x, hidden)), features)``. With a `source`, attention to
    it stands between the two: the block of a decoder. A. Vaswani et al., *Attention is all you
    need* (2017); R. Xiong et al., *On layer normalization in the transformer architecture* (2020).

    Parameters
    ----------
    x : Expr
        (..., T, features), floating.
    heads, causal, mask
        Of the self-attention; see :func:`multi_head_attention`.
    source : Expr, optional
        (..., S, features of its own): what an encoder gives.
    source_mask : Expr or array, optional
        Which of the source may be seen; (..., T, S).
    hidden : int, optional
        Features between the two dense layers; four times those of `x` if None.
    norm : ``"pre"`` or ``"post"``
    normalisation : function
        ``normalisation(x, name=...)``, such as ``sg.nn.layer_norm`` or ``sg.nn.rms_norm``.
    activation : function, optional
    dropout : float
        The rate at which attention's weights, hidden features and each part's results are dropped,
        in training.
    kv_heads, rotary
        See :func:`multi_head_attention`; the attention to a source knows no positions.
    bias : bool
        Of attention and dense layers.
    init : initialiser, array, number or callable, optional
        Of all matrices.
    name : str, optional
        A scope for the parameters.

    Returns
    -------
    Expr
        Of the shape and dtype of `x`.

    Raises
    ------
    DeclarationError, DTypeError, ShapeError

    Notes
    -----
    Scopes of the parameters: ``attention``, ``cross``, ``mlp.layer1``, ``mlp.layer2``, and
    ``attention_norm``, ``cross_norm``, ``mlp_norm``. After the last block with ``norm="pre"`` one
    more normalisation is usual.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> ids = sg.input("ids", ("B", "T"), "int64")
    >>> x = sg.nn.embedding(ids, 100, 16, name="tokens")
    >>> x = sg.nn.learned_positions(x, 64, name="positions")
    >>> for k in (1, 2):
    ...     x = sg.nn.transformer_block(x, heads=4, causal=True, name=f"block{k}")
    >>> logits = sg.nn.dense(sg.nn.layer_norm(x, name="norm"), 100, name="head")
    >>> model = sg.compile(logits.mean(), outputs=logits)
    >>> model.predict(model.init(), ids=np.zeros((2, 5), int)).shape
    (2, 5, 100)
    """
    layer = "transformer_block"
    x = floating(layer, x, 2)
    features = x.shape[-1]
    if not isinstance(features, int):
        raise sg.ShapeError(f"{layer}: expected a known number of features; got {shown(x.shape)}")
    causal, bias = flag(layer, "causal", causal), flag(layer, "bias", bias)
    width = 4 * features if hidden is None else whole(layer, "hidden", hidden)
    if norm not in ("pre", "post"):
        raise sg.DeclarationError(f"{layer}: expected norm to be 'pre' or 'post'; got {norm!r}")
    if not callable(normalisation):
        raise sg.DeclarationError(
            f"{layer}: expected normalisation to be a function, such as sg.nn.layer_norm; "
            f"got {normalisation!r}"
        )
    if source is None and source_mask is not None:
        raise sg.DeclarationError(f"{layer}: expected a source, where source_mask is given")

    def added(x: sg.Expr, part: str, fn: Callable[[sg.Expr], sg.Expr]) -> sg.Expr:
        if norm == "post":
            return normalisation(x + drop(fn(x), dropout), name=f"{part}_norm")
        h = sg.name(normalisation(x, name=f"{part}_norm"), "h")
        return x + drop(fn(h), dropout)

    def attended(x: sg.Expr) -> sg.Expr:
        return multi_head_attention(
            x, None, None, heads, causal, mask, kv_heads=kv_heads, rotary=rotary,
            dropout=dropout, bias=bias, init=init, name="attention",
        )  # fmt: skip

    def crossed(x: sg.Expr) -> sg.Expr:
        return multi_head_attention(
            x, source, None, heads, mask=source_mask, kv_heads=kv_heads,
            dropout=dropout, bias=bias, init=init, name="cross",
        )  # fmt: skip

    def mapped(x: sg.Expr) -> sg.Expr:
        with sg.scope("mlp"):
            h = sg.name(dense(x, width, activation, bias, init, name="layer1"), "hidden")
            return dense(drop(h, dropout), features, None, bias, init, name="layer2")

    with named(name):
        x = sg.name(added(x, "attention", attended), "attended")
        if source is not None:
            x = sg.name(added(x, "cross", crossed), "crossed")
        return added(x, "mlp", mapped)
