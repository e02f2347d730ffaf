"""Differentiate Newton's method: through its iterations, and by the implicit function theorem.

    python examples/newton.py

Kepler's equation, E - e sin(E) = M, gives the place of a planet on its orbit and has no closed
solution. Newton's method runs in `sg.while_loop` until its step is below the rounding error, for
as many iterations as that takes. The gradient through the loop goes back through each of them;
`sg.implicit` instead differentiates the equation that the result fulfils, and no iteration is
kept. Second derivatives are had in the same way.
"""

import numpy as np

import symgrad as sg

M = sg.input("M", ())  # mean anomaly: the time, as an angle
e = sg.input("e", ())  # eccentricity


def kepler(E):
    """Zero at the eccentric anomaly."""
    return E - e * sg.sin(E) - M


def newton_step(state):
    """A step for `kepler`; the state is the estimate, its last change and the count."""
    E, _, count = state
    change = kepler(E) / (1 - e * sg.cos(E))
    return E - change, change, count + 1


def unfinished(state):
    """Whether the last change still matters."""
    return sg.abs(state[1]) > 1e-12


E, _, iterations = sg.while_loop(unfinished, newton_step, (M, 1.0, 0))
through_loop = sg.grad(E, [M, e])

root = sg.implicit(kepler, E)
by_theorem = sg.grad(root, [M, e])
second = sg.grad(by_theorem[1], e)

solve = sg.function([M, e], (E, iterations), name="solve")
unrolled = sg.function([M, e], through_loop, name="unrolled")
implicit = sg.function([M, e], (by_theorem, second), name="implicit")


def main():
    """Print solutions and derivatives; give those of the last orbit."""
    print("   M     e   iterations         E     dE/dM (loop, theorem)   dE/de (loop, theorem)")
    for at in [(0.5, 0.0167), (1.0, 0.2), (0.1, 0.9)]:
        solution, count = solve(*at)
        loop = unrolled(*at)
        theorem, curvature = implicit(*at)
        pairs = "   ".join(f"{a:10.6f} {b:10.6f}" for a, b in zip(loop, theorem, strict=True))
        print(f"{at[0]:4.1f} {at[1]:7.4f} {count:6d} {solution:16.10f}  {pairs}")
    print(f"d2E/de2 of the last: {curvature:.6f}")
    return solution, np.array(loop), np.array(theorem), curvature


if __name__ == "__main__":
    main()
