"""Batching a graph, and vmap, against a Python loop over the examples."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import symgrad.ops  # noqa: F401  (fills the registry)
from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.reverse import cotangents
from symgrad.autodiff.vmap import vmap
from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Aval
from symgrad.ir.node import Expr, identity, literal, make
from symgrad.ir.op import FUNCTIONS, Op
from symgrad.ir.size import dim
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT, PARAM

RNG = np.random.default_rng(0)
B = dim("B")


def leaf(name: str, *shape: Any, op: Op = INPUT) -> Expr:
    return identity(op, {"name": name, "shape": shape, "dtype": np.dtype("float64")})


def run(expr: Expr, **values: Any) -> Any:
    leaves: dict[Expr, Any] = {}
    todo = [expr]
    while todo:
        node = todo.pop()
        if node.op in (INPUT, PARAM):
            leaves[node] = values[node.attrs["name"]]
        todo += node.args
    return evaluate([expr], leaves)[0]


def test_what_is_not_batched_stays_the_same_node() -> None:
    x, w = leaf("x", 3), leaf("w", 3, op=PARAM)
    shared = FUNCTIONS["sum"](w * w)
    (kept, flag), (product, product_flag) = batch_outputs(
        [shared, shared * x], {x: leaf("xs", B, 3)}
    )
    assert kept is shared and not flag
    assert product_flag and product.shape == (B, 3)


def test_nothing_below_a_batched_expression_is_looked_at() -> None:
    opaque = Opaque()
    x = leaf("x", 3)
    hidden = make(opaque, (x,), {})
    ((out, flag),) = batch_outputs([hidden * 2.0], {hidden: leaf("h", B, 3)})
    assert flag and out.shape == (B, 3)
    np.testing.assert_array_equal(run(out, h=np.ones((2, 3))), np.full((2, 3), 2.0))


class Opaque(Op):
    name = "opaque"

    def aval(self, x: Aval) -> Aval:
        return x


class Composed(Op):
    """No rule of its own: its parts, one of which is again such an op."""

    name = "composed"
    depth = 0

    def aval(self, x: Aval, depth: int) -> Aval:
        return x

    def lower(self, node: Expr) -> Expr:
        (x,) = node.args
        depth = node.attrs["depth"]
        return x * x + (make(self, (x,), {"depth": depth - 1}) if depth else 1.0)


def test_a_missing_rule_names_the_op() -> None:
    x = leaf("x", 3)
    with pytest.raises(DeclarationError, match="opaque cannot be batched"):
        batch_outputs([make(Opaque(), (x,), {})], {x: leaf("xs", B, 3)})


def test_compositions_are_batched_by_their_parts() -> None:
    x = leaf("x", 3)
    ((out, flag),) = batch_outputs([make(Composed(), (x,), {"depth": 2})], {x: leaf("xs", B, 3)})
    xs = RNG.normal(size=(4, 3))
    assert flag
    np.testing.assert_allclose(run(out, xs=xs), 3 * xs * xs + 1, rtol=1e-15)


def test_a_deep_graph() -> None:
    x = leaf("x", 3)
    y = x
    for _ in range(5_000):
        y = -y + x
    ((out, flag),) = batch_outputs([y], {x: leaf("xs", B, 3)})
    assert flag and out.shape == (B, 3)


def test_axes_in_and_out() -> None:
    xs, A, zs = leaf("xs", 3, B), leaf("A", 3, 3), leaf("zs", B)
    out = vmap(lambda x, M, z: (M @ x) * z, in_axes=(-1, None, 0), out_axes=1)(xs, A, zs)
    assert out.shape == (3, B)
    x_, A_, z_ = RNG.normal(size=(3, 5)), RNG.normal(size=(3, 3)), RNG.normal(size=5)
    want = np.stack([A_ @ x_[:, i] * z_[i] for i in range(5)], axis=1)
    np.testing.assert_allclose(run(out, xs=x_, A=A_, zs=z_), want, rtol=1e-13)


Pair = namedtuple("Pair", "first second")


def test_structures_in_and_out() -> None:
    xs, ys = leaf("xs", B, 3), leaf("ys", 2, B)

    def fn(tree: Any) -> Any:
        p = tree["pair"]
        assert isinstance(p, Pair) and p.first.shape == (3,) and p.second.shape == (2,)
        return {"outer": (p.first, [p.second * tree["scale"]]), "none": None, "k": 3.0}

    argument = {"pair": Pair(xs, ys), "scale": 2.0, "unused": None}
    axes = ({"pair": (0, 1), "scale": None, "unused": None},)
    out = vmap(fn, in_axes=axes, out_axes={"outer": 0, "none": 0, "k": None})(argument)
    assert out["none"] is None
    assert out["k"] is literal(3.0)
    first, (second,) = out["outer"]
    assert first.shape == (B, 3) and second.shape == (B, 2)
    y_ = RNG.normal(size=(2, 4))
    np.testing.assert_array_equal(run(second, ys=y_), 2 * y_.T)


def test_what_all_examples_share_is_repeated_if_an_axis_is_asked_for() -> None:
    xs, w = leaf("xs", B, 3), leaf("w", 2, op=PARAM)
    out = vmap(lambda x: w, out_axes=-1)(xs)
    assert out.shape == (2, B)


def test_nested() -> None:
    xs, ys = leaf("xs", dim("S"), 3), leaf("ys", dim("T"), 3)
    kernel = vmap(lambda x: vmap(lambda y: ((x - y) ** 2).sum())(ys))(xs)
    assert kernel.shape == (dim("S"), dim("T"))
    x_, y_ = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3))
    want = ((x_[:, None] - y_[None]) ** 2).sum(-1)
    np.testing.assert_allclose(run(kernel, xs=x_, ys=y_), want, rtol=1e-13)


def test_gradients_inside_and_outside() -> None:
    xs, w = leaf("xs", B, 3), leaf("w", 3, op=PARAM)

    def per_example(x: Expr) -> Expr:
        loss = FUNCTIONS["exp"]((x * w).sum())
        (g,) = cotangents([loss], [literal(1.0)], [w])
        assert g is not None
        return g

    rows = vmap(per_example)(xs)
    x_, w_ = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    want = np.exp(x_ @ w_)[:, None] * x_
    np.testing.assert_allclose(run(rows, xs=x_, w=w_), want, rtol=1e-13)
    total = rows.sum()
    (outer,) = cotangents([total], [literal(1.0)], [w])
    assert outer is not None
    want = (np.exp(x_ @ w_) * x_.sum(1)) @ x_
    np.testing.assert_allclose(run(outer, xs=x_, w=w_), want, rtol=1e-12)


def test_the_function_is_called_once() -> None:
    calls = []
    vmap(lambda x: (calls.append(x.shape), x)[1])(leaf("xs", 7, 3))
    assert calls == [(3,)]


class Draw(Op):
    name = "a_draw"
    identity = True

    def aval(self, *args: Aval, shape: Any, dtype: Any, token: str) -> Aval:
        return Aval(shape, dtype)


def test_a_draw_must_be_an_argument() -> None:
    noise = identity(Draw(), {"shape": (3,), "dtype": np.dtype("float64")})
    xs = leaf("xs", B, 3)
    with pytest.raises(DeclarationError, match=r"a_draw.*draw it outside"):
        vmap(lambda x: x + noise)(xs)
    assert vmap(lambda x, n: x + n, in_axes=(0, None))(xs, noise).shape == (B, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: vmap(3), DeclarationError, "expects a function; got int"),
        (lambda x: vmap(lambda a: a, in_axes=None)(x), DeclarationError, "no argument is mapped"),
        (lambda x: vmap(lambda a: a, in_axes=(0, 0))(x), DeclarationError, "2 entries for 1"),
        (lambda x: vmap(lambda a: a, in_axes=2)(x), DeclarationError, "in_axes 2 is out of range"),
        (lambda x: vmap(lambda a: a, out_axes=2)(x), DeclarationError, "out_axes 2 is out of"),
        (lambda x: vmap(lambda a: a, out_axes=None)(x), DeclarationError, "differs between"),
        (lambda x: vmap(lambda a: a, in_axes="0")(x), DeclarationError, "does not fit"),
        (lambda x: vmap(lambda a: a, out_axes=(0, 0))(x), DeclarationError, "does not fit"),
        (lambda x: vmap(lambda a: a, in_axes=True)(x), DeclarationError, "does not fit"),
        (
            lambda x: vmap(lambda a, b: a)(leaf("p", 2, 3), leaf("q", 4, 3)),
            ShapeError,
            "p: 2, q: 4",
        ),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(leaf("x", B, 3))
