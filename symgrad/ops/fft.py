"""Discrete Fourier transforms: NumPy's ``np.fft``, whose derivatives are transforms again.

There are four ops, over one axis or several: `fft`, `ifft`, and `rfft`, `irfft` for real signals,
whose spectra are halves of symmetric ones. The others are made of these. How derivatives pass
through complex numbers is told in :mod:`symgrad.ops.complex`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError, ShapeError
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_complex, is_inexact, real_dtype
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import OPS, Op, public, register
from symgrad.ir.size import Size, as_size, size_max, size_min
from symgrad.ops.complex import conjugate
from symgrad.ops.examples import spectral
from symgrad.ops.fft_grid import fftfreq, fftshift, hermitian_weights, ifftshift, rfftfreq
from symgrad.ops.join import slab
from symgrad.ops.padding import pad
from symgrad.ops.shape import array_code, expand_dims, normalize_axes, normalize_axis, reshape

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "flipped",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

Sizes = tuple[Size, ...]
Axes = tuple[int, ...]

_NORMS = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def flipped(norm: str) -> str:
    """The scaling with which the inverse transform is the adjoint of one scaled by `norm`."""
    return _NORMS[norm]


def _complex(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(dtype if is_inexact(dtype) else np.float64, np.complex64)


def fit(x: Expr, axes: Axes, sizes: Sequence[Size]) -> Expr:
    """Axes cropped, or padded with zeros at their ends, to these sizes."""
    wanted = list(x.shape)
    width: list[tuple[Size, Size]] = [(0, 0)] * x.ndim
    for axis, size in zip(axes, sizes, strict=True):
        have, wanted[axis] = x.shape[axis], size
        if have != size:
            x = slab(x, axis, 0, size_min(have, size))
            width[axis] = (0, size_max(size - have, 0))
    if any(high != 0 for _, high in width):
        x = pad(x, tuple(width))
    return x if x.shape == tuple(wanted) else reshape(x, tuple(wanted))


# ---- the ops


class Transform(Op):
    """A linear transform along `axes`, cropped or padded to the sizes `s` of a period."""

    expensive = True
    takes_complex = True
    #: as it is typeset
    symbol = r"\mathcal{F}"

    def aval(self, x: Aval, *, s: Sizes, axes: Axes, norm: str) -> Aval:
        for size, axis in zip(s, axes, strict=True):
            if isinstance(size, int) and size < 1:
                raise ShapeError(
                    f"axis {axis} of {format_shape(x.shape)}: expected a transform of at least "
                    f"one point; got {size}"
                )
        shape = list(x.shape)
        for axis, size in zip(axes, self.sizes_out(s), strict=True):
            shape[axis] = size
        return Aval(tuple(shape), self.dtype(x.dtype))

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return _complex(dtype)

    def sizes_out(self, s: Sizes) -> Sizes:
        """The sizes of the result along the axes."""
        return s

    def sizes_in(self, node: Expr) -> Sizes:
        """The sizes of the argument along the axes."""
        return tuple([node.args[0].shape[axis] for axis in node.attrs["axes"]])

    def periods(self, node: Expr) -> Sizes:
        """The sizes `s` that NumPy takes if it is given none."""
        return self.sizes_in(node)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else make(self, (t,), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        axes = tuple([axis + 1 for axis in node.attrs["axes"]])
        return make(self, args, {**node.attrs, "axes": axes})

    def numpy(self, node: Expr, *args: Code) -> Code:
        s, axes, norm = (node.attrs[key] for key in ("s", "axes", "norm"))
        ndim = node.ndim
        keywords: dict[str, Any] = {}
        whole = s == self.periods(node)
        if len(axes) == 1:
            name = self.name
            if not whole:
                keywords["n"] = s[0]
            if axes[0] != ndim - 1:
                keywords["axis"] = axes[0]
        else:
            two = axes == (ndim - 2, ndim - 1)
            name = self.name + ("2" if two else "n")
            if not whole:
                keywords["s"] = format_shape(s)
            if not two and not (whole and axes == tuple(range(ndim))):
                keywords["axes"] = axes
        if norm != "backward":
            keywords["norm"] = f'"{norm}"'
        # NumPy gives its out= to every pass over an axis, whose results may have other shapes
        takes_out = len(axes) == 1
        x = array_code(node.args[0], args[0])
        return Code.call(f"np.fft.{name}", x, out=takes_out, **keywords)

    def latex(self, node: Expr, *args: str) -> str:
        letters = "".join(["ijklmnpqrs"[a] if a < 10 else f"i_{{{a}}}" for a in node.attrs["axes"]])
        subscript = "" if len(node.attrs["axes"]) == node.ndim else f"_{{{letters}}}"
        return rf"{self.symbol}{subscript}\left[{args[0]}\right]"

    def flops(self, node: Expr) -> int:
        points = math.prod([n if isinstance(n, int) else 64 for n in node.attrs["s"]])
        return 5 * max(1, round(math.log2(points)))


class Full(Transform):
    """A transform whose matrix is symmetric: its transpose is itself."""

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (fit(make(self, (ct,), node.attrs), node.attrs["axes"], self.sizes_in(node)),)


@register
class FFT(Full):
    """The discrete Fourier transform, with exp(-2 pi i j k / n)."""

    name = "fft"
    examples = spectral("fft", "fft2", "fftn")


@register
class IFFT(Full):
    """The inverse discrete Fourier transform, with exp(2 pi i j k / n) / n."""

    name = "ifft"
    symbol = r"\mathcal{F}^{-1}"
    examples = spectral("ifft", "ifft2", "ifftn")


@register
class RFFT(Transform):
    """The transform of a real signal: of the last of the axes the first n // 2 + 1 frequencies."""

    name = "rfft"
    takes_complex = False
    examples = spectral("rfft", "rfft2", "rfftn", real=True)

    def sizes_out(self, s: Sizes) -> Sizes:
        return (*s[:-1], s[-1] // 2 + 1)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        s, axes, norm = (node.attrs[key] for key in ("s", "axes", "norm"))
        # irfft takes each frequency between as two, itself and the one that mirrors it
        z = conjugate(ct) / _along(hermitian_weights(s[-1], real_dtype(ct.dtype)), axes[-1], ct)
        signal = make(OPS["irfft"], (z,), {"s": s, "axes": axes, "norm": flipped(norm)})
        return (fit(signal, axes, self.sizes_in(node)),)


@register
class IRFFT(Transform):
    """The real signal of length n whose spectrum has these first n // 2 + 1 frequencies."""

    name = "irfft"
    symbol = r"\mathcal{F}^{-1}"
    examples = spectral("irfft", "irfft2", "irfftn")

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        return real_dtype(_complex(dtype))

    def periods(self, node: Expr) -> Sizes:
        *others, last = self.sizes_in(node)
        return (*others, (last - 1) * 2)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        s, axes, norm = (node.attrs[key] for key in ("s", "axes", "norm"))
        spectrum = make(OPS["rfft"], (ct,), {"s": s, "axes": axes, "norm": flipped(norm)})
        weights = _along(hermitian_weights(s[-1], ct.dtype), axes[-1], spectrum)
        return (fit(conjugate(spectrum) * weights, axes, self.sizes_in(node)),)


def _along(weights: Expr, axis: int, x: Expr) -> Expr:
    """A vector along one axis of `x`."""
    after = x.ndim - 1 - axis
    return expand_dims(weights, tuple(range(1, 1 + after))) if after else weights


# ---- what a user passes


def _norm(norm: Any) -> str:
    found = "backward" if norm is None else norm
    if not isinstance(found, str) or found not in _NORMS:
        raise DeclarationError(f"norm must be 'backward', 'ortho' or 'forward'; got {norm!r}")
    return found


def _transformed(op: str, a: Any, s: Any, axes: Any, norm: Any) -> Expr:
    """The node of a transform, its axes in the order of the array.

    The last axis of a real transform is the halved one, and stays last.
    """
    x = as_expr(a)
    given = None if s is None else tuple(s) if isinstance(s, (tuple, list)) else (s,)
    if axes is None:
        count = x.ndim if given is None else len(given)
        found = tuple(range(max(x.ndim - count, 0), x.ndim))
    else:
        found = normalize_axes(axes, x.ndim, f"{op}: axes")
    if not found:
        raise DeclarationError(
            f"{op}: expected at least one axis; {format_shape(x.shape)} has none"
        )
    sizes = [x.shape[axis] for axis in found]
    if op == "irfft":
        sizes[-1] = (sizes[-1] - 1) * 2
    if given is not None:
        if len(given) != len(found):
            raise DeclarationError(f"{op}: {len(given)} sizes for {len(found)} axes")
        whole = [x.shape[axis] for axis in found]  # -1 is the size of the argument
        sizes = [
            n if isinstance(size, (int, np.integer)) and size == -1 else as_size(size)
            for size, n in zip(given, whole, strict=True)
        ]
    order = sorted(range(len(found)), key=found.__getitem__)
    if op in ("rfft", "irfft"):
        last = len(found) - 1
        order = [*[i for i in order if i != last], last]
    attrs = {
        "s": tuple([sizes[i] for i in order]),
        "axes": tuple([found[i] for i in order]),
        "norm": _norm(norm),
    }
    if op == "rfft" and is_complex(x.dtype):
        raise DTypeError("rfft: expected a real signal; got a complex one: use fft")
    return make(OPS[op], (x,), attrs)


def _along_one(op: str, a: Any, n: Any, axis: Any, norm: Any) -> Expr:
    x = as_expr(a)
    along = normalize_axis(axis, x.ndim, f"{op}: axis")
    return _transformed(op, x, None if n is None else (n,), (along,), norm)


# ---- one axis


@public(namespace="fft", name="fft")
def fft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Discrete Fourier transform along an axis.

    Parameters
    ----------
    a : array_like
        Real or complex.
    n : int or size, optional
        Points of the transform: the axis is cropped, or padded with zeros at its end.
    axis : int
    norm : {"backward", "ortho", "forward"}
        Where 1 / n stands: with the inverse, as a square root with both, with this one.

    Notes
    -----
    The result is complex; for what is differentiated, make it real again: ``.real``,
    ``abs(z)``, ``np.abs(z) ** 2``, or the inverse.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", (4,))
    >>> power = np.abs(np.fft.fft(x)) ** 2
    >>> sg.function([x], sg.grad(power.sum(), x))([1.0, 2.0, 0.0, 0.0])
    array([ 8., 16.,  0.,  0.])
    """
    return _along_one("fft", a, n, axis, norm)


@public(namespace="fft", name="ifft")
def ifft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Inverse of :func:`fft`; its result is complex, so take ``.real`` of a real signal.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", ("B", 8))
    >>> smooth = np.fft.ifft(np.fft.fft(x) * np.exp(-np.fft.fftfreq(8) ** 2)).real
    >>> smooth.shape, smooth.dtype
    ((Dim('B'), 8), dtype('float64'))
    """
    return _along_one("ifft", a, n, axis, norm)


@public(namespace="fft", name="rfft")
def rfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Fourier transform of a real signal: its n // 2 + 1 frequencies that are not negative.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> np.fft.rfft(sg.input("x", ("B", "T"))).shape
    (Dim('B'), Dim('T//2 + 1'))
    """
    return _along_one("rfft", a, n, axis, norm)


@public(namespace="fft", name="irfft")
def irfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Inverse of :func:`rfft`: a real signal of length `n`, by default ``2 * (m - 1)``.

    Give `n` where the signal may have an odd length.

    Notes
    -----
    The imaginary parts of the lowest frequency, and for even `n` of the highest, are not looked
    at; nor has the loss a slope in them.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", (5,))
    >>> np.fft.irfft(np.fft.rfft(x), n=5).shape
    (5,)
    """
    return _along_one("irfft", a, n, axis, norm)


@public(examples=spectral("hfft"), namespace="fft", name="hfft")
def hfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Expr:
    """The real spectrum of a signal whose second half mirrors the conjugate of its first.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> re, im = sg.input("re", (5,)), sg.input("im", (5,))
    >>> np.fft.hfft(sg.complex(re, im)).shape
    (8,)
    """
    return irfft(conjugate(a), n, axis, flipped(_norm(norm)))


@public(examples=spectral("ihfft", real=True), namespace="fft", name="ihfft")
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: str | None = None) -> Expr:
    """Inverse of :func:`hfft`: half of the signal that has a real spectrum.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> np.fft.ihfft(sg.input("x", (8,))).shape
    (5,)
    """
    return conjugate(rfft(a, n, axis, flipped(_norm(norm))))


