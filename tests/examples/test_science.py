"""The examples from the sciences give what other methods give."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from scipy.spatial.transform import Rotation

from tests.examples.test_examples import EXAMPLES, Array, imported


def differences(function, at: Array, step: float = 1e-6) -> Array:  # type: ignore[no-untyped-def]
    """The derivative of a function of a vector by central differences, last axis first."""
    units = step * np.eye(len(at))
    return np.stack([(function(at + u) - function(at - u)) / (2 * step) for u in units], axis=-1)


def test_oscillation_has_the_errors_of_curve_fit() -> None:
    example = imported(EXAMPLES / "oscillation.py")
    found, covariance = example.main()
    times, values = example.measure()

    def model(t: Array, a: float, tau: float, w: float, phi: float) -> Array:
        return a * np.exp(-t / tau) * np.cos(w * t + phi)

    start = list(example.START.values())
    theirs, gauss_newton = optimize.curve_fit(model, times, values, start, xtol=1e-12)
    np.testing.assert_allclose(found, theirs, rtol=1e-6)
    errors = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(errors, np.sqrt(np.diag(gauss_newton)), rtol=0.03)

    def slope(p: Array) -> Array:
        return differences(lambda q: np.sum((values - model(times, *q)) ** 2) / 2, p, 1e-4)

    hessian = differences(slope, found, 1e-4)
    variance = np.sum((values - model(times, *found)) ** 2) / (len(times) - 4)
    np.testing.assert_allclose(covariance, variance * np.linalg.inv(hessian), rtol=1e-4, atol=1e-8)


def test_pendulum_agrees_with_the_variational_equations() -> None:
    example = imported(EXAMPLES / "pendulum.py")
    end, by_start, by_g = example.main(angle=2.0, gravity=9.81, seconds=5.0)

    def field(_: float, y: Array) -> Array:
        angle, S = y[0], y[2:].reshape(2, 3)
        slope = np.array([[0, 1], [-9.81 * np.cos(angle), 0]]) @ S
        slope[1, 2] -= np.sin(angle)
        return np.concatenate([[y[1], -9.81 * np.sin(angle)], slope.reshape(-1)])

    begin = np.concatenate([[2.0, 0.0], np.eye(2, 3).reshape(-1)])
    exact = integrate.solve_ivp(field, (0, 5), begin, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(end, exact[:2], rtol=1e-7)
    np.testing.assert_allclose(
        np.column_stack([by_start, by_g]), exact[2:].reshape(2, 3), rtol=1e-6
    )

    miss, (slope_start, slope_g) = example.steer([2.0, 0.0], 9.81, 5.0)
    np.testing.assert_allclose(miss, (end[0] - 1) ** 2 + end[1] ** 2)
    np.testing.assert_allclose(slope_start, 2 * (end - [1, 0]) @ by_start)
    np.testing.assert_allclose(slope_g, 2 * (end - [1, 0]) @ by_g)


def test_newton_has_the_derivatives_of_keplers_equation() -> None:
    example = imported(EXAMPLES / "newton.py")
    solution, loop, theorem, curvature = example.main()
    E = optimize.brentq(lambda E: E - 0.9 * np.sin(E) - 0.1, 0, np.pi, xtol=1e-15)
    s, c = np.sin(E), np.cos(E)
    by_e = s / (1 - 0.9 * c)
    np.testing.assert_allclose(solution, E, rtol=1e-13)
    np.testing.assert_allclose(loop, [1 / (1 - 0.9 * c), by_e], rtol=1e-11)
    np.testing.assert_allclose(theorem, [1 / (1 - 0.9 * c), by_e], rtol=1e-12)
    second = (2 * c * by_e - 0.9 * s * by_e**2) / (1 - 0.9 * c)
    np.testing.assert_allclose(curvature, second, rtol=1e-11)


def test_kalman_has_the_density_of_all_measurements_together() -> None:
    example = imported(EXAMPLES / "kalman.py")
    likelihood, found = example.main(count=40)
    z = example.simulate(count=40)

    def log_density(v: Array) -> float:
        push, noise = np.exp(v)
        to = np.eye(2)  # from the first state to each
        seen, covariance = [], np.zeros((40, 40))
        for _ in range(40):
            to = example.F @ to
            seen.append(to[0])
        covariance += 10 * np.array(seen) @ np.array(seen).T
        for start in range(40):  # a push at this time acts on all that follow
            effect, at = np.zeros(40), example.G
            for i in range(start, 40):
                effect[i] = at[0]
                at = example.F @ at
            covariance += push**2 * np.outer(effect, effect)
        covariance += noise**2 * np.eye(40)
        return float(stats.multivariate_normal.logpdf(z, np.zeros(40), covariance))

    at = np.array([-1.5, 0.3])
    np.testing.assert_allclose(likelihood.fun(at), -log_density(at), rtol=1e-10)
    np.testing.assert_allclose(likelihood.jac(at), -differences(log_density, at, 1e-4), rtol=1e-6)
    assert all(log_density(found.x) > log_density(found.x + d) for d in ([0.1, 0], [0, -0.1]))


def test_kalman_finds_both_strengths(capsys: pytest.CaptureFixture[str]) -> None:
    _, found = imported(EXAMPLES / "kalman.py").main()
    np.testing.assert_allclose(np.exp(found.x), [0.1, 1.0], rtol=0.2)
    assert "push   true 0.100" in capsys.readouterr().out


def test_bundle_adjustment_has_the_jacobian_of_differences() -> None:
    example = imported(EXAMPLES / "bundle_adjustment.py")
    problem, start, found = example.main()
    J = problem.jac(start)
    assert J.nnz == 8 * J.shape[0]
    np.testing.assert_allclose(J.toarray(), differences(problem.fun, start), rtol=1e-5, atol=1e-4)
    assert np.sqrt(np.mean(problem.fun(found.x) ** 2)) < 0.5  # the noise: fewer are unknown
    assert np.sqrt(np.mean(problem.fun(start) ** 2)) > 5

    v = np.random.default_rng(0).standard_normal((example.CAMERAS, 3))
    points = np.random.default_rng(1).standard_normal((example.POINTS, 3))
    local = Rotation.from_rotvec(v[example.camera]).apply(points[example.point]) + [0, 0, 6]
    poses = np.hstack([v, np.tile([0.0, 0.0, 6.0], (example.CAMERAS, 1))])
    image = example.observe(poses, points)
    np.testing.assert_allclose(image, 500 * local[:, :2] / local[:, 2:], rtol=1e-10, atol=1e-9)


def test_ridge_has_the_gradient_of_the_training_loop() -> None:
    example = imported(EXAMPLES / "ridge.py")
    outer, found = example.main()
    data = example.measure()

    def trained(v: Array) -> float:
        penalty, rate = np.repeat(np.exp(v[:2]), 10), np.exp(v[2])
        w, velocity = np.zeros(20), np.zeros(20)
        for _ in range(example.STEPS):
            slope = 2 * data["X"].T @ (data["X"] @ w - data["y"]) / len(data["y"])
            velocity = 0.9 * velocity - rate * (slope + 2 * penalty * w)
            w = w + velocity
        return float(np.mean((data["X_valid"] @ w - data["y_valid"]) ** 2))

    at = np.log([0.2, 0.05, 0.01])
    np.testing.assert_allclose(outer.fun(at), trained(at), rtol=1e-12)
    np.testing.assert_allclose(outer.jac(at), differences(trained, at), rtol=1e-6)
    assert found.success and found.fun < trained(at) / 2


def test_eight_schools_has_the_means_of_quadrature() -> None:
    example = imported(EXAMPLES / "eight_schools.py")
    mu, tau, theta = example.main()
    # theta integrated by hand; mu and log tau on a grid
    m, s = np.meshgrid(np.linspace(-20, 30, 400), np.linspace(-10, 5, 600), indexing="ij")
    spread = np.exp(2 * s)[..., None] + example.ERROR**2
    weight = stats.norm.pdf(m, 0, 5) * np.exp(s) * stats.cauchy.pdf(np.exp(s), 0, 5)
    weight *= stats.norm.pdf(example.EFFECT, m[..., None], np.sqrt(spread)).prod(axis=-1)
    weight /= weight.sum()
    shrunk = (m[..., None] * example.ERROR**2 + np.exp(2 * s)[..., None] * example.EFFECT) / spread
    np.testing.assert_allclose(mu.mean(), (weight * m).sum(), atol=0.25)
    np.testing.assert_allclose(tau.mean(), (weight * np.exp(s)).sum(), atol=0.35)
    np.testing.assert_allclose(
        theta.mean(axis=0), (weight[..., None] * shrunk).sum(axis=(0, 1)), atol=0.4
    )
