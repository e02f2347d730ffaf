"""Every op, from its examples alone: value, derivatives, batching, sizes, dtypes, source, LaTeX.

The oracle of each value is the example's own reference in NumPy; that of each derivative,
differences of the reference's values.
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.point import holds
from symgrad.autodiff.reverse import cotangents
from symgrad.errors import DeclarationError, ShapeError
from symgrad.ir.aval import Avals
from symgrad.ir.code import Code
from symgrad.ir.graph import topological
from symgrad.ir.imports import imported
from symgrad.ir.node import Expr
from symgrad.ir.op import FUNCTIONS, NAMESPACES, OPS, Op
from symgrad.ir.size import dim
from symgrad.ops.interpret import evaluate
from tests.ops.registry_cases import (
    COMPOSED,
    LEAVES,
    NAMESAKES,
    NEEDS_STATIC,
    REGIONAL,
    Array,
    Case,
    assert_close,
    below,
    build,
    built,
    cases,
    directions,
    draw,
    leaf,
    lowered,
    paired,
    second_slope,
    size_names,
    slope,
    symbolic_shapes,
    value,
    weights,
    with_examples,
)

#: (op, number of the example) -> why its result is a float64 where its arguments are float32
STAYS_DOUBLE: dict[tuple[str, int], str] = {
    ("clip", 3): "a bound is a float64 array",
    ("nanpercentile", 0): "the fractions are a float64 array",
    ("nanpercentile", 1): "the fractions are a float64 array",
    ("nanquantile", 2): "the fractions are a float64 array",
    ("nanquantile", 3): "the fractions are a float64 array",
    ("percentile", 2): "the fractions are a float64 array",
    ("percentile", 3): "the fractions are a float64 array",
    ("quantile", 2): "the fractions are a float64 array",
    ("quantile", 3): "the fractions are a float64 array",
    ("histogram", 0): "counts are int64, which a float32 cannot hold",
    ("histogram", 1): "its edges are a float64 array",
    ("histogram", 2): "its edges are a float64 array",
    ("identity", 0): "the identity matrix is declared a float64",
}

#: double precision -> single
NARROW = {np.dtype("float64"): np.dtype("float32"), np.dtype("complex128"): np.dtype("complex64")}

#: op -> why its result is always a float64, as NumPy's is
ALWAYS_DOUBLE = {
    "float_power": "it is there to compute in float64",
    "bincount": "NumPy adds weights in float64",
    "cov": "its dtype argument says otherwise",
    "corrcoef": "its dtype argument says otherwise",
}

every_op = pytest.mark.parametrize("name", with_examples())


# ---- values and derivatives


@every_op
def test_value(name: str) -> None:
    for case in cases(name):
        node, leaves = built(case)
        want = case.reference()
        assert_close(value(node, leaves, case.values), want, case)
        assert node.shape == want.shape, f"{case}: declared {node.shape}, got {want.shape}"
        assert node.dtype == want.dtype, f"{case}: declared {node.dtype}, got {want.dtype}"


def moves_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[tuple[object, Array]]:
    """Entry by entry; of a large array some, and all of them at once in a random direction."""
    entries = list(np.ndindex(shape))
    if len(entries) > 16:
        chosen = np.random.default_rng(len(entries)).choice(len(entries), 8, replace=False)
        # half of a move: two entries that come closer to each other are to stay in order
        yield "all of it", weights(len(entries), shape, dtype) / 2
        entries = [entries[k] for k in sorted(chosen)]
    for index, unit in itertools.product(entries, (1, 1j) if dtype.kind == "c" else (1,)):
        direction = np.zeros(shape, dtype)
        direction[index] = unit
        yield list(index), direction


@every_op
def test_first_derivatives(name: str) -> None:
    """Along single entries and in random directions; reverse and forward mode."""
    for case in cases(name):
        active = case.differentiable
        if not active:
            continue
        node, leaves = built(case)
        wrt = [leaves[i] for i in active]
        want = case.reference()
        weight = weights(7, want.shape, node.dtype)
        seed = leaf(want.shape, node.dtype)
        tangents = [leaf(x.shape, x.dtype) for x in wrt]
        env = {**dict(zip(leaves, case.values, strict=True)), seed: weight}
        reverse = zeros_for_none(cotangents([node], [seed], wrt), wrt, env)
        (tangent,) = pushforward([node], wrt, tangents)
        for i, x, t, gradient in zip(active, wrt, tangents, reverse, strict=True):
            assert gradient.shape == x.shape, f"{case}: gradient of shape {gradient.shape}"
            for place, direction in moves_of(case.values[i].shape, x.dtype):
                expected, _ = slope(case.reference, case.values, {i: direction})
                what = f"{case}: d / d argument {i} {place}"
                size = max(1.0, float(np.abs(want).max(initial=0)))
                got = paired(gradient, direction)
                assert_close(got, paired(weight, expected), f"{what}, reverse", 1e-7, size)
                if tangent is None:
                    pushed = np.zeros(want.shape, want.dtype)
                else:
                    moves = {u: np.zeros(u.shape) for u in tangents} | {t: direction}
                    pushed = evaluate([tangent], {**env, **moves})[0]
                assert_close(pushed, expected, f"{what}, forward", 1e-7, size)


@every_op
def test_second_derivatives(name: str) -> None:
    """Along random directions; every mode over every mode."""
    for case in cases(name):
        active = case.differentiable
        if not active or not case.example.smooth:
            continue
        node, leaves = built(case)
        wrt = [leaves[i] for i in active]
        first, second = directions(case, 1), directions(case, 2)
        weight = weights(7, node.shape, node.dtype)
        seed = leaf(node.shape, node.dtype)
        v = [leaf(x.shape, x.dtype) for x in wrt]
        w = [leaf(x.shape, x.dtype) for x in wrt]
        env = {
            **dict(zip(leaves, case.values, strict=True)),
            seed: weight,
            **dict(zip(v, first.values(), strict=True)),
            **dict(zip(w, second.values(), strict=True)),
        }
        expected = second_slope(case.reference, case.values, first, second)
        size = max(1.0, float(np.abs(case.reference()).max(initial=0)))
        gradients = [
            (g, t) for g, t in zip(cotangents([node], [seed], wrt), v, strict=True) if g is not None
        ]
        along = [FUNCTIONS["real"](FUNCTIONS["multiply"](g, t)).sum() for g, t in gradients]
        ones = [leaf((), g.dtype) for g in along]
        env |= dict.fromkeys(ones, np.array(1.0))
        reverse_reverse = zeros_for_none(cotangents(along, ones, wrt), wrt, env)
        got = sum(paired(g, u) for g, u in zip(reverse_reverse, second.values(), strict=True))
        assert_close(got, paired(weight, expected), f"{case}: reverse over reverse", 1e-5, size)

        pushed = [t for t in pushforward(along, wrt, w) if t is not None]
        got = sum(evaluate(pushed, env)) if pushed else 0.0
        assert_close(got, paired(weight, expected), f"{case}: forward over reverse", 1e-5, size)

        (tangent,) = pushforward([node], wrt, v)
        twice = pushforward([tangent], wrt, w)[0] if tangent is not None else None
        got = evaluate([twice], env)[0] if twice is not None else np.zeros(node.shape)
        assert_close(got, expected, f"{case}: forward over forward", 1e-5, size)


def zeros_for_none(found: list[Expr | None], like: list[Expr], env: dict[Expr, Any]) -> list[Array]:
    present = [g for g in found if g is not None]
    values = iter(evaluate(present, env))
    return [
        np.zeros(env[x].shape) if g is None else next(values)
        for g, x in zip(found, like, strict=True)
    ]


# ---- batching


@every_op
def test_batching(name: str) -> None:
    """Each subset of the arguments batched, of a symbolic size, against a loop over examples."""
    count = 2
    for case in cases(name):
        node, leaves = built(case)
        batches = [draw(case.example, case.example.shapes, seed=100 + k) for k in range(count)]
        for flags in itertools.product((False, True), repeat=len(leaves)):
            if not any(flags):
                continue
            replaced = {
                x: leaf((dim("batch"), *x.shape), x.dtype)
                for x, flag in zip(leaves, flags, strict=True)
                if flag
            }
            ((out, is_batched),) = batch_outputs([node], replaced)
            assert is_batched == depends(node, set(replaced)), f"{case}: batched {flags}"
            if not is_batched:
                continue
            assert len(out.shape) == node.ndim + 1, f"{case}: batched {flags} is {out.shape}"
            env: dict[Expr, Any] = {}
            for i, (x, flag) in enumerate(zip(leaves, flags, strict=True)):
                stacked = np.stack([batch[i] for batch in batches])
                env[replaced.get(x, x)] = stacked if flag else case.values[i]
            want = np.stack(
                [
                    case.reference(*(b if f else s for b, s, f in zip(
                        batch, case.values, flags, strict=True)))
                    for batch in batches
                ]
            )  # fmt: skip
            assert_close(evaluate([out], env)[0], want, f"{case}: batched {flags}")


def depends(node: Expr, on: set[Expr]) -> bool:
    return any(n in on for n in topological([node]))


# ---- shapes


@every_op
def test_symbolic_sizes(name: str) -> None:
    """Sizes without a number: the op is built, its value and gradient are those with numbers."""
    for case in cases(name):
        shapes = case.example.shapes
        sizes = size_names(shapes)
        dtypes = [v.dtype for v in case.values]
        if not sizes:
            continue
        static = (case.op, case.number) in NEEDS_STATIC
        try:
            node, leaves = build(case.example, symbolic_shapes(shapes, sizes), dtypes)
        except (ShapeError, DeclarationError) as error:
            assert static, f"{case}: {error}"
            assert any(symbol in str(error) for symbol in sizes), f"{case}: unclear: {error}"
            continue
        assert not static, f"{case}: it builds; take it off the list"
        failed = [c for n in topological([node]) for c in n.checks if not holds(c, sizes)]
        assert not failed, f"{case}: {failed}"
        assert_close(value(node, leaves, case.values), case.reference(), case)
        assert_gradient_agrees(case, node, leaves)

        # the same expression at other sizes, unless its own checks refuse them
        larger = {symbol: n + 1 for symbol, n in sizes.items()}
        if all(holds(c, larger) for n in topological([node]) for c in n.checks):
            grown = {n: n + 1 for n in sizes.values()}
            other = [tuple(grown.get(n, n) for n in shape) for shape in shapes]
            values = draw(case.example, other, seed=5)
            try:
                want = case.reference(*values)
            except (ValueError, IndexError):
                continue  # the reference is bound to the example's sizes
            assert_close(value(node, leaves, values), want, f"{case} at {larger}")


def assert_gradient_agrees(case: Case, node: Expr, leaves: list[Expr]) -> None:
    """With the gradient of the same example on static sizes, which is checked by itself."""
    active = case.differentiable
    if not active:
        return
    static_node, static_leaves = built(case)
    weight = weights(7, static_node.shape, static_node.dtype)
    results = []
    for out, inputs in ((node, leaves), (static_node, static_leaves)):
        seed = leaf(out.shape, out.dtype)
        wrt = [inputs[i] for i in active]
        tangents = [leaf(x.shape, x.dtype) for x in wrt]
        env = dict(zip(inputs, case.values, strict=True)) | {seed: weight}
        env |= dict(zip(tangents, directions(case, 3).values(), strict=True))
        gradients = zeros_for_none(cotangents([out], [seed], wrt), wrt, env)
        (pushed,) = pushforward([out], wrt, tangents)
        if pushed is not None:
            assert pushed.shape == out.shape, f"{case}: tangent {pushed.shape} of {out.shape}"
            gradients += evaluate([pushed], env)
        results.append(gradients)
    for got, want in zip(*results, strict=True):
        assert_close(got, want, f"{case}: derivative with symbolic sizes")


@every_op
@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own: the mean of nothing
def test_degenerate_axes(name: str, target: int) -> None:
    """Each axis without elements, or with one: as the reference, wherever that has a value."""
    for case in cases(name):
        shapes = case.example.shapes
        for size in sorted({n for shape in shapes for n in shape if n > 1}):
            small = [tuple(target if n == size else n for n in shape) for shape in shapes]
            values = draw(case.example, small, seed=3)
            try:
                want = case.reference(*values)
            except (ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError):
                continue
            what = f"example {case.number} of {case.op} on {small}"
            try:
                node, leaves = build(case.example, small, [v.dtype for v in values])
            except (ShapeError, DeclarationError) as error:
                pytest.fail(f"{what}: the reference gives {want.shape}, but: {error}")
            assert node.shape == want.shape, what
            assert_close(value(node, leaves, values), want, what)
            if not case.differentiable:
                continue
            wrt = [leaves[i] for i in case.differentiable]
            seed = leaf(node.shape, node.dtype)
            env = dict(zip(leaves, values, strict=True)) | {seed: np.ones(node.shape)}
            gradients = zeros_for_none(cotangents([node], [seed], wrt), wrt, env)
            for x, gradient in zip(wrt, gradients, strict=True):
                assert gradient.shape == x.shape, what
            along = {
                # eighths, which the rounding of an example to float32 does not see
                i: np.random.default_rng(i).integers(1, 9, values[i].shape)
                * (0.125 + 0.25j if values[i].dtype.kind == "c" else 0.125)
                for i in case.differentiable
            }
            got = sum(paired(g, v) for g, v in zip(gradients, along.values(), strict=True))
            expected, _ = slope(case.reference, values, along)
            if np.isfinite(expected).all():
                largest = max(1.0, float(np.abs(want).max(initial=0)))
                assert_close(got, expected.sum().real, f"{what}: derivative", 1e-7, largest)


# ---- dtypes


@every_op
def test_single_precision(name: str) -> None:
    """float32 in, float32 out, and nothing wider between, in the value and in the gradient."""
    for case in cases(name):
        dtypes = [NARROW.get(v.dtype, v.dtype) for v in case.values]
        if not set(NARROW.values()) & set(dtypes):
            continue
        values = [v.astype(d) for v, d in zip(case.values, dtypes, strict=True)]
        node, leaves = build(case.example, case.example.shapes, dtypes)
        double = (case.op, case.number) in STAYS_DOUBLE or case.op in ALWAYS_DOUBLE
        wide = [v.astype(w.dtype) for v, w in zip(values, case.values, strict=True)]
        want = case.reference(*wide)
        if want.dtype in NARROW:
            assert (node.dtype in NARROW) == double, f"{case}: {node.dtype} from float32"
        got = value(node, leaves, values)
        largest = max([float(np.abs(v).max(initial=0)) for v in values], default=0.0)
        assert_close(got, want, f"{case} in float32", 2e-6, largest)
        if double or not case.differentiable:
            continue
        assert_single(case, [node])
        wrt = [leaves[i] for i in case.differentiable]
        seed = leaf(node.shape, node.dtype)
        gradients = cotangents([node], [seed], wrt)
        assert_single(case, [g for g in gradients if g is not None])
        weight = weights(7, node.shape, node.dtype)
        env: dict[Expr, Any] = dict(zip(leaves, values, strict=True)) | {seed: weight}
        wide_node, wide_leaves = built(case)
        wide_seed = leaf(node.shape, wide_node.dtype)
        wide_wrt = [wide_leaves[i] for i in case.differentiable]
        wide_env: dict[Expr, Any] = dict(zip(wide_leaves, values, strict=True))
        wide_env[wide_seed] = weight
        exact = zeros_for_none(cotangents([wide_node], [wide_seed], wide_wrt), wide_wrt, wide_env)
        for g, e in zip(zeros_for_none(gradients, wrt, env), exact, strict=True):
            assert_close(g, e, f"{case}: gradient in float32", 2e-5, 1.0)


def assert_single(case: Case, outputs: list[Expr]) -> None:
    """No float32 is widened, nor meets what is wider; integers may be counted in float64."""
    for node in topological(outputs):
        dtypes = {part.dtype for part in (node, *node.args)}
        mixed = dtypes & set(NARROW) and dtypes & set(NARROW.values())
        narrowed = node.op.name == "astype" and node.dtype in NARROW.values()
        assert narrowed or not mixed, f"{case}: {node!r} is wider than the arguments"


# ---- source and LaTeX


@every_op
@pytest.mark.parametrize("single", [False, True], ids=["float64", "float32"])
def test_source(name: str, single: bool) -> None:
    """It parses, names nothing unknown, and each of its spellings has the declared dtype."""
    for case in cases(name):
        values = [v.astype(NARROW[v.dtype]) if single and v.dtype in NARROW else v
                  for v in case.values]  # fmt: skip
        node, leaves = build(case.example, case.example.shapes, [v.dtype for v in values])
        env = dict(zip(leaves, values, strict=True))
        outputs = [node]
        if case.differentiable:
            seed = leaf(node.shape, node.dtype)
            env[seed] = np.ones(node.shape, node.dtype)
            gradients = cotangents([node], [seed], [leaves[i] for i in case.differentiable])
            outputs += [g for g in gradients if g is not None]
        outputs = [lowered(out) for out in outputs]
        order = topological(outputs)
        found = dict(zip(order, evaluate(order, env), strict=True))
        for part in below(outputs):
            assert_source(case, part, [found[arg] for arg in part.args], found[part])


def assert_source(case: Case, node: Expr, args: list[Array], want: Array) -> None:
    op = node.op
    names = [f"a{i}" for i in range(len(args))]
    codes = [Code(n) for n in names]
    kernels = {k.__name__: k for k in op.prelude_of(node)}
    modules = imported(op.imports())
    known = {"np", "out", *names, *kernels, *modules}
    space: dict[str, Any] = {"np": np, **kernels, **modules}
    for kernel in kernels.values():
        space.update(kernel.__globals__)
    space.update(zip(names, args, strict=True))

    def run(text: str, mode: str) -> Any:
        tree = ast.parse(text, mode=mode)
        local = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        local |= {
            n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        builtin = {"slice", "bool", "max", "min"}
        assert used <= known | builtin | local, f"{case}: {text} uses {used - known}"
        with np.errstate(all="ignore"):
            return (eval if mode == "eval" else exec)(compile(tree, "<op>", mode), space)

    if op.updates:
        space["out"] = args[0].copy()
        run(op.update(node, "out", *codes), "exec")
        assert_close(space["out"], want, f"{case}: update")
        return
    code = op.numpy(node, *codes)
    got = run(code.text, "eval")
    if isinstance(node.aval, Avals):
        assert len(got) == len(want) == len(op.parts), f"{case}: {code.text} gives {len(got)}"
        for part, expected, aval in zip(got, want, node.aval.parts, strict=True):
            assert_close(part, expected, f"{case}: {code.text}")
            assert np.asarray(part).dtype == aval.dtype, f"{case}: {code.text} is {part.dtype}"
        return
    # NumPy rounds products of complex numbers in another way where they overwrite an argument
    rtol = 8 * float(np.finfo(want.dtype).eps) if want.dtype.kind == "c" else 1e-12
    assert_close(got, want, f"{case}: {code.text}", rtol)
    assert np.asarray(got).dtype == node.dtype, f"{case}: {code.text} is {np.asarray(got).dtype}"
    if not op.is_view(node):
        for arg in args:
            assert not np.shares_memory(got, arg), f"{case}: {code.text} is a view of its argument"
    into = code.into("out")
    if into is not None:
        space["out"] = np.full(node.shape, 99).astype(node.dtype)
        returned = run(into, "eval")
        assert returned is space["out"], f"{case}: {into} does not return what it writes into"
        assert_close(space["out"], want, f"{case}: {into}", rtol)
    if code.augmented is not None:
        symbol, left, right = code.augmented
        if left in names and args[names.index(left)].shape == want.shape:
            first = args[names.index(left)]
            if first.dtype == want.dtype:
                space[left] = first.copy()
                run(f"{left} {symbol}= {right}", "exec")
                assert_close(space[left], want, f"{case}: {left} {symbol}= {right}", rtol)


@every_op
def test_latex(name: str) -> None:
    for case in cases(name):
        node, _ = built(case)
        for part in below([node]):
            text = part.op.latex(part, *[f"x_{{{i}}}" for i in range(len(part.args))])
            assert_latex(text, f"{case}: {text!r}")


def assert_latex(text: str, what: str) -> None:
    assert text.strip(), what
    depth = 0
    for token in re.findall(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0, what
    assert depth == 0, what
    assert len(re.findall(r"\\left(?![a-z])", text)) == len(
        re.findall(r"\\right(?![a-z])", text)
    ), what
    assert len(re.findall(r"\\begin\{", text)) == len(re.findall(r"\\end\{", text)), what


# ---- nothing is missing


@pytest.mark.parametrize("name", sorted(OPS))
def test_op_is_complete(name: str) -> None:
    op = OPS[name]
    assert op.name == name
    if name in LEAVES or name in REGIONAL:
        return
    assert op.examples, f"{name} has no example"
    takes_arguments = any(n.args for case in cases(name) for n in nodes_of(case, op))
    assert type(op).batch is not Op.batch or op.composite or not takes_arguments, (
        f"{name} cannot be batched"
    )
    assert op.composite or type(op).numpy is not Op.numpy or op.updates, f"{name} has no source"
    fn = FUNCTIONS.get(name)
    doc = (fn.__doc__ if fn is not None else None) or type(op).__doc__
    assert doc and doc != Op.__doc__, f"{name} has no docstring"
    assert any(nodes_of(case, op) for case in cases(name)), f"no example of {name} contains it"


def nodes_of(case: Case, op: Op) -> list[Expr]:
    return [n for n in topological([built(case)[0]]) if n.op is op]


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_composition_is_a_function_without_an_op(name: str) -> None:
    space, _, short = name.rpartition(".")
    assert name in FUNCTIONS or short in NAMESPACES[space]
    assert name not in OPS or name in NAMESAKES, f"{name} is an op: its examples belong there"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_function_has_a_docstring(name: str) -> None:
    assert (FUNCTIONS[name].__doc__ or "").strip(), f"{name} has no docstring"


def test_leaves_are_ops() -> None:
    assert set(LEAVES) | set(REGIONAL) <= set(OPS)


def test_every_function_is_exercised() -> None:
    """Each public function of an op, or composition, is called while the examples are built."""
    called: set[Any] = set()
    nodes: set[str] = set()

    def note(frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            called.add(frame.f_code)

    old = sys.getprofile()
    sys.setprofile(note)
    try:
        for name in with_examples():
            for case in cases(name):
                node, _ = build(case.example, case.example.shapes, [v.dtype for v in case.values])
                nodes.update(n.op.name for n in topological([node]))
    finally:
        sys.setprofile(old)

    def exercised(fn: Callable[..., Any]) -> bool:
        op = getattr(fn, "op", None)  # an elementwise op's function: all share one code
        return op.name in nodes if op is not None else fn.__code__ in called

    ops = {name: fn for name, fn in FUNCTIONS.items() if fn.__module__.startswith("symgrad.ops.")}
    assert len(ops) > 100
    assert {name for name, fn in ops.items() if not exercised(fn)} == set()
