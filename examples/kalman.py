"""Maximise the likelihood of a state-space model: a Kalman filter as a loop, differentiated.

    python examples/kalman.py

An object moves along a line, its velocity pushed at random, and its position is measured with
noise. The filter goes over the measurements with `sg.scan` and sums the logarithm of the
probability of each, given those before. The gradient of that sum with respect to the strengths
of push and noise goes back through the filter, and SciPy maximises the likelihood with it.
"""

import numpy as np
from scipy.optimize import minimize

import symgrad as sg

z = sg.input("z", ("T",))
log_push = sg.input("log_push", ())  # logarithms of standard deviations: any number is valid
log_noise = sg.input("log_noise", ())

F = np.array([[1.0, 1.0], [0.0, 1.0]])  # position += velocity
G = np.array([0.5, 1.0])  # a push acts on both
Q = sg.exp(2 * log_push) * np.outer(G, G)
R = sg.exp(2 * log_noise)


def update(state, measured):
    """Predict, compare with the measurement, correct."""
    mean, P = state
    mean, P = F @ mean, F @ P @ F.T + Q
    error, variance = measured - mean[0], P[0, 0] + R
    gain = P[:, 0] / variance
    log_density = -0.5 * (error**2 / variance + sg.log(2 * np.pi * variance))
    return (mean + gain * error, P - sg.outer(gain, P[0])), log_density


start = (np.zeros(2), 10.0 * np.eye(2))
(mean, P), log_densities = sg.scan(update, start, z)
loss = -log_densities.sum()
filtered = sg.function([z, log_push, log_noise], (mean, P), name="filtered")

TRUE = {"log_push": np.log(0.1), "log_noise": np.log(1.0)}


def simulate(count=500, seed=0):
    """Positions of an object, measured."""
    rng = np.random.default_rng(seed)
    state, measured = np.zeros(2), np.empty(count)
    for i in range(count):
        state = F @ state + np.exp(TRUE["log_push"]) * G * rng.standard_normal()
        measured[i] = state[0] + np.exp(TRUE["log_noise"]) * rng.standard_normal()
    return measured


def main(count=500, seed=0):
    """Estimate both strengths and print them; give the objective and what SciPy found."""
    measured = simulate(count, seed)
    unknown = {"log_push": log_push, "log_noise": log_noise}
    likelihood = sg.objective(loss, unknown, data={"z": measured})
    begin = likelihood.pack({"log_push": 0.0, "log_noise": 0.0})
    found = minimize(likelihood.value_and_grad, begin, jac=True, method="BFGS")
    errors = np.sqrt(np.diag(np.linalg.inv(likelihood.hess(found.x))))
    for name, value, error in zip(unknown, found.x, errors, strict=True):
        low, fitted, high = np.exp(value + error * np.array([-1.0, 0.0, 1.0]))
        label = name.removeprefix("log_")
        print(f"{label:6} true {np.exp(TRUE[name]):.3f}   fitted {fitted:.3f} ", end="")
        print(f"(68%: {low:.3f} to {high:.3f})")
    position, velocity = filtered(measured, *found.x)[0]
    print(f"at the end: position {position:.2f}, velocity {velocity:.3f}")
    return likelihood, found


if __name__ == "__main__":
    main()
