"""Derivatives at declaration: stabilise, then differentiate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import format_shape
from symgrad.ir.dtypes import is_complex, is_float
from symgrad.ir.node import Expr, as_expr, literal
from symgrad.ir.op import FUNCTIONS
from symgrad.model.derived import note, outer, with_leaves
from symgrad.model.tree import flatten, flatten_like, unflatten
from symgrad.rewrite import SLOPES, STABLE
from symgrad.rewrite.engine import rewrite_exprs

__all__ = ["grad", "hvp", "jvp", "require_scalar", "stabilised", "value_and_grad", "vjp"]


def stabilised(outputs: Sequence[Expr], keep: Sequence[Expr] = ()) -> list[Expr]:
    """Outputs in the form that is differentiated; `keep` are leaves, never swallowed."""
    kept = [*keep, *outer(outputs)]
    stable, _, _ = rewrite_exprs(list(outputs), STABLE, keep=kept)
    return list(rewrite_exprs(stable, SLOPES, keep=kept)[0])


def _reverse(
    outputs: Sequence[Expr], seeds: Sequence[Expr], leaves: Sequence[Expr]
) -> Sequence[Expr | None]:
    """Cotangents of expressions as they were declared."""

    def make(given: Sequence[Expr], kept: Sequence[Expr]) -> Sequence[Expr | None]:
        return cotangents(stabilised(given, [*leaves, *kept]), seeds, leaves)

    return note(with_leaves(outputs, leaves), make)


def _forward(
    outputs: Sequence[Expr], tangents: Sequence[Expr], leaves: Sequence[Expr]
) -> Sequence[Expr | None]:
    """Tangents of expressions as they were declared."""

    def make(given: Sequence[Expr], kept: Sequence[Expr]) -> Sequence[Expr | None]:
        return pushforward(stabilised(given, [*leaves, *kept]), leaves, tangents)

    return note(with_leaves(outputs, leaves), make)


def _leaves(wrt: Any) -> tuple[list[Expr], Any]:
    leaves, tree = flatten(wrt)
    for leaf in leaves:
        if not isinstance(leaf, Expr):
            raise DeclarationError(
                "expected an expression, or a list, tuple or dict of them, to differentiate with "
                f"respect to; got {type(leaf).__name__} {leaf!r}"
            )
        if is_complex(leaf.dtype):
            name = leaf.name or "an expression"
            where = f", declared at {leaf.location}" if leaf.location else ""
            raise DTypeError(
                f"a derivative with respect to {name} ({leaf.aval}{where}) was asked for, but only "
                "real values have them; declare its parts, z = sg.complex(re, im), and "
                "differentiate with respect to re and im"
            )
    return leaves, tree


def require_scalar(loss: Any) -> Expr:
    """A scalar floating loss, or an error that says what came instead."""
    made = as_expr(loss)
    where = f", declared at {made.location}" if made.location else ""
    if made.shape:
        raise ShapeError(
            f"the gradient of a scalar was asked for, but the loss has shape "
            f"{format_shape(made.shape)}{where}; take its .sum() or .mean(), or use sg.vjp"
        )
    if is_complex(made.dtype):
        raise DTypeError(
            f"a loss must be real; got {made.dtype}{where}; take its .real, abs(loss), or "
            "np.abs(loss) ** 2"
        )
    if not is_float(made.dtype):
        raise DTypeError(f"a loss must be floating; got {made.dtype}{where}")
    return made


def zero(like: Expr) -> Expr:
    """The cotangent of what nothing depends on."""
    if not like.shape:
        return literal(0, like.dtype)
    return FUNCTIONS["zeros"](like.shape, dtype=like.dtype)  # type: ignore[no-any-return]


def _seed(value: Any, like: Expr, what: str) -> Expr:
    seed = as_expr(value)
    if seed.dtype != like.dtype:
        seed = seed.astype(like.dtype)
    if seed.shape == like.shape:
        return seed
    if seed.shape:
        raise ShapeError(
            f"{what}: expected shape {format_shape(like.shape)}; got {format_shape(seed.shape)}"
        )
    return FUNCTIONS["broadcast_to"](seed, like.shape)  # type: ignore[no-any-return]


def grad(loss: Any, wrt: Any) -> Any:
    """The gradient of a scalar, as expressions.

    Parameters
    ----------
    loss : Expr of shape ()
    wrt : Expr, or list, tuple or dict of them
        Any expressions: parameters, inputs, or what is made of them. Where one is made of
        another, each gets the whole derivative, as if asked for alone.

    Returns
    -------
    In the structure of `wrt`; zeros for what the loss does not depend on. Each has the shape
    and dtype of what it is the gradient of.

    Raises
    ------
    ShapeError
        If the loss is not a scalar.
    DTypeError
        If `wrt` is integer or boolean.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> f = sg.function([x], sg.grad((x ** 3).sum(), x))
    >>> f([1.0, 2.0, 3.0])
    array([ 3., 12., 27.])
    """
    loss = require_scalar(loss)
    leaves, tree = _leaves(wrt)
    found = _reverse([loss], [literal(1, loss.dtype)], leaves)
    return unflatten(
        tree, [zero(x) if g is None else g for x, g in zip(leaves, found, strict=True)]
    )


def value_and_grad(loss: Any, wrt: Any) -> tuple[Expr, Any]:
    """The loss and its gradient: ``(loss, sg.grad(loss, wrt))``.

    Parameters
    ----------
    loss : Expr of shape ()
    wrt : structure of Expr

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.value_and_grad((x * x).sum(), x))
    >>> value, gradient = f([1.0, 2.0])
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    return as_expr(loss), grad(loss, wrt)