# ---- several axes


@public(namespace="fft", name="fft2")
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Expr:
    """Fourier transform along two axes, the last two by default.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> np.fft.fft2(sg.input("image", ("B", 4, 6)), s=(8, 8)).shape
    (Dim('B'), 8, 8)
    """
    return _transformed("fft", a, s, axes, norm)


@public(namespace="fft", name="ifft2")
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Expr:
    """Inverse of :func:`fft2`."""
    return _transformed("ifft", a, s, axes, norm)


@public(namespace="fft", name="rfft2")
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Expr:
    """Fourier transform of real arrays along two axes, the last of which is halved."""
    return _transformed("rfft", a, s, axes, norm)


@public(namespace="fft", name="irfft2")
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Expr:
    """Inverse of :func:`rfft2`; give `s` where the last axis may have an odd length."""
    return _transformed("irfft", a, s, axes, norm)


@public(namespace="fft", name="fftn")
def fftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Expr:
    """Fourier transform along several axes, all by default.

    Parameters
    ----------
    a : array_like
    s : sequence of sizes, optional
        Points of the transform along each of the axes; -1 is the size of the argument.
    axes : sequence of int, optional
        All, or the last ``len(s)``.
    norm : {"backward", "ortho", "forward"}

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> np.fft.fftn(sg.input("x", (2, 4, 6)), axes=(0, 2)).shape
    (2, 4, 6)
    """
    return _transformed("fft", a, s, axes, norm)


@public(namespace="fft", name="ifftn")
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Expr:
    """Inverse of :func:`fftn`."""
    return _transformed("ifft", a, s, axes, norm)


@public(namespace="fft", name="rfftn")
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Expr:
    """Fourier transform of real arrays along several axes, the last of which is halved."""
    return _transformed("rfft", a, s, axes, norm)


@public(namespace="fft", name="irfftn")
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Expr:
    """Inverse of :func:`rfftn`; give `s` where the last of the axes may have an odd length."""
    return _transformed("irfft", a, s, axes, norm)
