"""What the registry's tests are made of: the examples of every op, their values and derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

import symgrad.autodiff.along_axis
import symgrad.ops
from symgrad.autodiff.differences import central_difference
from symgrad.ir.graph import rebuild, substitute, topological
from symgrad.ir.node import Expr, as_expr, identity
from symgrad.ir.op import EXAMPLES, OPS, Example
from symgrad.ir.size import Size, dim
from symgrad.ops.draws import Draw
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT

assert symgrad.ops.FAMILIES  # importing them has filled the registry
assert symgrad.autodiff.along_axis

Array = np.ndarray[Any, Any]

#: functions that are compositions of ops, with their examples
COMPOSED = EXAMPLES

#: values that come from outside, or from the compiler: nothing computes them
LEAVES = {
    "literal": "its array is its value",
    "size": "its value is read from the shapes of a call",
    "input": "given at a call",
    "bound": "given at a step",
    "param": "given at a call",
    "state": "given at a call",
    "slot": "a value that a step of training changes",
    "training": "resolved when compiled",
    "named": "the name of a constant",
    "item": "one of the arrays that a node gives: the name that its statement gives it",
    **{name: "drawn at a call" for name, op in OPS.items() if isinstance(op, Draw)},
}

#: (op, number of the example) -> why it needs sizes that are known at declaration
NEEDS_STATIC: dict[tuple[str, int], str] = {
    ("split", 0): "a symbolic size cannot be proved a multiple of 3",
    ("hsplit", 0): "a symbolic size cannot be proved a multiple of 2",
    ("hsplit", 1): "a symbolic size cannot be proved a multiple of 3",
    **{("cross", k): "vectors have 2 or 3 elements" for k in range(6)},
    **{("linalg.cross", k): "vectors have 3 elements" for k in range(2)},
    ("vsplit", 0): "a symbolic size cannot be proved a multiple of 2",
    **{("delete", i): "positions on an axis of unknown size" for i in range(4)},
    **{
        key: "a symbolic number of channels cannot be proved a multiple of the groups"
        for key in (
            ("conv1d", 3),
            *(("conv2d", i) for i in (5, 6, 7)),
            ("conv1d_transpose", 3),
            *(("conv2d_transpose", i) for i in (4, 5)),
        )
    },
    **{("insert", i): "positions on an axis of unknown size" for i in range(6)},
}

#: ops that hold regions, and what is made of them: no elements of theirs have a formula
REGIONAL = {
    **dict.fromkeys(["loop", "branch", "checkpoint"], "tests/model/test_control.py"),
    **dict.fromkeys(["custom", "implicit"], "tests/model/test_custom.py"),
    "absent": "of a side of a branch: tests/model/test_branches.py",
    "csr": "a result, of which nothing is made: tests/model/test_jacobian.py",
}

#: compositions whose name an op has too -> what the op is
NAMESAKES = {
    "copy": "a value in memory of its own, made by the compiler",
    "size": "a symbolic size used as a number",
}

#: (op, number of the example) -> why it has no complex counterpart, of an op that takes complex
REAL_ONLY: dict[tuple[str, int], str] = {
    ("astype", 2): "complex numbers do not become integers",
    **{("pad", i): "complex numbers have no order, and no maximum" for i in (7, 8)},
    ("where", 4): "its condition is an inequality",
}

#: ops whose derivative is zero by definition, whatever differences of their values say
CONSTANT = {"stop_gradient", "nextafter", "spacing"}


@dataclass(frozen=True, eq=False)
class Case:
    """One example of an op, with its arguments drawn."""

    op: str
    number: int
    example: Example
    values: tuple[Array, ...]

    @property
    def differentiable(self) -> list[int]:
        """The arguments with gradients; none if the result has none."""
        if self.op in CONSTANT or self.reference().dtype.kind not in "fc":
            return []
        return [i for i, v in enumerate(self.values) if v.dtype.kind in "fc" and v.size]

    def reference(self, *values: Any) -> Array:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return np.asarray(self.example.reference(*(values or self.values)))

    def __str__(self) -> str:
        shapes = ", ".join(f"{v.dtype} {v.shape}" for v in self.values)
        return f"example {self.number} of {self.op} on {shapes}"


def draw(example: Example, shapes: Sequence[tuple[int, ...]], seed: int) -> tuple[Array, ...]:
    """Arguments within the example's domain, away from where it is not smooth."""
    rng = np.random.default_rng(seed)
    out = []
    for i, shape in enumerate(shapes):
        low, high = example.domain[i] if example.domain else (-2.0, 2.0)
        dtype = np.dtype(example.dtypes[i] if example.dtypes else "float64")
        if dtype.kind == "b":
            out.append(np.asarray(rng.random(shape) < 0.5))
        elif dtype.kind == "f":
            x = np.asarray(rng.uniform(low, high, shape))
            for _ in range(100):
                close = np.zeros(shape, bool)
                for point in example.away:
                    close |= np.abs(x - point) < 0.05
                if not close.any():
                    break
                x = np.where(close, rng.uniform(low, high, shape), x)
            out.append(x.astype(dtype))
        elif dtype.kind == "c":
            out.append(complex_numbers(rng, low, high, shape, example.away).astype(dtype))
        else:
            out.append(np.asarray(rng.integers(int(low), int(high), shape), dtype))
    return tuple(out)