def vjp(outputs: Any, wrt: Any, cotangents_: Any) -> Any:
    """Reverse products: cotangents times the Jacobian, in the structure of `wrt`.

    Parameters
    ----------
    outputs : structure of Expr
    wrt : structure of Expr
    cotangents_ : structure like `outputs`
        Expressions, arrays or numbers; a number stands for an array full of it.

    Notes
    -----
    Of complex outputs the product is transposed, not conjugated: the real part of
    ``sum(ct * d_output)`` for a change of `wrt`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.vjp(sg.sin(x), x, [1.0, 2.0]))
    >>> f([0.0, 0.0])
    array([1., 2.])
    """
    outs, out_tree = flatten(outputs)
    outs = [as_expr(o) for o in outs]
    seeds, _ = _matching(cotangents_, out_tree, len(outs), "cotangents")
    leaves, tree = _leaves(wrt)
    given = [_seed(s, o, "a cotangent") for s, o in zip(seeds, outs, strict=True)]
    found = _reverse(outs, given, leaves)
    return unflatten(
        tree, [zero(x) if g is None else g for x, g in zip(leaves, found, strict=True)]
    )


def jvp(outputs: Any, wrt: Any, tangents: Any) -> Any:
    """Forward products: the Jacobian times tangents, in the structure of `outputs`.

    Parameters
    ----------
    outputs : structure of Expr
    wrt : structure of Expr
        Independent of each other.
    tangents : structure like `wrt`
        Expressions, arrays or numbers; a number stands for an array full of it.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.jvp(x * x, x, [1.0, 0.0]))
    >>> f([3.0, 4.0])
    array([6., 0.])
    """
    outs, out_tree = flatten(outputs)
    outs = [as_expr(o) for o in outs]
    leaves, tree = _leaves(wrt)
    given, _ = _matching(tangents, tree, len(leaves), "tangents")
    seeds = [_seed(t, x, "a tangent") for t, x in zip(given, leaves, strict=True)]
    found = _forward(outs, seeds, leaves)
    return unflatten(
        out_tree, [zero(o) if t is None else t for o, t in zip(outs, found, strict=True)]
    )


def _matching(given: Any, tree: Any, count: int, what: str) -> tuple[list[Any], Any]:
    if tree is None:
        return [given], None
    leaves = flatten_like(given, tree)
    if len(leaves) != count:
        raise DeclarationError(f"expected {count} {what} in the same structure; got {len(leaves)}")
    return leaves, tree


def hvp(loss: Any, x: Any, v: Any) -> Any:
    """Hessian times vector, forward over reverse, in the structure of `x`.

    Parameters
    ----------
    loss : Expr of shape ()
    x : structure of Expr
    v : structure like `x`
        Expressions, arrays or numbers.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (2,))
    >>> f = sg.function([x], sg.hvp((x ** 3).sum(), x, [1.0, 1.0]))
    >>> f([1.0, 2.0])
    array([ 6., 12.])
    """
    return jvp(grad(loss, x), x, v)
