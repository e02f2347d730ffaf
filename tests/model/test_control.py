"""Loops and branches: values and derivatives in all modes, against finite differences."""

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import symgrad as sg

T = 3
Array = np.ndarray[Any, Any]


def rnn(x: Any, W: Any, U: Any) -> Any:
    def step(h: Any, v: Any) -> Any:
        h = np.tanh(v @ W + h @ U)
        return h, h * h

    h, ys = sg.scan(step, sg.zeros((2, 3)), x)
    return (h**2).sum() + ys.sum()


def two_carries(x: Any, y: Any) -> Any:
    def step(c: Any, v: Any) -> Any:
        return {"a": c["b"] * v, "b": np.sin(c["a"]) + y}, None

    c, _ = sg.scan(step, {"a": y, "b": y * 2}, x)
    return c["a"] @ c["b"]


def nested(x: Any, y: Any) -> Any:
    def outer(c: Any, row: Any) -> Any:
        inner, _ = sg.scan(lambda d, e: (d * e + c, None), y.sum(), row)
        return c + inner, None

    return sg.scan(outer, 0.0, x)[0]


def newton(a: Any) -> Any:
    return sg.while_loop(lambda x: abs(x * x - a) > 1e-13, lambda x: (x + a / x) / 2, a)


def growing(x: Any) -> Any:
    grown = sg.while_loop(lambda c: (c * c).sum() < 50.0, lambda c: c * 1.3 + np.sin(c) * x, x)
    return grown.sum()


def choice(x: Any) -> Any:
    return sg.cond(x.sum() > 0, lambda v: (v**3).sum(), lambda v: np.exp(v).sum() * x[0], x)


def cond_in_scan(x: Any) -> Any:
    def step(c: Any, v: Any) -> Any:
        return sg.cond(v > 0, lambda q: q * c, lambda q: np.sin(q) + c, v), None

    return sg.scan(step, 1.0, x)[0]


def while_in_scan(x: Any) -> Any:
    def step(c: Any, v: Any) -> Any:
        far = sg.while_loop(lambda q: abs(q) < 4, lambda q: q * 1.5 + 0.1 * np.sin(q) * v, v)
        return c + far, None

    return sg.scan(step, 1.0, x)[0]


def while_in_scan_in_scan(x: Any) -> Any:
    def outer(c: Any, row: Any) -> Any:
        return c * 0.5 + while_in_scan(row), None

    return sg.scan(outer, 1.0, x)[0]


def scan_in_while(x: Any) -> Any:
    def body(c: Any) -> Any:
        return sg.scan(lambda d, v: (d * 1.1 + v * v, None), c, x)[0]

    return sg.while_loop(lambda c: c < 30.0, body, x.sum() + 2)


def while_in_while(x: Any) -> Any:
    def body(c: Any) -> Any:
        return sg.while_loop(lambda d: d < c + 3, lambda d: d * 1.2 + x * x, c)

    return sg.while_loop(lambda c: c < 20.0, body, x + 1)


def while_in_cond(x: Any) -> Any:
    return sg.cond(x > 0.1, lambda: growing(sg.stack([x, x * x])), lambda: x * 2)


def descent(x: Any, y: Any) -> Any:
    """Gradient descent on a loss, which uses what is outside."""
    return sg.scan(lambda c, v: (c - 0.1 * sg.grad((c * v - y) ** 2, c), None), 0.3, x)[0]


def bilevel(x: Any) -> Any:
    """Minimised by descent of unknown length: the minimum of a function of x."""

    def loss(z: Any) -> Any:
        return (z - x) ** 2 + z**4

    def body(z: Any) -> Any:
        return z - 0.1 * sg.grad(loss(z), z)

    return loss(sg.while_loop(lambda z: abs(sg.grad(loss(z), z)) > 1e-9, body, 0.0 * x))


def gather(x: Any) -> Any:
    def step(c: Any, _: Any) -> Any:
        i, p = c
        return (i + 1, p * x[i]), None

    return sg.scan(step, (0, 1.0), length=3)[0][1]


def batched_scan(x: Any, y: Any) -> Any:
    def one(row: Any) -> Any:
        return sg.scan(lambda c, v: (np.sin(c) * y.sum() + v, c * c), 0.1, row)[1]

    return (sg.vmap(one)(x) ** 2).sum()


