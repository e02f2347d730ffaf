"""Bessel functions, of SciPy: their derivatives are Bessel functions again.

The order of a function is held fixed: it has no derivative. The scaled functions of order 0 and 1
have slopes that are differences of two nearly equal ones, which are computed as such.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.code import Code
from symgrad.ir.node import Expr
from symgrad.ir.op import Example, public
from symgrad.ops import bessel_kernels
from symgrad.ops.elementwise import elementwise, floating
from symgrad.ops.ordered import Ordered, order_of, ordered
from symgrad.ops.rounding import sign
from symgrad.ops.selection import where
from symgrad.ops.special_ufunc import (
    SCIPY,
    against_scipy,
    alias,
    in_common,
    scipy_dtype,
    scipy_function,
    scipy_ufunc,
    special,
)

_POSITIVE = (0.3, 6.0)
_REAL = (-6.0, 6.0)


def _of_real_order(name: str, domain: tuple[float, float]) -> tuple[Example, ...]:
    """Orders that are constants, whole and not, and an array of integers."""
    reference = scipy_function(name)

    build = special(name)
    return (
        Example(lambda x: build(2, x), lambda x: reference(2, x), ((3, 4),), domain=(domain,)),
        Example(
            lambda x: build(0.5, x), lambda x: reference(0.5, x), ((3,),), domain=(_POSITIVE,)
        ),
        Example(
            build, reference, ((4,), (3, 1)),
            domain=((0.0, 4.0), (0.3, 6.0)), dtypes=("int16", "float64"),
        ),
    )  # fmt: skip


# ---- of any real order


@scipy_ufunc(
    formula="besselj(v, z)",
    partials=lambda out, v, z: (None, 0.5 * (jv(v - 1, z) - jv(v + 1, z))),
    numpy="special.jv({0}, {1})",
    latex=r"J_{{{0}}}\left({1}\right)",
    examples=_of_real_order("jv", _REAL),
    fixed=("v",),
)
def jv(v: Any, z: Any) -> Any:
    """Bessel function of the first kind, of real order `v`.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> round(float(sg.function([x], sg.special.jv(2, x))(1.0)), 6)
    0.114903

    Notes
    -----
    There is no derivative with respect to the order: asking for it is an error.
    """


alias(jv, "jn")


@scipy_ufunc(
    formula="bessely(v, z)",
    partials=lambda out, v, z: (None, 0.5 * (yv(v - 1, z) - yv(v + 1, z))),
    numpy="special.yv({0}, {1})",
    latex=r"Y_{{{0}}}\left({1}\right)",
    examples=_of_real_order("yv", _POSITIVE),
    fixed=("v",),
)
def yv(v: Any, z: Any) -> Any:
    """Bessel function of the second kind, of real order `v`, which has no derivative."""


alias(yv, "yn")


@scipy_ufunc(
    formula="besseli(v, z)",
    partials=lambda out, v, z: (None, 0.5 * (iv(v - 1, z) + iv(v + 1, z))),
    numpy="special.iv({0}, {1})",
    latex=r"I_{{{0}}}\left({1}\right)",
    examples=_of_real_order("iv", _REAL),
    fixed=("v",),
)
def iv(v: Any, z: Any) -> Any:
    """Modified Bessel function of the first kind, of real order `v`, which has no derivative."""


@scipy_ufunc(
    formula="besselk(v, z)",
    partials=lambda out, v, z: (None, -0.5 * (kv(v - 1, z) + kv(v + 1, z))),
    numpy="special.kv({0}, {1})",
    latex=r"K_{{{0}}}\left({1}\right)",
    examples=_of_real_order("kv", _POSITIVE),
    fixed=("v",),
)
def kv(v: Any, z: Any) -> Any:
    """Modified Bessel function of the second kind, of real order `v`, which has no derivative."""


alias(kv, "kn")


@scipy_ufunc(
    formula="exp(-Abs(z)) * besseli(v, z)",
    partials=lambda out, v, z: (
        None,
        0.5 * (ive(v - 1, z) + ive(v + 1, z)) - sign(z) * out,
    ),
    numpy="special.ive({0}, {1})",
    latex=r"e^{{-\left|{1}\right|}} I_{{{0}}}\left({1}\right)",
    examples=(
        *_of_real_order("ive", _POSITIVE),
        Example(
            lambda x: ive(3, x), lambda x: scipy_function("ive")(3, x), ((3,),), domain=(_REAL,),
            away=(0.0,),
        ),
    ),
    fixed=("v",),
)  # fmt: skip
def ive(v: Any, z: Any) -> Any:
    """e^-abs(z) iv(v, z), of real order `v`, which has no derivative."""


@scipy_ufunc(
    formula="exp(z) * besselk(v, z)",
    partials=lambda out, v, z: (None, out - 0.5 * (kve(v - 1, z) + kve(v + 1, z))),
    numpy="special.kve({0}, {1})",
    latex=r"e^{{{1}}} K_{{{0}}}\left({1}\right)",
    examples=_of_real_order("kve", _POSITIVE),
    fixed=("v",),
)
def kve(v: Any, z: Any) -> Any:
    """e^z kv(v, z), of real order `v`, which has no derivative."""


# ---- of order 0 and 1


@scipy_ufunc(
    formula="besselj(0, x)",
    partials=lambda out, x: (-j1(x),),
    numpy="special.j0({0})",
    latex=r"J_0\left({0}\right)",
    examples=against_scipy("j0", _REAL),
    cost=40,
)
def j0(x: Any) -> Any:
    """Bessel function of the first kind of order 0."""


@scipy_ufunc(
    formula="besselj(1, x)",
    partials=lambda out, x: (0.5 * (j0(x) - jv(2, x)),),
    numpy="special.j1({0})",
    latex=r"J_1\left({0}\right)",
    examples=against_scipy("j1", _REAL),
    cost=40,
)
def j1(x: Any) -> Any:
    """Bessel function of the first kind of order 1."""


@scipy_ufunc(
    formula="bessely(0, x)",
    partials=lambda out, x: (-y1(x),),
    numpy="special.y0({0})",
    latex=r"Y_0\left({0}\right)",
    examples=against_scipy("y0", _POSITIVE),
    cost=40,
)
def y0(x: Any) -> Any:
    """Bessel function of the second kind of order 0."""


@scipy_ufunc(
    formula="bessely(1, x)",
    partials=lambda out, x: (y0(x) - out / x,),
    numpy="special.y1({0})",
    latex=r"Y_1\left({0}\right)",
    examples=against_scipy("y1", _POSITIVE),
    cost=40,
)
def y1(x: Any) -> Any:
    """Bessel function of the second kind of order 1."""


@scipy_ufunc(
    formula="besselk(0, x)",
    partials=lambda out, x: (-k1(x),),
    numpy="special.k0({0})",
    latex=r"K_0\left({0}\right)",
    examples=against_scipy("k0", _POSITIVE),
    cost=40,
)
def k0(x: Any) -> Any:
    """Modified Bessel function of the second kind of order 0."""


@scipy_ufunc(
    formula="besselk(1, x)",
    partials=lambda out, x: (-k0(x) - out / x,),
    numpy="special.k1({0})",
    latex=r"K_1\left({0}\right)",
    examples=against_scipy("k1", _POSITIVE),
    cost=40,
)
def k1(x: Any) -> Any:
    """Modified Bessel function of the second kind of order 1."""


# ---- scaled, of order 0 and 1


def _i_less(x: Expr) -> Expr:
    """e^-x (I_0(x) - I_1(x)) for x >= 0; directly where there is nothing to lose."""
    near = x < 1
    z = where(near, x, 0)
    return where(near, i0e(z) - i1e(z), _I_FAR(where(near, 1, x)))


def _k_more(x: Expr) -> Expr:
    """e^x (K_1(x) - K_0(x))."""
    near = x < 1
    z = where(near, x, 1)
    return where(near, k1e(z) - k0e(z), _K_FAR(where(near, 1, x)))


def _i_over(x: Expr) -> Expr:
    """e^-|x| I_1(x) / x, 1/2 at 0."""
    zero = x == 0
    return where(zero, 0.5, i1e(x) / where(zero, 1, x))


@elementwise(
    formula="exp(-x) * (besseli(0, x) - besseli(1, x))",
    partials=lambda out, x: (i1e(x) / x - 2 * out,),
    numpy="i_difference({0})",
    latex=r"e^{{-{0}}} \left(I_0 - I_1\right)\left({0}\right)",
    kernels=(bessel_kernels.i_difference,),
    examples=(
        Example(
            lambda x: _I_FAR(x),
            lambda x: scipy_function("i0e")(x) - scipy_function("i1e")(x),
            ((3, 4),),
            domain=((1.2, 12.0),),
        ),
    ),
    cost=60,
    name="i_difference",
)
def _I_FAR(x: Any) -> Any:
    """e^-x (I_0(x) - I_1(x)) for x >= 1."""


@elementwise(
    formula="exp(x) * (besselk(1, x) - besselk(0, x))",
    partials=lambda out, x: (2 * out - k1e(x) / x,),
    numpy="k_difference({0})",
    latex=r"e^{{{0}}} \left(K_1 - K_0\right)\left({0}\right)",
    kernels=(bessel_kernels.k_difference,),
    examples=(
        Example(
            lambda x: _K_FAR(x),
            lambda x: scipy_function("k1e")(x) - scipy_function("k0e")(x),
            ((3, 4),),
            domain=((1.2, 12.0),),
        ),
    ),
    cost=60,
    name="k_difference",
)
def _K_FAR(x: Any) -> Any:
    """e^x (K_1(x) - K_0(x)) for x >= 1."""


@scipy_ufunc(
    formula="exp(-Abs(x)) * besseli(0, x)",
    partials=lambda out, x: (-sign(x) * _i_less(abs(x)),),
    numpy="special.i0e({0})",
    latex=r"e^{{-\left|{0}\right|}} I_0\left({0}\right)",
    examples=(*against_scipy("i0e", _POSITIVE), *against_scipy("i0e", (-6.0, -0.2))),
    cost=40,
)
def i0e(x: Any) -> Any:
    """e^-abs(x) i0(x).

    Notes
    -----
    Its slope at the kink at 0 is 0, the element of least norm.
    """


@elementwise(
    formula="log(besseli(0, x))",
    partials=lambda out, x: (i1e(x) / i0e(x),),
    numpy="log_i0({0})",
    latex=r"\log I_0\left({0}\right)",
    dtype=floating,
    kernels=(bessel_kernels.log_i0,),
    namespace="special",
    cost=120,
    examples=(
        Example(lambda x: log_i0(x), lambda x: np.log(np.i0(x)), ((3, 4),)),
        Example(lambda x: log_i0(x), lambda x: np.log(np.i0(x)), ((3,),), domain=((28.0, 34.0),)),
    ),
)
def log_i0(x: Any) -> Any:
    """Logarithm of i0(x): x^2 / 4 near 0, finite far out; its slope is i1(x) / i0(x).

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ())
    >>> f = sg.function([x], sg.log_i0(x))
    >>> float(f(1e-9)), round(float(f(800.0)), 4)
    (2.5e-19, 795.7389)
    """


@scipy_ufunc(
    formula="exp(-Abs(x)) * besseli(1, x)",
    partials=lambda out, x: (_i_less(abs(x)) - _i_over(x),),
    numpy="special.i1e({0})",
    latex=r"e^{{-\left|{0}\right|}} I_1\left({0}\right)",
    examples=(*against_scipy("i1e", _POSITIVE), *against_scipy("i1e", (-6.0, -0.2))),
    cost=40,
)
def i1e(x: Any) -> Any:
    """e^-abs(x) i1(x)."""


@scipy_ufunc(
    formula="exp(x) * besselk(0, x)",
    partials=lambda out, x: (-_k_more(x),),
    numpy="special.k0e({0})",
    latex=r"e^{{{0}}} K_0\left({0}\right)",
    examples=against_scipy("k0e", _POSITIVE),
    cost=40,
)
def k0e(x: Any) -> Any:
    """e^x k0(x)."""


@scipy_ufunc(
    formula="exp(x) * besselk(1, x)",
    partials=lambda out, x: (_k_more(x) - out / x,),
    numpy="special.k1e({0})",
    latex=r"e^{{{0}}} K_1\left({0}\right)",
    examples=against_scipy("k1e", _POSITIVE),
    cost=40,
)
def k1e(x: Any) -> Any:
    """e^x k1(x)."""


# ---- spherical


class _Spherical(Ordered):
    """A function of SciPy's that is written in Python: it takes no ``out``, and gives float64."""

    def __call__(self, n: int, *args: Any) -> Expr:
        return super().__call__(n, *in_common(*args))

    def numpy(self, node: Expr, *args: Code) -> Code:
        code = Code.call(f"special.{self.name}", str(node.attrs["n"]), *args)
        if node.dtype == np.float64:
            return code
        return Code.method(code, "astype", f"np.{node.dtype.name}")