def complex_numbers(
    rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...], away: Any = ()
) -> Array:
    """Both parts within the bounds; where a point is to be avoided, so is all that is below it.

    There functions that have a corner at the point, and are complex, have their branch cuts.
    """
    parts = rng.uniform(low, high, (2, *shape))
    if away:
        parts[0] = np.abs(parts[0]) + max(away) + 0.05
    return np.asarray(parts[0] + 1j * parts[1])


@cache
def cases(name: str) -> tuple[Case, ...]:
    """The examples of an op, or of a function that is a composition of ops.

    Those of an op that takes complex numbers come a second time with them.
    """
    own = OPS[name].examples if name in OPS else ()
    found = list(enumerate(own + COMPOSED.get(name, ())))
    if name in OPS and OPS[name].takes_complex:
        found += [(k, made) for k, one in enumerate(own) for made in complex_example(name, k, one)]
    return tuple(
        Case(name, k, example, draw(example, example.shapes, seed=k)) for k, example in found
    )


def complex_example(op: str, number: int, example: Example) -> list[Example]:
    """The same example of complex arguments: all of them, or in every second one the first."""
    dtypes = list(example.dtypes or ["float64"] * len(example.shapes))
    real = [i for i, dtype in enumerate(dtypes) if dtype == "float64"]
    if not real or (op, number) in REAL_ONLY:
        return []
    for i in real[:1] if number % 2 else real:
        dtypes[i] = "complex128"
    return [replace(example, dtypes=tuple(dtypes))]


def with_examples() -> list[str]:
    return sorted({name for name, op in OPS.items() if op.examples} | set(COMPOSED))


# ---- building


def leaf(shape: tuple[Size, ...], dtype: Any, name: str = "x") -> Expr:
    return identity(INPUT, {"name": name, "shape": shape, "dtype": np.dtype(dtype)})


def build(
    example: Example, shapes: Sequence[tuple[Size, ...]], dtypes: Sequence[Any]
) -> tuple[Expr, list[Expr]]:
    """The example's expression, and its fresh inputs."""
    leaves = [
        leaf(tuple(shape), dtype, "xyzuvw"[i])
        for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]
    return as_expr(example.build(*leaves)), leaves


@cache
def built(case: Case) -> tuple[Expr, list[Expr]]:
    """The case's expression on inputs of exactly its shapes."""
    return build(case.example, [v.shape for v in case.values], [v.dtype for v in case.values])


def value(node: Expr, leaves: Sequence[Expr], values: Sequence[Any]) -> Array:
    return evaluate([node], dict(zip(leaves, values, strict=True)))[0]


def below(outputs: Sequence[Expr]) -> list[Expr]:
    """All nodes that compute something."""
    return [n for n in topological(outputs) if n.op.name not in LEAVES]