CASES: dict[str, tuple[Callable[..., Any], Sequence[Any], Sequence[Any] | None]] = {
    "cumulative product": (
        lambda x: sg.scan(lambda c, v: (c * v, c + v), 1.0, x)[0] ** 2,
        [("T",)],
        None,
    ),
    "recurrent": (rnn, [("T", 2, 4), (4, 3), (3, 3)], None),
    "reversed": (
        lambda x, y: (sg.scan(lambda c, v: (np.sin(c) * v, c), y, x, reverse=True)[1] ** 2).sum(),
        [("T",), ()],
        None,
    ),
    "two carries": (two_carries, [("T", 2), (2,)], None),
    "nested": (nested, [("T", 2), (2,)], None),
    "map": (lambda x, y: sg.map(lambda r: np.exp(r @ y), x).sum(), [("T", 2), (2,)], None),
    "length": (
        lambda x: sg.scan(lambda c, _: (np.sin(c) * x.sum() + c, None), x, length=4)[0].sum(),
        [(2,)],
        None,
    ),
    "no step": (
        lambda x: sg.scan(lambda c, _: (c * x.sum(), c), x, length=0)[0].sum(),
        [(2,)],
        None,
    ),
    "newton": (newton, [()], [2.0]),
    "while": (growing, [(3,)], [[0.5, 0.9, -0.4]]),
    "while, no step": (growing, [(3,)], [[10.0, 9.0, -4.0]]),
    "cond, then": (choice, [(3,)], [[0.5, 0.9, -0.4]]),
    "cond, otherwise": (choice, [(3,)], [[-0.5, -0.9, -0.4]]),
    "cond in scan": (cond_in_scan, [("T",)], [[0.5, -0.9, 0.4]]),
    "while in scan": (while_in_scan, [("T",)], [[0.5, -0.9, 0.4]]),
    "while in scan in scan": (
        while_in_scan_in_scan,
        [(2, "T")],
        [[[0.5, -0.9, 0.4], [0.8, 0.3, -1.4]]],
    ),
    "scan in while": (scan_in_while, [("T",)], [[0.5, -0.9, 0.4]]),
    "while in while": (while_in_while, [()], [0.7]),
    "while in cond": (while_in_cond, [()], [0.7]),
    "while in cond, otherwise": (while_in_cond, [()], [-0.7]),
    "grad in a body": (descent, [("T",), ()], None),
    "gradient descent in a loss": (bilevel, [()], [0.8]),
    "index": (gather, [(3,)], None),
    "vmap of scan": (batched_scan, [("T", 4), (2,)], None),
    "vmap of while": (
        lambda x: sg.vmap(
            lambda r: sg.while_loop(lambda c: c < 5.0, lambda c: c * (1.2 + r * r), 1.0 + r)
        )(x).sum(),
        [(3,)],
        [[0.5, 0.2, 0.4]],
    ),
    "vmap of cond": (
        lambda x: sg.vmap(
            lambda r: sg.cond(r > 0, lambda v: v**3, lambda v: np.exp(v) * x.sum(), r)
        )(x).sum(),
        [(3,)],
        [[0.5, -0.2, 0.4]],
    ),
}


def differences(f: Callable[..., Any], args: Sequence[Array], i: int, step: float) -> Array:
    found = np.zeros_like(args[i])
    for index in np.ndindex(found.shape):
        values = []
        for sign in (1, -1):
            moved = [np.array(a) for a in args]
            moved[i][index] += sign * step
            values.append(float(f(*moved)))
        found[index] = (values[0] - values[1]) / (2 * step)
    return found


def declared(name: str) -> tuple[list[Any], list[Array], Any]:
    build, shapes, values = CASES[name]
    leaves = [sg.input(f"x{i}", shape) for i, shape in enumerate(shapes)]
    rng = np.random.default_rng(5)
    if values is None:
        sizes = [tuple(T if d == "T" else d for d in shape) for shape in shapes]
        return leaves, [0.5 * rng.normal(size=s) for s in sizes], build(*leaves)
    return leaves, [np.asarray(v, float) for v in values], build(*leaves)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("name", CASES)
