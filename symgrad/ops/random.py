"""Random draws: keyed, so that order, threads and recomputation never change their bits.

Each call of a compiled entry takes one key from the caller's ``numpy.random.Generator``; a
draw is a function of that key and of its number in the declared model (Philox, a
counter-based generator). So forward and backward, the readable and the fast style, and a saved
file see the same bits.

Numbers are drawn from standard distributions, and then moved and scaled by expressions: gradients
flow to ``loc`` and ``scale`` (reparameterisation), through the array that a permutation shuffles,
and to nothing else. What is chosen - booleans, integers, categories - has no gradient.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.dtypes import as_dtype
from symgrad.ir.node import Expr, as_expr, identity
from symgrad.ir.op import FUNCTIONS, OPS
from symgrad.ir.size import Dim, Size, as_shape, as_size, product
from symgrad.ops.axes import as_floating
from symgrad.ops.draws import Draw, draw, draws
from symgrad.ops.shape import normalize_axis, reshape
from symgrad.options import flag, real

__all__ = [
    "Draw",
    "bernoulli",
    "categorical",
    "choice",
    "draws",
    "dropout_mask",
    "exponential",
    "gumbel",
    "gumbel_softmax",
    "integers",
    "laplace",
    "logistic",
    "normal",
    "permutation",
    "truncated_normal",
    "uniform",
]


def _like(dtype: Any, *parameters: Any) -> Any:
    """The dtype that a user gave, or that of the parameters that are floating arrays."""
    if dtype is not None:
        return dtype
    arrays = [p.dtype for p in parameters if isinstance(p, (Expr, np.ndarray))]
    floating = [dtype for dtype in arrays if dtype.kind == "f" and dtype.itemsize >= 4]
    return np.result_type(*floating) if floating else None


def _moved(made: Expr, loc: Any, scale: Any) -> Expr:
    """loc + scale * made, without what does nothing."""
    _check_order(loc, scale)
    if not (isinstance(scale, (int, float)) and scale == 1):
        made = made * scale
    return made if isinstance(loc, (int, float)) and loc == 0 else made + loc


def _check_order(*parameters: Any) -> None:
    """NumPy's generators take the shape last, in a tuple."""
    if any([isinstance(p, tuple) for p in parameters]):
        raise DeclarationError(
            "the shape of random numbers comes first, then their parameters: "
            f"sg.random.normal((4,), 0.0, 2.0); got {', '.join(map(repr, parameters))} "
            "for parameters"
        )


def normal(shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: Any = None) -> Expr:
    """Normal numbers, drawn anew at each call from its ``rng=``.

    Parameters
    ----------
    shape : tuple of int, str or Dim
    loc, scale : array_like
        Mean and standard deviation: numbers or expressions, which get gradients.
    dtype : dtype, optional
        float64 or float32; if None, that of `loc` and `scale` where these are floating arrays,
        else the default dtype.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> f = sg.function([], sg.random.normal((2,)))
    >>> a, b = (f(rng=np.random.default_rng(0)) for _ in range(2))
    >>> bool((a == b).all())
    True
    """
    return _moved(draw("standard_normal", shape, _like(dtype, loc, scale)), loc, scale)


def uniform(shape: Any = (), low: Any = 0.0, high: Any = 1.0, dtype: Any = None) -> Expr:
    """Uniform numbers in [low, high), drawn anew at each call from its ``rng=``.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.random.uniform(("B", 3), -1.0, 1.0).shape
    (Dim('B'), 3)
    """
    _check_order(low, high)
    made = draw("standard_uniform", shape, _like(dtype, low, high))
    numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
    if numbers and low > high:
        raise DeclarationError(
            f"uniform numbers need low <= high; got low = {low}, high = {high} (the shape comes "
            "first: sg.random.uniform((3,), 2.0, 5.0))"
        )
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and (low, high) == (0, 1):
        return made
    scaled: Expr = made * (high - low) + low
    return scaled


