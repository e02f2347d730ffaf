"""Objectives in SciPy's own solvers: the iterates are those of derivatives found by hand."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.integrate import solve_ivp
from scipy.optimize import NonlinearConstraint, least_squares, minimize, root

import symgrad as sg

Array = np.ndarray[Any, Any]


def rosenbrock() -> sg.Objective:
    x = sg.input("x", (4,))
    loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    return sg.objective(loss, x)


def by_hand(x: Array) -> Array:
    """SciPy's rosen_der, written out."""
    d = np.zeros_like(x)
    inner = x[1:] - x[:-1] ** 2
    d[1:] += 200 * inner
    d[:-1] += -400 * x[:-1] * inner - 2 * (1 - x[:-1])
    return d


START = np.array([1.3, 0.7, 0.8, 1.9])


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("BFGS", ()),
        ("L-BFGS-B", ()),
        ("Newton-CG", ("hessp",)),
        ("Newton-CG", ("hess",)),
        ("trust-ncg", ("hess",)),
        ("trust-ncg", ("hessp",)),
        ("trust-constr", ("hess",)),
    ],
)
def test_minimize(method: str, wanted: tuple[str, ...]) -> None:
    objective = rosenbrock()
    path: list[Array] = []
    path_by_hand: list[Array] = []
    options = {name: getattr(objective, name) for name in wanted}

    def record(into: list[Array]) -> Any:
        def callback(x: Array, *state: Any) -> None:
            into.append(np.array(x))

        return callback

    found = minimize(
        objective.fun, START, jac=objective.jac, method=method, callback=record(path), **options
    )
    other = minimize(
        objective.fun, START, jac=by_hand, method=method, callback=record(path_by_hand), **options
    )
    # trust-constr stops by the size of its region, the others by the gradient
    np.testing.assert_allclose(found.x, 1, atol=1e-4)
    first = min(len(path), len(path_by_hand), 8)
    np.testing.assert_allclose(path[:first], path_by_hand[:first], rtol=1e-6)
    assert found.nit == other.nit


def test_value_and_grad_in_one_run() -> None:
    objective = rosenbrock()
    value, slope = objective.value_and_grad(START)
    assert value == objective.fun(START)
    np.testing.assert_array_equal(slope, objective.jac(START))
    np.testing.assert_allclose(slope, by_hand(START), rtol=1e-12)
    found = minimize(objective.value_and_grad, START, jac=True)
    np.testing.assert_allclose(found.x, 1, atol=1e-5)


def test_names_bounds_and_constraints() -> None:
    """The nearest point of a circle, by name: closed form."""
    p, q = sg.input("p", (2,)), sg.input("q", ())
    center = sg.input("center", (3,))
    loss = ((p - center[:2]) ** 2).sum() + (q - center[2]) ** 2
    at = np.array([2.0, 1.0, 0.5])
    objective = sg.objective(loss, {"p": p, "q": q}, data={"center": at})
    start = objective.pack({"q": 0.1, "p": [0.5, 0.4]})
    np.testing.assert_array_equal(start, [0.5, 0.4, 0.1])
    ball = objective.constraint((p**2).sum() + q**2, 0.0, 1.0)
    flat = objective.linear_constraint({"q": 1.0}, 0.0, 0.0)
    by_hand = NonlinearConstraint(
        lambda v: v @ v, 0.0, 1.0, jac=lambda v: 2 * v[None], hess=lambda v, w: 2 * w[0] * np.eye(3)
    )
    found, other = (
        minimize(
            objective.fun,
            start,
            jac=objective.jac,
            hess=objective.hess,
            method="trust-constr",
            constraints=[one, flat],
        )
        for one in (ball, by_hand)
    )
    np.testing.assert_allclose(found.x, other.x, rtol=1e-12, atol=1e-12)
    assert found.nit == other.nit
    made = objective.unpack(found.x)
    # as near as the barrier of trust-constr lets it come
    np.testing.assert_allclose(made["p"], at[:2] / np.hypot(2, 1), atol=1e-3)
    np.testing.assert_allclose(made["q"], 0, atol=1e-8)
    bounds = objective.bounds({"p": (0.0, [1.5, None])})
    np.testing.assert_array_equal(bounds.ub, [1.5, np.inf, np.inf])
    found = minimize(objective.fun, start, jac=objective.jac, bounds=bounds, method="L-BFGS-B")
    np.testing.assert_allclose(found.x, [1.5, 1.0, 0.5], atol=1e-6)


