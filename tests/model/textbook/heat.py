"""The heat equation by finite differences, explicit and implicit, and a control problem."""

import numpy as np


def initial(n, centre, width):
    """A bump on the unit interval."""
    x = np.linspace(0.0, 1.0, n)
    return np.exp(-((x - centre) ** 2) / (2 * width**2))


def laplacian(u, dx):
    """Second differences; the ends have none."""
    inner = (u[:-2] - 2 * u[1:-1] + u[2:]) / dx**2
    return np.concatenate([np.zeros(1), inner, np.zeros(1)])


def with_boundary(u, left, right):
    """Fixed temperatures at both ends."""
    return np.hstack([np.atleast_1d(left), u[1:-1], np.atleast_1d(right)])


def explicit(u, conductivity, left, right, steps=20):
    """Forward Euler, with a step that is stable for conductivities up to 1."""
    n = u.shape[0]
    dx = 1.0 / (n - 1)
    dt = 0.25 * dx**2
    u = with_boundary(u, left, right)
    for _ in range(steps):
        flux = 0.5 * (conductivity[1:] + conductivity[:-1]) * np.diff(u) / dx
        change = np.diff(flux) / dx
        u = with_boundary(u + dt * np.pad(change, 1), left, right)
    return u


def implicit_matrix(n, ratio):
    """I - ratio * second differences, as a dense tridiagonal matrix."""
    diagonal = (1 + 2 * ratio) * np.ones(n)
    beside = -ratio * np.ones(n - 1)
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def thomas(lower, diagonal, upper, right):
    """A tridiagonal system, by elimination and back substitution."""
    n = len(diagonal)
    c, d = [upper[0] / diagonal[0]], [right[0] / diagonal[0]]
    for i in range(1, n):
        pivot = diagonal[i] - lower[i - 1] * c[i - 1]
        c.append(upper[i] / pivot if i < n - 1 else 0.0)
        d.append((right[i] - lower[i - 1] * d[i - 1]) / pivot)
    x = [d[-1]]
    for i in range(n - 2, -1, -1):
        x.insert(0, d[i] - c[i] * x[0])
    return np.stack(x)


def implicit(u, conductivity, steps=3):
    """Backward Euler with a constant conductivity and cold ends."""
    n = u.shape[0]
    ratio = 40 * conductivity / (n - 1)
    inner = u[1:-1]
    diagonal = [1 + 2 * ratio] * (n - 2)
    beside = [-ratio] * (n - 3)
    for _ in range(steps):
        inner = thomas(beside, diagonal, beside, inner)
    return np.pad(inner, 1)


def energy(u):
    return 0.5 * np.sum(np.diff(u) ** 2) * (len(u) - 1)


def mismatch(centre, width, conductivity, left, right, target):
    """How far the rod is, after some time, from a profile that was measured."""
    u = initial(target.shape[0], centre, width)
    u = explicit(u, conductivity, left, right)
    smooth = np.sum(np.diff(conductivity) ** 2)
    return np.mean((u - target) ** 2) + 1e-3 * energy(u) + 1e-2 * smooth


def cooled(centre, width, conductivity, n=12):
    """The hottest point and the energy after implicit steps; the total heat."""
    u = implicit(initial(n, centre, width), conductivity)
    return np.stack([np.max(u), energy(u), np.trapezoid(u, dx=1.0 / (n - 1))])
