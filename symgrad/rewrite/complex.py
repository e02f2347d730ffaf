"""Algebra of complex numbers: parts, conjugates, squared moduli, casts from real ones.

Of the rules of the other tables only those hold here that say so.
"""

# ops in the language of rules are typed as Any
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

from symgrad.ir.dtypes import is_complex
from symgrad.ir.graph import rebuild
from symgrad.ir.node import LITERAL, Expr, literal, make
from symgrad.ir.op import NAMESPACES, OPS
from symgrad.ops.fft import flipped
from symgrad.rewrite.engine import Rewriter, rule
from symgrad.rewrite.pattern import (
    abs2,
    absolute,
    anything,
    astype,
    complex,
    conjugate,
    imag,
    real,
    sqrt,
    square,
    zeros,
)
from symgrad.rewrite.pattern import sum as sum_

_fft, _ifft = NAMESPACES["fft"]["fft"], NAMESPACES["fft"]["ifft"]

# ---------------------------------------------------------------- squared moduli


@rule(
    "stability",
    lambda z: square(absolute(z)),
    takes_complex=True,
    examples=(lambda x, y: square(absolute(complex(x, y))),),
)
@rule(
    "algebra",
    lambda z: square(absolute(z)),
    takes_complex=True,
    examples=(lambda x, y: absolute(complex(x, y)) ** 2,),
)
def square_of_modulus(z: Expr) -> Expr | None:
    """|z|^2 -> abs2(z): no root, and no corner at 0."""
    return abs2(z) if is_complex(z.dtype) else None


@rule(
    "stability",
    lambda z: real(z * conjugate(z)),
    takes_complex=True,
    examples=(lambda x, y: real(complex(x, y) * conjugate(complex(x, y))),),
)
@rule(
    "algebra",
    lambda z: real(z * conjugate(z)),
    takes_complex=True,
    examples=(lambda x, y: real(conjugate(complex(x, y)) * complex(x, y)),),
)
def product_with_conjugate(z: Expr) -> Expr:
    """Re(z conj(z)) -> abs2(z)."""
    return abs2(z)


@rule(
    "algebra",
    lambda z: sqrt(abs2(z)),
    takes_complex=True,
    extends_domain=True,
    examples=(lambda x, y: sqrt(abs2(complex(x, y))),),
)
def root_of_squared_modulus(z: Expr) -> Expr:
    """sqrt(|z|^2) -> |z|, also where the square overflows."""
    return absolute(z)


# ---------------------------------------------------------------- conjugates and signs


@rule(
    "algebra",
    lambda z: conjugate(conjugate(z)),
    takes_complex=True,
    examples=(lambda x, y: conjugate(conjugate(complex(x, y))),),
)
def conjugate_of_conjugate(z: Expr) -> Expr:
    """conj(conj(z)) -> z."""
    return z


@rule(
    "algebra",
    lambda z: anything(conjugate(z)),
    only=lambda op, below: op in ("real", "imag", "absolute", "abs2"),
    takes_complex=True,
    examples=(
        lambda x, y: real(conjugate(complex(x, y))),
        lambda x, y: imag(conjugate(complex(x, y))),
        lambda x, y: absolute(conjugate(complex(x, y))),
        lambda x, y: abs2(conjugate(complex(x, y))),
    ),
)
def part_of_conjugate(z: Expr, node: Expr) -> Expr:
    """Re conj(z) -> Re z, Im conj(z) -> -Im z, |conj(z)| -> |z|."""
    part = rebuild(node, (z,))
    return -part if node.op.name == "imag" else part


@rule(
    "algebra",
    lambda z: anything(-z),
    only=lambda op, below: op in ("real", "imag", "conjugate", "abs2"),
    takes_complex=True,
    examples=(
        lambda x, y: real(-complex(x, y)),
        lambda x, y: imag(-complex(x, y)),
        lambda x, y: conjugate(-complex(x, y)),
        lambda x, y: abs2(-complex(x, y)),
    ),
)
def part_of_negative(z: Expr, node: Expr) -> Expr:
    """Re(-z) -> -Re z, conj(-z) -> -conj(z), |-z|^2 -> |z|^2."""
    part = rebuild(node, (z,))
    return part if node.op.name == "abs2" else -part


# ---------------------------------------------------------------- real factors


def _real(x: Expr) -> Expr | None:
    """A factor that is real: of a real dtype, or a literal without an imaginary part."""
    if not is_complex(x.dtype):
        return x
    if x.op is not LITERAL or x.shape or "name" in x.attrs:
        return None
    value = x.attrs["value"].array
    return literal(value.real) if value.imag == 0 else None


