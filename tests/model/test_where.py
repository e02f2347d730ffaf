"""`where`: what is not taken has derivative exactly 0 at any order, whatever it holds.

The oracle of each property is the same program on data whose untaken elements are harmless: no
value and no derivative of what is taken may tell the two apart, and those of what is not taken
are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import symgrad as sg
from tests.fuzzing import examples

INF, NAN = np.inf, np.nan
Array = np.ndarray[Any, Any]

#: elementwise functions whose value or slope is not finite somewhere
STEPS: dict[str, Callable[[Any], Any]] = {
    "sqrt": sg.sqrt,
    "log": sg.log,
    "log1p": sg.log1p,
    "reciprocal": lambda u: 1 / u,
    "quotient": lambda u: sg.sin(u) / u,
    "exp": lambda u: sg.exp(u * u),
    "power": lambda u: u**1.5,
    "minus one": lambda u: u**-1,
    "general power": lambda u: u**u,
    "arcsin": sg.arcsin,
    "arctanh": sg.arctanh,
    "cbrt": sg.cbrt,
    "tan": lambda u: u * sg.tan(u),
    "abs": abs,
    "softplus": sg.softplus,
    "maximum": lambda u: sg.maximum(u, 0.25) * u,
    "nested": lambda u: sg.where(u > 0.5, sg.log(u), sg.sqrt(u)),
    "inner": lambda u: sg.where(u > 0.3, u / (u - 0.3), 0.0) + u,
}
#: what stands between the chain and `where`: the mask has the shape of its result
BETWEEN: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda u: u,
    "reshape": lambda u: u.reshape(3, 2),
    "transpose": lambda u: u.T,
    "index": lambda u: u[:, ::-1],
    "array index": lambda u: u[[1, 0]],
    "expand": lambda u: u[:, None],
    "broadcast": lambda u: u[None] * np.ones((2, 1, 1)),
    "cast": lambda u: u.astype("float32"),
    "scaled": lambda u: -2.0 * u,
    "rows": lambda u: u.sum(axis=1),
    "row means": lambda u: u.mean(axis=1, keepdims=True),
    "row products": lambda u: u.prod(axis=1),
    "row maxima": lambda u: u.max(axis=1),
    "row norms": lambda u: sg.norm(u, axis=1),
    "row variances": lambda u: u.var(axis=1),
    "row softmax": lambda u: sg.softmax(u, axis=1),
    "row logsumexp": lambda u: sg.logsumexp(u, axis=1),
    "row cumsum": lambda u: sg.cumsum(u, axis=1),
}
#: those whose results are made of a whole row: a row is taken, or not
ROWS = {name for name in BETWEEN if name.startswith("row")}
SHAPE = (2, 3)

steps = st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=3)
bad = st.sampled_from([NAN, INF, -INF, 0.0, -0.0, -1.0, 1e300, 5e-324])


def moved(name: str, mask: Array) -> Array:
    """Where the result of the step between stands for an element that is taken."""
    if name in ROWS:
        rows = mask[:, :1] if "means" in name or "soft" in name or "cum" in name else mask[:, 0]
        return np.array(rows)
    ones = {
        "reshape": lambda m: m.reshape(3, 2),
        "transpose": lambda m: m.T,
        "index": lambda m: m[:, ::-1],
        "array index": lambda m: m[[1, 0]],
        "expand": lambda m: m[:, None],
        "broadcast": lambda m: np.broadcast_to(m, (2, *SHAPE)),
    }
    return np.array(ones.get(name, lambda m: m)(mask))


def derivatives(loss: Any, x: Any, v: Any) -> dict[str, Any]:
    gradient = sg.grad(loss, x)
    along = (gradient * v).sum()
    tangent = sg.jvp(loss, x, v)
    return {
        "value": loss,
        "gradient": gradient,
        "tangent": tangent,
        "reverse over reverse": sg.grad(along, x),
        "forward over reverse": sg.jvp(gradient, x, v),
        "reverse over forward": sg.grad(tangent, x),
        "forward over forward": sg.jvp(tangent, x, v),
    }


@examples(12)
@given(
    names=steps,
    between=st.sampled_from(sorted(BETWEEN)),
    after=st.sampled_from(["nothing", "square", "sqrt", "log"]),
    mask=st.lists(st.booleans(), min_size=6, max_size=6),
    junk=st.lists(bad, min_size=6, max_size=6),
    swapped=st.booleans(),
    style=st.sampled_from(["fast", "readable"]),
)
def test_what_is_not_taken_is_as_if_it_did_not_exist(
    names: list[str],
    between: str,
    after: str,
    mask: list[bool],
    junk: list[float],
    swapped: bool,
    style: str,
) -> None:
    taken = np.array(mask).reshape(SHAPE)
    if between in ROWS:
        taken = np.broadcast_to(taken[:, :1], SHAPE)
    x, v = sg.input("x", SHAPE), sg.input("v", SHAPE)
    condition = moved(between, taken)
    c = sg.input("c", condition.shape, dtype=bool)
    u: Any = x
    for name in names:
        u = STEPS[name](u)
    u = BETWEEN[between](u)
    chosen = sg.where(~c, 0.5, u) if swapped else sg.where(c, u, 0.5)
    last = {"nothing": lambda y: y, "square": lambda y: y * y, "sqrt": lambda y: sg.sqrt(y * y + 1)}
    y = last.get(after, lambda y: sg.log(y * y + 1))(chosen)
    f = sg.function([c, x, v], derivatives(y.sum(), x, v), style=style)
    clean = np.array([[0.61, 0.72, 0.83], [0.64, 0.55, 0.96]])
    dirty = np.where(taken, clean, np.array(junk).reshape(SHAPE))
    direction = np.array([[0.3, -1.1, 0.7], [0.9, 0.2, -0.4]])
    got, want = f(condition, dirty, direction), f(condition, clean, direction)
    assume(all(np.isfinite(expected).all() for expected in want.values()))
    for what, expected in want.items():
        np.testing.assert_allclose(got[what], expected, rtol=1e-12, atol=0, err_msg=what)
        if np.shape(expected):
            np.testing.assert_array_equal(np.asarray(got[what])[~taken], 0.0, err_msg=what)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("build", "points", "first", "second"),
    [
        (lambda x: sg.where(x > 0, sg.sqrt(x), 0.0), [-1.0, 0.0, 4.0], [0, 0, 0.25],
         [0, 0, -1 / 32]),
        (lambda x: sg.where(x != 0, sg.sin(x) / x, 1.0), [0.0, np.pi], [0, -1 / np.pi],
         [0, 2 / np.pi**2]),
        (lambda x: sg.where(x > 0, sg.log(x), x), [-2.0, 2.0], [1, 0.5], [0, -0.25]),
        (lambda x: sg.where(x < 100, sg.exp(sg.exp(x)), 0.0), [1e4, 0.0], [0, np.e],
         [0, 2 * np.e]),
        (lambda x: sg.where(x > 0, x ** 0.5, sg.where(x < 0, (-x) ** 0.5, 0.0)), [0.0, 4.0, -4.0],
         [0, 0.25, -0.25], [0, -1 / 32, -1 / 32]),
        (lambda x: sg.where(x > 0, sg.log(sg.where(x > 1, sg.sqrt(x - 1), 1.0)), 0.0),
         [-1.0, 0.5, 2.0], [0, 0, 0.5], [0, 0, -0.5]),
    ],
)  # fmt: skip
def test_known_traps(
    build: Callable[[Any], Any],
    points: list[float],
    first: list[float],
    second: list[float],
    dtype: str,
    style: str,
) -> None:
    for shape in ((len(points),), (len(points), 1), ()):
        x = sg.input("x", shape, dtype=dtype)
        gradient = sg.grad(build(x).sum(), x)
        ones = np.ones(shape)
        f = sg.function([x], [gradient, sg.grad(gradient.sum(), x), sg.jvp(build(x), x, ones),
                              sg.jvp(gradient, x, ones)], style=style)  # fmt: skip
        for k in range(1 if shape else len(points)):
            data = np.asarray(points).reshape(shape) if shape else np.asarray(points[k])
            want = [np.reshape(first, shape), np.reshape(second, shape)] if shape else [
                np.asarray(first[k]), np.asarray(second[k])]  # fmt: skip
            found = f(data.astype(dtype))
            tolerance = 1e-5 if dtype == "float32" else 1e-12
            for got, expected in zip(found, [want[0], want[1], want[0], want[1]], strict=True):
                np.testing.assert_allclose(got, expected, rtol=tolerance)
                np.testing.assert_array_equal(got[expected == 0], 0.0)


def test_a_product_with_a_mask_is_a_product() -> None:
    """0 * NaN is NaN: only `where` selects."""
    x = sg.input("x", (2,))
    f = sg.function([x], sg.grad((sg.sqrt(x) * (x > 0)).sum(), x))
    np.testing.assert_array_equal(f([4.0, -1.0]), [0.25, NAN])


def test_thousands_of_nested_choices_are_no_recursion() -> None:
    x = sg.input("x", (2,))
    y: Any = x
    for k in range(1500):
        y = sg.where(y > k * 1e-9, sg.sqrt(y), y)
    f = sg.function([x], sg.grad(y.sum(), x))
    got = f([1.0, -1.0])
    assert got[1] == 1.0
    assert 0 <= got[0] < 1e-300


@examples(6)
@given(
    conditions=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=4),
    names=st.lists(st.sampled_from(sorted(STEPS)), min_size=4, max_size=4),
    style=st.sampled_from(["fast", "readable"]),
)
def test_nested_choices(conditions: list[list[bool]], names: list[str], style: str) -> None:
    """Each level takes one of two chains; the other holds NaN of its own."""
    x, v = sg.input("x", (4,)), sg.input("v", (4,))
    clean = np.array([0.61, 0.72, 0.83, 0.94])
    chosen: Any = x
    plain: Any = x
    outer = np.ones(4, bool)
    for condition, name in zip(conditions, names, strict=False):
        mask = np.array(condition)
        poison = sg.sqrt(chosen - 10.0) + sg.log(-abs(chosen))
        chosen = sg.where(mask, STEPS[name](chosen), sg.where(outer, chosen, poison))
        plain = sg.where(mask, STEPS[name](plain), plain)
    f = sg.function([x, v], derivatives(chosen.sum(), x, v), style=style)
    g = sg.function([x, v], derivatives(plain.sum(), x, v), style=style)
    direction = np.array([0.3, -1.1, 0.7, 0.9])
    got, want = f(clean, direction), g(clean, direction)
    for what, expected in want.items():
        np.testing.assert_allclose(got[what], expected, rtol=1e-9, err_msg=what)
