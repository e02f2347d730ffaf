"""What is measured: every op of the registry that computes, and every spelling of every family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import symgrad.ops
import symgrad.ops.random
from symgrad.ir.op import OPS, Op
from symgrad.model.formula import FormulaOp
from tests.accuracy import exact, families, points
from tests.accuracy.exact_special import FIXED
from tests.accuracy.systems import Problem
from tests.accuracy.truth import EXACT, lifted

assert symgrad.ops.FAMILIES and symgrad.ops.random  # importing them has filled the registry

__all__ = ["Case", "EXEMPT", "SHIPPED", "cases", "families_cases", "op_cases"]

Array = np.ndarray[Any, Any]
Formula = Callable[..., Any]

#: the registry, without the ops that a user's formulas make
SHIPPED = {name: op for name, op in OPS.items() if not isinstance(op, FormulaOp)}

#: ops of which there is nothing to measure -> why
EXEMPT = {
    **dict.fromkeys(
        ["literal", "size", "input", "param", "state", "slot", "training", "named", "bound"],
        "a leaf: its value is given",
    ),
    **dict.fromkeys(
        ["stop_gradient", "straight_through", "csr",
         "copy", "transpose", "reshape", "broadcast_to", "expand_dims", "squeeze",
         "getitem", "scatter_set", "concatenate", "stack", "repeat", "tile", "pad", "where",
         "max", "min"],
        "it moves or selects values, and changes none; its gradient adds what it moved",
    ),
    **dict.fromkeys(
        ["loop", "branch", "checkpoint", "custom", "implicit", "absent"],
        "it is as accurate as what it holds",
    ),
    **dict.fromkeys(
        ["random_integers", "random_permutation", "standard_exponential", "standard_gumbel",
         "standard_laplace", "standard_logistic", "standard_truncated_normal", "keyed_draw"],
        "a draw",
    ),
    **dict.fromkeys(
        ["zeros", "ones", "full", "eye", "arange", "one_hot", "linspace"],
        "it makes constants, by NumPy's own function",
    ),
    **dict.fromkeys(
        ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and",
         "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor",
         "invert", "left_shift", "right_shift", "isnan", "isinf", "isfinite", "any", "all",
         "argmax", "argmin"],
        "its result is a boolean or an integer: it is right or wrong",
    ),
    **dict.fromkeys(
        ["sign", "heaviside", "floor", "ceil", "trunc", "rint", "floor_divide"],
        "it rounds to an integer: it is right or wrong, and its slope is 0",
    ),
    **dict.fromkeys(
        ["tril", "triu", "diag", "sliding_window_view", "pad_from", "patches", "fftshift",
         "ifftshift", "cummax", "cummin", "window_max", "window_max_spread", "window_max_taken",
         "sort", "order_statistics", "choose", "real", "imag", "conjugate"],
        "it moves or selects values, and changes none; its gradient adds what it moved",
    ),
    **dict.fromkeys(
        ["tri", "hermitian_weights", "fftfreq", "rfftfreq", "knot"],
        "it makes constants",
    ),
    **dict.fromkeys(
        ["argsort", "argpartition", "searchsorted", "digitize", "bincount", "nanargmax",
         "nanargmin", "signbit", "exponent", "gcd", "lcm", "bitwise_count", "gammasgn"],
        "its result is a boolean or an integer: it is right or wrong",
    ),
    **dict.fromkeys(
        ["fmod", "fraction", "mantissa", "ldexp", "nextafter", "spacing"],
        "it takes a number apart, without rounding",
    ),
    **dict.fromkeys(["fft", "ifft", "rfft", "irfft"], "NumPy's transforms, of complex numbers"),
    **dict.fromkeys(
        ["complex", "abs2", "angle"],
        "of complex numbers; of their parts it is add, multiply, arctan2",
    ),
    **dict.fromkeys(
        ["overlap_add", "convolve", "correlate", "window_product", "window_sum"],
        "sums of products, measured as sum and matmul",
    ),
    **dict.fromkeys(
        ["gammaincinv", "gammainccinv", "betaincinv", "stdtrit"],
        "an inverse, which tests/ops compare with the function that it inverts",
    ),
    **dict.fromkeys(
        ["polygamma_difference", "exponential_moment", "i_difference", "k_difference",
         "log_ratio", "erfcx_integral", "power_series", "univariate", "bessel_i", "riemann_zeta",
         "hyperu", "log_mixture"],
        "a part of other functions or of their derivatives, measured in these or in tests/ops",
    ),
    **dict.fromkeys(
        ["svd", "qr", "qr_r", "eigh", "eig", "lstsq"],
        "its vectors have no sign of their own: tests/ops compare what they make up",
    ),
    **dict.fromkeys(
        ["eigvals", "symmetric_function", "cofactors", "inverse_gaps", "definite_factor",
         "inv_definite", "logdet_definite", "solve_definite", "sinc"],
        "what other functions or their derivatives become: measured in these, or in tests/ops",
    ),
    "item": "it takes a part",
    "matrix_rank": "a whole number",
    "interp": "a choice of an interval, then products and a sum",
    "logcumsumexp": "logaddexp again and again, measured as that",
    "astype": "NumPy's cast",
    "scatter_add": "sums, measured as sum",
    "einsum": "lowered to products of matrices and sums, measured as these",
    "recurrence": "the derivative of cumprod, measured as that",
    "logsumexp_log_weights": "log_softmax, of other parts, and measured as that",
    "logsumexp_weights": "the derivative of logsumexp, measured as that",
    "unit": "x over its norm, measured as that formula",
    "standard_normal": "a draw",
    "standard_uniform": "a draw",
}  # fmt: skip

#: op of rows -> how it is called
ALONG_ROWS: dict[str, Formula] = {
    **{
        name: lambda xp, x, name=name: getattr(xp, name)(x, axis=-1)
        for name in ("sum", "prod", "mean", "var", "std", "cumsum", "cumprod", "logsumexp",
                     "logmeanexp", "softmax", "log_softmax")
    },
    "euclidean_norm": lambda xp, x: xp.norm(x, axis=-1),
    "p_norm": lambda xp, x: xp.norm(x, 3, axis=-1),
}  # fmt: skip

#: op of matrices -> how it is called with a square matrix and a vector
OF_MATRICES: dict[str, Formula] = {
    "matmul": lambda xp, a, b: a @ b,
    "inv": lambda xp, a, b: xp.inv(a),
    "pinv": lambda xp, a, b: xp.pinv(a),
    "solve": lambda xp, a, b: xp.solve(a, b),
    "solve_triangular": lambda xp, a, b: xp.solve_triangular(a, b, lower=True),
    "det": lambda xp, a, b: xp.det(a),
    "slogdet": lambda xp, a, b: xp.slogdet(a)[1],
    "cholesky": lambda xp, a, b: xp.cholesky(a @ a.T),
    "expm": lambda xp, a, b: xp.expm(a),
    "eigvalsh": lambda xp, a, b: xp.eigvalsh(a + a.T),
    "svdvals": lambda xp, a, b: xp.svdvals(a),
}


#: ops of a matrix and a vector
_SYSTEMS = ("solve", "solve_triangular")


@dataclass(frozen=True)
class Case:
    """One formula, at all its points.

    Parameters
    ----------
    kind : {"op", "family"}
    group : str
        The op, or the family.
    spelling : str
        Of a family's formula.
    formula : callable
    arguments : {"numbers", "rows", "matrices"}
    arity : int
        How many numbers it takes.
    domain : tuple of (low, high), or None
        Of special functions: where they are measured.
    """

    kind: str
    group: str
    spelling: str
    formula: Formula
    arguments: str = "numbers"
    arity: int = 1
    domain: tuple[tuple[float, float], ...] | None = None

    def __str__(self) -> str:
        return f"{self.group}: {self.spelling}" if self.spelling else self.group

    def problems(self, dtype: str, quick: bool = False) -> list[Problem]:
        """The formula on its points: all numbers and rows at once, each matrix by itself."""
        if self.arguments == "numbers":
            if self.domain is not None:
                args = points.special(list(self.domain), dtype, quick)
            elif self.arity == 1:
                args = [points.singles(dtype, quick)]
            else:
                args = (points.pairs if self.arity == 2 else points.triples)(dtype, quick)
            wrt = tuple(range(self.arity))
            return [Problem(self.formula, args, None, wrt, True, not quick)]
        if self.arguments == "rows":
            rows = points.vectors(dtype, quick)
            shape = np.shape(self.formula(EXACT, lifted(rows[0])))
            weights = np.array([1.0, 0.5, -0.25, 2.0]) if shape else np.array(1.0)
            return [
                Problem(
                    self.formula,
                    [rows],
                    np.broadcast_to(weights, (len(rows), *shape)).astype(dtype),
                )
            ]
        wrt = (0,) if self.kind == "op" and self.group not in ("matmul", *_SYSTEMS) else (0, 1)
        return [
            Problem(self.formula, [a, b], None, wrt)
            for a, b in points.matrices(dtype, quick)
            if self.group != "expm" or np.abs(a).max() < 10  # it has a finite exponential
        ]


def op_cases() -> list[Case]:
    """One for each op of the registry that is not exempt."""
    made = []
    for name, op in SHIPPED.items():
        if name in EXEMPT:
            continue
        if name in ALONG_ROWS:
            made.append(Case("op", name, "", ALONG_ROWS[name], "rows"))
        elif name in OF_MATRICES:
            made.append(Case("op", name, "", OF_MATRICES[name], "matrices"))
        elif name in exact.FUNCTIONS:
            made.append(Case("op", name, "", _call(name), arity=op.arity))  # type: ignore[attr-defined]
        elif name in FIXED:
            formula = FIXED[name][1]
            made.append(Case("op", name, "", formula, domain=_domain(op, 1)))
        elif op.elementwise and getattr(op, "formula", None):
            arity: int = op.arity  # type: ignore[attr-defined]
            made.append(Case("op", name, "", _call(name), arity=arity, domain=_domain(op, arity)))
    return made


def _call(name: str) -> Formula:
    return lambda xp, *args: getattr(xp, name)(*args)


def _domain(op: Op, arity: int) -> tuple[tuple[float, float], ...]:
    """That of the op's first example, which may fix all arguments but the last."""
    domain = op.examples[0].domain or ((-2.0, 2.0),)
    return tuple(domain[-arity:]) if len(domain) >= arity else tuple(domain) * arity


def families_cases() -> list[Case]:
    """One for each spelling."""
    kinds = (
        (families.NUMBERS, "numbers", 1),
        (families.PAIRS, "numbers", 2),
        (families.ROWS, "rows", 1),
        (families.MATRICES, "matrices", 2),
    )
    return [
        Case("family", group, spelling, formula, arguments, arity)
        for table, arguments, arity in kinds
        for group, spellings in table.items()
        for spelling, formula in spellings.items()
    ]


def cases() -> list[Case]:
    return [*op_cases(), *families_cases()]