def _spherical(
    name: str, symbol: str, formula: str, domain: tuple[float, float], signs: tuple[int, int]
) -> Ordered:
    """f_n' = (s n f_(n-1) + t (n + 1) f_(n+1)) / (2 n + 1), without the usual quotient by x."""
    reference = scipy_function(name)

    def partials(n: int, out: Expr, z: Expr) -> tuple[Expr]:
        above = signs[1] * (n + 1) / (2 * n + 1) * op(n + 1, z)
        return (above if n == 0 else signs[0] * n / (2 * n + 1) * op(n - 1, z) + above,)

    op = ordered(
        name,
        "z",
        formula=formula,
        partials=partials,
        numpy="",
        kind=_Spherical,
        latex=symbol + r"_{{{n}}}\left({0}\right)",
        dtype=scipy_dtype,
        imports=SCIPY,
        examples=tuple(
            Example(
                lambda z, n=n: special(name)(n, z),
                lambda z, n=n: reference(n, z),
                (shape,),
                domain=(domain,),
            )
            for n, shape in ((0, (3,)), (1, ()), (3, (3, 4)))
        ),
        doc=f"The function {name} of SciPy.",
    )
    return op


_SPHERICAL_JN = _spherical("spherical_jn", "j", "expand_func(jn({n}, z))", _REAL, (1, -1))
_SPHERICAL_YN = _spherical("spherical_yn", "y", "expand_func(yn({n}, z))", _POSITIVE, (1, -1))
_SPHERICAL_IN = _spherical(
    "spherical_in", "i", "sqrt(pi / (2*z)) * besseli({n} + Rational(1, 2), z)", _POSITIVE, (1, 1)
)
_SPHERICAL_KN = _spherical(
    "spherical_kn", "k", "sqrt(pi / (2*z)) * besselk({n} + Rational(1, 2), z)", _POSITIVE, (-1, -1)
)


def _public_spherical(op: Ordered, n: Any, z: Any, derivative: bool) -> Expr:
    made = op(order_of(n, op.name), z)
    if not derivative:
        return made
    (slope,) = op.partials(made)
    assert slope is not None
    return slope


@public(namespace="special")
def spherical_jn(n: Any, z: Any, derivative: bool = False) -> Expr:
    """Spherical Bessel function of the first kind, of order n = 0, 1, ..., or its derivative."""
    return _public_spherical(_SPHERICAL_JN, n, z, derivative)


@public(namespace="special")
def spherical_yn(n: Any, z: Any, derivative: bool = False) -> Expr:
    """Spherical Bessel function of the second kind, of order n = 0, 1, ..., or its derivative."""
    return _public_spherical(_SPHERICAL_YN, n, z, derivative)


@public(namespace="special")
def spherical_in(n: Any, z: Any, derivative: bool = False) -> Expr:
    """Modified spherical Bessel function of the first kind, or its derivative."""
    return _public_spherical(_SPHERICAL_IN, n, z, derivative)


@public(namespace="special")
def spherical_kn(n: Any, z: Any, derivative: bool = False) -> Expr:
    """Modified spherical Bessel function of the second kind, or its derivative."""
    return _public_spherical(_SPHERICAL_KN, n, z, derivative)
