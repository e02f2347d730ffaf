"""``sg.elementwise``: functions made of formulas."""

import math
import pickle
import subprocess
import sys
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.symbolic.parser import names_in, read


def scalar(expr: Any, *inputs: Any) -> Any:
    return sg.function(list(inputs), expr)


def test_softsign_is_what_it_says() -> None:
    softsign = sg.elementwise("softsign", "x / (1 + abs(x))")
    assert softsign.name == "softsign" and softsign.parameters == ("x",)
    assert "softsign(x) = x/(Abs(x) + 1)" in repr(softsign)
    x = sg.input("x", ("B",))
    slope = sg.grad(softsign(x).sum(), x)
    f = scalar([softsign(x), slope, sg.grad(slope.sum(), x)], x)
    points = np.array([-3.0, -1e9, 0.0, 0.5, 1e9, 1e150])
    value, first, second = f(points)
    size = 1 + np.abs(points)
    np.testing.assert_allclose(value, points / size, rtol=1e-15)
    np.testing.assert_allclose(first, 1 / size / size, rtol=1e-14)
    np.testing.assert_allclose(second, -2 * np.sign(points) / size / size / size, rtol=1e-14)


FORMULAS = [
    ("mish", "x * tanh(log(1 + exp(x)))", (-30.0, -3.0, 0.2, 3.0, 40.0, 800.0)),
    ("logistic", "1 / (1 + exp(-x))", (-800.0, -40.0, -3.0, 1e-9, 3.0, 40.0, 800.0)),
    ("log_logistic", "-log(1 + exp(-x))", (-800.0, -3.0, 3.0, 40.0, 800.0)),
    ("squareplus", "(x + sqrt(x**2 + 4)) / 2", (0.1, 3.0, 1e9)),
    ("gudermann", "2 * atan(tanh(x / 2))", (-3.0, 1e-9, 2.0)),
    ("smoothstep", "x**2 * (3 - 2*x) if 0 < x < 1 else (0 if x <= 0 else 1)", (-1.0, 0.3, 2.0)),
    ("rational", "1 / (1 + x**2)", (-1e9, -2.0, 1e-9, 2.0, 1e9)),
    ("soft_abs", "sqrt(1 + x**2) - 1", (3.0, 1e9)),
    ("hinge", "maximum(0, 1 - x)", (-3.0, 0.5, 3.0)),
    ("cauchy", "log1p(x**2)", (1e-9, 2.0, 1e9)),
]


@pytest.mark.parametrize(("name", "formula", "points"), FORMULAS, ids=lambda v: str(v)[:12])
def test_value_and_slope_are_accurate(name: str, formula: str, points: tuple[float, ...]) -> None:
    fn = sg.elementwise(name, formula)
    x = sg.input("x", ("B",))
    f = scalar([fn(x), sg.grad(fn(x).sum(), x)], x)
    symbol = sympy.Symbol("x", real=True)
    slope = fn.formula.diff(symbol)
    exact = [sympy.lambdify(symbol, e, "mpmath") for e in (fn.formula, slope)]
    for order, got in enumerate(f(np.array(points))):
        with mpmath.mp.workdps(1200):
            for point, value in zip(points, got, strict=True):
                want = mpmath.mpf(exact[order](mpmath.mpf(point)))
                unit = float(np.spacing(abs(float(want)))) if want else 1.0
                error = abs(float((mpmath.mpf(float(value)) - want) / unit))
                assert error <= (8, 16)[order], (order, point, value, float(want), error)


def test_stabilisation_looks_through() -> None:
    logistic = sg.elementwise("my_logistic", "1 / (1 + exp(-x))")
    x = sg.input("x", ("B",))
    loss = sg.log(logistic(x))
    f = scalar([loss, sg.grad(loss.sum(), x), 1 - logistic(x)], x)
    value, slope, rest = f([-1000.0, 40.0])
    np.testing.assert_allclose(value, [-1000.0, -math.exp(-40)], rtol=1e-15)
    np.testing.assert_allclose(slope, [1.0, math.exp(-40)], rtol=1e-14)
    np.testing.assert_allclose(rest, [1.0, math.exp(-40)], rtol=1e-14)
    assert "through_formulas" in str(f.report())


