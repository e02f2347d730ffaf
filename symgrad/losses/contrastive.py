"""Losses of embeddings: what belongs together is drawn near, what does not is pushed away."""

from __future__ import annotations

from typing import Any

import symgrad as sg
from symgrad.losses.arguments import cast, expression, floating, like, require_shape, two_classes
from symgrad.losses.classification import softmax_cross_entropy
from symgrad.options import flag, real

__all__ = ["contrastive", "info_nce", "triplet"]


def contrastive(a: Any, b: Any, same: Any, margin: float = 1.0) -> sg.Expr:
    """d^2 / 2 of pairs that belong together, max(0, margin - d)^2 / 2 of others.

    d is the Euclidean distance. R. Hadsell, S. Chopra, Y. LeCun, *Dimensionality reduction by
    learning an invariant mapping* (2006), equation 4.

    Parameters
    ----------
    a, b : Expr
        Embeddings, (B, D).
    same : array_like
        (B,): 1 or true where a pair belongs together, 0 where not. Integers are checked.
    margin : float
        Above 0.

    Returns
    -------
    Expr
        (B,). Where two embeddings are equal the slope of d, which has no direction, is 0.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> a, b = sg.input("a", ("B", 2)), sg.input("b", ("B", 2))
    >>> f = sg.function([a, b], sg.losses.contrastive(a, b, [1, 0], margin=10.0))
    >>> f([[0.0, 0.0], [0.0, 0.0]], [[3.0, 4.0], [3.0, 4.0]])
    array([12.5, 12.5])
    """
    margin = real("contrastive", "margin", margin, 0, open_low=True)
    a, b = _embeddings("contrastive", ("a", "b"), a, b)
    same = expression("contrastive", "same", two_classes("contrastive", "same", same))
    require_shape("contrastive", "same", same, a.shape[:1])
    same = like("contrastive", "same", same, a[:, 0])
    r = a - b
    near = sg.square(r).sum(axis=1)  # not the square of d, whose second derivative at 0 is lost
    short = sg.relu(margin - sg.linalg.norm(r, axis=1))
    loss: sg.Expr = (same * near + (1 - same) * sg.square(short)) / 2
    return loss


def triplet(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, squared: bool = False
) -> sg.Expr:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin).

    Parameters
    ----------
    anchor, positive, negative : Expr
        Embeddings, (B, D).
    margin : float
        At least 0.
    squared : bool
        Whether d is the squared distance, as in F. Schroff, D. Kalenichenko, J. Philbin,
        *FaceNet* (2015), or the distance.

    Returns
    -------
    Expr
        (B,).

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> a, p, n = (sg.input(name, ("B", 2)) for name in "apn")
    >>> f = sg.function([a, p, n], sg.losses.triplet(a, p, n))
    >>> f([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]])
    array([4.])
    """
    margin, squared = real("triplet", "margin", margin, 0), flag("triplet", "squared", squared)
    anchor, positive = _embeddings("triplet", ("anchor", "positive"), anchor, positive)
    _, negative = _embeddings("triplet", ("anchor", "negative"), anchor, negative)

    def distance(other: sg.Expr) -> sg.Expr:
        r = anchor - other
        return sg.square(r).sum(axis=1) if squared else sg.linalg.norm(r, axis=1)

    loss: sg.Expr = sg.relu(distance(positive) - distance(negative) + margin)
    return loss


def info_nce(
    queries: Any, keys: Any, temperature: Any = 0.1, normalize: bool = True, symmetric: bool = False
) -> sg.Expr:
    """Cross-entropy of finding each query's own key among all keys, by their similarity.

    A. van den Oord, Y. Li, O. Vinyals, *Representation learning with contrastive predictive
    coding* (2018), with the cosine over a temperature as in T. Chen et al., *A simple framework
    for contrastive learning of visual representations* (2020).

    Parameters
    ----------
    queries : Expr
        (B, D).
    keys : Expr
        (B, D): the key of query i is row i, and the other rows are what it is told from. Or, if
        not `symmetric`, (N, D) with N >= B: further rows are further negatives.
    temperature : float or Expr
        Above 0; an expression may be learnt.
    normalize : bool
        Whether rows are scaled to length 1, so that similarities are cosines. A row of zeros
        stays.
    symmetric : bool
        Whether to take the mean with the same loss of finding each key's query (A. Radford et
        al., *CLIP*, 2021).

    Returns
    -------
    Expr
        (B,).

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> q, k = sg.input("q", ("B", 2)), sg.input("k", ("B", 2))
    >>> f = sg.function([q, k], sg.losses.info_nce(q, k, temperature=1.0))
    >>> f([[5.0, 0.0], [0.0, 5.0]], [[1.0, 0.0], [0.0, 1.0]]).round(4)
    array([0.3133, 0.3133])
    """
    normalize = flag("info_nce", "normalize", normalize)
    symmetric = flag("info_nce", "symmetric", symmetric)
    queries = floating("info_nce", "queries", queries)
    keys = floating("info_nce", "keys", keys)
    if queries.ndim != 2 or keys.ndim != 2:
        raise sg.ShapeError(
            "info_nce: expected queries (B, D) and keys (N, D); got "
            f"{queries.ndim} and {keys.ndim} axes"
        )
    rows = queries.shape[0] if symmetric else keys.shape[0]
    require_shape("info_nce", "keys", keys, (rows, queries.shape[1]))
    few = queries.shape[0], keys.shape[0]
    if isinstance(few[0], int) and isinstance(few[1], int) and few[1] < few[0]:
        raise sg.ShapeError(f"info_nce: expected a key for each query; got {few[1]} for {few[0]}")
    if isinstance(temperature, sg.Expr):
        require_shape("info_nce", "temperature", temperature, ())
        temperature = cast(floating("info_nce", "temperature", temperature), queries.dtype)
    else:
        temperature = real("info_nce", "temperature", temperature, 0, open_low=True)
    if normalize:
        queries, keys = _directions(queries), _directions(keys)
    similarity = sg.name(queries @ keys.T / temperature, "similarity")
    own = sg.arange(queries.shape[0])
    loss = softmax_cross_entropy(similarity, own)
    if symmetric:
        loss = (loss + softmax_cross_entropy(similarity.T, own)) / 2
    return loss


def _directions(x: sg.Expr) -> sg.Expr:
    length = sg.linalg.norm(x, axis=1, keepdims=True)
    unit: sg.Expr = x / sg.where(sg.equal(length, 0), 1, length)
    return unit


def _embeddings(owner: str, names: tuple[str, str], a: Any, b: Any) -> tuple[sg.Expr, sg.Expr]:
    first, second = floating(owner, names[0], a), floating(owner, names[1], b)
    if first.ndim != 2:
        raise sg.ShapeError(f"{owner}: expected {names[0]} of shape (B, D); got {first.ndim} axes")
    require_shape(owner, names[1], second, first.shape)
    return first, second
