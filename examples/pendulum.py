"""Differentiate through a numerical integrator: how a pendulum's end depends on its start.

    python examples/pendulum.py

The classical Runge-Kutta method is a loop over time steps, `sg.scan`. Its derivative is the loop
differentiated step by step: the derivative of what is computed, discretisation included. Here it
is with respect to the initial angle, to gravity, and then with respect to both at once, as the
Jacobian of the final state.
"""

import numpy as np

import symgrad as sg

start = sg.input("start", (2,))  # angle and angular velocity
g = sg.input("g", ())  # gravity over length
duration = sg.input("duration", ())
STEPS = 1000


def slope(state):
    """The equation of motion: angle'' = -g sin(angle)."""
    angle, velocity = state
    return sg.stack([velocity, -g * sg.sin(angle)])


def runge_kutta(state, _):
    """One step of fourth order; the state is also what is kept of each step."""
    h = duration / STEPS
    k1 = slope(state)
    k2 = slope(state + h / 2 * k1)
    k3 = slope(state + h / 2 * k2)
    k4 = slope(state + h * k3)
    state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state, state


end, path = sg.scan(runge_kutta, start, length=STEPS)
by_start = sg.jacobian(end, start)
by_g = sg.jacobian(end, g)

inputs = [start, g, duration]
simulate = sg.function(inputs, path, name="simulate")
sensitivity = sg.function(inputs, (end, by_start, by_g), name="sensitivity")
miss = ((end - [1.0, 0.0]) ** 2).sum()  # of a target: reverse mode, for many parameters
steer = sg.function(inputs, (miss, sg.grad(miss, [start, g])), name="steer")


def main(angle=2.0, gravity=9.81, seconds=5.0):
    """Print the end of the motion and its sensitivities; give them."""
    final, wrt_start, wrt_g = sensitivity([angle, 0.0], gravity, seconds)
    print(f"angle after {seconds:g} s: {final[0]:.6f}, velocity {final[1]:.6f}")
    print(f"d angle / d initial angle = {wrt_start[0, 0]:.6f}")
    print(f"d angle / d g             = {wrt_g[0]:.6f}")
    # the flow of a Hamiltonian system keeps areas, and this integrator nearly does
    print(f"det of d end / d start    = {np.linalg.det(wrt_start):.9f}")
    value, (slope_start, slope_g) = steer([angle, 0.0], gravity, seconds)
    print(f"miss {value:.4f}, its gradient {np.round(slope_start, 4)} and {slope_g:.4f}")
    return final, wrt_start, wrt_g


if __name__ == "__main__":
    main()