def exponential(shape: Any = (), scale: Any = 1.0, dtype: Any = None) -> Expr:
    """Exponential numbers of mean `scale`: density e^(-x / scale) / scale for x >= 0.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> scale = sg.param("scale", (), init=2.0)
    >>> waiting = sg.compile(sg.random.exponential((1000,), scale).mean())
    >>> loss, grads = waiting.value_and_grad({"scale": 2.0}, rng=np.random.default_rng(0))
    >>> bool(np.isclose(loss, 2 * grads["scale"]))
    True
    """
    return _moved(draw("standard_exponential", shape, _like(dtype, scale)), 0.0, scale)


def gumbel(shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: Any = None) -> Expr:
    """Gumbel numbers, of distribution function exp(-e^(-(x - loc) / scale)).

    The largest of logits to which they are added is a sample of their softmax: see
    :func:`categorical`; the softmax of the sum is a smooth one (Gumbel-softmax).

    Examples
    --------
    >>> import symgrad as sg
    >>> logits = sg.input("logits", ("B", 10))
    >>> soft = sg.softmax((logits + sg.random.gumbel(logits.shape)) / 0.5)
    >>> soft.shape
    (Dim('B'), 10)
    """
    return _moved(draw("standard_gumbel", shape, _like(dtype, loc, scale)), loc, scale)


def gumbel_softmax(logits: Any, temperature: Any = 1.0, axis: int = -1, hard: bool = False) -> Expr:
    """A smooth sample of categories: ``softmax((logits + gumbel) / temperature)``, with gradient.

    The largest entry is at each category with its probability; the lower the temperature, the
    nearer is the rest to one-hot, and the larger the variance of the gradient.

    Parameters
    ----------
    logits : array_like
        Unnormalised log-probabilities of the categories along `axis`; -inf is never drawn.
    temperature : float or Expr
        Above 0; an expression may be annealed or learnt.
    axis : int
    hard : bool
        Whether the value is the one-hot row of the largest entry, an exact sample, with the
        derivative of the smooth one (straight-through).

    Returns
    -------
    Expr
        Of the shape and dtype of `logits`.

    Raises
    ------
    DeclarationError, DTypeError

    Notes
    -----
    It draws in evaluation as well, as all of ``sg.random`` does. Where a prediction should not
    be random: ``sg.where(sg.training(), sample, sg.softmax(logits))``.

    References
    ----------
    E. Jang, S. Gu, B. Poole, *Categorical reparameterization with Gumbel-softmax* (2017); C.
    Maddison, A. Mnih, Y. W. Teh, *The concrete distribution* (2017)

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> z = sg.input("z", (3,))
    >>> f = sg.function([z], sg.random.gumbel_softmax(z, 0.5, hard=True))
    >>> f([0.0, 50.0, 0.0], rng=np.random.default_rng(0))
    array([0., 1., 0.])
    """
    x = as_floating(logits)
    hard = flag("gumbel_softmax", "hard", hard)
    along = normalize_axis(axis, x.ndim, "gumbel_softmax: axis")
    if not isinstance(temperature, Expr):
        temperature = real("gumbel_softmax", "temperature", temperature, 0, open_low=True)
    noisy = x + gumbel(x.shape, dtype=x.dtype)
    soft: Expr = FUNCTIONS["softmax"](noisy / temperature, axis=along)
    if not hard:
        return soft
    largest = FUNCTIONS["argmax"](noisy, axis=along)
    one_hot = FUNCTIONS["one_hot"](largest, x.shape[along], dtype=x.dtype)
    moved = FUNCTIONS["moveaxis"](one_hot, -1, along)
    return FUNCTIONS["straight_through"](moved, soft)  # type: ignore[no-any-return]


def laplace(shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: Any = None) -> Expr:
    """Laplace numbers, of density e^(-|x - loc| / scale) / (2 scale).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.random.laplace((3,), scale=0.5).shape
    (3,)
    """
    return _moved(draw("standard_laplace", shape, _like(dtype, loc, scale)), loc, scale)


def logistic(shape: Any = (), loc: Any = 0.0, scale: Any = 1.0, dtype: Any = None) -> Expr:
    """Logistic numbers, of distribution function 1 / (1 + e^(-(x - loc) / scale)).

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.random.logistic((3,), loc=1.0).shape
    (3,)
    """
    return _moved(draw("standard_logistic", shape, _like(dtype, loc, scale)), loc, scale)


