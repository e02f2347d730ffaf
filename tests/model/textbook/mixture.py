"""Expectation-maximisation for a mixture of Gaussians, after the usual chapter on clustering."""

import numpy as np


def log_gaussian(x, mean, covariance):
    """log N(x | mean, covariance) of each row of x."""
    d = x.shape[1]
    deviation = x - mean
    _, logdet = np.linalg.slogdet(covariance)
    solved = np.linalg.solve(covariance, deviation.T).T
    mahalanobis = np.sum(deviation * solved, axis=1)
    return -0.5 * (d * np.log(2 * np.pi) + logdet + mahalanobis)


def log_sum_exp(a, axis):
    largest = np.max(a, axis=axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.sum(np.exp(a - largest), axis=axis))


def log_joint(x, weights, means, covariances):
    """log of weight times density: one column for each component."""
    columns = []
    for k in range(len(weights)):
        columns.append(np.log(weights[k]) + log_gaussian(x, means[k], covariances[k]))
    return np.stack(columns, axis=1)


def log_likelihood(x, weights, means, covariances):
    """The total over all points."""
    return np.sum(log_sum_exp(log_joint(x, weights, means, covariances), axis=1))


def e_step(x, weights, means, covariances):
    """Responsibilities: the posterior of each component for each point."""
    joint = log_joint(x, weights, means, covariances)
    evidence = log_sum_exp(joint, axis=1)
    return np.exp(joint - evidence[:, np.newaxis])


def m_step(x, responsibilities, floor=1e-3):
    """Weighted maximum likelihood."""
    n, d = x.shape
    counts = np.sum(responsibilities, axis=0)
    weights = counts / n
    means = responsibilities.T @ x / counts[:, None]
    covariances = []
    for k in range(counts.shape[0]):
        deviation = x - means[k]
        weighted = responsibilities[:, k, None] * deviation
        covariances.append(deviation.T @ weighted / counts[k] + floor * np.eye(d))
    return weights, means, covariances


def positive(factors):
    """Covariances from their lower triangular factors."""
    return [np.tril(L) @ np.tril(L).T + 0.1 * np.eye(L.shape[0]) for L in factors]


def after_steps(x, logits, means, factors, steps=2):
    """The log-likelihood after a few steps of EM, as a function of where it began."""
    weights = np.exp(logits) / np.sum(np.exp(logits))
    covariances = positive(factors)
    history = [log_likelihood(x, weights, means, covariances)]
    for _ in range(steps):
        responsibilities = e_step(x, weights, means, covariances)
        weights, means, covariances = m_step(x, responsibilities)
        history.append(log_likelihood(x, weights, means, covariances))
    entropy = -np.sum(weights * np.log(weights))
    return history[-1] / x.shape[0] + 0.01 * entropy


def assignments(x, logits, means, factors):
    """The component of each point, and how sure it is."""
    weights = np.exp(logits) / np.sum(np.exp(logits))
    responsibilities = e_step(x, weights, means, positive(factors))
    best = np.argmax(responsibilities, axis=1)
    return {"component": best, "sure": np.max(responsibilities, axis=1), "weights": weights}
