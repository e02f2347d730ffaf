"""Sparse Jacobians through loops."""

from typing import Any

import numpy as np

import symgrad as sg


def check(y: Any, x: Any, value: Any) -> None:
    sparse, dense = sg.function([x], [sg.sparse_jacobian(y, x), sg.jacobian(y, x)])(value)
    np.testing.assert_allclose(sparse.toarray(), dense, rtol=1e-12, atol=1e-12)


def test_rows_of_a_loop_that_are_read_twice() -> None:
    x = sg.input("x", (4,))
    _, products = sg.scan(lambda c, v: (v, c * v), x[0], x)
    check(products[np.array([0, 1, 1])], x, [1.0, 2.0, 3.0, 4.0])


def test_reverse_mode_through_loops_with_a_test() -> None:
    x = sg.input("x", (4,))

    def step(s: Any) -> Any:
        i, v = s
        return i + 1, v * v[::-1] * 0.5 + v

    _, grown = sg.while_loop(lambda s: s[0] < 3, step, (0, x))
    check(grown, x, [1.0, 0.3, -0.4, 0.8])
    slopes = sg.grad((grown**2).sum(), x)
    check(slopes, x, [1.0, 0.3, -0.4, 0.8])
