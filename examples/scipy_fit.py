"""Fit a formula to measurements with scipy, given its exact gradient and curvature.

    python examples/scipy_fit.py

A damped oscillation, a exp(-t / tau) cos(w t + phi), is measured with noise, some of it gross:
the loss is one that outliers cannot dominate. `minimize` is given the gradient and the product
of the Hessian with a vector, both derived from the formula and compiled with it.
"""

import numpy as np
from scipy.optimize import minimize

import symgrad as sg

t = sg.input("t", ("N",))
measured = sg.input("measured", ("N",))
theta = sg.input("theta", (4,))  # amplitude, 1 / tau, frequency, phase
direction = sg.input("direction", (4,))

a, decay, w, phi = theta
model = a * sg.exp(-decay * t) * sg.cos(w * t + phi)
residual = (model - measured) / 0.1
loss = sg.log1p(residual**2 / 2).sum()

data = [t, measured]
value_and_gradient = sg.function([theta, *data], (loss, sg.grad(loss, theta)), name="fit")
curvature = sg.function([theta, direction, *data], sg.hvp(loss, theta, direction), name="curvature")

TRUE = np.array([2.0, 0.3, 4.0, 0.5])
START = np.array([1.5, 0.2, 3.9, 0.0])


def measure(count=200, seed=0):
    """Times and measurements; one in ten is far off."""
    rng = np.random.default_rng(seed)
    times = np.linspace(0, 6, count)
    clean = TRUE[0] * np.exp(-TRUE[1] * times) * np.cos(TRUE[2] * times + TRUE[3])
    noise = 0.1 * rng.standard_normal(count)
    noise += 2.0 * rng.choice([-1, 0, 1], count, p=[0.05, 0.9, 0.05])
    return times, clean + noise


def main(count=200, seed=0):
    """Fit, print, and give what scipy found."""
    times, values = measure(count, seed)
    found = minimize(
        value_and_gradient,
        START,
        args=(times, values),
        jac=True,
        hessp=curvature,
        method="trust-ncg",
    )
    for name, true, fitted in zip(("a", "1/tau", "w", "phi"), TRUE, found.x, strict=True):
        print(f"{name:6} true {true:.2f}   fitted {fitted:.2f}")
    print("gradient below 1e-4:", bool(abs(found.jac).max() < 1e-4))
    return found


if __name__ == "__main__":
    main()
