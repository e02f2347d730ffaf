"""Hamiltonian Monte Carlo on a hierarchical model: the effects of coaching in eight schools.

    python examples/eight_schools.py

Rubin's data: in each school, how much coaching improved test scores, with a standard error. The
true effects scatter about a mean `mu` with standard deviation `tau`, both unknown; they are written
as mu + tau * eta, so that what is sampled has no funnel. A whole trajectory of leapfrog steps, the
gradient of the log density in each, is one compiled loop.
"""

import numpy as np

import symgrad as sg

EFFECT = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERROR = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def parts(q):
    """mu, the logarithm of tau, and the standardised effects."""
    return q[0], q[1], q[2:]


def energy(q):
    """Minus the logarithm of the posterior density: mu ~ N(0, 5), tau ~ half-Cauchy(5)."""
    mu, log_tau, eta = parts(q)
    theta = mu + sg.exp(log_tau) * eta
    likelihood = (((EFFECT - theta) / ERROR) ** 2).sum() / 2
    prior = (mu / 5) ** 2 / 2 + sg.log1p(sg.exp(2 * log_tau) / 25) - log_tau
    return likelihood + prior + (eta**2).sum() / 2


def leapfrog(state, _):
    """Half a step of momentum, one of position, half a step of momentum."""
    q, p = state
    p = p - step / 2 * sg.grad(energy(q), q)
    q = q + step * p
    p = p - step / 2 * sg.grad(energy(q), q)
    return (q, p), None


q, p = sg.input("q", (10,)), sg.input("p", (10,))
step = sg.input("step", ())
(end_q, end_p), _ = sg.scan(leapfrog, (q, p), length=15)
rise = (energy(end_q) + (end_p**2).sum() / 2) - (energy(q) + (p**2).sum() / 2)
trajectory = sg.function([q, p, step], (end_q, end_p, rise), name="trajectory")


def main(draws=4000, seed=0):
    """Sample and print posterior means; give all samples of mu, tau and the effects."""
    rng = np.random.default_rng(seed)
    at = np.zeros(10)
    kept, accepted = np.empty((draws, 10)), 0
    for i in range(-500, draws):
        size = 0.3 * rng.uniform(0.6, 1.4)
        new, _, higher = trajectory(at, rng.standard_normal(10), size)
        if np.log(rng.random()) < -higher:
            at, accepted = new, accepted + (i >= 0)
        if i >= 0:  # the first 500 are forgotten
            kept[i] = at
    mu, tau = kept[:, 0], np.exp(kept[:, 1])
    theta = mu[:, None] + tau[:, None] * kept[:, 2:]
    print(f"accepted {accepted / draws:.0%}")
    print(f"mean effect {mu.mean():.2f} +- {mu.std():.2f}, scatter {tau.mean():.2f}")
    for school, measured, effect in zip("ABCDEFGH", EFFECT, theta.T, strict=True):
        print(f"{school}: measured {measured:5.1f}, posterior {effect.mean():5.2f}", end="")
        print(f" +- {effect.std():.2f}")
    return mu, tau, theta


if __name__ == "__main__":
    main()
