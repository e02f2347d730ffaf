"""Ranks of pages by power iteration, and the leading values of a matrix by orthogonal iteration."""

import numpy as np


def stochastic(links):
    """Each column sums to one; a page without links links to all."""
    n = links.shape[0]
    totals = np.sum(links, axis=0)
    dangling = totals == 0
    safe = np.where(dangling, 1.0, totals)
    return np.where(dangling, 1.0 / n, links / safe)


def google(links, damping):
    n = links.shape[0]
    return damping * stochastic(links) + (1 - damping) / n * np.ones((n, n))


def page_rank(links, damping, steps=25):
    """The stationary distribution of a surfer who sometimes jumps."""
    A = google(links, damping)
    n = A.shape[0]
    rank = np.full(n, 1.0 / n)
    for _ in range(steps):
        rank = A @ rank
        rank = rank / np.sum(rank)
    return rank


def power_iteration(A, start, steps=40):
    """The largest eigenvalue of a symmetric matrix, by Rayleigh's quotient."""
    v = start / np.linalg.norm(start)
    for _ in range(steps):
        w = A @ v
        v = w / np.linalg.norm(w)
    return v @ A @ v, v


def deflated(A, start, count=2):
    """The largest eigenvalues, one after the other."""
    values, vectors = [], []
    for _ in range(count):
        value, vector = power_iteration(A, start)
        A = A - value * np.outer(vector, vector)
        values.append(value)
        vectors.append(vector)
    return np.stack(values), np.stack(vectors, axis=-1)


def orthonormal(columns):
    """Gram and Schmidt."""
    basis = []
    for i in range(columns.shape[1]):
        v = columns[:, i]
        for b in basis:
            v = v - np.dot(b, v) * b
        basis.append(v / np.sqrt(np.dot(v, v)))
    return np.stack(basis, axis=1)


def subspace(A, start, steps=12):
    """Orthogonal iteration: the trace on the leading subspace."""
    Q = start
    for _ in range(steps):
        Q = orthonormal(A @ Q)
    return np.trace(Q.T @ A @ Q)


def importance(links, damping, page=0):
    """The logarithm of a page's rank, and the entropy of all."""
    rank = page_rank(links, damping)
    entropy = -np.sum(rank * np.log(rank))
    return np.log(rank[page]) + 0.1 * entropy


def hubs_and_authorities(links, steps=10):
    """Kleinberg's scores."""
    hubs = np.ones(links.shape[0])
    for _ in range(steps):
        authorities = hubs @ links
        authorities = authorities / np.linalg.norm(authorities)
        hubs = links @ authorities
        hubs = hubs / np.linalg.norm(hubs)
    return hubs, authorities


def spectrum(A, start):
    """Symmetric part only: the sum of its two leading values, and of a subspace of two."""
    S = 0.5 * (A + A.T)
    values, _ = deflated(S, start[:, 0])
    return np.sum(values) + 0.5 * subspace(S, start)
