"""Equations: balanced, with names made safe and parentheses where they are needed."""

import re

import pytest

import symgrad as sg
from symgrad.ir.graph import Graph
from symgrad.ir.op import OPS
from symgrad.viz.equations import latex
from symgrad.viz.typeset import name_latex
from tests.ops.registry_cases import leaf
from tests.viz.test_picture import HOSTILE, classifier


def balanced(text: str) -> bool:
    """Braces, ``\\left`` and ``\\right``, ``\\begin`` and ``\\end``; no double subscript."""
    bare = re.sub(r"\\[{}]", "", text)
    depth = 0
    for found in re.finditer(r"[{}]", bare):
        depth += 1 if found[0] == "{" else -1
        if depth < 0:
            return False
    doubled = re.search(r"_\{[^{}]*\}_|\^\{[^{}]*\}\^|[_^][_^]", bare)
    return (
        depth == 0
        and doubled is None
        and len(re.findall(r"\\left(?![a-z])", bare)) == len(re.findall(r"\\right(?![a-z])", bare))
        and bare.count(r"\begin{") == bare.count(r"\end{")
    )


def right(expr: sg.Expr) -> str:
    """The right-hand side of the one equation of an expression."""
    lines = latex(Graph({"y": expr})).splitlines()[1:-1]
    return lines[-1].split(" &= ", 1)[1]


def symbols() -> list[sg.Expr]:
    return [sg.input(name, (3, 3)) for name in "abc"]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda a, b, c: a + b + c, "a + b + c"),
        (lambda a, b, c: a - (b - c), r"a - \left(b - c\right)"),
        (lambda a, b, c: (a + b) * c, r"\left(a + b\right) \odot c"),
        (lambda a, b, c: (a @ b) * c, r"a \, b \odot c"),
        (lambda a, b, c: a @ (b * c), r"a \, \left(b \odot c\right)"),
        (lambda a, b, c: a / (b + c), r"\frac{a}{b + c}"),
        (lambda a, b, c: (a + b) ** 2, r"{\left(a + b\right)}^{2}"),
        (lambda a, b, c: -(a + b), r"-\left(a + b\right)"),
        (lambda a, b, c: sg.exp(a + b), "e^{a + b}"),
        (lambda a, b, c: sg.log(a + b), r"\log \left(a + b\right)"),
        (lambda a, b, c: sg.log(a), r"\log a"),
        (lambda a, b, c: sg.relu(a @ b + c), r"\operatorname{relu}\left(a \, b + c\right)"),
        (lambda a, b, c: (a + b).T, r"\left(a + b\right)^\top"),
        (lambda a, b, c: a.T @ b, r"a^\top \, b"),
        (lambda a, b, c: a.sum(axis=1), r"\sum_{j} a"),
        (lambda a, b, c: a.sum() * b, r"\left(\sum a\right) \, b"),
        (lambda a, b, c: a * 1e-8, r"10^{-8} \, a"),
        (lambda a, b, c: a[0, 1:], "a_{0, 1:}"),
    ],
)
def test_parentheses_stand_where_they_are_needed(build, expected: str) -> None:
    a, b, c = symbols()
    assert right(sg.name(build(a, b, c), "y")) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "x"),
        ("sigma", r"\sigma"),
        ("h1", "h_{1}"),
        ("beta2", r"\beta_{2}"),
        ("logits", r"\mathrm{logits}"),
        ("z_max", r"z_{\mathrm{max}}"),
        ("hidden.W", r"W_{\mathrm{hidden}}"),
        ("my_scope.W_q", r"W_{q, \mathrm{my\_scope}}"),
        ("a}b", r"\mathrm{a\}b}"),
        ("größe", r"\text{größe}"),
    ],
)
def test_names_become_symbols(name: str, expected: str) -> None:
    assert name_latex(name) == expected


def test_a_model_has_an_equation_for_each_value_and_gradient() -> None:
    text = classifier().latex()
    assert balanced(text)
    assert (
        r"h &= \operatorname{relu}\left(x \, W_{\mathrm{net.hidden}} "
        r"+ b_{\mathrm{net.hidden}}\right) \\"
    ) in text
    assert r"\frac{\partial L}{\partial W_{\mathrm{net.hidden}}} &= x^\top \, " in text
    assert text.count("&=") == len(set(line.split("&=")[0] for line in text.splitlines()[1:-1]))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_balanced(name: str) -> None:
    text = classifier(name).latex()
    assert balanced(text) and len(text) < 5_000
    assert text.count(" &= ") >= classifier().latex().count(" &= ")  # long ones are cut
    assert not re.search(r"(?<!\\)[%#$]", text)


@pytest.mark.parametrize("op", sorted(n for n in OPS if OPS[n].examples))
def test_every_op_is_typeset_in_balance(op: str) -> None:
    for example in OPS[op].examples:
        dtypes = example.dtypes or ("float64",) * len(example.shapes)
        args = [
            leaf(shape, dtype, f"x{i}")
            for i, (shape, dtype) in enumerate(zip(example.shapes, dtypes, strict=True))
        ]
        built = example.build(*args)
        if isinstance(built, sg.Expr):
            text = latex(Graph({"y": sg.exp(built)} if built.dtype.kind == "f" else {"y": built}))
            assert balanced(text), text


def test_a_long_chain_is_cut_into_equations() -> None:
    y = sg.input("x", ())
    for _ in range(20_000):
        y = sg.sin(y) + 1
    text = latex(Graph({"y": y}))
    assert balanced(text)
    assert max(map(len, text.splitlines())) < 600