def test_gradient(name: str, style: str) -> None:
    leaves, values, loss = declared(name)
    plain = sg.function(leaves, loss)
    value, grads = sg.function(leaves, [loss, sg.grad(loss, leaves)], style=style)(*values)
    np.testing.assert_allclose(value, plain(*values), rtol=1e-13)
    for i, found in enumerate(grads):
        np.testing.assert_allclose(found, differences(plain, values, i, 1e-6), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("name", CASES)
def test_second_derivatives_agree_in_all_modes(name: str) -> None:
    leaves, values, loss = declared(name)
    rng = np.random.default_rng(9)
    tangents = [sg.input(f"t{i}", x.shape) for i, x in enumerate(leaves)]
    along = [rng.normal(size=v.shape) for v in values]
    slope = sg.jvp(loss, leaves, tangents)
    grads = sg.grad(loss, leaves)
    product = sum((g * t).sum() for g, t in zip(grads, tangents, strict=True))
    modes = {
        "forward over reverse": sg.jvp(grads, leaves, tangents),
        "reverse over forward": sg.grad(slope, leaves),
        "reverse over reverse": sg.grad(product, leaves),
    }
    twice = sg.jvp(slope, leaves, tangents)
    found = sg.function([*leaves, *tangents], [slope, product, twice, modes])
    forward, reverse, second, products = found(*values, *along)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-12)
    gradient = sg.function(leaves, grads)

    def moved(step: float) -> list[Array]:
        shifted = [v + step * a for v, a in zip(values, along, strict=True)]
        return [np.asarray(g) for g in gradient(*shifted)]

    ahead, behind = moved(1e-6), moved(-1e-6)
    for i, one in enumerate(products["forward over reverse"]):
        wanted = (ahead[i] - behind[i]) / 2e-6
        np.testing.assert_allclose(one, wanted, rtol=2e-5, atol=2e-6)
        for mode in ("reverse over forward", "reverse over reverse"):
            np.testing.assert_allclose(products[mode][i], one, rtol=1e-8, atol=1e-10)
    total = sum((h * a).sum() for h, a in zip(products["forward over reverse"], along, strict=True))
    np.testing.assert_allclose(second, total, rtol=1e-8, atol=1e-10)


# ---------------------------------------------------------------- perturbations are not confused


def test_derivatives_inside_hold_other_variables_fixed() -> None:
    """d/dx [x d/dy (x + y)] at 1 is 1, not 2: Siskind and Pearlmutter's classical case."""
    x = sg.input("x", ())

    def inner(mode: str) -> Any:
        y = x * 1.0
        if mode == "reverse":
            return sg.grad(x + y, y)
        return sg.jvp(x + y, y, 1.0)

    for mode in ("reverse", "forward"):

        def step(c: Any, _: Any, mode: str = mode) -> Any:
            y = c * 1.0
            slope = sg.grad(c + y, y) if mode == "reverse" else sg.jvp(c + y, y, 1.0)
            return c * slope, None

        out = sg.scan(step, x, length=1)[0]
        slopes = [sg.grad(out, x), sg.jvp(out, x, 1.0)]
        assert [float(v) for v in sg.function([x], slopes)(1.0)] == [1.0, 1.0]
        plain = x * inner(mode)
        slopes = [sg.grad(plain, x), sg.jvp(plain, x, 1.0)]
        assert [float(v) for v in sg.function([x], slopes)(1.0)] == [1.0, 1.0]


@pytest.mark.parametrize("outer", ["reverse", "forward"])
@pytest.mark.parametrize("inner", ["reverse", "forward"])
def test_descent_inside_a_loss_that_is_minimised_by_descent(inner: str, outer: str) -> None:
    """z*(x) minimises (z - x)^2 + z^2, and x (z* - 1)^2 + x^2 / 10: by hand, x = 1 / 0.7."""
    slopes = {"reverse": sg.grad, "forward": lambda y, x: sg.jvp(y, x, 1.0)}

    def descend(f: Any, start: Any, mode: str, rate: float) -> Any:
        def slope(z: Any) -> Any:
            z = z * 1.0
            return slopes[mode](f(z), z)

        return sg.while_loop(lambda z: abs(slope(z)) > 1e-9, lambda z: z - rate * slope(z), start)

    def outer_loss(x: Any) -> Any:
        z = descend(lambda z: (z - x) ** 2 + z**2, 0.0 * x, inner, 0.2)
        return (z - 1) ** 2 + x**2 / 10

    start = sg.input("start", ())
    best = descend(outer_loss, start, outer, 1.0)
    value, slope = sg.function([start], [best, sg.grad(best, start)])(0.3)
    assert float(value) == pytest.approx(1 / 0.7, abs=1e-7)
    assert abs(float(slope)) < 1e-6  # the minimum does not depend on where it is sought from


