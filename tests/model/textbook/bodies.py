"""Bodies that attract each other: energies, forces, a leapfrog integrator, and orbits."""

import numpy as np

G = 1.0
SOFTENING = 0.05


def pairs(positions):
    """Differences and softened distances of all pairs."""
    difference = positions[np.newaxis, :, :] - positions[:, np.newaxis, :]
    squared = np.sum(difference**2, axis=-1) + SOFTENING**2
    return difference, np.sqrt(squared)


def potential_energy(positions, masses):
    _, distance = pairs(positions)
    products = masses[:, None] * masses[None, :]
    above = np.triu(np.ones((len(masses), len(masses))), 1)
    return -G * np.sum(above * products / distance)


def kinetic_energy(velocities, masses):
    return 0.5 * np.sum(masses[:, None] * velocities**2)


def accelerations(positions, masses):
    difference, distance = pairs(positions)
    weights = masses[None, :, None] / distance[:, :, None] ** 3
    return G * np.sum(weights * difference, axis=1)


def centred(positions, velocities, masses):
    """In the frame of the centre of mass."""
    total = np.sum(masses)
    shift = masses @ positions / total
    drift = masses @ velocities / total
    return positions - shift, velocities - drift


def leapfrog(positions, velocities, masses, dt, steps):
    """Kick, drift, kick."""
    a = accelerations(positions, masses)
    for _ in range(steps):
        velocities = velocities + 0.5 * dt * a
        positions = positions + dt * velocities
        a = accelerations(positions, masses)
        velocities = velocities + 0.5 * dt * a
    return positions, velocities


def angular_momentum(positions, velocities, masses):
    return np.sum(masses[:, None] * np.cross(positions, velocities), axis=0)


def invariants(positions, velocities, masses):
    energy = kinetic_energy(velocities, masses) + potential_energy(positions, masses)
    return energy, angular_momentum(positions, velocities, masses)


def drift(positions, velocities, masses, dt=0.05, steps=5):
    """How well energy and angular momentum are kept, relative to what they were."""
    positions, velocities = centred(positions, velocities, masses)
    energy, momentum = invariants(positions, velocities, masses)
    positions, velocities = leapfrog(positions, velocities, masses, dt, steps)
    new_energy, new_momentum = invariants(positions, velocities, masses)
    return np.abs(new_energy / energy - 1), np.linalg.norm(new_momentum - momentum)


def miss(positions, velocities, masses, target, dt=0.05, steps=8):
    """The squared distance of the last body from a target: for aiming by its first velocity."""
    positions, velocities = leapfrog(positions, velocities, masses, dt, steps)
    arrival = positions[-1]
    fuel = np.sum(velocities[-1] ** 2)
    return np.sum((arrival - target) ** 2) + 1e-3 * fuel


def virial(positions, velocities, masses):
    """Twice the kinetic energy over minus the potential one: 1 for a bound system at rest."""
    return -2 * kinetic_energy(velocities, masses) / potential_energy(positions, masses)