def lowered(node: Expr) -> Expr:
    """The node with compositions expanded into primitives."""

    def visit(old: Expr, args: tuple[Expr, ...]) -> Expr:
        new = rebuild(old, args)
        return lowered(new.op.lower(new)) if new.op.composite else new

    return substitute([node], {}, visit)[0]


# ---- comparing


def assert_close(
    got: Any, want: Any, what: object, rtol: float = 1e-12, scale: float = 0.0
) -> None:
    """Equal in shape and value, but for rounding: `rtol` of the largest value that takes part."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if want.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want, err_msg=str(what))
        return
    finite = np.abs(want[np.isfinite(want)])
    scale = max(scale, float(finite.max(initial=0.0)))
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * scale + 1e-300, err_msg=str(what))


# ---- derivatives of the references, from their values alone


def in_double(value: Any) -> Array:
    array = np.asarray(value)
    return array.astype(np.promote_types(array.dtype, np.float64))


def paired(ct: Any, change: Any) -> float:
    """By how much the loss changes: the convention of `symgrad.ops.complex`."""
    return float(np.real(np.sum(np.asarray(ct) * change)))


def weights(seed: int, shape: tuple[int, ...], dtype: Any) -> Array:
    """Random cotangents."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1, 1, shape)
    if np.dtype(dtype).kind == "c":
        drawn = drawn + 1j * rng.uniform(-1, 1, shape)
    return np.asarray(drawn, dtype)


def slope(
    f: Callable[..., Any], values: Sequence[Array], directions: Mapping[int, Array]
) -> tuple[Array, float]:
    """The derivative of a NumPy function along directions of some of its arguments."""

    def moved(t: float) -> Array:
        return in_double(
            f(*[v + t * directions[i] if i in directions else v for i, v in enumerate(values)])
        )

    got, error = central_difference(moved, first_step=2.0**-7)
    return got, float(error.max(initial=0.0))


def second_slope(
    f: Callable[..., Any],
    values: Sequence[Array],
    first: Mapping[int, Array],
    second: Mapping[int, Array],
) -> Array:
    """d^2 f(x + s v + t w) / ds dt at 0, from four values for each step."""

    def moved(s: float, t: float) -> Array:
        return in_double(
            f(*[v + s * first[i] + t * second[i] if i in first else v
                for i, v in enumerate(values)])
        )  # fmt: skip

    def product(h: float) -> Array:
        return (moved(h, h) - moved(h, -h) - moved(-h, h) + moved(-h, -h)) / (4 * h * h)

    # the error is a series in h^2, as that of a central difference is
    row: list[Array] = []
    best = worst = None
    h = 2.0**-5
    for level in range(6):
        new = [product(h)]
        for k in range(level):
            new.append(new[k] + (new[k] - row[k]) / (4.0 ** (k + 1) - 1))
            error = np.maximum(np.abs(new[k + 1] - new[k]), np.abs(new[k + 1] - row[k]))
            error = np.where(np.isfinite(error), error, np.inf)
            if best is None:
                best, worst = new[k + 1], error
            else:
                best = np.where(error < worst, new[k + 1], best)
                worst = np.minimum(error, worst)
        row = new
        h /= 2
    assert best is not None
    return best


def directions(case: Case, seed: int) -> dict[int, Array]:
    return {
        i: weights(seed + 10 * i, case.values[i].shape, in_double(case.values[i]).dtype)
        for i in case.differentiable
    }


# ---- symbolic sizes


def symbolic_shapes(
    shapes: Sequence[tuple[int, ...]], sizes: Mapping[str, int]
) -> list[tuple[Size, ...]]:
    """Shapes with every size that has a name in `sizes` replaced by it."""
    names = {size: name for name, size in sizes.items()}
    return [tuple(dim(names[n]) if n in names else n for n in shape) for shape in shapes]


def size_names(shapes: Sequence[tuple[int, ...]], prefix: str = "S") -> dict[str, int]:
    """A name for each different size; 1 stays, for a symbolic size never means it."""
    different = dict.fromkeys(n for shape in shapes for n in shape if n > 1)
    return {f"{prefix}{i}": n for i, n in enumerate(different)}
