"""Initialisers: small immutable objects that draw a parameter's first value.

Each is called as ``init(rng, shape, dtype)`` and gives an array of exactly that shape and dtype,
which depends on the generator alone. Weights are laid out input axis before output axis; see
:func:`fans`. Draws are made in float64 and then rounded, so that a float32 parameter holds the
rounded values of its float64 twin.
"""

from __future__ import annotations

from typing import Any

from symgrad.init import kernels
from symgrad.init.arranged import Arranged
from symgrad.init.initializers import (
    Constant,
    Delta,
    Identity,
    Initializer,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
)
from symgrad.options import flag, whole

__all__ = [
    "Arranged",
    "Constant",
    "Delta",
    "Identity",
    "Initializer",
    "Normal",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "arranged",
    "constant",
    "delta",
    "fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Number of inputs and of outputs that a weight of this shape connects.

    Parameters
    ----------
    shape : tuple of int
        ``()``, ``(n,)``, ``(in, out)``, or a convolution kernel ``(*window, in, out)``.

    Returns
    -------
    fan_in, fan_out : int
        For a kernel both are multiplied by the size of its window. A vector scales each of its
        n entries by itself, and counts as ``(n, n)``; a scalar as ``(1, 1)``. A kernel in groups
        or of a transposed convolution is another matter: see :func:`arranged`.

    Examples
    --------
    >>> fans((784, 128))
    (784, 128)
    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    return kernels.fans(shape)


def zeros() -> Constant:
    """Give zeros: the usual start of a bias.

    Examples
    --------
    >>> import numpy as np
    >>> zeros()(np.random.default_rng(0), (2,), "float32")
    array([0., 0.], dtype=float32)
    """
    return Constant(0.0)


def ones() -> Constant:
    """Give ones: the usual start of a scale.

    Examples
    --------
    >>> import numpy as np
    >>> ones()(np.random.default_rng(0), (2,), "float64")
    array([1., 1.])
    """
    return Constant(1.0)


def constant(value: complex) -> Constant:
    """Give one value everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> constant(0.5)(np.random.default_rng(0), (2,), "float64")
    array([0.5, 0.5])
    """
    return Constant(value)


def normal(std: float = 1.0, mean: float = 0.0) -> Normal:
    """Draw from a normal distribution.

    Examples
    --------
    >>> normal(std=0.02)
    Normal(std=0.02, mean=0.0)
    """
    return Normal(std, mean)


def uniform(low: float = -1.0, high: float = 1.0) -> Uniform:
    """Draw from a uniform distribution.

    Examples
    --------
    >>> uniform(0, 1)
    Uniform(low=0.0, high=1.0)
    """
    return Uniform(low, high)


def truncated_normal(std: float = 1.0) -> TruncatedNormal:
    """Draw from a normal distribution cut off at ``2 * std`` on either side.

    Examples
    --------
    >>> import numpy as np
    >>> abs(truncated_normal(0.1)(np.random.default_rng(0), (1000,), "float64")).max() <= 0.2
    np.True_
    """
    return TruncatedNormal(std)


def glorot_uniform(gain: float = 1.0) -> VarianceScaling:
    """Uniform, variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010).

    Examples
    --------
    >>> import numpy as np
    >>> W = glorot_uniform()(np.random.default_rng(0), (300, 100), "float64")
    >>> round(float(W.std()) * 200**0.5, 1)
    1.0
    """
    return VarianceScaling(1.0, "average", "uniform", gain)


def glorot_normal(gain: float = 1.0) -> VarianceScaling:
    """Truncated normal, variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot and Bengio, 2010).

    Examples
    --------
    >>> glorot_normal()
    VarianceScaling(scale=1.0, fan='average', distribution='normal', gain=1.0)
    """
    return VarianceScaling(1.0, "average", "normal", gain)


def he_normal(gain: float = 1.0) -> VarianceScaling:
    """Truncated normal, variance ``2 gain^2 / fan_in``: keeps a relu's variance (He et al., 2015).

    Examples
    --------
    >>> import numpy as np
    >>> W = he_normal()(np.random.default_rng(0), (200, 100), "float64")
    >>> round(float(W.std()), 2)
    0.1
    """
    return VarianceScaling(2.0, "in", "normal", gain)


def he_uniform(gain: float = 1.0) -> VarianceScaling:
    """Uniform, variance ``2 gain^2 / fan_in``: keeps a relu's variance (He et al., 2015).

    Examples
    --------
    >>> he_uniform()
    VarianceScaling(scale=2.0, fan='in', distribution='uniform', gain=1.0)
    """
    return VarianceScaling(2.0, "in", "uniform", gain)


def lecun_normal(gain: float = 1.0) -> VarianceScaling:
    """Truncated normal, variance ``gain^2 / fan_in`` (LeCun et al., 1998).

    Examples
    --------
    >>> lecun_normal()
    VarianceScaling(scale=1.0, fan='in', distribution='normal', gain=1.0)
    """
    return VarianceScaling(1.0, "in", "normal", gain)


def lecun_uniform(gain: float = 1.0) -> VarianceScaling:
    """Uniform, variance ``gain^2 / fan_in`` (LeCun et al., 1998).

    Examples
    --------
    >>> lecun_uniform()
    VarianceScaling(scale=1.0, fan='in', distribution='uniform', gain=1.0)
    """
    return VarianceScaling(1.0, "in", "uniform", gain)


def orthogonal(gain: float = 1.0) -> Orthogonal:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer (Saxe et al., 2014).

    Examples
    --------
    >>> import numpy as np
    >>> Q = orthogonal()(np.random.default_rng(0), (5, 3), "float64")
    >>> np.allclose(Q.T @ Q, np.eye(3))
    True
    """
    return Orthogonal(gain)


def identity() -> Identity:
    """Give the identity matrix.

    Examples
    --------
    >>> import numpy as np
    >>> identity()(np.random.default_rng(0), (2, 2), "float64")
    array([[1., 0.],
           [0., 1.]])
    """
    return Identity()


def delta() -> Delta:
    """Give the kernel of a convolution that hands on its input: the identity in mid-window.

    That holds for a stride of 1 and a padding of "same". Known as Dirac too.

    Examples
    --------
    >>> import numpy as np
    >>> delta()(np.random.default_rng(0), (3, 2, 2), "float64").tolist()
    [[[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    """
    return Delta()


def arranged(init: Any, groups: int = 1, transposed: bool = False) -> Any:
    r"""Adapt an initialiser to a kernel in groups, or to that of a transposed convolution.

    A kernel (\*window, in / groups, out) is as many kernels side by side as there are groups: its
    inputs go to out / groups outputs and not to all. A transposed kernel is (\*window, out, in).
    Each part is drawn by itself as (\*window, in, out), so that Glorot's and He's variances
    come of the numbers of connections that there are. The layers of ``sg.nn`` do this by
    themselves.

    Parameters
    ----------
    init : initialiser, array, number or callable
        What does not look at the shape (a constant, a normal of given variance), or is not an
        initialiser of this module, is given back as it is.
    groups : int
    transposed : bool

    Raises
    ------
    DeclarationError
        If `groups` is no integer >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> depthwise = arranged(glorot_uniform(), groups=64)
    >>> W = depthwise(np.random.default_rng(0), (3, 3, 1, 64), "float64")
    >>> round(float(W.std()) * 3, 1)  # 9 inputs and 9 outputs
    1.0
    """
    groups = whole("arranged", "groups", groups)
    transposed = flag("arranged", "transposed", transposed)
    adapts = isinstance(init, (VarianceScaling, Orthogonal, Delta))
    return Arranged(init, groups, transposed) if adapts and (groups != 1 or transposed) else init


xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal
