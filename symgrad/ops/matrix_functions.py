"""Functions of matrices: powers, the exponential, and any function of symmetric ones."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import FUNCTIONS, OPS, Example, public, register
from symgrad.ops.directional import Directional
from symgrad.ops.divided import divided_differences
from symgrad.ops.eigen import eigh
from symgrad.ops.examples import later
from symgrad.ops.linalg_kernels import expm as expm_kernel
from symgrad.ops.matrices import (
    as_matrix,
    folded,
    identity_like,
    one_triangle,
    row,
    square_size,
    symmetric_part,
)
from symgrad.ops.scalar_function import apply_scalar, derivative, scalar_function
from symgrad.ops.shape import broadcast_to, matrix_transpose
from symgrad.ops.solve import inv

__all__ = ["expm", "expm_sym", "logm_sym", "matrix_power", "sqrtm_sym", "symmetric_function"]

#: for examples
_expm = later("expm")
_symmetric_function = later("symmetric_function")
_expm_sym = later("expm_sym")
_matrix_power = later("matrix_power")


# ---------------------------------------------------------------- powers


def _power_example(shape: tuple[int, ...], n: int) -> Example:
    return Example(
        lambda x: _matrix_power(x, n), lambda x: np.linalg.matrix_power(x, n), (shape,),
        domain=((-1.0, 1.0),),
    )  # fmt: skip


@public(
    namespace="linalg",
    examples=(
        *(_power_example((3, 3), n) for n in (0, 1, 2, 3, 7)),
        _power_example((2, 3, 3), 4),
        _power_example((3, 3), -2),
    ),
)
def matrix_power(a: Any, n: int) -> Expr:
    """Square matrices multiplied with themselves, n times; the inverse for a negative n.

    Parameters
    ----------
    a : array_like, (..., m, m)
    n : int
        Known at declaration. The product is made by repeated squaring.

    Examples
    --------
    >>> import symgrad as sg
    >>> A = sg.input("A", (3, 3))
    >>> sg.linalg.matrix_power(A, 2) is A @ A
    True
    """
    x = as_matrix(a, "matrix_power")
    square_size(x.aval)
    try:
        count = operator.index(n)
    except TypeError:
        raise DeclarationError(f"matrix_power: expected an integer exponent; got {n!r}") from None
    if count == 0:
        return broadcast_to(identity_like(x), x.shape)
    if count < 0:
        x, count = inv(x), -count
    out: Expr | None = None
    while True:
        if count & 1:
            out = x if out is None else out @ x
        count >>= 1
        if not count:
            assert out is not None
            return out
        x = x @ x


# ---------------------------------------------------------------- the exponential


def _scipy_expm(x: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.expm(x).astype(x.dtype)


def _scipy_expm_along(x: Any, h: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.expm_frechet(x, h, compute_expm=False)


@register
class Expm(Directional):
    """The exponential of square matrices, and its derivatives."""

    name = "expm"
    examples = (
        *(
            Example(lambda x: _expm(x), _scipy_expm, (shape,))
            for shape in ((3, 3), (2, 4, 4), (1, 1), (0, 0))
        ),
        Example(lambda x: _expm(x * 8.0), lambda x: _scipy_expm(x * 8.0), ((3, 3),), smooth=False),
        Example(
            lambda x, h: make(OPS["expm"], (x, h), {}), _scipy_expm_along, ((3, 3), (3, 3))
        ),
    )  # fmt: skip

    def toward(self, ct: Expr) -> Expr:
        return matrix_transpose(ct)

    def back(self, x: Expr) -> Expr:
        return matrix_transpose(x)

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call(self.name, *args)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (expm_kernel,)

    def latex(self, node: Expr, *args: str) -> str:
        along = "".join(rf"\left[{h}\right]" for h in args[1:])
        return rf"\exp\left({args[0]}\right){along}"

    def flops(self, node: Expr) -> int:
        n = node.shape[-1]
        return 30 * n * 8 ** (len(node.args) - 1) if isinstance(n, int) else 30 * 64


@public(namespace="linalg")
def expm(a: Any) -> Expr:
    """Exponential of square matrices.

    By a Pade approximant with scaling and squaring (Al-Mohy and Higham, 2009); its derivative is
    the exponential of a block matrix, as accurate as the value.

    Examples
    --------
    >>> import symgrad as sg
    >>> A = sg.input("A", (2, 2))
    >>> f = sg.function([A], sg.linalg.expm(A))
    >>> f([[0.0, 1.0], [0.0, 0.0]])
    array([[1., 1.],
           [0., 1.]])
    """
    return make(OPS["expm"], (as_matrix(a, "expm"),), {})


# ---------------------------------------------------------------- functions of symmetric matrices


def _reference(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return (v * f(w)[..., None, :]) @ v.mT

    return apply


def _sine_along(a: Any, h: Any) -> Any:
    """The derivative of the sine of a symmetric matrix (Daleckii and Krein)."""
    w, v = np.linalg.eigh(a)
    gaps = w - w[:, None] + np.eye(len(w))
    quotients = np.where(np.eye(len(w)) == 1, np.cos(w), (np.sin(w) - np.sin(w)[:, None]) / gaps)
    turned = v.T @ (np.tril(h) + np.tril(h, -1).T) @ v
    return v @ (quotients * turned) @ v.T


@register
class SymmetricFunction(Directional):
    """A function of the eigenvalues of symmetric matrices, and its derivatives.

    Its arguments are the matrix, its eigenvalues and eigenvectors, and directions.
    """

    name = "symmetric_function"
    given = 2
    expensive = False
    examples = (
        *(
            Example(lambda x: _symmetric_function(x, np.exp), _reference(np.exp), (shape,))
            for shape in ((3, 3), (2, 4, 4), (1, 1))
        ),
        Example(
            lambda x, h: along(x, np.sin, h),
            _sine_along,
            ((3, 3), (3, 3)),
            domain=((-1.0, 1.0), (-1.0, 1.0)),
            smooth=False,
        ),
    )

    def toward(self, ct: Expr) -> Expr:
        return symmetric_part(ct)

    def back(self, x: Expr) -> Expr:
        return folded(x, lower=True)

    def lower(self, node: Expr) -> Expr:
        w, v, *directions = node.args[1:]
        vt, body = matrix_transpose(v), node.attrs["f"]
        if not directions:
            return (v * row(apply_scalar(body, w))) @ vt
        bodies = [body]
        for _ in directions:
            bodies.append(derivative(bodies[-1]))
        functions = [lambda x, b=b: apply_scalar(b, x) for b in bodies]
        quotients = divided_differences(functions, w)
        inner = [vt @ one_triangle(h, True) @ v for h in directions]
        if len(inner) == 1:
            return v @ (quotients * inner[0]) @ vt
        letters = "abcdefgh"[: len(inner) + 1]
        pairs = [letters[i : i + 2] for i in range(len(inner))]
        spec = ",".join(f"...{part}" for part in (letters, *pairs))
        total: Expr | None = None
        for order in permutations(inner):
            term = FUNCTIONS["einsum"](f"{spec}->...{letters[0]}{letters[-1]}", quotients, *order)
            total = term if total is None else total + term
        assert total is not None
        return v @ total @ vt

    def latex(self, node: Expr, *args: str) -> str:
        along = "".join(rf"\left[{h}\right]" for h in args[3:])
        return rf"f\left({args[0]}\right){along}"

    def flops(self, node: Expr) -> int:
        n = node.shape[-1]
        return 2 * n if isinstance(n, int) else 128


def applied(a: Expr, f: Expr, *directions: Expr) -> Expr:
    """The node of a function of symmetric matrices, or of its derivative along matrices."""
    w, v = eigh(a)
    return make(OPS["symmetric_function"], (a, w, v, *directions), {"f": f})


def along(a: Any, f: Callable[[Expr], Any], *directions: Expr) -> Expr:
    """The derivative of :func:`symmetric_function` along symmetric matrices."""
    x = as_matrix(a, "symmetric_function")
    return applied(x, scalar_function(f, x.dtype), *directions)


@public(namespace="linalg")
def symmetric_function(a: Any, f: Callable[[Any], Any]) -> Expr:
    """A function of symmetric matrices: V f(w) V^T, from eigenvalues w and eigenvectors V.

    Parameters
    ----------
    a : array_like, (..., n, n)
        The lower triangle is read.
    f : callable
        Of one number: elementwise operations on it and on constants.

    Notes
    -----
    The derivatives, to any order, are made of divided differences of f, which are exact where
    eigenvalues are equal and accurate where they are close. The gradient is that of the lower
    triangle, zero in the upper one.

    Examples
    --------
    >>> import symgrad as sg
    >>> A = sg.input("A", (2, 2))
    >>> f = sg.function([A], sg.linalg.symmetric_function(A, lambda w: 1 / (1 + w)))
    >>> f([[1.0, 0.0], [0.0, 3.0]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    x = as_matrix(a, "symmetric_function")
    square_size(x.aval)
    return applied(x, scalar_function(f, x.dtype))


def _definite(x: Any) -> Any:
    return x @ x.mT + np.eye(x.shape[-1], dtype=x.dtype)


def _sym_example(name: str, f: Callable[[Any], Any], shape: tuple[int, ...]) -> Example:
    from symgrad.ir.op import NAMESPACES

    return Example(
        lambda x: NAMESPACES["linalg"][name](x @ x.mT + identity_like(x)),
        lambda x: _reference(f)(_definite(x)),
        (shape,),
    )


@public(
    namespace="linalg",
    examples=(
        _sym_example("sqrtm_sym", np.sqrt, (3, 3)),
        _sym_example("sqrtm_sym", np.sqrt, (2, 2, 2)),
    ),
)
def sqrtm_sym(a: Any) -> Expr:
    """Square root of symmetric positive semidefinite matrices.

    Notes
    -----
    As :func:`symmetric_function`. A negative eigenvalue gives NaN.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.sqrtm_sym(sg.input("A", ("B", 3, 3))).shape
    (Dim('B'), 3, 3)
    """
    return symmetric_function(a, FUNCTIONS["sqrt"])


@public(namespace="linalg", examples=(_sym_example("logm_sym", np.log, (3, 3)),))
def logm_sym(a: Any) -> Expr:
    """Logarithm of symmetric positive definite matrices.

    Notes
    -----
    As :func:`symmetric_function`. A negative eigenvalue gives NaN.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.logm_sym(sg.input("A", ("B", 3, 3))).shape
    (Dim('B'), 3, 3)
    """
    return symmetric_function(a, FUNCTIONS["log"])


@public(
    namespace="linalg",
    examples=(Example(lambda x: _expm_sym(x), _reference(np.exp), ((3, 3),)),),
)
def expm_sym(a: Any) -> Expr:
    """Exponential of symmetric matrices, of which the lower triangle is read.

    Notes
    -----
    As :func:`symmetric_function`.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.expm_sym(sg.input("A", ("B", 3, 3))).shape
    (Dim('B'), 3, 3)
    """
    return symmetric_function(a, FUNCTIONS["exp"])