def truncated_normal(
    lower: float = -2.0,
    upper: float = 2.0,
    shape: Any = (),
    loc: Any = 0.0,
    scale: Any = 1.0,
    dtype: Any = None,
) -> Expr:
    """``loc + scale * z`` for standard normal numbers z, given that ``lower <= z <= upper``.

    Parameters
    ----------
    lower, upper : float
        Numbers, which may be infinite; they may lie far in a tail.
    shape : tuple of int, str or Dim
    loc, scale : array_like
    dtype : dtype, optional

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> f = sg.function([], sg.random.truncated_normal(8.0, np.inf, (1000,)))
    >>> z = f(rng=np.random.default_rng(0))
    >>> bool(8 <= z.min() and z.max() < 10)
    True
    """
    lower = real("truncated_normal", "lower", lower, finite=False)
    upper = real("truncated_normal", "upper", upper, lower, open_low=True, finite=False)
    bounds = {"lower": lower, "upper": upper}
    made = draw("standard_truncated_normal", shape, _like(dtype, loc, scale), **bounds)
    return _moved(made, loc, scale)


# ---- what is chosen, and has no gradient


def _probability(value: Any) -> Expr:
    chance = as_expr(value)
    if "value" in chance.attrs:
        array = chance.attrs["value"].array
        if not ((array >= 0) & (array <= 1)).all():
            raise DeclarationError(f"a probability must lie in [0, 1]; got {array}")
    return chance


def bernoulli(p: Any = 0.5, shape: Any = None) -> Expr:
    """Booleans, true with probability `p`, drawn anew at each call from its ``rng=``.

    Examples
    --------
    >>> import symgrad as sg
    >>> p = sg.input("p", ("B",))
    >>> sg.random.bernoulli(p).dtype, sg.random.bernoulli(0.1, (3, 4)).shape
    (dtype('bool'), (3, 4))
    """
    chance = _probability(p)
    axes = chance.shape if shape is None else as_shape(shape)
    return draw("standard_uniform", axes, "float64") < chance


def dropout_mask(shape: Any, rate: Any) -> Expr:
    """Booleans, false with probability `rate`: which entries a dropout keeps.

    Divide what is kept by ``1 - rate``, so that its mean stays; :func:`symgrad.nn.dropout` does,
    and draws in training only.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 8))
    >>> sg.where(sg.random.dropout_mask(x.shape, 0.25), x / 0.75, 0.0).shape
    (Dim('B'), 8)
    """
    if isinstance(rate, (int, float)):
        return bernoulli(round(1 - rate, 15), shape)
    return bernoulli(1 - as_expr(rate), shape)


def integers(
    low: Any, high: Any = None, shape: Any = (), dtype: Any = "int64", endpoint: bool = False
) -> Expr:
    """Uniform integers ``low <= i < high``, or ``0 <= i < low`` if there is no `high`.

    Parameters
    ----------
    low, high : int or size
    shape : tuple of int, str or Dim
    dtype : dtype
    endpoint : bool
        Whether `high` is drawn too.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("N", 3))
    >>> batch = x[sg.random.integers(x.shape[0], shape=(32,))]
    >>> batch.shape
    (32, 3)
    """
    found = as_dtype(dtype)
    if found.kind not in "iu":
        raise DTypeError(f"integers: expected an integer dtype; got {found}")
    start, stop = (0, low) if high is None else (low, high)
    bounds: list[Size] = []
    for value in (start, stop):
        if isinstance(value, (str, Dim)):
            bounds.append(as_size(value))
            continue
        try:
            bounds.append(operator.index(value))
        except TypeError:
            raise DeclarationError(
                f"integers: low and high must be integers or sizes; got {value!r}"
            ) from None
    if endpoint:
        bounds[1] = bounds[1] + 1
    first, last = bounds
    if isinstance(first, int) and isinstance(last, int):
        limits = np.iinfo(found)
        if not first < last:
            raise DeclarationError(f"integers: nothing lies in {first} <= i < {last}")
        if first < limits.min or last - 1 > limits.max:
            raise DTypeError(f"integers: {first} <= i < {last} does not fit into {found}")
    attrs = {"low": first, "high": last, "shape": as_shape(shape), "dtype": found}
    return identity(OPS["random_integers"], attrs)


