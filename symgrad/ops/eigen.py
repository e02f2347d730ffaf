"""Eigenvalues and eigenvectors: symmetric matrices, and general ones with a real spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad.errors import DeclarationError
from symgrad.ir.aval import Aval, Avals
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, make
from symgrad.ir.op import OPS, Example, Op, public, register
from symgrad.ops.examples import later
from symgrad.ops.gauge import along_values, inverse_gaps
from symgrad.ops.item import item, items
from symgrad.ops.linalg_kernels import real_eig, real_eigvals
from symgrad.ops.matrices import (
    as_matrix,
    column,
    diagonal_matrix,
    diagonal_of,
    folded,
    one_triangle,
    row,
    square_size,
)
from symgrad.ops.scalar_function import function_of
from symgrad.ops.selection import where
from symgrad.ops.shape import matrix_transpose
from symgrad.ops.solve import solve

__all__ = ["EigResult", "EighResult", "eig", "eigh", "eigvals", "eigvalsh"]

#: for examples
_eigh = later("eigh")
_eig = later("eig")


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class EigResult(NamedTuple):
    """Eigenvalues in no particular order, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class Spectral(Op):
    """A factorisation into eigenvalues and eigenvectors."""

    expensive = True
    parts = ("w", "V")

    def aval(self, a: Aval, **attrs: Any) -> Aval:
        n = square_size(a)
        lead = a.shape[:-2]
        return Avals.of(Aval((*lead, n), a.dtype), Aval((*lead, n, n), a.dtype))

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)

    def flops(self, node: Expr) -> int:
        n = node.args[0].shape[-1]
        return 9 * n**3 if isinstance(n, int) else 10**6


def _uplo(node: Expr) -> dict[str, Any]:
    return {} if node.attrs["lower"] else {"UPLO": '"U"'}


@register
class Eigh(Spectral):
    """Eigenvalues and eigenvectors of symmetric matrices, of which one triangle is read."""

    name = "eigh"
    examples = (
        *(
            Example(
                lambda x, u=uplo: _rebuilt(*_eigh(x, u)),
                lambda x, u=uplo: _rebuilt(*np.linalg.eigh(x, u)),
                (shape,),
            )
            for uplo in "LU"
            for shape in ((3, 3), (2, 4, 4))
        ),
        Example(
            lambda x: _eigh(x).eigenvectors[..., :1] @ _eigh(x).eigenvectors[..., :1].mT,
            lambda x: np.linalg.eigh(x)[1][..., :1] @ np.linalg.eigh(x)[1][..., :1].mT,
            ((3, 3),),
        ),
        Example(
            lambda x: abs(_eigh(x).eigenvectors), lambda x: abs(np.linalg.eigh(x)[1]), ((1, 1),)
        ),
        Example(lambda x: later("eigvalsh")(x), np.linalg.eigvalsh, ((3, 3),)),
    )

    def vjp(self, node: Expr, ct: Any, needs: tuple[bool, ...]) -> tuple[Expr | None, ...]:
        of_values, of_vectors = ct
        w, v = items(node)
        vt, lower = matrix_transpose(v), node.attrs["lower"]
        if of_vectors is None:
            return (folded(_spectral(node, of_values), lower),)
        core = _antisymmetric(vt @ of_vectors) * inverse_gaps(w)
        moved = along_values([of_vectors], w)
        if moved is not None:
            (change,), steps = moved
            assert change is not None
            limit = _antisymmetric(vt @ change) * inverse_gaps(steps)
            core = where(inverse_gaps(w) == 0, limit, core)
        if of_values is not None:
            core = core + diagonal_matrix(of_values)
        return (folded(v @ core @ vt, lower),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Any:
        (t,) = tangents
        assert t is not None
        w, v = items(node)
        inner = matrix_transpose(v) @ one_triangle(t, node.attrs["lower"]) @ v
        return diagonal_of(inner), v @ (inner * inverse_gaps(w))

    def alone(self, node: Expr, index: int) -> Expr | None:
        return make(OPS["eigvalsh"], node.args, node.attrs) if index == 0 else None

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.eigh", args[0], **_uplo(node))


def _spectral(node: Expr, of_values: Expr) -> Expr:
    """V diag(of_values) V^T.

    Where each of them is a function of its own eigenvalue, that is this function of the matrix:
    an op whose derivatives are exact where eigenvalues are equal.
    """
    w, v = items(node)
    number: Expr | None = None
    own: Expr | None = None
    for factor in _factors(of_values):
        common = _common(factor)
        if common is not None:
            number = common if number is None else number * common
        else:
            own = factor if own is None else own * factor
    body = None if own is None else function_of(own, w)
    if body is None:
        return (v * row(of_values)) @ matrix_transpose(v)
    (a,) = node.args
    read = a if node.attrs["lower"] else matrix_transpose(a)
    made = make(OPS["symmetric_function"], (read, w, v), {"f": body})
    return made if number is None else number * made


def _factors(x: Expr) -> list[Expr]:
    """What is multiplied to give x."""
    found, pending = [], [x]
    while pending:
        one = pending.pop()
        if one.op.name == "multiply":
            pending += one.args
        else:
            found.append(one)
    return found


def _common(x: Expr) -> Expr | None:
    """A factor that is one number for all eigenvalues of a matrix, as a factor of the matrix."""
    while x.op.name == "broadcast_to":
        x = x.args[0]
    if not x.ndim:
        return x
    last = x.shape[-1]
    return row(x) if isinstance(last, int) and last == 1 else None


def _antisymmetric(x: Expr) -> Expr:
    return (x - matrix_transpose(x)) / 2


def _rebuilt(w: Any, v: Any) -> Any:
    """V exp(w) V^T."""
    return (v * np.exp(w)[..., None, :]) @ v.mT


class Values(Op):
    """Eigenvalues alone: what a factorisation becomes where nobody reads its vectors."""

    expensive = True
    whole: str

    def aval(self, a: Aval, **attrs: Any) -> Aval:
        return Aval((*a.shape[:-2], square_size(a)), a.dtype)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> tuple[Expr | None, ...]:
        whole = make(OPS[self.whole], node.args, node.attrs)
        return tuple(whole.op.vjp(whole, (ct, None), needs))  # type: ignore[arg-type]

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        whole = make(OPS[self.whole], node.args, node.attrs)
        values: Expr | None = whole.op.jvp(whole, tangents)[0]  # type: ignore[index]
        return values

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, args, node.attrs)


