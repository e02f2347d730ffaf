"""Ridge regression, Gaussian processes and logistic regression by Newton's method."""

import numpy as np


def polynomial_features(x, degree):
    """Columns 1, x, x^2, ..."""
    return np.stack([x**k for k in range(degree + 1)], axis=1)


def standardised(features):
    mean = features[:, 1:].mean(axis=0)
    scale = features[:, 1:].std(axis=0)
    return np.column_stack([features[:, 0], (features[:, 1:] - mean) / scale])


def ridge(features, y, strength):
    """The weights that minimise |features w - y|^2 + strength |w|^2."""
    gram = features.T @ features + strength * np.eye(features.shape[1])
    return np.linalg.solve(gram, features.T @ y)


def leave_one_out(x, y, log_strength, degree=3):
    """The mean squared error of predictions for points left out, in closed form."""
    features = standardised(polynomial_features(x, degree))
    strength = np.exp(log_strength)
    weights = ridge(features, y, strength)
    gram = features.T @ features + strength * np.eye(degree + 1)
    leverage = np.sum(features * np.linalg.solve(gram, features.T).T, axis=1)
    residual = y - features @ weights
    return np.mean((residual / (1 - leverage)) ** 2)


# ---- Gaussian processes


def squared_distance(a, b):
    difference = a[:, None, :] - b[None, :, :]
    return np.sum(difference**2, axis=-1)


def kernel(a, b, log_scale, log_height):
    return np.exp(2 * log_height - 0.5 * squared_distance(a, b) / np.exp(2 * log_scale))


def marginal_likelihood(x, y, log_scale, log_height, log_noise):
    """log p(y) of a process with zero mean."""
    n = len(y)
    K = kernel(x, x, log_scale, log_height) + np.exp(2 * log_noise) * np.eye(n)
    L = np.linalg.cholesky(K)
    whitened = np.linalg.solve(L, y)
    fit = -0.5 * whitened @ whitened
    complexity = -np.sum(np.log(np.diagonal(L)))
    return fit + complexity - 0.5 * n * np.log(2 * np.pi)


def predictive(x, y, new, log_scale, log_height, log_noise):
    """Mean and standard deviation at new points."""
    K = kernel(x, x, log_scale, log_height) + np.exp(2 * log_noise) * np.eye(len(y))
    cross = kernel(new, x, log_scale, log_height)
    mean = cross @ np.linalg.solve(K, y)
    explained = np.einsum("ij,ji->i", cross, np.linalg.solve(K, cross.T))
    return mean, np.sqrt(np.exp(2 * log_height) - explained)


# ---- logistic regression


def newton(X, labels, strength, steps=4):
    """Iteratively reweighted least squares."""
    w = np.zeros(X.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-X @ w))
        gradient = X.T @ (p - labels) + strength * w
        curvature = (X.T * (p * (1 - p))) @ X + strength * np.eye(X.shape[1])
        w = w - np.linalg.solve(curvature, gradient)
    return w


def validation_loss(X, labels, log_strength, X_new, labels_new):
    """The loss on new data of a fit, as a function of its penalty and its data."""
    w = newton(X, labels, np.exp(log_strength))
    margin = (2 * labels_new - 1) * (X_new @ w)
    return np.mean(np.log(1 + np.exp(-margin)))
