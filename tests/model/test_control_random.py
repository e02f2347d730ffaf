"""Random programs of nested loops and branches, against NumPy run step by step."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import symgrad as sg

T = 3
SHAPES: dict[str, tuple[Any, ...]] = {"a": (), "b": (), "v": (3,), "X": ("T", 3), "W": (3, 3)}
Env = list[tuple[tuple[Any, ...], Any]]
Rng = np.random.Generator


class Plain:
    """The same control flow by Python's own; of complex numbers the real part decides."""

    @staticmethod
    def scan(fn: Any, init: Any, xs: Any, reverse: bool) -> Any:
        carry, ys = init, [None] * len(xs)
        for t in reversed(range(len(xs))) if reverse else range(len(xs)):
            carry, ys[t] = fn(carry, xs[t])
        return carry, np.array(ys)

    @staticmethod
    def while_loop(cond: Any, body: Any, init: Any) -> Any:
        while cond(init):
            init = body(init)
        return init

    @staticmethod
    def cond(pred: Any, then: Any, otherwise: Any) -> Any:
        return then() if pred else otherwise()

    @staticmethod
    def map(fn: Any, xs: Any) -> Any:
        return np.array([fn(x) for x in xs])

    @staticmethod
    def less(a: Any, b: Any) -> Any:
        return np.real(a) < np.real(b)


class Symbolic:
    scan, while_loop, cond, map = sg.scan, sg.while_loop, sg.cond, sg.map

    @staticmethod
    def less(a: Any, b: Any) -> Any:
        return a < b


def pick(rng: Rng, env: Env, shape: tuple[Any, ...] | None = None) -> tuple[Any, Any]:
    found = [e for e in env if shape is None or e[0] == shape]
    return found[int(len(found) * rng.random() ** 0.6)]


def plain(rng: Rng, env: Env) -> None:
    shape, a = pick(rng, env)
    kind = rng.integers(10)
    b = pick(rng, env, shape if rng.random() < 0.7 else ())[1]
    if kind < 4:
        env.append((shape, [np.tanh(a * b), np.sin(a) - b * 0.5, a / (1.5 + b * b), -a][kind]))
    elif kind == 4 and shape:
        env.append((shape[1:], np.sin(a.sum(axis=0))))
    elif kind == 5 and shape:
        env.append((shape, a[::-1]))
    elif kind == 6 and shape[:1] == (3,):
        env.append((shape[1:], a[1]))
    elif kind > 6 and shape[-1:] == (3,):  # work that may leave a loop
        env.append((shape, np.tanh(a @ pick(rng, env, (3, 3))[1])))
    else:
        env.append((shape, np.exp(-a * a)))


def control(rng: Rng, to: Any, env: Env, depth: int) -> None:
    seed, kind = int(rng.integers(2**31)), rng.integers(4)

    def body(own: Env, wanted: Sequence[Any], which: int = 0) -> list[Any]:
        """New values of the shapes wanted: the same choices each time that it is called."""
        inside = np.random.default_rng([seed, which])
        inner = [*env, *own, *own]
        grow(inside, to, inner, 2, depth - 1)
        made = []
        for shape in wanted:
            r = inside.random()
            value = pick(inside, own if r < 0.25 and own else inner, shape)[1]
            made.append(value if r < 0.5 else np.tanh(value))
        return made

    one, other = pick(rng, env, ()), pick(rng, env)
    if kind == 0:
        shape, xs = pick(rng, [e for e in env if e[0]])

        def step(c: Any, x: Any) -> Any:
            own = [((), c[0]), (other[0], c[1]), (shape[1:], x)]
            p, q, y = body(own, [(), other[0], shape[1:]])
            return (p, q), y

        carry, ys = to.scan(step, (one[1], other[1]), xs, reverse=bool(rng.random() < 0.4))
        env += [((), carry[0]), (other[0], carry[1]), (shape, ys)]
    elif kind == 1:
        count = int(rng.integers(0, 4))

        def again(c: Any) -> Any:
            p, q = body([((), c[1]), (other[0], c[2])], [(), other[0]])
            return c[0] + 1.0, p, q

        made = to.while_loop(lambda c: to.less(c[0], count), again, (0.0, one[1], other[1]))
        env += [((), made[1]), (other[0], made[2])]
    elif kind == 2:
        pred = to.less(one[1], pick(rng, env, ())[1] + 0.1)
        sides = [lambda k=k: body([], [other[0]], k)[0] for k in (0, 1)]
        env.append((other[0], to.cond(pred, *sides)))
    else:
        shape, xs = pick(rng, [e for e in env if e[0]])
        made = to.map(lambda x: body([(shape[1:], x)], [shape[1:]])[0], xs)
        env.append((shape, made))


def grow(rng: Rng, to: Any, env: Env, count: int, depth: int) -> None:
    for _ in range(count):
        if depth and rng.random() < 0.5:
            control(rng, to, env, depth)
        else:
            plain(rng, env)


def program(seed: int, to: Any, values: Sequence[Any]) -> tuple[list[Any], Any]:
    rng = np.random.default_rng(seed)
    env: Env = list(zip(SHAPES.values(), values, strict=True))
    while len(env) < 9:
        grow(rng, to, env, 1, 3)
    outputs = [value for _, value in env[-3:]]
    return outputs, sum((np.sin(o * 0.7)).sum() for o in outputs) + values[0]


def by_complex_steps(loss: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
    grads = []
    for i, value in enumerate(values):
        grads.append(np.zeros(value.shape))
        for index in np.ndindex(value.shape):
            moved = [np.array(v, complex) for v in values]
            moved[i][index] += 1e-30j
            grads[-1][index] = np.imag(loss(moved)) / 1e-30
    return grads


@pytest.mark.parametrize("seed", range(20))
def test_values_and_derivatives(seed: int) -> None:
    leaves = [sg.input(name, shape) for name, shape in SHAPES.items()]
    rng = np.random.default_rng([seed, 1])
    sizes = [tuple(T if d == "T" else d for d in shape) for shape in SHAPES.values()]
    values = [np.asarray(rng.normal(size=size)) for size in sizes]
    outputs, loss = program(seed, Symbolic, leaves)
    wanted, total = program(seed, Plain, values)
    slopes = by_complex_steps(lambda moved: program(seed, Plain, moved)[1], values)
    along = [sg.ones(x.shape) for x in leaves]
    grads = sg.grad(loss, leaves)
    style = "readable" if seed % 2 else "fast"
    debug = "verify" if seed % 3 == 0 else None
    found = sg.function(leaves, [outputs, loss, grads], style=style, debug=debug)
    given = [v.copy() for v in values]
    made, value, gradient = found(*given)
    np.testing.assert_allclose(value, total, rtol=1e-11)
    for one, other in zip(made, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
    for one, other in zip(gradient, slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    arrays = [a for a in [*made, *gradient] if isinstance(a, np.ndarray)]
    for array in arrays:  # results are the caller's: to write on them changes nothing else
        array += 1.0
    np.testing.assert_equal(given, values)
    np.testing.assert_allclose(found(*given)[1], total, rtol=1e-11)
    slope = sg.function(leaves, sg.jvp(loss, leaves, along))(*values)
    np.testing.assert_allclose(slope, sum(s.sum() for s in slopes), rtol=1e-9, atol=1e-10)