def test_arguments_broadcast_and_stand_in_order_of_appearance() -> None:
    swish = sg.elementwise("swish_beta", "x * sigmoid(beta * x)")
    assert swish.parameters == ("x", "beta")
    x, beta = sg.input("x", ("B", 3)), sg.input("beta", (3,))
    y = swish(x, beta=beta)
    assert y.shape == x.shape
    f = scalar([y, *sg.grad(y.sum(), [x, beta])], x, beta)
    a, b = np.linspace(-2, 2, 6).reshape(2, 3), np.array([0.5, 1.0, 2.0])
    value, slope_x, slope_beta = f(a, b)
    s = 1 / (1 + np.exp(-a * b))
    np.testing.assert_allclose(value, a * s)
    np.testing.assert_allclose(slope_x, s + a * b * s * (1 - s))
    np.testing.assert_allclose(slope_beta, (a**2 * s * (1 - s)).sum(0))
    assert sg.check_gradients(y.sum(), {"x": a, "beta": b})
    ordered = sg.elementwise("swish_beta", "x * sigmoid(beta * x)", parameters=("beta", "x"))
    np.testing.assert_allclose(scalar(ordered(beta, x), x, beta)(a, b), value)
    for args, kwargs in (((x,), {}), ((x, beta, beta), {}), ((x,), {"x": beta}), ((), {"q": x})):
        with pytest.raises(sg.DeclarationError, match="swish_beta takes the arguments x, beta"):
            swish(*args, **kwargs)


def test_dtypes_and_numbers() -> None:
    cube = sg.elementwise("cube_half", "x**3 / 2")
    x = sg.input("x", ("B",), "float32")
    assert cube(x).dtype == np.float32 and sg.grad(cube(x).sum(), x).dtype == np.float32
    whole = sg.input("n", ("B",), "int64")
    np.testing.assert_array_equal(scalar(cube(whole), whole)(np.array([1, 2])), [0.5, 4.0])
    assert scalar(cube(2.0))() == 4.0
    step = sg.elementwise("is_positive", "x > 0")
    assert step(x).dtype == np.bool_


def test_forward_mode_and_vmap() -> None:
    fn = sg.elementwise("ratio", "x / (y + x)")
    x, y = sg.input("x", ("B",)), sg.input("y", ())
    tangent = sg.jvp(fn(x, y), [x, y], [1.0, 2.0])
    mapped = sg.vmap(lambda a: fn(a, y))(x)
    got, other = scalar([tangent, mapped], x, y)([1.0, 3.0], 2.0)
    a = np.array([1.0, 3.0])
    np.testing.assert_allclose(got, (2.0 * 1 - a * 2) / (a + 2) ** 2)
    np.testing.assert_allclose(other, a / (a + 2))


def test_a_sympy_expression_is_a_formula() -> None:
    u, w = sympy.symbols("u w")
    fn = sg.elementwise("product_gauss", w * sympy.exp(-(u**2)))
    assert fn.parameters == ("u", "w")
    a, b = sg.input("a", ()), sg.input("b", ())
    assert float(scalar(fn(a, b), a, b)(0.0, 3.0)) == 3.0
    s = [sympy.Symbol(n, real=True) for n in "ab"]
    assert sg.to_sympy(fn(a, b)) == s[1] * sympy.exp(-(s[0] ** 2))
    assert sg.to_sympy(sg.elementwise("cubic", "x**3 + 1")(a)) == s[0] ** 3 + 1


