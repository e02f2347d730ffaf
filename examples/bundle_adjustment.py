"""Adjust cameras and points together: nonlinear least squares with a sparse Jacobian.

    python examples/bundle_adjustment.py

Cameras see points; the poses of the cameras and the places of the points are found from where
the points are in the images. Each measurement depends on one camera and one point: of the
Jacobian only 8 numbers in each row can differ from zero, whatever the size of the problem.
`sg.objective(..., sparse=True)` finds these places on the graph, computes their values with a few
directional derivatives, and hands `least_squares` a sparse matrix.
"""

import numpy as np
from scipy.optimize import least_squares

import symgrad as sg

CAMERAS, POINTS = 6, 80
# pairs of camera and point: each camera sees some of the points
SEEN = np.argwhere(np.random.default_rng(0).random((CAMERAS, POINTS)) < 0.6)
camera, point = SEEN.T

poses = sg.input("poses", (CAMERAS, 6))  # rotation vector, translation
points = sg.input("points", (POINTS, 3))
measured = sg.input("measured", (len(SEEN), 2))


def rotated(x, v):
    """Points, each turned about its own rotation vector: Rodrigues' formula."""
    angle = sg.sqrt((v**2).sum(axis=1, keepdims=True) + 1e-30)
    axis = v / angle
    along = (axis * x).sum(axis=1, keepdims=True)
    c, s = sg.cos(angle), sg.sin(angle)
    return c * x + s * sg.cross(axis, x) + (1 - c) * along * axis


def project(poses, points):
    """Where the points seen are in the images: a pinhole of focal length 500."""
    pose = poses[camera]
    local = rotated(points[point], pose[:, :3]) + pose[:, 3:]
    return 500 * local[:, :2] / local[:, 2:]


image = project(poses, points)
residuals = image - measured
observe = sg.function([poses, points], image, name="observe")


def main(noise=0.5, seed=1):
    """Adjust from a rough guess and print the errors; give the objective and both."""
    rng = np.random.default_rng(seed)
    ahead = np.tile([0.0, 0.0, 6.0], (CAMERAS, 1))
    true = {
        "poses": np.hstack([0.2 * rng.standard_normal((CAMERAS, 3)), ahead]),
        "points": rng.uniform(-1, 1, (POINTS, 3)),
    }
    pixels = observe(**true) + noise * rng.standard_normal((len(SEEN), 2))
    unknown = {"poses": poses, "points": points}
    problem = sg.objective(residuals, unknown, data={"measured": pixels}, sparse=True)

    rough = {name: x + 0.05 * rng.standard_normal(x.shape) for name, x in true.items()}
    start = problem.pack(rough)
    J = problem.jac(start)
    print(f"Jacobian {J.shape[0]} x {J.shape[1]}, {J.nnz} values: {J.nnz / J.shape[0]:.0f} a row")
    found = least_squares(problem.fun, start, jac=problem.jac, x_scale="jac", method="trf")
    for name, at in (("before", start), ("after", found.x)):
        rms = np.sqrt(np.mean(problem.fun(at) ** 2))
        print(f"root mean square error {name:6} {rms:7.3f} pixels")
    return problem, start, found


if __name__ == "__main__":
    main()