def test_curve_fit() -> None:
    t = np.linspace(0, 4, 40)
    rng = np.random.default_rng(1)
    y = 2.5 * np.exp(-1.3 * t) + 0.5 + 0.01 * rng.normal(size=40)
    a, k, c = (sg.input(n, ()) for n in "akc")
    time, data = sg.input("time", ("N",)), sg.input("data", ("N",))
    residuals = a * np.exp(-k * time) + c - data
    fit = sg.objective(residuals, {"a": a, "k": k, "c": c}, data={"time": t, "data": y})
    found = least_squares(fit.fun, [1.0, 1.0, 0.0], jac=fit.jac)

    def slopes(v: Array) -> Array:
        e = np.exp(-v[1] * t)
        return np.stack([e, -v[0] * t * e, np.ones_like(t)], axis=1)

    other = least_squares(fit.fun, [1.0, 1.0, 0.0], jac=slopes)
    np.testing.assert_allclose(found.x, other.x, rtol=1e-10)
    assert found.nfev == other.nfev
    np.testing.assert_allclose(found.x, [2.5, 1.3, 0.5], atol=0.05)


def test_bundle_adjustment() -> None:
    """Cameras on a line look at points of a plane; the Jacobian is sparse."""
    rng = np.random.default_rng(4)
    cameras, points = 4, 15
    true_c = np.stack([np.arange(cameras) * 0.5, np.full(cameras, -5.0)], axis=1)
    true_p = rng.normal(size=(points, 2))
    which_c, which_p = (i.ravel() for i in np.indices((cameras, points)))
    seen = (true_p[which_p, 0] - true_c[which_c, 0]) / (true_p[which_p, 1] - true_c[which_c, 1])
    c, p = sg.input("c", (cameras, 2)), sg.input("p", (points, 2))
    project = (p[which_p, 0] - c[which_c, 0]) / (p[which_p, 1] - c[which_c, 1])
    held = (c[:2] - true_c[:2]).reshape(-1)  # which fixes the gauge
    residuals = sg.concatenate([project - seen, held])
    bundle = sg.objective(residuals, {"c": c, "p": p}, sparse=True)
    near_c = true_c + 0.05 * rng.normal(size=(cameras, 2))
    near_p = true_p + 0.1 * rng.normal(size=(points, 2))
    start = bundle.pack({"c": near_c, "p": near_p})
    jacobian = bundle.jac(start)
    assert sparse.issparse(jacobian)
    assert jacobian.nnz == 4 * cameras * points + 4
    found = least_squares(bundle.fun, start, jac=bundle.jac, x_scale="jac")
    np.testing.assert_allclose(bundle.fun(found.x), 0, atol=1e-6)
    np.testing.assert_allclose(bundle.unpack(found.x)["p"], true_p, atol=1e-3)
    dense = sg.objective(residuals, {"c": c, "p": p})
    np.testing.assert_allclose(jacobian.toarray(), dense.jac(start), rtol=1e-13, atol=1e-13)


def test_root() -> None:
    x = sg.input("x", (2,))
    system = sg.objective(sg.stack([x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1, x[1] * 2 - x[0] ** 2]), x)
    found = root(system.fun, [0.5, 0.5], jac=system.jac)
    assert found.success
    np.testing.assert_allclose(system.fun(found.x), 0, atol=1e-8)


@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_stiff_equations_with_a_generated_jacobian(method: str) -> None:
    mu = 1000.0
    y = sg.input("y", (2,))
    rate = sg.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])
    f, jac = sg.function([y], rate), sg.function([y], sg.jacobian(rate, y))
    found = solve_ivp(lambda t, v: f(v), (0, 1500), [2.0, 0.0], method, jac=lambda t, v: jac(v))

    def slopes(t: float, v: Array) -> Array:
        return np.array([[0, 1], [-2 * mu * v[0] * v[1] - 1, mu * (1 - v[0] ** 2)]])

    other = solve_ivp(lambda t, v: f(v), (0, 1500), [2.0, 0.0], method, jac=slopes)
    assert found.success
    np.testing.assert_allclose(found.y[:, -1], other.y[:, -1], rtol=1e-6)
    assert found.nfev == other.nfev


def test_messages() -> None:
    x, d = sg.input("x", (2,)), sg.input("d", ("N",))
    loss = (x.sum() * d).sum()
    with pytest.raises(sg.DeclarationError, match="needs 'd'"):
        sg.objective(loss, x)
    with pytest.raises(sg.DeclarationError, match="data holds 'e'"):
        sg.objective(loss, x, data={"d": np.ones(3), "e": 1.0})
    made = sg.objective(loss, {"x": x}, data={"d": np.ones(3)})
    with pytest.raises(sg.ShapeError, match="a vector of 2 numbers"):
        made.fun(np.ones(3))
    with pytest.raises(sg.ShapeError, match="x has shape"):
        made.pack({"x": np.ones(3)})
    with pytest.raises(sg.DeclarationError, match="a dict with the keys"):
        made.pack({"y": np.ones(2)})
    with pytest.raises(sg.DeclarationError, match="no variable is called 'z'"):
        made.bounds({"z": (0, 1)})
    with pytest.raises(sg.DeclarationError, match="inputs or parameters"):
        sg.objective(loss, x * 2)
    residuals = sg.objective(x * 2, x)
    with pytest.raises(sg.ShapeError, match="that of a scalar"):
        residuals.hess(np.ones(2))
    w = sg.input("w", ("M",))
    with pytest.raises(sg.DeclarationError, match="'M' of w"):
        sg.objective(w.sum(), w)