@rule(
    "algebra",
    lambda x, z: conjugate(x * z),
    takes_complex=True,
    examples=(
        lambda x, y: conjugate(2.0 * complex(x, y)),
        lambda x, y: conjugate(complex(x, y) * y),
    ),
)
def conjugate_of_multiple(x: Expr, z: Expr) -> Expr | None:
    """conj(x z) -> x conj(z) for a real x: the conjugate may meet another."""
    factor = _real(x)
    return None if factor is None or not is_complex(z.dtype) else conjugate(z) * factor


@rule(
    "algebra",
    lambda z, x: conjugate(z / x),
    takes_complex=True,
    domain=(0.1, 2.0),
    examples=(
        lambda x, y: conjugate(complex(x, y) / 3.0),
        lambda x, y: conjugate(complex(x, y) / y),
    ),
)
def conjugate_of_quotient(z: Expr, x: Expr) -> Expr | None:
    """conj(z / x) -> conj(z) / x for a real x."""
    divisor = _real(x)
    return None if divisor is None or not is_complex(z.dtype) else conjugate(z) / divisor


@rule(
    "algebra",
    lambda z, axis, keepdims: anything(sum_(z, axis=axis, keepdims=keepdims)),
    only=lambda op, below: op in ("real", "imag"),
    takes_complex=True,
    examples=(
        lambda x, y: real(sum_(complex(x, y), axis=0)),
        lambda x, y: imag(sum_(complex(x, y), axis=(0, 1), keepdims=True)),
    ),
)
def part_of_sum(z: Expr, axis: Any, keepdims: bool, node: Expr, run: Rewriter) -> Expr | None:
    """Re sum z -> sum Re z: half as many additions."""
    if run.uses(node.args[0]) > 1:
        return None
    return sum_(rebuild(node, (z,)), axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- casts from real numbers


@rule(
    "algebra",
    lambda x: anything(astype(x)),
    only=lambda op, below: op in ("real", "imag", "conjugate"),
    takes_complex=True,
    examples=(
        lambda x: real(astype(x, astype(x, "complex64").dtype)),
        lambda x: imag(astype(x, "complex128")),
        lambda x: conjugate(astype(x, "complex128")),
    ),
)
def part_of_cast(x: Expr, node: Expr) -> Expr | None:
    """Re of a real number -> the number, Im -> 0, conj -> itself."""
    if is_complex(x.dtype):
        return None
    if node.op.name == "conjugate":
        return node.args[0]
    return astype(x, node.dtype) if node.op.name == "real" else zeros(node.shape, node.dtype)


#: what takes a real argument beside a complex one, or makes a complex result of a real one
_MIXED = ("add", "subtract", "multiply", "divide", "fft", "ifft", "matmul")


@rule(
    "algebra",
    lambda *args: anything(*args),
    only=lambda op, below: op in _MIXED and "astype" in below,
    takes_complex=True,
    examples=(
        lambda x, y: astype(x, "complex128") * complex(x, y),
        lambda x, y: complex(x, y) - astype(y, "complex128"),
        lambda x, y: _ifft(astype(x, "complex128")),
    ),
)
def cast_by_itself(args: tuple[Expr, ...], node: Expr, run: Rewriter) -> Expr | None:
    """A real number beside a complex one becomes complex by itself."""
    for i, arg in enumerate(args):
        if arg.op.name != "astype" or run.opaque(arg) or is_complex(arg.args[0].dtype):
            continue
        if not is_complex(arg.dtype):
            continue
        bare = rebuild(node, (*args[:i], arg.args[0], *args[i + 1 :]))
        if bare.aval == node.aval:
            return bare
    return None


# ---------------------------------------------------------------- transforms of conjugates


@rule(
    "algebra",
    lambda z: anything(anything(conjugate(z))),
    only=lambda op, below: op in ("real", "conjugate") and below[0] in ("fft", "ifft"),
    takes_complex=True,
    examples=(
        lambda x, y: real(_fft(conjugate(complex(x, y)))),
        lambda x, y: conjugate(_ifft(conjugate(complex(x, y)), norm="ortho")),
    ),
)
def transform_of_conjugate(z: Expr, node: Expr, run: Rewriter) -> Expr | None:
    """conj(fft(conj(z))) -> the inverse transform of z, scaled alike; so its real part."""
    transform = node.args[0]
    if run.uses(transform) > 1:
        return None
    inverse = OPS["ifft" if transform.op.name == "fft" else "fft"]
    attrs = {**transform.attrs, "norm": flipped(transform.attrs["norm"])}
    made = make(inverse, (z,), attrs)
    return real(made) if node.op.name == "real" else made