def test_the_name_is_seen() -> None:
    fn = sg.elementwise("squash", "x / (1 + x**2)")
    x = sg.input("x", ("B",))
    f = sg.function([x], sg.name(fn(x), "y") * 2, style="readable")
    assert "squash" in f.graph.dot() and r"\operatorname{squash}" in f.latex()
    assert "squash" in str(f.report()) and "squash" in repr(fn(x))
    assert "    y = x / (np.square(x) + 1) " in f.source


def test_one_name_with_two_formulas() -> None:
    first, second = sg.elementwise("twin", "x + 1"), sg.elementwise("twin", "x + 2")
    again = sg.elementwise("twin", "1 + x")
    x = sg.input("x", ())
    assert first(x) is again(x) and first(x) is not second(x)
    assert [float(v) for v in scalar([first(x), second(x)], x)(0.0)] == [1.0, 2.0]
    tanh = sg.elementwise("tanh", "2 * x")  # the op of that name stays what it is
    assert float(scalar(tanh(x) + 0 * sg.tanh(x), x)(1.0)) == 2.0


def test_a_pickle_loads_where_it_was_not_declared(tmp_path: Any) -> None:
    fn = sg.elementwise("elsewhere", "x * exp(-x)")
    x = sg.input("x", ())
    path = tmp_path / "f.pickle"
    path.write_bytes(pickle.dumps((scalar([fn(x), sg.grad(fn(x), x)], x), fn, fn(x))))
    code = (
        "import pickle, sys, symgrad as sg\n"
        "f, fn, node = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(*map(float, f(1.0)), fn(node.args[0]) is node)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    value, slope, same = run.stdout.split()
    assert float(value) == pytest.approx(math.exp(-1)) and float(slope) == pytest.approx(0.0)
    assert same == "True"


# ---- reading is not running


HOSTILE = [
    "__import__('os').system('touch {}')",
    "x + (lambda: open('{}', 'w'))()",
    "x + open('{}', 'w')",
    "[c for c in x.__class__.__mro__]",
    "x.__class__",
    "x + exec('1')",
    "x if True else __builtins__",
    "(x := 1)",
    "f'{{x}}'",
    "x[0]",
    "{{x: 1}}",
    "print(x)",
    "x; x",
    "import os",
    "sympify('x')",
    "Function('f')(x)",
    "x + Symbol('y')",
    "exp(x, evaluate=False)",
    "exp(*x)",
    "'x' * x",
    "1j * x",
    "x + ...",
    "await x",
]


@pytest.mark.parametrize("formula", HOSTILE)
def test_a_formula_is_never_executed(formula: str, tmp_path: Any) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(sg.DeclarationError):
        sg.elementwise("hostile", formula.format(mark), parameters=["x"])
    assert not mark.exists()


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("x +", "is no formula"),
        ("x^2", r"\^ is no power"),
        ("x * q", "the symbol q, which is not among its parameters x"),
        ("foo(x)", "there is no function foo"),
        ("exp", "the function exp is not called"),
        ("sigmoid(x, x)", "sigmoid takes 1 arguments; got 2"),
        ("9**9**9 * x", "too large a power"),
        ("2**100000 * x", "too large a power"),
        ("x" + " + (x" * 400 + ")" * 400, "nests deeper|is no formula"),
        ("x @ x", "is no arithmetic"),
        ("x in x", "is no comparison"),
    ],
)
def test_what_is_no_formula_is_explained(formula: str, match: str) -> None:
    with pytest.raises(sg.DeclarationError, match=match):
        sg.elementwise("wrong", formula, parameters=["x"])


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (("a b", "x"), "must be an identifier"),
        (("f", 3.0), "a text or a SymPy expression; got float"),
        (("f", "2 + 3"), "has no parameters"),
        (("f", sympy.Integer(2)), "has no parameters"),
    ],
)
def test_declarations_that_are_refused(args: Any, match: str) -> None:
    with pytest.raises(sg.DeclarationError, match=match):
        sg.elementwise(*args)