@register
class Eigvalsh(Values):
    """Eigenvalues of symmetric matrices, in ascending order."""

    name = "eigvalsh"
    whole = "eigh"
    examples = tuple(
        Example(
            lambda x, lower=lower: make(OPS["eigvalsh"], (x,), {"lower": lower}),
            lambda x, lower=lower: np.linalg.eigvalsh(x, "L" if lower else "U"),
            (shape,),
        )
        for lower in (True, False)
        for shape in ((3, 3), (2, 3, 3), (1, 1))
    )

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("np.linalg.eigvalsh", args[0], **_uplo(node))

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\lambda\left({args[0]}\right)"


def _lower(uplo: Any, op: str) -> bool:
    if not isinstance(uplo, str) or uplo.upper() not in ("L", "U"):
        raise DeclarationError(f"{op}: expected UPLO 'L' or 'U'; got {uplo!r}")
    return uplo.upper() == "L"


@public(namespace="linalg")
def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices.

    Parameters
    ----------
    a : array_like, (..., n, n)
        Only one triangle is read: the matrices are taken to be symmetric.
    UPLO : "L" or "U"
        Which triangle.

    Returns
    -------
    EighResult
        With fields ``eigenvalues`` and ``eigenvectors``.

    Notes
    -----
    The gradient is that of the triangle which is read, zero in the other; its symmetric part is
    the gradient among symmetric matrices. Where eigenvalues are equal, the gradient of a loss that
    does not depend on the choice of their eigenvectors is finite and right in reverse mode; forward
    mode, and derivatives of the gradient, are right there for losses of eigenvalues or of
    whole eigenspaces alone: for functions of a matrix use :func:`symmetric_function`.

    Examples
    --------
    >>> import symgrad as sg
    >>> w, V = sg.linalg.eigh(sg.input("A", ("B", 3, 3)))
    >>> w.shape, V.shape
    ((Dim('B'), 3), (Dim('B'), 3, 3))
    """
    whole = make(OPS["eigh"], (as_matrix(a, "eigh"),), {"lower": _lower(UPLO, "eigh")})
    return EighResult(*items(whole))


@public(namespace="linalg")
def eigvalsh(a: Any, UPLO: str = "L") -> Expr:
    """Eigenvalues of symmetric matrices, in ascending order.

    Notes
    -----
    The gradient is that of the triangle which is read, as for :func:`eigh`. Equal eigenvalues
    share it in the way of the eigenvectors that were found; it is unique for a loss that is
    symmetric in them.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> np.linalg.eigvalsh(sg.input("A", (3, 3))).shape
    (3,)
    """
    whole = make(OPS["eigh"], (as_matrix(a, "eigvalsh"),), {"lower": _lower(UPLO, "eigvalsh")})
    return item(whole, 0)


# ---------------------------------------------------------------- general matrices


def _spread(x: Any) -> Any:
    """A matrix with real, distinct eigenvalues, of one with entries below 1."""
    return x + np.diag(6.0 * np.arange(3)).astype(x.dtype)


def _squares(w: Any, v: Any) -> Any:
    """What does not depend on the signs of eigenvectors."""
    return v**2 * np.exp(w / 8)[..., None, :]


@register
class Eig(Spectral):
    """Eigenvalues and eigenvectors of general matrices, which must all be real."""

    name = "eig"
    examples = (
        *(
            Example(
                lambda x: _squares(*_eig(_spread(x))),
                lambda x: _squares(*np.linalg.eig(_spread(x))),
                (shape,),
                domain=((-1.0, 1.0),),
            )
            for shape in ((3, 3), (2, 3, 3))
        ),
        Example(
            lambda x: later("eigvals")(_spread(x)),
            lambda x: np.linalg.eigvals(_spread(x)),
            ((3, 3),),
            domain=((-1.0, 1.0),),
        ),
    )

    def vjp(self, node: Expr, ct: Any, needs: tuple[bool, ...]) -> tuple[Expr | None, ...]:
        of_values, of_vectors = ct
        w, v = items(node)
        vt = matrix_transpose(v)
        if of_vectors is None:
            return (solve(vt, column(of_values) * vt),)
        along = row((v * of_vectors).sum(axis=-2))  # the columns keep their length
        core = (vt @ (of_vectors - v * along)) * inverse_gaps(w)
        if of_values is not None:
            core = core + diagonal_matrix(of_values)
        return (solve(vt, core @ vt),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Any:
        (t,) = tangents
        assert t is not None
        w, v = items(node)
        inner = solve(v, t @ v)
        free = v @ (inner * inverse_gaps(w))
        return diagonal_of(inner), free - v * row((v * free).sum(axis=-2))

    def alone(self, node: Expr, index: int) -> Expr | None:
        return make(OPS["eigvals"], node.args, node.attrs) if index == 0 else None

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("real_eig", args[0])

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (real_eig,)


@register
class Eigvals(Values):
    """Eigenvalues of general matrices, which must all be real."""

    name = "eigvals"
    whole = "eig"
    examples = tuple(
        Example(
            lambda x: make(OPS["eigvals"], (_spread(x),), {}),
            lambda x: np.linalg.eigvals(_spread(x)),
            (shape,),
            domain=((-1.0, 1.0),),
        )
        for shape in ((3, 3), (2, 3, 3))
    )

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.call("real_eigvals", args[0])

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return (real_eigvals,)

    def latex(self, node: Expr, *args: str) -> str:
        return rf"\lambda\left({args[0]}\right)"


@public(namespace="linalg")
def eig(a: Any) -> EigResult:
    """Eigenvalues and eigenvectors (columns of length 1) of matrices with a real spectrum.

    Expressions are real. A matrix whose eigenvalues turn out to be complex raises
    ``numpy.linalg.LinAlgError`` at the call.

    Notes
    -----
    The derivative is that of distinct eigenvalues; that of the vectors of equal ones is not
    defined, and what would be infinite in it is left out.

    Examples
    --------
    >>> import symgrad as sg
    >>> A = sg.input("A", (2, 2))
    >>> f = sg.function([A], sg.linalg.eig(A).eigenvalues)
    >>> f([[2.0, 1.0], [0.0, 3.0]])
    array([2., 3.])
    """
    return EigResult(*items(make(OPS["eig"], (as_matrix(a, "eig"),), {})))


@public(namespace="linalg")
def eigvals(a: Any) -> Expr:
    """Eigenvalues of matrices with a real spectrum, in no particular order.

    A matrix whose eigenvalues turn out to be complex raises ``numpy.linalg.LinAlgError`` at the
    call.

    Examples
    --------
    >>> import symgrad as sg
    >>> sg.linalg.eigvals(sg.input("A", ("B", 3, 3))).shape
    (Dim('B'), 3)
    """
    return item(make(OPS["eig"], (as_matrix(a, "eigvals"),), {}), 0)
