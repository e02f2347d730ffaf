"""The finite-difference check: it passes what is right, and names what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import symgrad.ops  # noqa: F401  (fills the registry)
from symgrad.autodiff.check import check_expressions
from symgrad.autodiff.differences import central_difference
from symgrad.errors import (
    DeclarationError,
    DTypeError,
    GradientMismatch,
    NonFiniteError,
    ShapeError,
)
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.node import Expr, identity, make
from symgrad.ir.op import FUNCTIONS, Op
from symgrad.ir.size import dim
from symgrad.ops.leaf import INPUT

exp, log, arange = (lambda *a, n=n: FUNCTIONS[n](*a) for n in ("exp", "log", "arange"))


def leaf(name: str, *shape: Any, dtype: str = "float64") -> Expr:
    return identity(INPUT, {"name": name, "shape": shape, "dtype": np.dtype(dtype)})


class Faulty(Op):
    """A cube, element by element; what is wrong with its derivatives is an attribute."""

    name = "faulty_cube"

    def aval(self, x: Aval, fault: str) -> Aval:
        return x

    def _slope(self, node: Expr, mode: str) -> Expr:
        (x,) = node.args
        slope = 3.0 * x * x
        fault = node.attrs["fault"]
        if fault == mode:
            slope = slope * 1.0001
        if fault == f"{mode} entry":
            slope = slope + np.array([0.0, 0.0, 1e-3])
        if fault == f"{mode} second":  # right to first order only
            slope = 3.0 * x * FUNCTIONS["stop_gradient"](x)
        return slope

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        return (ct * self._slope(node, "rev"),)

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        return tangents[0] * self._slope(node, "fwd")  # type: ignore[operator]

    def numpy(self, node: Expr, *args: Code) -> Code:
        return Code.infix("**", args[0], Code("3"))


FAULTY = Faulty()


def cube(x: Expr, fault: str = "") -> Expr:
    return make(FAULTY, (x,), {"fault": fault})


def test_a_right_op_passes_in_both_modes() -> None:
    report = check_expressions([cube(x := leaf("x", 3))], [x])
    assert [(row.name, row.mode, row.order, row.entries, row.size) for row in report.rows] == [
        ("x", "rev", 1, 3, 3),
        ("x", "fwd", 1, 3, 3),
        ("x", "rev rev", 2, 3, 3),
        ("x", "rev fwd", 2, 3, 3),
        ("x", "fwd rev", 2, 3, 3),
        ("x", "fwd fwd", 2, 3, 3),
    ]
    assert report.error < 1e-9


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("rev", r"d / d x\[0\], order 1, mode rev: "),
        ("fwd", r"d output 0\[0\] / d x\[0\], order 1, mode fwd: "),
        ("rev entry", r"d / d x\[2\], order 1, mode rev: "),
        ("fwd entry", r"d output 0\[2\] / d x\[2\], order 1, mode fwd: "),
        ("rev second", r"x\[0\], order 2, mode rev \(of rev\): "),
        ("fwd second", r"x\[0\], order 2, mode rev \(of fwd\): "),
    ],
)
def test_a_wrong_op_is_named(fault: str, named: str) -> None:
    x = leaf("x", 3)
    point = {x: np.array([0.7, -1.1, 0.4])}
    with pytest.raises(GradientMismatch, match=named) as raised:
        check_expressions([cube(x, fault)], [x], point)
    assert isinstance(raised.value, AssertionError)


def test_both_numbers_are_in_the_message() -> None:
    x = leaf("x")
    with pytest.raises(GradientMismatch, match=r"gives 12\.0012\d*, finite differences 1[12]\.\d"):
        check_expressions([cube(x, "rev")], [x], {x: 2.0})


def test_a_fault_of_the_other_mode_or_order_is_not_looked_for() -> None:
    x = leaf("x", 3)
    check_expressions([cube(x, "fwd")], [x], modes=["rev"])
    check_expressions([cube(x, "rev second")], [x], order=1)


def test_a_fault_in_a_large_array_is_found() -> None:
    x = leaf("x", 400)
    with pytest.raises(GradientMismatch):
        check_expressions([cube(x, "rev")], [x])
    (row, _) = check_expressions([cube(x)], [x], order=1).rows
    assert row.entries < row.size == 400


@pytest.mark.parametrize("magnitude", [1e-8, 1.0, 1e8])
def test_tolerance_scales_with_magnitude(magnitude: float) -> None:
    x = leaf("x", 3)
    check_expressions([cube(x) * magnitude], [x])
    with pytest.raises(GradientMismatch):
        check_expressions([cube(x, "rev") * magnitude], [x])


def test_third_order() -> None:
    x = leaf("x", 2)
    report = check_expressions([exp(x).sum()], [x], order=3, modes=("fwd",))
    assert [row.mode for row in report.rows] == ["fwd", "fwd fwd", "fwd fwd fwd"]


def test_a_drawn_point_fits_sizes_labels_and_dtypes() -> None:
    x = leaf("x", dim("B"), 5, dtype="float32")
    W = leaf("W", 5, 4, dtype="float32")
    y = leaf("y", dim("N"), dtype="int64")  # N must be B, and y below 4
    z = x @ W
    loss = log(exp(z).sum(axis=1)).sum() - z[arange(x.shape[0]), y].sum()
    assert check_expressions([loss], [W, x], order=1).error < 1e-9


def test_an_output_that_does_not_depend_has_gradient_zero() -> None:
    x, y = leaf("x", 3), leaf("y", dim("B"))
    report = check_expressions([x * 2.0], [x, y], order=1)
    assert {row.name for row in report.rows} == {"x", "y"}


def test_a_logarithm_gets_a_positive_point() -> None:
    check_expressions([log(x := leaf("x", 20))], [x], order=1)


def test_another_evaluator_is_what_is_checked() -> None:
    x = leaf("x", 3)
    with pytest.raises(GradientMismatch):
        check_expressions(
            [cube(x)], [x], evaluate=lambda exprs, env: [np.full(e.shape, 0.5) for e in exprs]
        )


def test_the_report_prints() -> None:
    x = leaf("x", 3)
    lines = str(check_expressions([cube(x)], [x], order=1)).splitlines()
    assert lines[0].split() == [
        "with",
        "respect",
        "to",
        "order",
        "mode",
        "compared",
        "max",
        "error",
    ]
    assert lines[1].split()[:4] == ["x", "1", "rev", "all"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: check_expressions([x], [x], modes=("reverse",)), DeclarationError, "modes"),
        (lambda x: check_expressions([x], [x], order=0), DeclarationError, "order"),
        (lambda x: check_expressions([x > 0.0], [x]), DTypeError, "floating"),
        (
            lambda x: check_expressions([x], [leaf("i", dtype="int64")]),
            DTypeError,
            "only floating values have gradients",
        ),
        (
            lambda x: check_expressions([x], [x], {x: [1.0, np.inf, 0.0]}),
            NonFiniteError,
            "not finite at the given point",
        ),
        (lambda x: check_expressions([x], [x], {x: np.ones(4)}), ShapeError, r"\(4,\)"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(leaf("x", 3))


@pytest.mark.parametrize(
    ("f", "at", "slope"),
    [
        (np.sin, 1.0, np.cos(1.0)),
        (np.exp, 20.0, np.exp(20.0)),
        (lambda t: 1 / t, 0.02, -1 / 0.02**2),  # a pole within the longest steps
        (np.abs, 0.01, 1.0),  # a kink within the longest steps
        (np.log, 0.005, 200.0),  # not a number at the longest steps
    ],
)
def test_differences(f: Any, at: float, slope: float) -> None:
    got, error = central_difference(lambda t: np.asarray(f(np.float64(at + t))))
    assert abs(got - slope) <= 1e-8 * abs(slope)
    assert error <= 1e-6 * abs(slope)
