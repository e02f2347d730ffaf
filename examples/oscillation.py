"""Fit a physical model, with standard errors from the curvature at the best fit.

    python examples/oscillation.py

A damped oscillation is measured with noise of unknown strength. The loss is half the sum of
squares; `sg.objective` makes of it the functions that SciPy's solvers ask for. At the minimum,
the covariance of the parameters is the inverse of the loss's Hessian times the variance of the
noise: the exact Hessian, not the approximation J' J of most fitting routines.
"""

import numpy as np
from scipy.optimize import minimize

import symgrad as sg

t = sg.input("t", ("N",))
measured = sg.input("measured", ("N",))
unknown = {name: sg.input(name, ()) for name in ("amplitude", "tau", "omega", "phase")}

a, tau, w, phi = unknown.values()
model = a * sg.exp(-t / tau) * sg.cos(w * t + phi)
loss = ((measured - model) ** 2).sum() / 2

TRUE = {"amplitude": 2.0, "tau": 3.0, "omega": 4.0, "phase": 0.5}
START = {"amplitude": 1.0, "tau": 2.0, "omega": 3.9, "phase": 0.0}


def measure(count=200, seed=0):
    """Times and measurements."""
    times = np.linspace(0, 6, count)
    noise = 0.1 * np.random.default_rng(seed).standard_normal(count)
    clean = TRUE["amplitude"] * np.exp(-times / TRUE["tau"])
    return times, clean * np.cos(TRUE["omega"] * times + TRUE["phase"]) + noise


def main(count=200, seed=0):
    """Fit and print; give the fitted parameters and their covariance."""
    times, values = measure(count, seed)
    fit = sg.objective(loss, unknown, data={"t": times, "measured": values})
    found = minimize(
        fit.value_and_grad,
        fit.pack(START),
        jac=True,
        hess=fit.hess,
        method="trust-exact",
        options={"gtol": 1e-8},
    )
    variance = 2 * found.fun / (count - fit.size)
    covariance = variance * np.linalg.inv(fit.hess(found.x))

    errors = fit.unpack(np.sqrt(np.diag(covariance)))
    for name, value in fit.unpack(found.x).items():
        print(f"{name:10} true {TRUE[name]:.3f}   fitted {value:.3f} +- {errors[name]:.3f}")
    print(f"noise      true 0.100   fitted {np.sqrt(variance):.3f}")
    return found.x, covariance


if __name__ == "__main__":
    main()
