"""Losses of scores and classes, all on logits: no probability is formed that could be 0 or 1.

Those of several classes have them along the last axis, (B, ..., C), and give one number per
label, (B, ...). Those of two classes take one logit per label, and have its shape: several labels
of an example, each true or false, are several numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.losses.arguments import (
    at_labels,
    cast,
    expression,
    floating,
    integers,
    like,
    require_broadcast,
    require_classes,
    require_shape,
    text,
)
from symgrad.options import complement, is_number, real, whole

__all__ = [
    "hinge",
    "multiclass_hinge",
    "sigmoid_cross_entropy",
    "sigmoid_focal",
    "softmax_cross_entropy",
    "softmax_focal",
    "squared_hinge",
]


def softmax_cross_entropy(
    logits: Any,
    labels: Any,
    *,
    weights: Any = None,
    label_smoothing: float = 0.0,
    ignore: int | None = None,
) -> sg.Expr:
    """-sum_c t_c log softmax(logits)_c, for a class or for shares t of the classes.

    Parameters
    ----------
    logits : Expr
        (B, ..., C).
    labels : array_like
        Integers 0 <= label < C, of shape (B, ...); or shares of the classes (one-hot rows,
        probabilities), of the shape of `logits`.
    weights : array_like, optional
        (C,): what each class counts, a factor of its term.
    label_smoothing : float
        In [0, 1): this share of t is spread evenly over all classes (C. Szegedy et al.,
        *Rethinking the inception architecture*, 2016).
    ignore : int, optional
        A label, such as -1, that marks what has none: its loss is 0, and so is its gradient,
        whatever the logits hold. For a mean over the others:
        ``mean(loss, mask=labels != ignore)``.

    Returns
    -------
    Expr
        (B, ...).

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Notes
    -----
    The mean of weighted losses that PyTorch takes is divided by the weights of the labels:
    ``total(loss) / total(w[labels])``.

    A logit may be -inf where the label is another class. With shares or smoothing, which count
    all classes, that is an infinite loss, or NaN where its share is 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> z, y = sg.input("z", ("B", 3)), sg.input("y", ("B",), dtype="int64")
    >>> loss = sg.losses.softmax_cross_entropy(z, y)
    >>> sg.function([z, y], loss)([[0.0, 0.0, 0.0], [1000.0, 0.0, 0.0]], [2, 1]).round(4)
    array([   1.0986, 1000.    ])
    """
    owner = "softmax_cross_entropy"
    z, classes = _scores(owner, logits)
    smoothing = real(owner, "label_smoothing", label_smoothing, 0, 1, open_high=True)
    given, labels = labels, expression(owner, "labels", labels)
    w = None if weights is None else _class_weights(owner, weights, z, classes)
    if labels.ndim == z.ndim:
        if ignore is not None:
            raise sg.DeclarationError(f"{owner}: ignore goes with integer labels, not with shares")
        shares = like(owner, "labels", labels, z)
        if smoothing:
            even = smoothing / sg.as_expr(classes).astype(z.dtype)
            shares = complement(smoothing) * shares + even
        return -((shares if w is None else w * shares) * sg.log_softmax(z)).sum(axis=-1)
    labels = integers(owner, "labels", labels, z.shape[:-1])
    keep = None
    if ignore is None:
        require_classes(owner, "label", given, classes)
    else:
        mark = _label(owner, ignore, labels.dtype)
        require_classes(owner, "label", given, classes, counted=np.not_equal(given, mark))
        keep = sg.name(sg.not_equal(labels, mark), "keep")
        labels = sg.where(keep, labels, 0)
    log_p = sg.log_softmax(z)
    loss = -at_labels(log_p, labels)
    if w is not None:
        loss = loss * w[labels]
    if smoothing:
        even = log_p.mean(axis=-1) if w is None else (w * log_p).mean(axis=-1)
        loss = complement(smoothing) * loss - smoothing * even
    return loss if keep is None else sg.where(keep, loss, 0)


def sigmoid_cross_entropy(
    logits: Any, labels: Any, *, pos_weight: Any = None, label_smoothing: float = 0.0
) -> sg.Expr:
    """-y log s(z) - (1 - y) log(1 - s(z)), s the logistic function, for each label.

    Parameters
    ----------
    logits : Expr
        Of any shape: (B,), or (B, L) for L labels of each example.
    labels : array_like
        Of the same shape: 0 and 1, booleans, or probabilities.
    pos_weight : array_like, optional
        A factor of the first term, which broadcasts to the shape of `logits`: (L,) for one per
        label. The ratio of negatives to positives balances the two.
    label_smoothing : float
        In [0, 1): labels are drawn this far towards 1/2.

    Returns
    -------
    Expr
        Of the shape of `logits`.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> z = sg.input("z", ("B",))
    >>> loss = sg.losses.sigmoid_cross_entropy(z, [1, 0, 1])
    >>> sg.function([z], loss)([0.0, 1000.0, 1000.0]).round(4)
    array([6.931e-01, 1.000e+03, 0.000e+00])
    """
    owner = "sigmoid_cross_entropy"
    z = floating(owner, "logits", logits)
    smoothing = real(owner, "label_smoothing", label_smoothing, 0, 1, open_high=True)
    y = like(owner, "labels", labels, z)
    if smoothing:
        y = complement(smoothing) * y + smoothing / 2
    if pos_weight is None:
        return sg.softplus(z) - z * y
    w = _factor(owner, "pos_weight", pos_weight, z)
    loss: sg.Expr = w * y * sg.softplus(-z) + (1 - y) * sg.softplus(z)
    return loss


def hinge(logits: Any, labels: Any) -> sg.Expr:
    """max(0, 1 - s z), for s = 1 where the label is 1 and -1 where it is 0.

    C. Cortes, V. Vapnik, *Support-vector networks* (1995). At the bound its slope is 0.

    Parameters
    ----------
    logits : Expr
        Of any shape.
    labels : array_like
        0 and 1, or booleans, of the same shape.

    Returns
    -------
    Expr
        Of the shape of `logits`.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> z = sg.input("z", ("B",))
    >>> sg.function([z], sg.losses.hinge(z, [1, 0, 1]))([0.0, 0.5, 2.0])
    array([1. , 1.5, 0. ])
    """
    return sg.relu(_shortfall("hinge", logits, labels))


def squared_hinge(logits: Any, labels: Any) -> sg.Expr:
    """max(0, 1 - s z)^2, for s = 1 where the label is 1 and -1 where it is 0.

    Parameters
    ----------
    logits : Expr
        Of any shape.
    labels : array_like
        0 and 1, or booleans, of the same shape.

    Returns
    -------
    Expr
        Of the shape of `logits`.

    Raises
    ------
    ShapeError, DTypeError

    Examples
    --------
    >>> import symgrad as sg
    >>> z = sg.input("z", ("B",))
    >>> sg.function([z], sg.losses.squared_hinge(z, [1, 0, 1]))([0.0, 0.5, 2.0])
    array([1.  , 2.25, 0.  ])
    """
    return sg.square(sg.relu(_shortfall("squared_hinge", logits, labels)))


def multiclass_hinge(logits: Any, labels: Any, margin: float = 1.0) -> sg.Expr:
    """max(0, margin + max_{c != y} z_c - z_y): how far a wrong class comes within the margin.

    K. Crammer, Y. Singer, *On the algorithmic implementation of multiclass kernel-based vector
    machines* (2001). Classes that tie share the slope.

    Parameters
    ----------
    logits : Expr
        (B, ..., C).
    labels : array_like
        Integers 0 <= label < C, of shape (B, ...).
    margin : float
        Above 0.

    Returns
    -------
    Expr
        (B, ...).

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> z = sg.input("z", ("B", 3))
    >>> f = sg.function([z], sg.losses.multiclass_hinge(z, [0, 0]))
    >>> f([[2.0, 1.5, 0.0], [9.0, 0.0, 0.0]])
    array([0.5, 0. ])
    """
    margin = real("multiclass_hinge", "margin", margin, 0, open_low=True)
    z, classes = _scores("multiclass_hinge", logits)
    require_classes("multiclass_hinge", "label", labels, classes)
    labels = integers("multiclass_hinge", "labels", labels, z.shape[:-1])
    own = sg.expand_dims(at_labels(z, labels), -1)
    wrong = sg.not_equal(labels[..., None], sg.arange(classes))
    return sg.relu(sg.where(wrong, z - own + margin, 0)).max(axis=-1)


def softmax_focal(logits: Any, labels: Any, gamma: float = 2.0, *, weights: Any = None) -> sg.Expr:
    """(1 - p)^gamma (-log p), p the probability of the label by the softmax.

    T.-Y. Lin et al., *Focal loss for dense object detection* (2017): what is classified well
    already counts less.

    Parameters
    ----------
    logits : Expr
        (B, ..., C).
    labels : array_like
        Integers 0 <= label < C, of shape (B, ...).
    gamma : float
        At least 0, which is cross-entropy.
    weights : array_like, optional
        (C,): a factor for each class.

    Returns
    -------
    Expr
        (B, ...).

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> z = sg.input("z", ("B", 2))
    >>> loss = sg.losses.softmax_focal(z, [0, 0], gamma=2.0)
    >>> sg.function([z], loss)([[0.0, 0.0], [5.0, 0.0]]).round(7)
    array([1.732868e-01, 3.000000e-07])
    """
    gamma = real("softmax_focal", "gamma", gamma, 0)
    z, classes = _scores("softmax_focal", logits)
    require_classes("softmax_focal", "label", labels, classes)
    labels = integers("softmax_focal", "labels", labels, z.shape[:-1])
    loss = -at_labels(sg.log_softmax(z), labels)
    if gamma == int(gamma):
        focal = loss * sg.power(-sg.expm1(-loss), int(gamma)) if gamma else loss
    else:  # 1 - p from the other classes: a broken power of it has no slope where it is 0
        others = sg.where(sg.equal(labels[..., None], sg.arange(classes)), -np.inf, z)
        log_rest = sg.logsumexp(others, axis=-1) - sg.logsumexp(z, axis=-1)
        focal = loss * sg.exp(gamma * log_rest)
    if weights is not None:
        focal = focal * _class_weights("softmax_focal", weights, z, classes)[labels]
    return focal


def sigmoid_focal(
    logits: Any, labels: Any, gamma: float = 2.0, alpha: float | None = None
) -> sg.Expr:
    """a (1 - p)^gamma (-log p), p the probability of the label by the logistic function.

    T.-Y. Lin et al., *Focal loss for dense object detection* (2017), where alpha is 1/4.

    Parameters
    ----------
    logits : Expr
        Of any shape.
    labels : array_like
        0 and 1, or booleans, of the same shape.
    gamma : float
        At least 0, which is cross-entropy.
    alpha : float, optional
        In [0, 1]: the factor of label 1; that of label 0 is ``1 - alpha``. Both are 1 if None.

    Returns
    -------
    Expr
        Of the shape of `logits`.

    Raises
    ------
    ShapeError, DTypeError, DeclarationError

    Examples
    --------
    >>> import symgrad as sg
    >>> z = sg.input("z", ("B",))
    >>> sg.function([z], sg.losses.sigmoid_focal(z, [1, 0]))([0.0, 100.0]).round(4)
    array([  0.1733, 100.    ])
    """
    gamma = real("sigmoid_focal", "gamma", gamma, 0)
    z = floating("sigmoid_focal", "logits", logits)
    y = like("sigmoid_focal", "labels", labels, z)
    if gamma:  # by the logarithm of 1 - p: a power of it may have no slope where it is 0
        signed = sg.name((2 * y - 1) * z, "signed")
        focal = sg.softplus(-signed) * sg.exp(-gamma * sg.softplus(signed))
    else:
        focal = sg.softplus(z) - z * y
    if alpha is None:
        return focal
    alpha = real("sigmoid_focal", "alpha", alpha, 0, 1)
    share = sg.full((), alpha, dtype=z.dtype)
    return focal * sg.where(sg.equal(y, 1), share, complement(alpha))


def _scores(owner: str, logits: Any) -> tuple[sg.Expr, Any]:
    """Logits with an axis of classes, and how many there are."""
    z = floating(owner, "logits", logits)
    if z.ndim == 0:
        raise sg.ShapeError(
            f"{owner}: expected logits (B, ..., C), with classes last; got a scalar"
        )
    if isinstance(z.shape[-1], int) and z.shape[-1] == 0:
        raise sg.ShapeError(f"{owner}: expected at least one class; got logits {text(z.shape)}")
    return z, z.shape[-1]


def _label(owner: str, ignore: Any, dtype: np.dtype[Any]) -> int:
    label = whole(owner, "ignore", ignore, -math.inf)
    known = np.iinfo(dtype)
    if not known.min <= label <= known.max:
        raise sg.DeclarationError(
            f"{owner}: expected ignore to be a value of the labels, {dtype}; got {ignore!r}"
        )
    return label


def _class_weights(owner: str, weights: Any, z: sg.Expr, classes: Any) -> sg.Expr:
    w = expression(owner, "weights", weights)
    require_shape(owner, "weights", w, (classes,))
    return cast(w, z.dtype)


def _factor(owner: str, name: str, value: Any, z: sg.Expr) -> Any:
    """A factor that broadcasts to the logits, in their dtype."""
    if is_number(value):
        return float(value)
    w = expression(owner, name, value)
    require_broadcast(owner, name, w.shape, z.shape)
    return cast(w, z.dtype)


def _shortfall(owner: str, logits: Any, labels: Any) -> sg.Expr:
    """1 - s z."""
    z = floating(owner, "logits", logits)
    y = like(owner, "labels", labels, z)
    return 1 - (2 * y - 1) * z