# ---------------------------------------------------------------- what the source looks like


def test_loss_and_gradient_hold_one_forward_loop() -> None:
    for name, loops in {"recurrent": 2, "newton": 2, "two carries": 2}.items():
        leaves, _, loss = declared(name)
        source = sg.function(leaves, [loss, sg.grad(loss, leaves)], style="readable").source
        found = source.count("    for ") + source.count("    while ")
        assert found == loops, source


def test_layers_of_equal_loops_hold_one_forward_loop_each() -> None:
    """Equal bodies are one, so that the loops of several layers have their parameters in common."""
    hs: Any = sg.input("x", ("T", "B", 6))
    weights = []
    for layer in range(2):
        U, b = sg.input(f"U{layer}", (2, 6)), sg.input(f"b{layer}", (2,))
        weights += [U, b]

        def step(h: Any, a: Any, U: Any = U, b: Any = b) -> Any:
            hU = h @ U
            r = sg.sigmoid(a[:, :2] + hU[:, :2])
            z = sg.sigmoid(a[:, 2:4] + hU[:, 2:4])
            n = sg.tanh(a[:, 4:] + r * (hU[:, 4:] + b))
            h = (1 - z) * n + z * h
            return h, h

        _, hs = sg.scan(step, sg.zeros((hs.shape[1], 2)), hs)
        hs = sg.concatenate([hs, hs, hs], axis=-1)
    loss = (hs**2).sum()
    leaves = list(sg.leaves(loss).values())
    source = sg.function(leaves, [loss, sg.grad(loss, weights)], style="readable").source
    assert source.count("    for ") == 4, source


def test_a_state_without_a_name_that_is_kept_is_computed_once() -> None:
    x, w = sg.input("x", ("T", 3)), sg.input("w", (3,))
    _, hs = sg.scan(lambda h, v: (sg.tanh(h * w) * sg.exp(v),) * 2, sg.zeros(3), x)
    loss = (hs**2).sum()
    source = sg.function([x, w], [loss, sg.grad(loss, w)], style="readable").source
    assert source.count("np.tanh(") == 1, source


def test_products_leave_the_loop() -> None:
    """One product for all steps before the loop, one for each weight after it."""
    leaves, _, loss = declared("recurrent")
    function = sg.function(leaves, sg.grad(loss, leaves), style="readable")
    body = [line for line in function.source.splitlines() if line.startswith("        ")]
    assert sum(line.count(" @ ") for line in body) == 2, function.source  # h U and its transpose
    assert function.source.count(" @ ") == 6, function.source
    fired = str(function.report())
    assert "computed for all steps at once" in fired


def test_an_output_that_nobody_reads_costs_nothing() -> None:
    x = sg.input("x", ("T",))

    def step(c: Any, v: Any) -> Any:
        a, b = c
        return (a * v, np.exp(b) + v), (np.sin(b), a + v)

    (a, _), (_, sums) = sg.scan(step, (1.0, 0.5), x)
    source = sg.function([x], [a, sums]).source
    assert "exp" not in source.split("def function")[1]
    assert "sin" not in source.split("def function")[1]


def test_work_is_counted() -> None:
    x, W = sg.input("x", ("T", 8)), sg.param("W", (8, 8))
    h, _ = sg.scan(lambda h, v: (np.tanh(h @ W + v), None), sg.zeros(8), x)
    report = sg.compile((h**2).sum()).report(T=100)
    assert report.forward_flops >= 100 * 2 * 64
    assert report.backward_flops >= 2 * 100 * 2 * 64


def test_source_is_the_same_each_time() -> None:
    one, other = (
        sg.function([x], [y, sg.grad(y, x)]).source
        for x in [sg.input("x", ())]
        for y in [while_in_while(x)] * 2
    )
    assert one == other


def test_it_pickles() -> None:
    import pickle

    leaves, values, loss = declared("while in scan")
    function = sg.function(leaves, sg.grad(loss, leaves))
    again = pickle.loads(pickle.dumps(function))
    np.testing.assert_array_equal(again(*values)[0], function(*values)[0])
    copied = pickle.loads(pickle.dumps(loss))
    assert copied is loss


