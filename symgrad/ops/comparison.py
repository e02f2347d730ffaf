"""Comparisons, logic and bits: ops whose results have no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.op import FUNCTIONS, Example
from symgrad.ops.elementwise import boolean, elementwise

_SHAPES = (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 1)))


def _pairs(build: Any, reference: Any, **kwargs: Any) -> tuple[Example, ...]:
    return tuple(Example(build, reference, shapes, **kwargs) for shapes in _SHAPES)


def _compared(build: Any, reference: Any) -> tuple[Example, ...]:
    """Examples on few integers, so that equal ones occur, and on floats."""
    few: dict[str, Any] = {"domain": ((-2.0, 3.0), (-2.0, 3.0)), "smooth": False}
    return (
        *_pairs(build, reference, smooth=False),
        *_pairs(build, reference, dtypes=("int64", "int64"), **few),
        Example(build, reference, ((3, 4), (4,)), dtypes=("int64", "float64"), **few),
    )


# ---- comparisons


@elementwise(
    formula="x < y",
    numpy="{0} < {1}",
    latex="{0} < {1}",
    dtype="less",
    examples=_compared(lambda x, y: less(x, y), np.less),
)
def less(x: Any, y: Any) -> Any:
    """Whether x < y, element by element.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> (x < 0).dtype
    dtype('bool')
    """


@elementwise(
    formula="x <= y",
    numpy="{0} <= {1}",
    latex=r"{0} \le {1}",
    dtype="less_equal",
    examples=_compared(lambda x, y: less_equal(x, y), np.less_equal),
)
def less_equal(x: Any, y: Any) -> Any:
    """Whether x <= y, element by element."""


@elementwise(
    formula="x > y",
    numpy="{0} > {1}",
    latex="{0} > {1}",
    dtype="greater",
    examples=_compared(lambda x, y: greater(x, y), np.greater),
)
def greater(x: Any, y: Any) -> Any:
    """Whether x > y, element by element."""


@elementwise(
    formula="x >= y",
    numpy="{0} >= {1}",
    latex=r"{0} \ge {1}",
    dtype="greater_equal",
    examples=_compared(lambda x, y: greater_equal(x, y), np.greater_equal),
)
def greater_equal(x: Any, y: Any) -> Any:
    """Whether x >= y, element by element."""


@elementwise(
    formula="Eq(x, y)",
    numpy="{0} == {1}",
    latex="{0} = {1}",
    dtype="equal",
    takes_complex=True,
    examples=_compared(lambda x, y: equal(x, y), np.equal),
)
def equal(x: Any, y: Any) -> Any:
    """Whether x equals y, element by element."""


@elementwise(
    formula="Ne(x, y)",
    numpy="{0} != {1}",
    latex=r"{0} \ne {1}",
    dtype="not_equal",
    takes_complex=True,
    examples=_compared(lambda x, y: not_equal(x, y), np.not_equal),
)
def not_equal(x: Any, y: Any) -> Any:
    """Whether x differs from y, element by element."""


# ---- logic


def _logic(build: Any, reference: Any, *more: Any) -> tuple[Example, ...]:
    ends = ((0.0, 2.0), (0.0, 2.0))
    return tuple(
        example
        for dtype in ("bool", *more)
        for example in _pairs(build, reference, dtypes=(dtype,) * 2, domain=ends, smooth=False)
    )


@elementwise(
    numpy="np.logical_and({0}, {1})",
    latex=r"{0} \wedge {1}",
    dtype=boolean,
    examples=_logic(lambda x, y: logical_and(x, y), np.logical_and, "int64", "float64"),
)
def logical_and(x: Any, y: Any) -> Any:
    """Whether both are true (not zero), element by element."""


@elementwise(
    numpy="np.logical_or({0}, {1})",
    latex=r"{0} \vee {1}",
    dtype=boolean,
    examples=_logic(lambda x, y: logical_or(x, y), np.logical_or, "int64", "float64"),
)
def logical_or(x: Any, y: Any) -> Any:
    """Whether one at least is true (not zero), element by element."""


@elementwise(
    numpy="np.logical_xor({0}, {1})",
    latex=r"{0} \oplus {1}",
    dtype=boolean,
    examples=_logic(lambda x, y: logical_xor(x, y), np.logical_xor, "int64", "float64"),
)
def logical_xor(x: Any, y: Any) -> Any:
    """Whether exactly one is true (not zero), element by element."""


@elementwise(
    numpy="np.logical_not({0})",
    latex=r"\neg {0}",
    dtype=boolean,
    examples=(
        Example(
            lambda x: logical_not(x), np.logical_not, ((3, 4),), dtypes=("bool",), smooth=False
        ),
        Example(
            lambda x: logical_not(x),
            np.logical_not,
            ((3, 4),),
            dtypes=("int64",),
            domain=((0.0, 2.0),),
            smooth=False,
        ),
    ),
)
def logical_not(x: Any) -> Any:
    """Whether it is false (zero), element by element."""


# ---- bits: of booleans, the same as logic


@elementwise(
    formula="x & y",
    numpy="{0} & {1}",
    latex=r"{0} \wedge {1}",
    dtype="bitwise_and",
    examples=_logic(lambda x, y: bitwise_and(x, y), np.bitwise_and, "int64"),
)
def bitwise_and(x: Any, y: Any) -> Any:
    """Bitwise and; of booleans, logical and."""


@elementwise(
    formula="x | y",
    numpy="{0} | {1}",
    latex=r"{0} \vee {1}",
    dtype="bitwise_or",
    examples=_logic(lambda x, y: bitwise_or(x, y), np.bitwise_or, "int64"),
)
def bitwise_or(x: Any, y: Any) -> Any:
    """Bitwise or; of booleans, logical or."""


@elementwise(
    formula="Xor(x, y)",
    numpy="{0} ^ {1}",
    latex=r"{0} \oplus {1}",
    dtype="bitwise_xor",
    examples=_logic(lambda x, y: bitwise_xor(x, y), np.bitwise_xor, "int64"),
)
def bitwise_xor(x: Any, y: Any) -> Any:
    """Bitwise exclusive or; of booleans, the logical one."""


@elementwise(
    formula="~x",
    numpy="~{0}",
    latex=r"\neg {0}",
    dtype="invert",
    examples=(
        Example(lambda x: invert(x), np.invert, ((3, 4),), dtypes=("bool",), smooth=False),
        Example(
            lambda x: invert(x),
            np.invert,
            ((3, 4),),
            dtypes=("int64",),
            domain=((-9.0, 9.0),),
            smooth=False,
        ),
    ),
)
def invert(x: Any) -> Any:
    """Bitwise not; of booleans, logical not."""


def _shifted(build: Any, reference: Any) -> tuple[Example, ...]:
    return _pairs(
        build,
        reference,
        dtypes=("int64", "int64"),
        domain=((-100.0, 100.0), (0.0, 5.0)),
        smooth=False,
    )


@elementwise(
    numpy="{0} << {1}",
    latex=r"{0} \ll {1}",
    dtype="left_shift",
    examples=_shifted(lambda x, y: left_shift(x, y), np.left_shift),
)
def left_shift(x: Any, y: Any) -> Any:
    """The bits of x moved y places up."""


@elementwise(
    numpy="{0} >> {1}",
    latex=r"{0} \gg {1}",
    dtype="right_shift",
    examples=_shifted(lambda x, y: right_shift(x, y), np.right_shift),
)
def right_shift(x: Any, y: Any) -> Any:
    """The bits of x moved y places down."""


# ---- what kind of number


def _kind(name: str) -> tuple[Example, ...]:
    """Examples in which x / y is NaN at 0 / 0 and infinite at 1 / 0."""

    def build(x: Any, y: Any) -> Any:
        return FUNCTIONS[name](x / y)

    def reference(x: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return getattr(np, name)(x / y)

    return (
        Example(
            build,
            reference,
            ((5, 4), (5, 4)),
            dtypes=("int64", "int64"),
            domain=((-1.0, 2.0), (-1.0, 2.0)),
            smooth=False,
        ),
        Example(
            lambda x, y: build(x + 1j * y, y),
            lambda x, y: reference(x + 1j * y, y),
            ((5, 4), (5, 4)),
            domain=((-1.0, 2.0), (-1.0, 2.0)),
            dtypes=("int64", "int64"),
            smooth=False,
        ),
    )


@elementwise(
    formula="Ne(x, x)",
    numpy="np.isnan({0})",
    latex=r"\operatorname{{isnan}}\left({0}\right)",
    dtype="isnan",
    takes_complex=True,
    examples=_kind("isnan"),
)
def isnan(x: Any) -> Any:
    """Whether it is not a number."""


@elementwise(
    numpy="np.isinf({0})",
    latex=r"\left|{0}\right| = \infty",
    dtype="isinf",
    takes_complex=True,
    examples=_kind("isinf"),
)
def isinf(x: Any) -> Any:
    """Whether it is infinite."""


@elementwise(
    numpy="np.isfinite({0})",
    latex=r"\left|{0}\right| < \infty",
    dtype="isfinite",
    takes_complex=True,
    examples=_kind("isfinite"),
)
def isfinite(x: Any) -> Any:
    """Whether it is finite: neither infinite nor NaN."""
