"""Derivatives in what an earlier derivative has rewritten: none is lost."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg


def made(u: Any) -> dict[str, Any]:
    """Expressions that a rule rewrites, and their values at 1.5."""
    return {"2 u": 2 * u, "u 1": u * 1.0, "-(u (-1))": -(u * -1.0), "log e^u": np.log(np.exp(u))}


@pytest.mark.parametrize("name", list(made(sg.input("u", ()))))
def test_no_dependence_is_lost(name: str) -> None:
    u, z = sg.input("u", ()), sg.input("z", ())
    h = made(u)[name]
    first = {
        "reverse": sg.grad(h * z * z, z),
        "forward": sg.jvp(h * z * z, z, 1.0),
    }
    for g in first.values():  # 2 h z
        again = sg.grad(g * g * h, z)  # 8 h^3 z
        outputs = [sg.grad(g, h), sg.jvp(g, h, 1.0), sg.grad(again, h), sg.grad(again, z)]
        value = float(sg.function([u, z], h)(1.5, 2.0))
        found = [float(v) for v in sg.function([u, z], outputs)(1.5, 2.0)]
        np.testing.assert_allclose(found, [4.0, 4.0, 24 * value**2 * 2, 8 * value**3], rtol=1e-14)


def test_what_does_not_depend_on_it_is_zero() -> None:
    u, z = sg.input("u", ()), sg.input("z", ())
    h = 2 * u
    g = sg.grad(u * z * z, z)
    assert float(sg.function([u, z], sg.grad(g, h))(1.5, 2.0)) == 0.0


def test_outside_of_a_body_it_is_a_leaf() -> None:
    u = sg.input("u", ())
    h = u * 1.0

    def step(c: Any, _: Any) -> Any:
        return c - 0.1 * sg.grad((c - h) ** 2, c), None

    end = sg.scan(step, 0.0, length=3)[0]
    found = sg.function([u], [sg.grad(end, h), sg.jvp(end, h, 1.0)])(1.5)
    np.testing.assert_allclose([float(v) for v in found], 1 - 0.8**3, rtol=1e-14)
