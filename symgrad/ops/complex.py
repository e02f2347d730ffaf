"""Complex numbers between real inputs and a real loss: parts, conjugate, modulus, angle.

Inputs, parameters, losses and gradients are real. What is between may be complex: spectra, their
products with transfer functions, constants such as ``1j``. A complex input is declared as its two
parts, ``z = sg.complex(re, im)``; a complex result is a loss once it is made real: ``.real``,
``abs(z)``, ``np.abs(z) ** 2``. The derivative is that of the real function of real numbers which
this is, whatever the complex steps inside it, holomorphic or not.

Inside a graph one convention holds everywhere: the cotangent ``ct`` of a complex value ``z`` says
that the loss changes by ``Re(sum(ct * dz))``. It is transposed, not conjugated, so that an op
which is linear or holomorphic passes on ``ct * f'(z)`` with no conjugate, and the cotangent of a
real value is the real part of what a complex op gives it; the engine takes that part, in one
place. Ops that are not holomorphic say so here: ``conj`` passes on ``conj(ct)``, ``real`` the
real ``ct`` itself, ``imag`` ``-1j * ct``, and ``abs`` ``ct * conj(z) / abs(z)``, which is 0 at 0.
A gradient with respect to a complex expression is refused, for conventions differ by a conjugate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_complex, is_float, real_dtype
from symgrad.ir.node import Expr, as_expr, as_exprs, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, Op, function, register
from symgrad.ops.arithmetic import square
from symgrad.ops.broadcasting import align, broadcast_shapes, sum_to
from symgrad.ops.cast import astype
from symgrad.ops.complex_kernels import abs2 as abs2_kernel
from symgrad.ops.complex_kernels import complex_of
from symgrad.ops.creation import zeros
from symgrad.ops.elementwise import elementwise
from symgrad.ops.selection import where
from symgrad.ops.shape import array_code
from symgrad.ops.trigonometric import arctan2

__all__ = ["abs2", "angle", "complex", "conj", "conjugate", "imag", "real"]

_SHAPES = ((3, 4), (), (2, 0))


def _examples(
    build: Callable[[Any], Any], reference: Callable[[Any], Any], **kwargs: Any
) -> tuple[Example, ...]:
    return tuple(
        Example(build, reference, (shape,), dtypes=("complex128",), **kwargs) for shape in _SHAPES
    )


# ---- the parts


class Part(Op):
    """The real or the imaginary part: a view of every other number."""

    elementwise = True
    takes_complex = True
    parameters = ("z",)

    def aval(self, z: Aval) -> Aval:
        return Aval(z.shape, real_dtype(z.dtype))

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else make(self, (t,), {})

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.attribute(array_code(node.args[0], args[0]), self.name)

    def is_view(self, node: Expr) -> bool:
        return True

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\operatorname{{{self.name[:2].capitalize()}}}\left({args[0]}\right)"

    def flops(self, node: Expr) -> int:
        return 0


@register
class Real(Part):
    """The real part."""

    name = "real"
    formula = "re(z)"
    examples = _examples(lambda z: z.real, np.real)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (ct,)


@register
class Imag(Part):
    """The imaginary part."""

    name = "imag"
    formula = "im(z)"
    examples = _examples(lambda z: z.imag, np.imag)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (ct * literal(-1j, node.args[0].dtype),)


@function
def real(val: Any) -> Expr:
    """The real part; a real array itself.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", (8,))
    >>> np.fft.fft(x).real.dtype
    dtype('float64')
    """
    z = as_expr(val)
    return make(OPS["real"], (z,), {}) if is_complex(z.dtype) else z


@function
def imag(val: Any) -> Expr:
    """The imaginary part; zeros for a real array."""
    z = as_expr(val)
    return make(OPS["imag"], (z,), {}) if is_complex(z.dtype) else zeros(z.shape, z.dtype)


@register
class Complex(Op):
    """The complex number of a real and an imaginary part."""

    name = "complex"
    elementwise = True
    parameters = ("x", "y")
    formula = "x + I*y"
    examples = tuple(
        Example(lambda x, y: complex(x, y), lambda x, y: x + 1j * y, shapes)
        for shapes in (((3, 4), (3, 4)), ((3, 1), (4,)), ((), ()))
    )

    def aval(self, re: Aval, im: Aval) -> Aval:
        parts = np.result_type(re.dtype, im.dtype)
        dtype = np.result_type(parts if is_float(parts) else np.float64, np.complex64)
        return Aval(broadcast_shapes(re.shape, im.shape), dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        re, im = node.args
        return (
            sum_to(real(ct), re.shape) if needs[0] else None,
            sum_to(-imag(ct), im.shape) if needs[1] else None,
        )

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        if all(t is None for t in tangents):
            return None
        re, im = [literal(0, real_dtype(node.dtype)) if t is None else t for t in tangents]
        out = make(self, (re, im), {})
        return out if out.shape == node.shape else FUNCTIONS["broadcast_to"](out, node.shape)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, tuple(align(args, batched, node.ndim)), {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        codes = [array_code(x, code) for x, code in zip(node.args, args, strict=True)]
        return Code.call("complex_of", *codes, out=True)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (complex_of,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"{args[0]} + i \, \left({args[1]}\right)"


@function
def complex(re: Any, im: Any = 0.0) -> Expr:
    """Complex numbers of these real and imaginary parts, which are real and broadcast.

    Inputs and parameters are real: this is how a complex one is declared. NaN and infinity stay
    in their part, as they do not in ``re + 1j * im``.

    Examples
    --------
    >>> import symgrad as sg
    >>> re, im = sg.input("re", ("B",)), sg.input("im", ("B",))
    >>> z = sg.complex(re, im)
    >>> z.dtype, sg.grad((abs(z) ** 2).sum(), im).dtype
    (dtype('complex128'), dtype('float64'))
    """
    x, y = as_exprs((re, im))
    for part in (x, y):
        if is_complex(part.dtype):
            raise DTypeError(f"complex: the parts must be real; got {part.dtype}")
    return make(OPS["complex"], (x, y), {})


# ---- the conjugate


@register
class Conjugate(Op):
    """The imaginary part with its sign changed."""

    name = "conjugate"
    elementwise = True
    takes_complex = True
    parameters = ("z",)
    formula = "conjugate(z)"
    examples = _examples(lambda z: conjugate(z), np.conj)

    def aval(self, z: Aval) -> Aval:
        return z

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (conjugate(ct),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        (t,) = tangents
        return None if t is None else conjugate(t)

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, {})

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.conj", args[0], out=True)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\overline{{{args[0]}}}"


@function
def conjugate(x: Any) -> Expr:
    """The complex conjugate; a real array itself.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> z = np.fft.fft(sg.input("x", (8,)))
    >>> np.conj(z) is z.conj()
    True
    """
    z = as_expr(x)
    return make(OPS["conjugate"], (z,), {}) if is_complex(z.dtype) else z


conj: Callable[[Any], Expr] = conjugate
FUNCTIONS["conj"] = conj


# ---- modulus and angle


@elementwise(
    formula="re(z)**2 + im(z)**2",
    partials=lambda out, z: (2 * conjugate(z),),
    numpy="abs2({0})",
    latex=r"\left|{0}\right|^2",
    dtype=real_dtype,
    kernels=(abs2_kernel,),
    cost=3,
    takes_complex=True,
    name="abs2",
    examples=_examples(lambda z: abs2(z), lambda z: z.real**2 + z.imag**2),
)
def squared_modulus(z: Any) -> Any:
    """|z|^2, without the square root that it would undo."""


@function
def abs2(x: Any) -> Expr:
    """The squared modulus |x|^2 of complex numbers, the square of real ones.

    What ``np.abs(x) ** 2`` is compiled to: there is no square root in it, and no corner at 0.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", (4,))
    >>> sg.function([x], sg.abs2(np.fft.fft(x)))([1.0, 0.0, 0.0, 0.0])
    array([1., 1., 1., 1.])
    """
    z = as_expr(x)
    return make(OPS["abs2"], (z,), {}) if is_complex(z.dtype) else square(z)


def _angle_partial(out: Expr, z: Expr) -> tuple[Expr]:
    """d angle = Im(dz / z) = Re(-1j / z * dz), and 0 at 0."""
    at_zero, zero, one = z == 0, literal(0, z.dtype), literal(1, z.dtype)
    return (where(at_zero, zero, literal(-1j, z.dtype) / where(at_zero, one, z)),)


@elementwise(
    partials=_angle_partial,
    numpy="np.angle({0})",
    latex=r"\arg\left({0}\right)",
    dtype=real_dtype,
    cost=20,
    takes_complex=True,
    name="angle",
    examples=(
        *_examples(lambda z: angle(z * z + 2.5), lambda z: np.angle(z * z + 2.5)),
        Example(
            lambda z: angle(z, deg=True),
            lambda z: np.angle(z, deg=True),
            ((3, 4),),
            dtypes=("complex128",),
            domain=((0.2, 2.0),),
        ),
        Example(lambda x: angle(x), np.angle, ((3, 4),), away=(0.0,)),
    ),
)
def argument(z: Any) -> Any:
    """The angle of a complex number with the positive real axis, in [-pi, pi]."""


@function
def angle(z: Any, deg: bool = False) -> Expr:
    """The angle with the positive real axis, in [-pi, pi], or in degrees.

    Notes
    -----
    The slope at 0 is 0. The angle jumps at negative real numbers, where its slope is that of
    either side.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x = sg.input("x", (8,))
    >>> np.angle(np.fft.rfft(x)).shape
    (5,)
    """
    x = as_expr(z)
    if is_complex(x.dtype):
        made = make(OPS["angle"], (x,), {})
    else:
        made = arctan2(literal(0, x.dtype), x)
    return made * (180 / math.pi) if deg else made


def as_complex(x: Expr) -> Expr:
    """An expression in the complex dtype of its precision."""
    if is_complex(x.dtype):
        return x
    dtype = x.dtype if is_float(x.dtype) else np.dtype(np.float64)
    return astype(x, np.result_type(dtype, np.complex64))