def test_equal_loops_are_one() -> None:
    x = sg.input("x", (4,))
    one = sg.scan(lambda c, v: (c + v * 2, c), 0.0, x)
    other = sg.scan(lambda total, item: (total + item * 2, total), 0.0, x)
    assert one[0] is other[0]
    assert one[1] is other[1]


# ---------------------------------------------------------------- memory


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [3, 10, 16, "T"])
def test_what_is_computed_again_is_the_same(length: Any, reverse: bool) -> None:
    x, W = sg.input("x", (length, 3)), sg.input("W", (3, 3))
    n = 70 if length == "T" else length
    rng = np.random.default_rng(0)
    data, weights = rng.normal(size=(n, 3)), rng.normal(size=(3, 3))

    def step(h: Any, v: Any) -> Any:
        return np.tanh(h @ W + v), h * h

    found = []
    for memory in (None, "sqrt"):
        h, ys = sg.scan(step, sg.zeros(3), x, reverse=reverse, memory=memory)
        loss = (h**2).sum() + (ys**2).sum()
        outputs = [loss, *sg.grad(loss, [x, W]), sg.hvp(loss, W, np.ones((3, 3)))]
        found.append(
            sg.function([x, W], [*outputs, sg.jvp(loss, W, np.ones((3, 3)))])(data, weights)
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_memory_grows_as_the_square_root_or_stays_below_a_budget() -> None:
    x, W = sg.input("x", (4096, 64)), sg.input("W", (64, 64))
    data, weights = np.full((4096, 64), 0.1), 0.5 * np.eye(64)
    peaks = []
    for memory in (None, "sqrt", 10**6):
        h, _ = sg.scan(lambda h, v: (np.tanh(h @ W + v), None), sg.zeros(64), x, memory=memory)
        function = sg.function([x, W], sg.grad((h**2).sum(), W), style="readable")
        tracemalloc.start()
        function(data, weights)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] > 4096 * 64 * 8
    assert peaks[1] < peaks[0] / 10
    assert peaks[2] < 10**6
    with pytest.raises(sg.DeclarationError, match="not enough"):
        sg.scan(lambda h, v: (np.tanh(h @ W + v), None), sg.zeros(64), x, memory=1000)
    with pytest.raises(sg.DeclarationError, match='None, "sqrt" or'):
        sg.scan(lambda h, v: (h, None), sg.zeros(64), x, memory="cbrt")


# ---------------------------------------------------------------- edges


def test_the_branch_not_taken_is_not_run() -> None:
    x = sg.input("x", (2,))
    y = sg.cond(x[0] > 0, lambda v: np.log(v).sum(), lambda v: (v / 0.0).sum() * 0, x)
    value, slope = sg.function([x], [y, sg.grad(y, x)])([2.0, 4.0])
    np.testing.assert_allclose(value, np.log(8.0))
    np.testing.assert_array_equal(slope, [0.5, 0.25])


def test_results_are_the_callers() -> None:
    x = sg.input("x", (3,))
    out = sg.scan(lambda c, _: (c, None), x, length=2)[0]
    given = np.ones(3)
    found = sg.function([x], out)(given)
    found[0] = 7.0
    assert given[0] == 1.0


def test_numbers_take_the_dtype_of_a_step() -> None:
    x = sg.input("x", (3,), dtype="float32")
    total, _ = sg.scan(lambda c, v: (c + v, None), 0, x)
    assert total.dtype == np.float32
    assert sg.while_loop(lambda n: n < 10, lambda n: n + 3, 0).dtype == np.int64


def test_a_million_scalar_steps() -> None:
    """Forward alone it needs no memory; with its gradient, that of its residuals."""
    x, n = sg.input("x", ()), sg.input("n", (), dtype="int64")
    _, y = sg.while_loop(
        lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] + 1e-6 * np.sin(c[1])), (0, x)
    )
    for outputs, most in ((y, 10**5), ([y, sg.grad(y, x)], 8 * 10**6)):
        function = sg.function([x, n], outputs)
        function(0.5, 10)
        tracemalloc.start()  # which makes every allocation slow
        function(0.5, 10**5)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most, peak
        found = function(0.5, 10**6)
    t = np.tan(0.25) * np.exp(1.0)  # tan(y / 2) grows as e^t
    assert float(found[0]) == pytest.approx(2 * np.arctan(t), rel=1e-6)
    slope = np.exp(1.0) / np.cos(0.25) ** 2 / (1 + t * t)
    assert float(found[1]) == pytest.approx(slope, rel=1e-6)


