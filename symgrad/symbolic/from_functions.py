"""SymPy's functions, each by the functions that compute it here."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING, Any

from symgrad.errors import CompileError
from symgrad.ir.node import literal
from symgrad.ir.op import FUNCTIONS
from symgrad.symbolic.calls import call, known
from symgrad.symbolic.numbers import Exact
from symgrad.symbolic.to_expr import Plan

if TYPE_CHECKING:
    from symgrad.symbolic.to_expr import Translation

__all__ = ["plan"]

#: SymPy's functions that have another name here; the others are looked up by their own
_RENAMED = {
    "Abs": "absolute",
    "Cbrt": "cbrt",
    "Ei": "expi",
    "RisingFactorial": "poch",
    "LambertW": "lambertw",
    "Sqrt": "sqrt",
    "besseli": "iv",
    "binomial": "binom",
    "besselj": "jv",
    "besselk": "kv",
    "bessely": "yv",
    "ceiling": "ceil",
    "elliptic_e": "ellipe",
    "elliptic_k": "ellipk",
    "erfcinv": "erfcinv",
    "expint": "expn",
    "jn": "spherical_jn",
    "loggamma": "gammaln",
    "yn": "spherical_yn",
}
#: of real numbers these are the number itself
_TRANSPARENT = frozenset(
    {"re", "conjugate", "adjoint", "transpose", "polar_lift", "UnevaluatedExpr"}
)
#: what SymPy writes and NumPy lacks: the reciprocals of these, or these of the reciprocal
_RECIPROCALS = {
    "sec": "cos",
    "csc": "sin",
    "cot": "tan",
    "sech": "cosh",
    "csch": "sinh",
    "coth": "tanh",
}
_OF_RECIPROCALS = {
    "acot": "arctan",
    "asec": "arccos",
    "acsc": "arcsin",
    "acoth": "arctanh",
    "asech": "arccosh",
    "acsch": "arcsinh",
}
#: of order 0 and 1 Bessel functions have ops of their own
_OF_ORDER = {
    "besseli": ("i0", "i1"),
    "besselj": ("j0", "j1"),
    "besselk": ("k0", "k1"),
    "bessely": ("y0", "y1"),
}
#: SciPy's functions of several results, with the place of SymPy's among them
_PARTS = {
    "Chi": ("shichi", 1),
    "Ci": ("sici", 1),
    "Shi": ("shichi", 0),
    "Si": ("sici", 0),
    "airyai": ("airy", 0),
    "airyaiprime": ("airy", 1),
    "airybi": ("airy", 2),
    "airybiprime": ("airy", 3),
    "fresnelc": ("fresnel", 1),
    "fresnels": ("fresnel", 0),
}
#: what has no values before it is worked out
_UNEVALUATED = {
    "Integral": "work it out with .doit(), or expand it into a sum",
    "Limit": "work it out with .doit()",
    "Order": "drop it with .removeO()",
}


def plan(translation: Translation, expr: Any, kind: str) -> Plan | None:
    """What a function application needs, and how it is made of that; None for anything else."""
    if kind in _UNEVALUATED:
        raise CompileError(f"{kind} is not evaluated here: {expr}; {_UNEVALUATED[kind]}")
    if kind == "ImaginaryUnit":
        raise CompileError(
            "it is complex: it has the imaginary unit; take re() and im() of it, with real "
            "symbols and .expand(complex=True), and compile these"
        )
    if kind == "Quantity":
        raise CompileError(
            f"it has the unit or physical quantity {expr}; divide by the units, or use "
            "sympy.physics.units.convert_to, so that numbers are left"
        )
    if kind == "ComplexInfinity":
        return (), lambda: Exact(expr)
    if _is_condition(expr):
        if kind == "ITE":
            return expr.args, lambda c, x, y: _chosen(c, x, y)
        if kind == "Contains":
            return (expr.args[1].as_relational(expr.args[0]),), lambda condition: condition
        if kind in ("Nor", "Nand", "Implies", "Equivalent"):
            return (expr.to_nnf(),), lambda condition: condition
        return None
    if not expr.is_Function and kind not in ("UnevaluatedExpr", "AccumBounds"):
        return None
    if _is_undefined(expr):
        raise CompileError(
            f"the function {kind} is undefined: substitute what {expr} is, or give {expr} a value"
        )
    made = _MADE.get(kind)
    if made is not None:
        return made(translation, expr)
    if kind in _TRANSPARENT:
        return expr.args[:1], lambda x: x
    if kind in _RECIPROCALS:
        return expr.args, lambda x: call("reciprocal", call(_RECIPROCALS[kind], x))
    if kind in _OF_RECIPROCALS:
        return expr.args, lambda x: call(_OF_RECIPROCALS[kind], call("reciprocal", x))
    if kind in _PARTS:
        name, place = _PARTS[kind]
        return expr.args, lambda x: call(name, x)[place]
    if kind in _OF_ORDER and expr.args[0] in (0, 1) and known(_OF_ORDER[kind][0]):
        order, argument = expr.args
        return (argument,), lambda x: call(_OF_ORDER[kind][int(order)], x)
    rewritten = _rewritten(expr, kind)
    if rewritten is not None:
        return (rewritten,), lambda value: value
    name = _RENAMED.get(kind, kind)
    if not known(name):
        raise CompileError(f"no function {kind} to express it by")
    return expr.args, lambda *args: call(name, *args)


def _is_condition(expr: Any) -> bool:
    from sympy.logic.boolalg import Boolean

    return isinstance(expr, Boolean)


def _is_undefined(expr: Any) -> bool:
    from sympy.core.function import AppliedUndef

    return isinstance(expr, AppliedUndef)


def _rewritten(expr: Any, kind: str) -> Any:
    """The same by functions that are known here, where SymPy can say it so; None otherwise."""
    if known(_RENAMED.get(kind, kind)):
        return None
    for new in (expr.doit(deep=False), expr.expand(func=True, deep=False)):
        if new != expr and not new.has(type(expr)):
            return new
    return None


def _chosen(c: Any, x: Any, y: Any) -> Any:
    """if-then-else of conditions."""
    both = call("logical_and", c, x)
    return call("logical_or", both, call("logical_and", call("logical_not", c), y))


# ---------------------------------------------------------------- made of others

_MADE: dict[str, Callable[[Translation, Any], Plan]] = {}


def _made(*names: str) -> Callable[[Callable[..., Plan]], Callable[..., Plan]]:
    def enter(fn: Callable[..., Plan]) -> Callable[..., Plan]:
        _MADE.update(dict.fromkeys(names, fn))
        return fn

    return enter


def _of(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function of values alone."""

    def enter(fn: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            _MADE[name] = lambda translation, expr: (expr.args, fn)
        return fn

    return enter


@_made("Max", "Min")
def _extremum(translation: Translation, expr: Any) -> Plan:
    """Numbers last, so that they are bounds; of three that tie, each has a third of the slope."""
    name = "maximum" if type(expr).__name__ == "Max" else "minimum"

    def make(*values: Any) -> Any:
        terms = [v for v in values if not isinstance(v, Exact)]
        numbers = [v for v in values if isinstance(v, Exact)]
        if len(terms) <= 2:
            value = reduce(lambda a, b: call(name, a, b), terms)
        else:
            parts = FUNCTIONS["broadcast_arrays"](*terms)
            value = FUNCTIONS[name[:3]](FUNCTIONS["stack"](parts), axis=0)
        return reduce(lambda a, b: call(name, a, b), [value, *numbers])

    return expr.args, make


@_made("DiracDelta", "im")
def _zero(translation: Translation, expr: Any) -> Plan:
    """Jumps have slope 0; numbers are real."""
    import sympy

    return (), lambda: Exact(sympy.Integer(0))


@_made("arg")
def _arg(translation: Translation, expr: Any) -> Plan:
    def make(x: Any) -> Any:
        pi, zero = (literal(v, translation.dtype) for v in (math.pi, 0))
        return call("where", call("less", x, 0), pi, zero)

    return expr.args, make


@_made("KroneckerDelta")
def _kronecker(translation: Translation, expr: Any) -> Plan:
    def make(i: Any, j: Any) -> Any:
        one, zero = (literal(v, translation.dtype) for v in (1, 0))
        return call("where", call("equal", i, j), one, zero)

    return expr.args[:2], make


@_made("Heaviside")
def _heaviside(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda x, middle: call("heaviside", x, middle)


@_made("sinc")
def _sinc(translation: Translation, expr: Any) -> Plan:
    """sin(x) / x, where NumPy's is of pi x."""

    def make(x: Any) -> Any:
        one = literal(1, translation.dtype)
        if not known("sinc"):
            safe = call("where", call("equal", x, 0), one, x)
            return call("where", call("equal", x, 0), one, call("divide", call("sin", x), safe))
        # x / pi is rounded, which for large x would show
        large = call("greater", call("absolute", x), one)
        safe = call("where", large, x, one)
        near = call("sinc", call("divide", call("where", large, one, x), math.pi))
        return call("where", large, call("divide", call("sin", safe), safe), near)

    return expr.args, make


@_of("frac")
def _frac(x: Any) -> Any:
    return call("subtract", x, call("floor", x))


@_of("Mod")
def _mod(x: Any, y: Any) -> Any:
    return call("remainder", x, y)


@_of("fma")
def _fma(x: Any, y: Any, z: Any) -> Any:
    return call("add", call("multiply", x, y), z)


@_of("factorial")
def _factorial(n: Any) -> Any:
    return call("gamma", call("add", n, 1))


@_of("FallingFactorial")
def _falling(x: Any, k: Any) -> Any:
    return call("poch", call("add", call("subtract", x, k), 1), k)


@_made("hyper")
def _hyper(translation: Translation, expr: Any) -> Plan:
    above, below, z = expr.args
    name = f"hyp{len(above)}f{len(below)}"
    if not known(name):
        raise CompileError(f"no function {name} to express {expr} by")
    return (*above, *below, z), lambda *args: call(name, *args)


@_made("betainc_regularized", "betainc")
def _betainc(translation: Translation, expr: Any) -> Plan:
    a, b, low, high = expr.args
    if low != 0:
        rest = expr.func(a, b, 0, high) - expr.func(a, b, 0, low)
        return (rest,), lambda value: value
    if type(expr).__name__ == "betainc_regularized":
        return (a, b, high), lambda a, b, x: call("betainc", a, b, x)
    return (a, b, high), lambda a, b, x: call(
        "multiply", call("beta", a, b), call("betainc", a, b, x)
    )


@_of("erf2")
def _erf2(x: Any, y: Any) -> Any:
    return call("subtract", call("erf", y), call("erf", x))


@_made("lowergamma", "uppergamma")
def _incomplete(translation: Translation, expr: Any) -> Plan:
    name = "gammainc" if type(expr).__name__ == "lowergamma" else "gammaincc"
    return expr.args, lambda a, x: call("multiply", call("gamma", a), call(name, a, x))


@_made("trigamma")
def _trigamma(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda x: call("polygamma", 1, x)


@_made("LambertW")
def _lambertw(translation: Translation, expr: Any) -> Plan:
    return expr.args, lambda x, *branch: call("lambertw", x, *branch)


@_made("log")
def _log(translation: Translation, expr: Any) -> Plan:
    (x,) = expr.args
    if type(x).__name__ == "factorial":  # which overflows from 171 on
        return x.args, lambda n: call("gammaln", call("add", n, 1))
    return expr.args, lambda x: call("log", x)


@_made("real_root")
def _real_root(translation: Translation, expr: Any) -> Plan:
    return (expr.doit(),), lambda value: value
