"""Probabilities with error bars: logistic regression by Laplace's approximation.

    python examples/breast_cancer.py [--folds 10] [--seed 0]

The posterior of the weights is replaced by the normal distribution that has its mode and, there,
its curvature: the exact Hessian, which also drives the Newton steps to the mode. Averaged over
it, a prediction is drawn towards 1/2 as far as the weights are uncertain; the plug-in estimate
takes the mode for the truth. Both are scored on folds that had no part in the fit. (A calibration
error of 0.015 to 0.02 is what chance alone gives a calibrated forecast of so few.) Needs
scikit-learn, for the 569 tumours.
"""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold

import symgrad as sg

x, t, precision = sg.input("x", ("N", 31)), sg.input("t", ("N",)), sg.input("precision", ())


def energy(w):
    """Minus the logarithm of the posterior density; the bias, which is last, has a flat prior."""
    surprise = sg.losses.total(sg.losses.sigmoid_cross_entropy(x @ w, t))
    return surprise + precision / 2 * sg.losses.l2(w[:-1]) - 30 / 2 * sg.log(precision)


def newton(state):
    """One step towards the mode, and its length."""
    w, _ = state
    step = sg.linalg.solve(sg.hessian(energy(w), w), sg.grad(energy(w), w))
    return w - step, sg.linalg.norm(step)


start = sg.zeros(31), np.inf
mode, _ = sg.while_loop(lambda state: state[1] > 1e-9, newton, start)
curvature = sg.hessian(energy(mode), mode)
evidence = -energy(mode) - sg.linalg.slogdet(curvature)[1] / 2  # but for a constant
posterior = sg.function(
    [x, t, precision], (mode, sg.linalg.inv(curvature), evidence), name="posterior"
)

w, covariance = sg.input("w", (31,)), sg.input("covariance", (31, 31))
z, spread = x @ w, sg.sqrt(((x @ covariance) * x).sum(axis=1))
averaged = z / sg.sqrt(1 + np.pi / 8 * spread**2)  # D. MacKay (1992)
logits = sg.stack([z, averaged, z - 1.645 * spread, z + 1.645 * spread])
predict = sg.function([x, w, covariance], sg.sigmoid(logits), name="predict")


def fit(X, y):
    """Mode and covariance for the precision of the prior that has the most evidence."""
    fits = [posterior(X, y, tau) for tau in 10.0 ** np.arange(-1, 1.5, 0.5)]
    return max(fits, key=lambda found: found[2])[:2]


def reliability(p, y):
    """Where p lies in [0, 0.1), [0.1, 0.2), ...: how many, their mean, and the share of y = 1."""
    bins = np.minimum((p * 10).astype(int), 9)
    members = [bins == k for k in np.unique(bins)]
    return np.array([(at.sum(), p[at].mean(), y[at].mean()) for at in members])


def scores(p, y):
    """Log loss, Brier score, expected calibration error."""
    count, said, seen = reliability(p, y).T
    log_loss = -np.log(np.where(y == 1, p, 1 - p)).mean()
    return log_loss, ((p - y) ** 2).mean(), count @ abs(said - seen) / len(y)


def main(folds=10, seed=0):
    """Cross-validate; print and give the scores of both estimates."""
    X, y = load_breast_cancer(return_X_y=True)
    p = np.empty((4, len(y)))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, y):
        scaled = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
        rows = np.column_stack([scaled, np.ones(len(y))])
        p[:, test] = predict(rows[test], *fit(rows[train], y[train]))
    plug_in, mean, low, high = p
    print("           log loss   Brier   calibration error")
    found = {"plug-in": scores(plug_in, y), "averaged": scores(mean, y)}
    for name, numbers in found.items():
        print("{:10} {:8.4f} {:7.4f} {:19.4f}".format(name, *numbers))
    print("averaged      said    seen   tumours")
    for count, said, seen in reliability(mean, y):
        print(f"{said:18.3f} {seen:7.3f} {count:9.0f}")
    for i in np.argsort(abs(mean - 0.5))[:3]:
        print(f"tumour {i}: benign with {mean[i]:.2f}, 90% in {low[i]:.2f} .. {high[i]:.2f}")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