def categorical(logits: Any, axis: int = -1, shape: Any = None) -> Expr:
    """Categories drawn from unnormalised log-probabilities: int64, without the axis.

    Parameters
    ----------
    logits : array_like
        Of the categories along `axis`; -inf is never drawn.
    axis : int
    shape : tuple of int, str or Dim, optional
        Of the result: that of `logits` without the axis, behind further axes of independent
        draws.

    Notes
    -----
    The result has no gradient; :func:`gumbel` shows a smooth sample that has.

    Examples
    --------
    >>> import symgrad as sg
    >>> logits = sg.input("logits", ("B", 10))
    >>> sg.random.categorical(logits).shape
    (Dim('B'),)
    >>> sg.random.categorical(logits, shape=(5, "B")).shape
    (5, Dim('B'))
    """
    x = as_floating(logits)
    along = normalize_axis(axis, x.ndim, "categorical: axis")
    batch = (*x.shape[:along], *x.shape[along + 1 :])
    wanted = batch if shape is None else as_shape(shape)
    lead = len(wanted) - len(batch)
    if lead < 0 or wanted[lead:] != batch:
        raise ShapeError(
            f"categorical: expected a shape that ends with {format_shape(batch)}; "
            f"got {format_shape(wanted)}"
        )
    noise = gumbel((*wanted[:lead], *x.shape), dtype=x.dtype if x.dtype.itemsize > 2 else "float32")
    return FUNCTIONS["argmax"](x + noise, axis=lead + along)  # type: ignore[no-any-return]


def permutation(x: Any, axis: int = 0) -> Expr:
    """An array whose elements along an axis are in random order; or the integers below a size.

    Whole slices move: at every other position the order is the same.

    Parameters
    ----------
    x : int, size or array_like
        Of a size n: the integers 0, ..., n - 1.
    axis : int

    Notes
    -----
    The gradient goes back to where each element came from.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> sg.random.permutation(x).shape, sg.random.permutation(10).dtype
    ((Dim('B'), 3), dtype('int64'))
    """
    if isinstance(x, (int, np.integer, str, Dim)) and not isinstance(x, bool):
        return _order(as_size(x))
    array = as_expr(x)
    along = normalize_axis(axis, array.ndim, "permutation: axis")
    return FUNCTIONS["take"](array, _order(array.shape[along]), axis=along)  # type: ignore[no-any-return]


def _order(size: Size) -> Expr:
    attrs = {"shape": (size,), "dtype": np.dtype(np.int64)}
    return identity(OPS["random_permutation"], attrs)


def choice(a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0) -> Expr:
    """Elements of an array along an axis, or integers below a size, chosen at random.

    Parameters
    ----------
    a : int, size or array_like
    shape : tuple of int, str or Dim
        Of what is chosen; it stands in the place of the axis.
    replace : bool
        Whether an element may be chosen again.
    p : array_like, optional
        The probability of each, if they are not equal; with `replace` only.
    axis : int

    Notes
    -----
    The gradient goes to the elements that were chosen, none to `p`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("N", 3))
    >>> sg.random.choice(x, (5,), replace=False).shape
    (5, 3)
    """
    array = None if isinstance(a, (int, np.integer, str, Dim)) else as_expr(a)
    along = 0 if array is None else normalize_axis(axis, array.ndim, "choice: axis")
    size = as_size(a) if array is None else array.shape[along]
    wanted = as_shape(shape)
    if p is not None:
        if not replace:
            raise DeclarationError("choice: p is available with replace=True only")
        chance = _probability(p)
        if chance.ndim != 1:
            raise ShapeError(f"choice: p must be a vector; got shape {format_shape(chance.shape)}")
        chosen = categorical(FUNCTIONS["log"](chance), shape=wanted)
    elif replace:
        chosen = integers(0, size, wanted)
    else:
        count = product(wanted)
        if isinstance(count, int) and isinstance(size, int) and count > size:
            raise DeclarationError(f"choice: {count} of {size} without replacement")
        chosen = reshape(_order(size)[:count], wanted)
    if array is None:
        return chosen
    return FUNCTIONS["take"](array, chosen, axis=along)  # type: ignore[no-any-return]
