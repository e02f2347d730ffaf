"""Lambert's W on its two real branches, in NumPy alone; see ``kernels`` for the contract.

Near the branch point a series in p = sqrt(2 (e x + 1)); elsewhere the fourth-order iteration of
Fritsch, Shafer and Crowley on log(x / w) = w, whose correction is relative.
"""

# mypy: disable-error-code="no-any-return"

import numpy as np

from symgrad.ops.kernels import as_floating, deliver
from symgrad.ops.special_kernels import horner

__all__ = ["lambertw", "lambertw_lower"]

# W(x) in powers of p = sqrt(2 (e x + 1)), highest first (Corless et al.)
BRANCH_SERIES = (
    1.7790345805079586e-05, -2.63380647472311e-05, 3.907668486743905e-05, -5.811360750441382e-05,
    8.665035805208128e-05, -0.00012957426685274883, 0.00019438727605453933,
    -0.00029267722472962746, 0.0004424730618146209, -0.0006720616311561362, 0.0010262633205076071,
    -0.0015769303446867841, 0.0024408779911439826, -0.0038112980348919993, 0.006014543252956118,
    -0.009616892024299432, 0.01563563253233392, -0.02598471487360376, 0.044502314814814814,
    -0.07962962962962963, 0.1527777777777778, -0.3333333333333333, 1.0, -1.0,
)  # fmt: skip


def branch_series(x: np.ndarray, sign: float) -> np.ndarray:
    """Give W near -1/e, on the branch of this sign; x + 1/e is exact, for 1/e is in two parts."""
    inverse = np.asarray(0.36787944117144233)
    high = inverse.astype(x.dtype)
    low = (inverse - high - 1.2428753672788363e-17).astype(x.dtype)
    distance = np.maximum(5.43656365691809 * ((x + high) + low), 0)
    return horner(BRANCH_SERIES, sign * np.sqrt(distance))


def refined(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Improve estimates of W(x), away from -1/e."""
    for _ in range(3):
        z = np.log(x / w) - w
        q = 2 * (1 + w) * (1 + w + 2 / 3 * z)
        w = w * (1 + z / (1 + w) * (q - z) / (q - 2 * z))
    return w


def lambertw(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """W_0(x): NaN below -1/e, -1 there."""
    x = as_floating(x)
    with np.errstate(all="ignore"):
        near = branch_series(np.minimum(x, 0), 1.0)
        z = np.clip(x, -0.3514, np.finfo(x.dtype).max)
        z = np.where(np.abs(z) < 1e-20, 1, z)
        a, b = np.log1p(np.maximum(z, -0.2)), np.log(np.maximum(z, 3))
        w = np.where(z > 3, b - np.log(b), a * (1 - np.log1p(a) / (2 + a)))
        y = refined(z, np.where(z < -0.1, near, w))
        y = np.where(x < -0.3514, near, np.where((np.abs(x) < 1e-20) | (x == np.inf), x, y))
    return deliver(np.where(x < -0.36787944117144233, np.nan, y).astype(x.dtype), out)


def lambertw_lower(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """W_-1(x) on [-1/e, 0), -inf at 0, NaN elsewhere."""
    x = as_floating(x)
    with np.errstate(all="ignore"):
        near = branch_series(x, -1.0)
        z = np.where((x > -0.3514) & (x < 0), x, -0.1)
        a = np.log(-z)
        b = np.log(-a)
        y = refined(z, np.where(z < -0.3, near, a - b + b / a))
        y = np.where(x < -0.3514, near, np.where(x == 0, -np.inf, y))
        inside = (x <= 0) & (x >= -0.36787944117144233)
    return deliver(np.where(inside, y, np.nan).astype(x.dtype), out)
