"""What stands beside Fourier transforms: frequencies, the weights of half spectra, shifts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import get_default_dtype
from symgrad.ir.node import Expr, as_expr, make
from symgrad.ir.op import NAMESPACES, OPS, Example, Op, public, register
from symgrad.ir.size import Size, as_size
from symgrad.ops import complex_kernels
from symgrad.ops.cast import dtype_code
from symgrad.ops.creation import Constant
from symgrad.ops.shape import array_code, normalize_axes

__all__ = ["fftfreq", "fftshift", "hermitian_weights", "ifftshift", "rfftfreq"]


# ---- constants of a length


class Grid(Constant):
    """A vector that follows from the length `n` of a transform."""

    def aval(self, *args: Aval, n: Size, dtype: np.dtype[Any], **attrs: Any) -> Aval:
        return Aval((self.length(n),), dtype)

    def length(self, n: Size) -> Size:
        return n // 2 + 1

    def call(self, node: Expr) -> Code:
        """The source, which gives a float64."""
        raise NotImplementedError(self.name)

    def numpy(self, node: Expr, *args: Code) -> Code:
        code = self.call(node)
        if node.dtype == np.float64:
            return code
        return Code.method(code, "astype", dtype_code(node.dtype))


@register
class HermitianWeights(Grid):
    """How often each frequency of a half spectrum stands in the whole one."""

    name = "hermitian_weights"
    examples = tuple(
        Example(
            lambda n=n: hermitian_weights(n, np.float64),
            # frequencies k and n - k are one: count each of the n under its smaller name
            lambda n=n: np.bincount(np.minimum(np.arange(n), n - np.arange(n))).astype(float),
            (),
        )
        for n in (1, 2, 5, 8)
    )

    def call(self, node: Expr) -> Code:
        return Code.call("hermitian_weights", str(node.attrs["n"]))

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (complex_kernels.hermitian_weights,)

    def latex(self, node: Expr, *args: str) -> str:
        return r"\operatorname{multiplicity}"


def hermitian_weights(n: Size, dtype: Any) -> Expr:
    """1 for the lowest frequency, and for even `n` the highest; 2 for those between."""
    return make(OPS["hermitian_weights"], (), {"n": n, "dtype": np.dtype(dtype)})


class Frequencies(Grid):
    """Frequencies in cycles per unit of the sample spacing `d`."""

    def call(self, node: Expr) -> Code:
        d = node.attrs["d"]
        return Code.call(
            f"np.fft.{self.name}", str(node.attrs["n"]), *([] if d == 1 else [repr(d)])
        )

    def latex(self, node: Expr, *args: str) -> str:
        return r"\operatorname{frequencies}"


@register
class FFTFreq(Frequencies):
    """The frequencies of a whole spectrum."""

    name = "fftfreq"
    examples = tuple(
        Example(
            lambda n=n, d=d: NAMESPACES["fft"]["fftfreq"](n, d),
            lambda n=n, d=d: np.fft.fftfreq(n, d),
            (),
        )
        for n, d in ((8, 1.0), (5, 0.1), (1, 1.0))
    )

    def length(self, n: Size) -> Size:
        return n


@register
class RFFTFreq(Frequencies):
    """The frequencies of a half spectrum."""

    name = "rfftfreq"
    examples = tuple(
        Example(
            lambda n=n, d=d: NAMESPACES["fft"]["rfftfreq"](n, d),
            lambda n=n, d=d: np.fft.rfftfreq(n, d),
            (),
        )
        for n, d in ((8, 1.0), (5, 0.1), (1, 1.0))
    )


def _frequencies(op: str, n: Any, d: Any) -> Expr:
    size, dtype = as_size(n), get_default_dtype()
    if isinstance(size, int) and size < 1:
        raise DeclarationError(f"{op}: expected at least one point; got {size}")
    if isinstance(d, (int, float, np.integer, np.floating)) and not isinstance(d, bool):
        spacing = float(d)
        if spacing == 0 or not math.isfinite(spacing):
            raise DeclarationError(f"{op}: the spacing d must be finite and not 0; got {d!r}")
        return make(OPS[op], (), {"n": size, "d": spacing, "dtype": dtype})
    return make(OPS[op], (), {"n": size, "d": 1.0, "dtype": dtype}) / as_expr(d)


@public(namespace="fft", name="fftfreq")
def fftfreq(n: Any, d: Any = 1.0) -> Expr:
    """Frequencies of :func:`fft`, in cycles per unit of the sample spacing `d`.

    Parameters
    ----------
    n : int or size
    d : number or expression

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("T",))
    >>> sg.fft.fftfreq(x.shape[0], d=0.1).shape
    (Dim('T'),)
    """
    return _frequencies("fftfreq", n, d)


@public(namespace="fft", name="rfftfreq")
def rfftfreq(n: Any, d: Any = 1.0) -> Expr:
    """Frequencies of :func:`rfft`, in cycles per unit of the sample spacing `d`."""
    return _frequencies("rfftfreq", n, d)


# ---- shifts


class Shift(Op):
    """Halves of axes exchanged."""

    takes_complex = True
    #: the op that undoes it
    inverse: str

    def aval(self, x: Aval, *, axes: tuple[int, ...]) -> Aval:
        return x

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (make(OPS[self.inverse], (ct,), node.attrs),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else make(self, (t,), node.attrs)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {"axes": tuple([axis + 1 for axis in node.attrs["axes"]])})

    def numpy(self, node: Expr, *args: Code) -> Code:
        axes = node.attrs["axes"]
        keywords: dict[str, Any] = {}
        if axes != tuple(range(node.ndim)):
            keywords["axes"] = axes[0] if len(axes) == 1 else axes
        return Code.call(f"np.fft.{self.name}", array_code(node.args[0], args[0]), **keywords)

    def flops(self, node: Expr) -> int:
        return 0


def _shift_examples(name: str) -> tuple[Example, ...]:
    reference = getattr(np.fft, name)
    return tuple(
        Example(
            lambda x, axes=axes: NAMESPACES["fft"][name](x, axes=axes),
            lambda x, axes=axes: reference(x, axes=axes),
            (shape,),
            dtypes=(dtype,),
        )
        for shape, axes, dtype in (
            ((5,), None, "float64"),
            ((4, 3), None, "complex128"),
            ((4, 3), 1, "float64"),
            ((2, 3, 4), (0, -1), "float64"),
        )
    )


@register
class FFTShift(Shift):
    """The zero frequency moved to the middle."""

    name, inverse = "fftshift", "ifftshift"
    examples = _shift_examples("fftshift")


@register
class IFFTShift(Shift):
    """The zero frequency moved from the middle to the front."""

    name, inverse = "ifftshift", "fftshift"
    examples = _shift_examples("ifftshift")


def _shifted(op: str, x: Any, axes: Any) -> Expr:
    x = as_expr(x)
    found = range(x.ndim) if axes is None else normalize_axes(axes, x.ndim, f"{op}: axes")
    return make(OPS[op], (x,), {"axes": tuple(sorted(found))})


@public(namespace="fft", name="fftshift")
def fftshift(x: Any, axes: Any = None) -> Expr:
    """Halves exchanged along axes, all by default: the zero frequency in the middle.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", (5,))
    >>> sg.function([x], np.fft.fftshift(x))([0.0, 1.0, 2.0, -2.0, -1.0])
    array([-2., -1.,  0.,  1.,  2.])
    """
    return _shifted("fftshift", x, axes)


@public(namespace="fft", name="ifftshift")
def ifftshift(x: Any, axes: Any = None) -> Expr:
    """Inverse of :func:`fftshift`, from which it differs for odd sizes."""
    return _shifted("ifftshift", x, axes)
