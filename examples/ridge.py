"""Choose a penalty by its gradient: bilevel optimisation through the training loop.

    python examples/ridge.py

The weights of a linear model are trained by gradient descent with momentum, on the squared error
plus a penalty for each group of features. The error on validation data is a function of those
penalties and of the learning rate, through all steps of the training, and is minimised with its
gradient: one run of the loop and one back through it, however many hyperparameters there are.
"""

import numpy as np
from scipy.optimize import minimize

import symgrad as sg

X, y = sg.input("X", ("N", 20)), sg.input("y", ("N",))
X_valid, y_valid = sg.input("X_valid", ("M", 20)), sg.input("y_valid", ("M",))
log_penalty = sg.input("log_penalty", (2,))  # of the first ten features, and of the others
log_rate = sg.input("log_rate", ())

penalty = sg.repeat(sg.exp(log_penalty), 10)
STEPS = 100


def descend(state, _):
    """One step; the gradient of the training loss is taken inside the loop's body."""
    w, velocity = state
    loss = ((X @ w - y) ** 2).mean() + (penalty * w**2).sum()
    velocity = 0.9 * velocity - sg.exp(log_rate) * sg.grad(loss, w)
    w = w + velocity
    return (w, velocity), None


(w, _), _ = sg.scan(descend, (np.zeros(20), np.zeros(20)), length=STEPS)
validation = ((X_valid @ w - y_valid) ** 2).mean()


def measure(seed=0):
    """Data in which the first ten features matter and the other ten do not."""
    rng = np.random.default_rng(seed)
    weights = np.concatenate([rng.standard_normal(10), np.zeros(10)])
    data = {}
    for ending, count in (("", 30), ("_valid", 200)):
        features = rng.standard_normal((count, 20))
        data[f"X{ending}"] = features
        data[f"y{ending}"] = features @ weights + rng.standard_normal(count)
    return data


def main(seed=0):
    """Choose and print; give the objective and what SciPy found."""
    unknown = {"log_penalty": log_penalty, "log_rate": log_rate}
    outer = sg.objective(validation, unknown, data=measure(seed))
    start = outer.pack({"log_penalty": np.log([0.1, 0.1]), "log_rate": np.log(0.01)})
    found = minimize(
        outer.value_and_grad,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=outer.bounds({"log_penalty": (-9, 3), "log_rate": (-9, np.log(0.05))}),
    )
    for name, at in (("before", start), ("after", found.x)):
        used, unused, rate = np.exp(at)
        print(f"{name:6}  penalties {used:.4f} and {unused:.4f}, rate {rate:.4f}", end="")
        print(f"   validation error {outer.fun(at):.4f}")
    print(f"runs of the training loop: {found.nfev}")
    return outer, found


if __name__ == "__main__":
    main()
