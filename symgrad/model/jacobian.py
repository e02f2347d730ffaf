"""Jacobians and Hessians: dense, of each row of a batch, and sparse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.reverse import cotangents, require_differentiable
from symgrad.autodiff.sparsity import dependencies
from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir import provenance
from symgrad.ir.aval import format_shape
from symgrad.ir.dtypes import is_float
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import Expr, as_expr, identity, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import everything
from symgrad.ir.size import Dim, Size, product, symbols_in
from symgrad.model.grad import grad, jvp, require_scalar, stabilised, vjp, zero
from symgrad.ops.leaf import INPUT
from symgrad.ops.shape import moveaxis, normalize_axis
from symgrad.rewrite import SIMPLE
from symgrad.rewrite.engine import rewrite_exprs

__all__ = [
    "gauss_newton",
    "hessian",
    "jacobian",
    "taylor",
]

#: elements of x at most for which derivatives are written out column by column
_WRITTEN_OUT = 12
#: stands for a symbolic size where modes are chosen
_HINT = 64


def variable(x: Any, what: str) -> Expr:
    if not isinstance(x, Expr):
        raise DeclarationError(
            f"{what}: expected an expression to differentiate with respect to; got "
            f"{type(x).__name__} {x!r}"
        )
    require_differentiable([x])
    return x


def output(y: Any, what: str) -> Expr:
    made = as_expr(y)
    if not is_float(made.dtype):
        where = f", declared at {made.location}" if made.location else ""
        raise DeclarationError(f"{what}: expected floating values; got {made.aval}{where}")
    return made


def _guess(size: Size) -> int:
    if isinstance(size, Dim):
        return int(size.evaluate(dict.fromkeys(size.symbols, _HINT)))
    return size


def stand_in(like: Expr, name: str) -> Expr:
    return identity(INPUT, {"name": name, "shape": like.shape, "dtype": like.dtype})


def _basis(like: Expr) -> Expr:
    """The unit vectors of the space of `like`, along a new first axis."""
    n = product(like.shape)
    return FUNCTIONS["reshape"](  # type: ignore[no-any-return]
        FUNCTIONS["eye"](n, dtype=like.dtype), (n, *like.shape)
    )


def _rows(y: Expr, x: Expr) -> Expr:
    """The Jacobian by reverse mode: of shape (elements of y, *x.shape)."""
    seed = stand_in(y, "ct")
    [found] = cotangents([y], [seed], [x])
    return mapped(zero(x) if found is None else found, seed, _basis(y), x)


def _columns(y: Expr, x: Expr) -> Expr:
    """The Jacobian by forward mode: of shape (elements of x, *y.shape)."""
    seed = stand_in(x, "tangent")
    [found] = pushforward([y], [x], [seed])
    return mapped(zero(y) if found is None else found, seed, _basis(x), y)


def mapped(value: Expr, seed: Expr, seeds: Expr, like: Expr) -> Expr:
    [(made, is_batched)] = batch_outputs([value], {seed: seeds})
    if is_batched:
        return made
    return FUNCTIONS["broadcast_to"](made, (seeds.shape[0], *like.shape))  # type: ignore[no-any-return]


def jacobian(y: Any, x: Any, batch_axis: int | None = None) -> Expr:
    """All derivatives of an expression with respect to another.

    Parameters
    ----------
    y, x : Expr
        Of any shapes. Forward or reverse mode is chosen by their sizes, and all columns or rows
        are computed at once.
    batch_axis : int, optional
        The axis of `y` and `x` that runs over a batch whose examples do not depend on each other.

    Returns
    -------
    Expr
        Of shape ``y.shape + x.shape``; with `batch_axis` of shape ``(B, ...y, ...x)``, where the
        batch is left out of both.

    Raises
    ------
    DeclarationError
        If `x` is no expression, an op cannot be batched, or, with `batch_axis`, examples depend
        on each other.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.jacobian(np.array([1.0, 2.0, 3.0])[:, None] * x, x))
    >>> f([1.0, 1.0]).shape
    (3, 2, 2)
    >>> X = sg.input("X", ("B", 2))
    >>> g = sg.function([X], sg.jacobian(X[:, 0] * X[:, 1], X, batch_axis=0))
    >>> g([[1.0, 2.0], [3.0, 4.0]])
    array([[2., 1.],
           [4., 3.]])
    """
    x, y = variable(x, "jacobian"), output(y, "jacobian")
    [y] = stabilised([y], [x])
    with provenance.quiet():
        if batch_axis is not None:
            return _of_each_row(y, x, batch_axis)
        if _guess(y.size) < _guess(x.size):
            return _shaped(_rows(y, x), y, x)
        made = moveaxis(_columns(y, x), 0, -1)
        return FUNCTIONS["reshape"](made, (*y.shape, *x.shape))  # type: ignore[no-any-return]


def _shaped(rows: Expr, y: Expr, x: Expr) -> Expr:
    return FUNCTIONS["reshape"](rows, (*y.shape, *x.shape))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- of each row


def _of_each_row(y: Expr, x: Expr, axis: int) -> Expr:
    at_x = normalize_axis(axis, x.ndim, "jacobian: batch_axis")
    at_y = normalize_axis(axis, y.ndim, "jacobian: batch_axis")
    if x.shape[at_x] != y.shape[at_y]:
        raise ShapeError(
            f"jacobian: the batch is {x.shape[at_x]} in x, {format_shape(x.shape)}, and "
            f"{y.shape[at_y]} in y, {format_shape(y.shape)}"
        )
    _require_independent(y, x, at_y, at_x)
    size = x.shape[at_x]
    rest = tuple([d for i, d in enumerate(x.shape) if i != at_x])
    front = moveaxis(y, at_y, 0)
    count = product(rest)
    made = None
    if isinstance(count, int) and count <= _WRITTEN_OUT:
        made = _written_out(front, x, at_x, rest, count)
    if made is not None:
        pass
    elif _guess(product(front.shape[1:])) < _guess(count):
        made = _rows_of_each(front, x, at_x, rest)
    else:
        seed = stand_in(x, "tangent")
        [found] = pushforward([front], [x], [seed])
        units = FUNCTIONS["reshape"](FUNCTIONS["eye"](count, dtype=x.dtype), (count, 1, *rest))
        units = FUNCTIONS["broadcast_to"](units, (count, size, *rest))
        made = mapped(
            zero(front) if found is None else found, seed, moveaxis(units, 1, at_x + 1), front
        )
        made = moveaxis(made, 0, -1)
    return FUNCTIONS["reshape"](made, (size, *front.shape[1:], *rest))  # type: ignore[no-any-return]


def _rows_of_each(front: Expr, x: Expr, at_x: int, rest: tuple[Size, ...]) -> Expr:
    """Reverse mode: a unit cotangent for all examples at once."""
    own = front.shape[1:]
    count = product(own)
    seed = stand_in(front, "ct")
    [found] = cotangents([front], [seed], [x])
    units = FUNCTIONS["reshape"](FUNCTIONS["eye"](count, dtype=front.dtype), (count, 1, *own))
    units = FUNCTIONS["broadcast_to"](units, (count, front.shape[0], *own))
    made = mapped(zero(x) if found is None else found, seed, units, x)
    return moveaxis(moveaxis(made, at_x + 1, 1), 0, 1)  # (B, y, ...x)


def _written_out(
    front: Expr, x: Expr, at_x: int, rest: tuple[Size, ...], count: int
) -> Expr | None:
    """Column by column, so that what is zero is absent, and what columns share is computed once.

    None where `x` is not used by its columns alone.
    """
    size = x.shape[at_x]
    columns = [
        identity(INPUT, {"name": f"x_{j}", "shape": (size,), "dtype": x.dtype})
        for j in range(count)
    ]
    flat = FUNCTIONS["stack"](columns, axis=-1)
    whole = moveaxis(FUNCTIONS["reshape"](flat, (size, *rest)), 0, at_x)
    [apart] = substitute([front], {x: whole})
    [apart] = _simplified([apart])
    if flat in set(topological([apart])):
        return None
    one = FUNCTIONS["ones"]((size,), dtype=x.dtype)
    made = []
    for column in columns:
        [found] = pushforward([apart], [column], [one])
        made.append(zero(front) if found is None else found)
    picked = FUNCTIONS["reshape"](moveaxis(x, at_x, 0), (size, count))
    back = {column: picked[:, j] for j, column in enumerate(columns)}
    return FUNCTIONS["stack"](substitute(made, dict(back)), axis=-1)  # type: ignore[no-any-return]


def _simplified(outputs: Sequence[Expr]) -> list[Expr]:
    """Outputs in which indexing meets what it indexes."""
    return list(rewrite_exprs(list(outputs), SIMPLE)[0])


def _require_independent(y: Expr, x: Expr, at_y: int, at_x: int) -> None:
    """Examples do not depend on each other: read off the graph, for a batch of four."""
    symbols = symbols_in(x.shape, y.shape)
    batch = x.shape[at_x]
    sizes = dict.fromkeys(symbols, 2)
    if isinstance(batch, Dim):
        if str(batch) not in batch.symbols:
            raise DeclarationError(
                f"jacobian: the batch's size {batch} must be a name of its own, or a number"
            )
        sizes[str(batch)] = 4
    for node in everything([y]):
        for name in symbols_in(node.shape, *node.attrs.values()):
            sizes.setdefault(name, 2)
    [sets] = dependencies([y], x, sizes)
    rows = np.moveaxis(sets, at_y, 0)
    shape = tuple([d.evaluate(sizes) if isinstance(d, Dim) else d for d in x.shape])
    number = np.moveaxis(np.arange(int(np.prod(shape))).reshape(shape), at_x, 0)
    for b in range(rows.shape[0]):
        own = 0
        for i in number[b].flat:
            own |= 1 << int(i)
        for one in np.asarray(rows[b], object).flat:
            if one & ~own:
                where = f", declared at {y.location}" if y.location else ""
                raise DeclarationError(
                    f"jacobian: with batch_axis, an example of y must depend on the same example "
                    f"of x alone; here examples meet{where}"
                )


# ---------------------------------------------------------------- Hessians


def hessian(loss: Any, x: Any) -> Expr:
    """The matrix of second derivatives of a scalar.

    Parameters
    ----------
    loss : Expr of shape ()
    x : Expr

    Returns
    -------
    Expr
        Of shape ``x.shape + x.shape``, symmetric: of a few elements, half of them is computed.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.hessian(x[0] ** 2 * x[1], x))
    >>> f([1.0, 3.0])
    array([[6., 2.],
           [2., 0.]])
    """
    x, loss = variable(x, "hessian"), require_scalar(loss)
    count = x.size
    with provenance.quiet():
        if isinstance(count, int) and 0 < count <= _WRITTEN_OUT:
            made = _half(loss, x, count)
            if made is not None:
                return made
        slope = grad(loss, x)
        [slope] = stabilised([slope], [x])
        return FUNCTIONS["reshape"](_columns(slope, x), (*x.shape, *x.shape))  # type: ignore[no-any-return]


def _half(loss: Expr, x: Expr, count: int) -> Expr | None:
    """Element by element, the lower half; the upper one is the same.

    None where `x` is not used by its elements alone.
    """
    elements = [
        identity(INPUT, {"name": f"x_{i}", "shape": (), "dtype": x.dtype}) for i in range(count)
    ]
    stacked = FUNCTIONS["stack"](elements)
    whole = FUNCTIONS["reshape"](stacked, x.shape)
    [apart] = substitute([loss], {x: whole})
    [apart] = stabilised(_simplified([apart]), elements)
    if stacked in set(topological([apart])):
        return None
    slopes = cotangents([apart], [literal(1, loss.dtype)], elements)
    made: list[list[Expr]] = []
    nothing = literal(0, x.dtype)
    for i, slope in enumerate(slopes):
        made.append([])
        for j in range(i + 1):
            found = None
            if slope is not None:
                [found] = pushforward([slope], [elements[j]], [literal(1, x.dtype)])
            made[i].append(nothing if found is None else found)
    flat = FUNCTIONS["reshape"](x, (count,))
    back = {e: flat[i] for i, e in enumerate(elements)}
    lower = substitute([h for row in made for h in row], dict(back))
    at = {(i, j): i * (i + 1) // 2 + j for i in range(count) for j in range(i + 1)}
    entries = [lower[at[max(i, j), min(i, j)]] for i in range(count) for j in range(count)]
    return FUNCTIONS["reshape"](FUNCTIONS["stack"](entries), (*x.shape, *x.shape))  # type: ignore[no-any-return]


def gauss_newton(outputs: Any, wrt: Any, v: Any, weights: Any = None) -> Any:
    """Gauss-Newton times vector: ``J' W J v``, in the structure of `wrt`.

    Parameters
    ----------
    outputs : Expr
        Residuals, of any shape.
    wrt : structure of Expr
    v : structure like `wrt`
    weights : Expr or array, optional
        The diagonal of W, like `outputs`; ones if None.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.gauss_newton(x * x, x, [1.0, 1.0]))
    >>> f([1.0, 2.0])
    array([ 4., 16.])
    """
    moved = jvp(outputs, wrt, v)
    return vjp(outputs, wrt, moved if weights is None else moved * weights)


def taylor(f: Any, x: Any, order: int, direction: Any = 1.0) -> tuple[Expr, ...]:
    """A value and its derivatives along a direction, to any order, by repeated forward mode.

    Parameters
    ----------
    f : Expr, or callable of `x`
    x : Expr
    order : int
        Of the highest derivative.
    direction : Expr, array or number
        Along which `x` moves; a number stands for an array full of it.

    Returns
    -------
    tuple of Expr
        ``(f, f', f'', ...)``, `order` + 1 of them: divide the k-th by k! for the series.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], sg.taylor(lambda v: v ** 3, x, 3))
    >>> [float(v) for v in f(2.0)]
    [8.0, 12.0, 12.0, 6.0]
    """
    x = variable(x, "taylor")
    if not isinstance(order, int) or isinstance(order, bool) or order < 0:
        raise DeclarationError(f"taylor: order is a whole number from 0 on; got {order!r}")
    found = [as_expr(f(x) if callable(f) and not isinstance(f, Expr) else f)]
    for _ in range(order):
        found.append(jvp(found[-1], x, direction))
    return tuple(found)