def test_spellings() -> None:
    x, y = sympy.symbols("x y", real=True)
    names = {"x": x, "y": y}
    for text, want in [
        ("arctan2(y, x)", sympy.atan2(y, x)),
        ("x // y", sympy.floor(x / y)),
        ("x % y", sympy.Mod(x, y)),
        ("-x + +y", y - x),
        ("not x > 1", x <= 1),
        ("x > 1 and y > 2 or x < 0", sympy.Or(sympy.And(x > 1, y > 2), x < 0)),
        ("0 < x <= y", sympy.And(sympy.Lt(0, x), x <= y)),
        ("where(x > 0, x, y)", sympy.Piecewise((x, x > 0), (y, True))),
        ("expm1(x) + log2(x) + ln(y)",
         sympy.exp(x) - 1 + sympy.log(x) / sympy.log(2) + sympy.log(y)),
        ("1_000 * x + 0.5", 1000 * x + sympy.Float("0.5")),
        ("pi * exp(1) * x", sympy.pi * sympy.E * x),
        ("Piecewise((x, x < 0), (y, True))", sympy.Piecewise((x, x < 0), (y, True))),
        ("x != y", sympy.Ne(x, y)),
        ("(x > 0) ^ (y > 0)", sympy.Xor(x > 0, y > 0)),
    ]:  # fmt: skip
        assert read(text, names) == want, text
    assert names_in("b * x + exp(a) - pi") == ("b", "x", "a")
    assert names_in("I * E + x") == ("I", "E", "x")  # a current, an energy
    assert read("gamma * x", {"gamma": y, "x": x}) == x * y  # a name that is given goes first


POWERS = [
    ("x**a", lambda x, a: x**a),
    ("(1 + x)**a", lambda x, a: (1 + x) ** a),
    ("x**a * exp(-x)", lambda x, a: x**a * mpmath.exp(-x)),
    ("sin(x**a)", lambda x, a: mpmath.sin(x**a)),
    ("x**(x**a)", lambda x, a: x ** (x**a)),
    ("sinh(sinh(x)) * a", lambda x, a: mpmath.sinh(mpmath.sinh(x)) * a),
    (
        "(abs(2 - a) / a) * ((x**2 / abs(2 - a) + 1)**(a / 2) - 1)",  # Barron (2019)
        lambda x, a: abs(2 - a) / a * ((x**2 / abs(2 - a) + 1) ** (a / 2) - 1),
    ),
]


@pytest.mark.parametrize(("formula", "exact"), POWERS, ids=[f for f, _ in POWERS])
def test_powers_with_a_parameter_have_slopes(formula: str, exact: Any) -> None:
    # such powers of exact numbers as large as 1e150 do not fit any memory
    fn = sg.elementwise("powers", formula)
    x = sg.input("x", ("B",))
    value = fn(x=x, a=1.5)
    got = sg.function([x], [value, sg.grad(value.sum(), x)])(np.array([0.5, 2.0, 3.0]))
    for i, point in enumerate([mpmath.mpf("0.5"), mpmath.mpf(2), mpmath.mpf(3)]):
        a = mpmath.mpf("1.5")
        np.testing.assert_allclose(got[0][i], float(exact(point, a)), rtol=1e-13)
        slope = mpmath.diff(lambda t, a=a: exact(t, a), point)
        np.testing.assert_allclose(got[1][i], float(slope), rtol=1e-12)


def test_only_slopes_that_are_needed_are_derived() -> None:
    fn = sg.elementwise("needed", "x**a * a")
    x, a = sg.input("x", ("B",)), sg.input("a", ())
    sg.grad(fn(x, 1.5).sum(), x)
    assert [index for _, index in fn.op._slopes] == [0]
    sg.grad(fn(x, a).sum(), a)
    assert sorted(index for _, index in fn.op._slopes) == [0, 1]
