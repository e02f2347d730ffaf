"""Derivatives by the user's rule, and by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.loops import mirror, row, zeros_like
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError
from symgrad.ir import provenance
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import Expr, literal, make
from symgrad.ir.op import FUNCTIONS
from symgrad.ir.region import Region
from symgrad.ir.size import product
from symgrad.ops.custom import CUSTOM
from symgrad.ops.loop import rules

# ---------------------------------------------------------------- rules of the user's


def _custom_vjp(
    node: Expr, cts: Sequence[Expr | None], needs: tuple[bool, ...]
) -> list[Expr | None]:
    rule: Region = node.attrs["rule"]
    outputs = node.attrs["body"].outputs
    if not node.attrs["forward"]:
        given = [zeros_like(o) if ct is None else ct for o, ct in zip(outputs, cts, strict=True)]
        found = rule.on((*node.args, *given))
        return [g if need else None for g, need in zip(found, needs, strict=True)]
    # the tangents of the results are linear in those of the arguments: transposed
    moving = [arg for arg in node.args if arg.dtype.kind == "f"]
    mirrors = [mirror("t", arg) for arg in moving]
    known = iter(mirrors)
    tangents = [next(known) if arg.dtype.kind == "f" else zeros_like(arg) for arg in node.args]
    results = rule.on((*node.args, *tangents))
    alive = [(out, ct) for out, ct in zip(results, cts, strict=True) if ct is not None]
    with provenance.quiet():
        back = cotangents([o for o, _ in alive], [c for _, c in alive], mirrors, leaves=True)
    if not set(mirrors).isdisjoint(topological([g for g in back if g is not None])):
        raise DeclarationError(
            f"custom_jvp: the tangent that the rule of {node.attrs['title']} gives is not linear "
            "in those that it is given, so it has no reverse mode"
        )
    grads = iter(back)
    return [next(grads) if arg.dtype.kind == "f" else None for arg in node.args]


def _custom_jvp(node: Expr, tangents: tuple[Expr | None, ...]) -> tuple[Expr | None, ...]:
    if not node.attrs["forward"]:
        raise DeclarationError(
            f"{node.attrs['title']} has a rule for reverse mode alone (sg.custom_vjp), and its "
            "derivative was asked for in forward mode (sg.jvp, sg.hvp and Hessians use it); "
            "sg.custom_jvp gives a rule that serves both"
        )
    given = [zeros_like(a) if t is None else t for a, t in zip(node.args, tangents, strict=True)]
    return tuple(node.attrs["rule"].on((*node.args, *given)))


def _custom_batch(node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
    size = next(arg.shape[0] for arg, flag in zip(args, batched, strict=True) if flag)
    whole = [
        arg if flag else FUNCTIONS["broadcast_to"](arg, (size, *arg.shape))
        for arg, flag in zip(args, batched, strict=True)
    ]
    attrs = dict(node.attrs)
    for key in ("body", "rule"):
        region: Region = attrs[key]
        rows = {p: row(p, size) for p in region.parameters}
        outputs = [
            made if flag else FUNCTIONS["broadcast_to"](made, (size, *made.shape))
            for made, flag in batch_outputs(region.outputs, rows)
        ]
        attrs[key] = Region([rows[p] for p in region.parameters], outputs)
    return make(CUSTOM, tuple(whole), attrs)


rules["custom", "vjp"] = _custom_vjp
rules["custom", "jvp"] = _custom_jvp
rules["custom", "batch"] = _custom_batch
rules["custom", "item"] = rules["loop", "item"]


# ---------------------------------------------------------------- the implicit function theorem


def _matrix(node: Expr) -> Expr:
    """The derivatives of F in z at the root: of shape (n, n), or a number for one unknown."""
    residual: Region = node.attrs["residual"]
    [value], z = residual.outputs, residual.parameters[0]
    if not node.shape:
        with provenance.quiet():
            [slope] = pushforward([value], [z], [literal(1, z.dtype)])
        return _at(node, [zeros_like(value) if slope is None else slope])[0]
    n = product(node.shape)
    seed = mirror("t", z)
    with provenance.quiet():
        [moved] = pushforward([value], [z], [seed])
        moved = zeros_like(value) if moved is None else moved
        basis = FUNCTIONS["reshape"](FUNCTIONS["eye"](n, dtype=node.dtype), (n, *node.shape))
        [(columns, is_batched)] = batch_outputs([moved], {seed: basis})
        if not is_batched:
            columns = FUNCTIONS["broadcast_to"](columns, (n, *value.shape))
        matrix = FUNCTIONS["reshape"](columns, (n, n)).T
    return _at(node, [matrix])[0]


def _at(node: Expr, values: Sequence[Expr], more: dict[Expr, Expr] | None = None) -> list[Expr]:
    """Expressions of the parameters of F, at the root."""
    known = dict(zip(node.attrs["residual"].parameters, (node, *node.args[1:]), strict=True))
    return substitute(values, known | (more or {}))


def _solved(matrix: Expr, right: Expr) -> Expr:
    if not matrix.shape:
        return right / matrix
    flat = FUNCTIONS["reshape"](right, (product(right.shape),))
    return FUNCTIONS["reshape"](FUNCTIONS["solve"](matrix, flat), right.shape)  # type: ignore[no-any-return]


def _implicit_vjp(node: Expr, ct: Expr, needs: tuple[bool, ...]) -> list[Expr | None]:
    residual: Region = node.attrs["residual"]
    matrix = _matrix(node)
    adjoint = _solved(matrix.T if matrix.shape else matrix, ct)
    wanted = [p for p, need in zip(residual.parameters[1:], needs[1:], strict=True) if need]
    [value] = residual.outputs
    seed = mirror("d", value)
    with provenance.quiet():
        found = cotangents([value], [seed], wanted, leaves=True)
    grads = iter([g if g is None else _at(node, [g], {seed: -adjoint})[0] for g in found])
    return [None, *[next(grads) if need else None for need in needs[1:]]]


def _implicit_jvp(node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
    residual: Region = node.attrs["residual"]
    given = zip(residual.parameters[1:], tangents[1:], strict=True)
    moving = {p: t for p, t in given if t is not None}
    if not moving:
        return None
    mirrors = {p: mirror("t", p) for p in moving}
    with provenance.quiet():
        [moved] = pushforward(residual.outputs, [*mirrors], [*mirrors.values()])
    if moved is None:
        return None
    [at_root] = _at(node, [moved], {mirrors[p]: t for p, t in moving.items()})
    return _solved(_matrix(node), -at_root)


def _implicit_batch(node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
    raise DeclarationError(
        "implicit: a root cannot be batched after it was declared; declare it for the whole batch, "
        "whose residual is that of all examples"
    )


rules["implicit", "vjp"] = _implicit_vjp
rules["implicit", "jvp"] = _implicit_jvp
rules["implicit", "batch"] = _implicit_batch