def test_ten_thousand_vector_steps() -> None:
    x = sg.input("x", ("T", 8))
    c, _ = sg.scan(lambda c, v: (np.tanh(c + v), None), sg.zeros(8), x)
    data = np.full((10_000, 8), 0.01)
    grads = sg.function([x], sg.grad(c.sum(), x))(data)
    assert np.isfinite(grads).all()
    assert grads.shape == data.shape


# ---------------------------------------------------------------- bad input


def test_messages() -> None:
    x, n = sg.input("x", (3,)), sg.input("n", ())
    with pytest.raises(sg.ShapeError, match=r"carry 'c' is \(\) float64 before .* \(3,\)"):
        sg.scan(lambda c, v: (c + x, None), n, x)
    with pytest.raises(sg.DTypeError, match="before a step"):
        sg.scan(lambda c, v: (c + v, None), np.float32(0), x)
    with pytest.raises(sg.DeclarationError, match="two results"):
        sg.scan(lambda c, v: c + v, 0.0, x)
    with pytest.raises(sg.DeclarationError, match="structure must stay the same"):
        sg.scan(lambda c, v: ((c, v), None), 0.0, x)
    with pytest.raises(sg.DeclarationError, match="needs length="):
        sg.scan(lambda c, v: (c, None), 0.0)
    with pytest.raises(sg.ShapeError, match="no axis"):
        sg.scan(lambda c, v: (c, None), 0.0, n)
    with pytest.raises(sg.ShapeError, match="must be a scalar"):
        sg.while_loop(lambda c: c > 0, lambda c: c - 1, x)
    with pytest.raises(sg.ShapeError, match="one branch gives"):
        sg.cond(n > 0, lambda: x, lambda: n)
    with pytest.raises(sg.DeclarationError, match="same structure"):
        sg.cond(n > 0, lambda: (x, x), lambda: x)
    with pytest.raises(sg.DeclarationError, match="expects a function"):
        sg.cond(n > 0, x, x)
    with pytest.raises(sg.ShapeError, match="differ"):
        sg.scan(lambda c, v: (c, None), 0.0, (x, sg.input("y", (4,))))
    with pytest.raises(sg.ShapeError, match=r"^while_loop: the carry 'q'"):
        sg.while_loop(lambda q: q < 9, lambda q: q + x, n)
    with pytest.raises(sg.DeclarationError, match="'<lambda>' is called with 2 arguments"):
        sg.scan(lambda c: (c, None), 0.0, x)
    with pytest.raises(sg.ExpressionUseError):
        sg.scan(lambda c, v: (c if v > 0 else -c, None), 0.0, x)


def test_what_leaves_a_body_is_refused() -> None:
    x, kept = sg.input("x", (3,)), []

    def step(c: Any, v: Any) -> Any:
        kept.append(c * v)
        return c + v, None

    sg.scan(step, 0.0, x)
    with pytest.raises(sg.CompileError, match="belongs to the body of a loop"):
        sg.function([x], kept[0])


def test_single_precision_stays() -> None:
    x = sg.input("x", ("T",), dtype="float32")
    total, sums = sg.scan(lambda c, v: (c * 0.5 + v + 1, c), 0.0, x)
    assert total.dtype == sums.dtype == np.float32
    double, _ = sg.scan(lambda c, v: (c * 0.5 + v, None), 0.0, x.astype("float64"))
    assert double.dtype == np.float64


def test_a_loop_that_might_not_end_is_not_moved() -> None:
    """It stands in a body that is never run: moved before that loop, it would hang."""
    a, n = sg.input("a", ()), sg.input("n", (), dtype="int64")

    def body(c: Any) -> Any:
        i, x = c
        return i + 1, x + sg.while_loop(lambda q: q < 100.0, lambda q: q * a, 1.0)

    _, x = sg.while_loop(lambda c: c[0] < n, body, (0, 0.0))
    function = sg.function([a, n], x)
    assert float(function(1.0, 0)) == 0.0
    assert float(function(2.0, 2)) == 256.0
