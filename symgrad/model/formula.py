"""``sg.elementwise``: a new function from a formula."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autodiff.reverse import cotangents
from symgrad.errors import CompileError, DeclarationError
from symgrad.ir import provenance
from symgrad.ir.graph import substitute, topological
from symgrad.ir.node import Expr, as_exprs, identity, literal, make
from symgrad.ir.op import FUNCTIONS, OPS, register_instance
from symgrad.model.grad import stabilised
from symgrad.ops.elementwise import Elementwise
from symgrad.ops.interpret import evaluate
from symgrad.ops.leaf import INPUT

__all__ = ["FormulaFunction", "FormulaOp", "elementwise"]

#: names of ops by which rules and printers know more than the op
_RESERVED = ("anything", "elementwise", "scatter_", "bitwise_", "logical_")


class FormulaOp(Elementwise):
    """An op that is a formula: known by its name until it is lowered to what it is made of.

    Stabilisation looks through it, and its values are those of the stabilised formula. Its
    partials are the most accurate of what SymPy derives and of what differentiation of the
    stabilised formula gives.
    """

    transparent = True

    def __init__(self, name: str, source: Any, parameters: tuple[str, ...], title: str) -> None:
        from symgrad.symbolic.formulas import expression_of

        super().__init__(
            name=name,
            arity=len(parameters),
            formula=str(source),
            partials=None,
            numpy="{0}",
            latex=None,
            dtype=self._dtype,
            kernels=(),
            examples=(),
            cost=1,
            weak=None,
            parameters=parameters,
            lower=self._written_out,
        )
        self.title = title
        self.source = source
        self.expression = expression_of(source, parameters)
        self._values: dict[Any, tuple[list[Expr], Expr]] = {}
        self._slopes: dict[Any, Expr | None] = {}
        self.cost = len([n for n in topological([self._value(self._floats(1))[1]]) if n.args])

    def __reduce__(self) -> Any:
        return _restored, (self.title, self.source, self.parameters)

    def _floats(self, count: int) -> tuple[np.dtype[Any], ...]:
        return (np.dtype(np.float64),) * max(self.arity, count)

    def _dtype(self, *dtypes: np.dtype[Any]) -> np.dtype[Any]:
        return self._value(dtypes)[1].dtype

    # ---- templates: the formula for scalars of some dtypes, to be put on any arguments

    def _value(self, dtypes: tuple[np.dtype[Any], ...]) -> tuple[list[Expr], Expr]:
        """Scalar leaves of these dtypes, and the stabilised formula of them."""
        if dtypes not in self._values:
            with provenance.quiet():
                leaves = [
                    identity(INPUT, {"name": name, "shape": (), "dtype": dtype})
                    for name, dtype in zip(self.parameters, dtypes, strict=False)
                ]
                value = _translated(self.expression, self.parameters, leaves)
                self._values[dtypes] = leaves, stabilised([value], leaves)[0]
        return self._values[dtypes]

    def _written_out(self, *args: Expr) -> Expr:
        leaves, value = self._value(tuple([arg.dtype for arg in args]))
        shape = self.aval(*[arg.aval for arg in args]).shape
        made = substitute([value], dict(zip(leaves, args, strict=True)))[0]
        return made if made.shape == shape else FUNCTIONS["broadcast_to"](made, shape)

    def partials(self, node: Expr) -> Sequence[Expr | None]:
        return self.needed_partials(node, [True] * self.arity)

    def needed_partials(self, node: Expr, needs: Sequence[bool]) -> Sequence[Expr | None]:
        dtypes = tuple([arg.dtype for arg in node.args])
        leaves, _ = self._value(dtypes)
        mapping = dict(zip(leaves, node.args, strict=True))
        found: list[Expr | None] = []
        for i, need in enumerate(needs):
            slope = self._slope(dtypes, i) if need else None
            found.append(None if slope is None else substitute([slope], mapping)[0])
        return found

    def _slope(self, dtypes: tuple[np.dtype[Any], ...], index: int) -> Expr | None:
        """The partial with respect to one argument, of scalar leaves; SymPy may take seconds."""
        if (dtypes, index) not in self._slopes:
            with provenance.quiet():
                self._slopes[dtypes, index] = self._derived(dtypes, index)
        return self._slopes[dtypes, index]

    def _derived(self, dtypes: tuple[np.dtype[Any], ...], index: int) -> Expr | None:
        from symgrad.symbolic.partials import derivatives

        leaves, value = self._value(dtypes)
        leaf = leaves[index]
        (own,) = cotangents([value], [literal(1, value.dtype)], [leaf])
        if own is None:
            return None
        forms, candidates = derivatives(self.expression, self.parameters[index]), []
        for form in forms:
            try:
                made = _translated(form, self.parameters, leaves)
            except CompileError:
                continue
            candidates.append(stabilised([made], leaves)[0])
        best = _most_accurate([*candidates, own], leaves, forms[0], self.parameters)
        return best if best.dtype == leaf.dtype else best.astype(leaf.dtype)


def _translated(expression: Any, parameters: tuple[str, ...], leaves: list[Expr]) -> Expr:
    from symgrad.symbolic.formulas import symbols_of
    from symgrad.symbolic.to_expr import Translation

    symbols = dict(zip(symbols_of(parameters), leaves, strict=True))
    return Translation(symbols).expression(expression)


# ---------------------------------------------------------------- the most accurate form

_SIZES = (1e-150, 1e-12, 1e-5, 1e-2, 0.3, 0.9, 1.0, 1.7, 6.0, 25.0, 80.0, 720.0, 1e5, 1e9, 1e150)
_POINTS = 48
#: more than this is no longer told apart
_WORST = 2.0**40


def _most_accurate(
    candidates: list[Expr], leaves: list[Expr], exact: Any, parameters: tuple[str, ...]
) -> Expr:
    """Of expressions that are equal, the one with the least error, against 50 digits."""
    distinct = list(dict.fromkeys(candidates))
    if len(distinct) == 1:
        return distinct[0]
    points = _points(len(leaves))
    truths = _truths(exact, points, parameters)
    known = [i for i, truth in enumerate(truths) if truth is not None]
    columns = [np.array([points[i][j] for i in known]) for j in range(len(leaves))]
    wide = [
        identity(INPUT, {"name": x.attrs["name"], "shape": (len(known),), "dtype": x.dtype})
        for x in leaves
    ]
    scores = []
    for candidate in distinct:
        (on_all,) = substitute([candidate], dict(zip(leaves, wide, strict=True)))
        values = {w: c.astype(w.dtype) for w, c in zip(wide, columns, strict=True)}
        (got,) = evaluate([on_all], values)
        got = np.broadcast_to(np.asarray(got, float), (len(known),))
        errors = [_ulps(float(g), truths[i]) for g, i in zip(got, known, strict=True)]
        scores.append(sum(math.log2(1 + e / 4) for e in errors))
    good = [c for c, score in zip(distinct, scores, strict=True) if score <= min(scores) + 2]
    return min(good, key=lambda c: len(topological([c])))  # the shortest of those as good


def _points(count: int) -> list[tuple[float, ...]]:
    draw = random.Random(0)
    sizes = [s * sign for s in _SIZES for sign in (1, -1)]
    if count == 1:
        return [(s * 1.0000001,) for s in sizes]
    return [
        tuple(draw.choice(sizes) * draw.uniform(1, 1.5) for _ in range(count))
        for _ in range(_POINTS)
    ]


def _truths(exact: Any, points: list[tuple[float, ...]], parameters: tuple[str, ...]) -> list[Any]:
    """The values at points to many digits; None where it is not real, not finite or not known.

    With mpmath's numbers, whose size is bounded: a power of exact ones may have 10^150 digits.
    """
    from symgrad.symbolic.formulas import symbols_of
    from symgrad.symbolic.series import Truth

    truth = Truth(exact, *symbols_of(parameters))
    found = []
    for point in points:
        try:
            value = truth(*point)
        except Exception:  # a function that mpmath has not, or not there
            value = None
        found.append(value if value is not None and 1e-300 < abs(value) < 1e300 else None)
    return found


def _ulps(got: float, truth: Any) -> float:
    """The error, in units in the last place of the true value."""
    if not math.isfinite(got):
        return _WORST
    unit = float(np.spacing(abs(float(truth))))
    return min(_WORST, abs(float((got - truth) / unit)))


# ---------------------------------------------------------------- declaring

_DECLARED: dict[tuple[str, str, tuple[str, ...]], FormulaOp] = {}


def _restored(title: str, source: Any, parameters: tuple[str, ...]) -> FormulaOp:
    """The op of this name and formula: the existing one, if there is one."""
    from symgrad.symbolic.formulas import expression_of

    key = (title, repr(expression_of(source, parameters)), parameters)
    found = _DECLARED.get(key)
    if found is None:
        name = title
        if title in OPS or any(title.startswith(known) for known in _RESERVED):
            # the name is another op's: it keeps it for whoever reads, and gets one of its own
            digest = hashlib.blake2b(repr(key).encode(), digest_size=4).hexdigest()
            name = f"{title}_{digest}"
        found = _DECLARED[key] = register_instance(FormulaOp(name, source, parameters, title))
    return found


class FormulaFunction:
    """An elementwise function of expressions, made by :func:`elementwise`.

    Attributes
    ----------
    name : str
    formula : SymPy expression
    parameters : tuple of str
    """

    def __init__(self, op: FormulaOp) -> None:
        self.op = op
        self.name = self.__name__ = op.title
        self.formula = op.expression
        self.parameters = op.parameters
        self.__doc__ = f"{op.title}({', '.join(op.parameters)}) = {op.formula}, elementwise."

    def __call__(self, *args: Any, **kwargs: Any) -> Expr:
        if kwargs or len(args) != len(self.parameters):
            args = self._bound(args, kwargs)
        exprs = as_exprs(args)
        floats = [x if x.dtype.kind == "f" else FUNCTIONS["astype"](x, "float64") for x in exprs]
        return make(self.op, tuple(floats), {})

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        given = dict(zip(self.parameters, args, strict=False))
        wrong = [k for k in kwargs if k not in self.parameters or k in given]
        given |= kwargs
        if wrong or len(args) > len(self.parameters) or len(given) != len(self.parameters):
            shown = ", ".join(self.parameters)
            raise DeclarationError(
                f"{self.name} takes the arguments {shown}; got {len(args)} by position"
                + (f" and {', '.join(kwargs)} by name" if kwargs else "")
            )
        return tuple(given[p] for p in self.parameters)

    def __reduce__(self) -> Any:
        return FormulaFunction, (self.op,)

    def __repr__(self) -> str:
        return f"<function {self.name}({', '.join(self.parameters)}) = {self.formula}>"


def elementwise(
    name: str, formula: Any, *, parameters: Sequence[Any] | None = None
) -> FormulaFunction:
    """A new function from a formula; SymPy derives its derivative.

    Parameters
    ----------
    name : str
        By which pictures, equations and reports know it.
    formula : str or SymPy expression
        In text: Python's arithmetic, comparisons and ``a if c else b``, and the functions of
        SymPy and NumPy. It is read, never executed.
    parameters : sequence of str or symbols, optional
        The order of the arguments; that of appearance in the text, or for a SymPy expression
        the alphabetical one, if None.

    Returns
    -------
    FormulaFunction
        Takes expressions that broadcast. It is stabilised, differentiated as often as wanted
        and compiled like any other function.

    Raises
    ------
    DeclarationError
        If it is no formula, or has other symbols than `parameters`.

    Notes
    -----
    Of the forms that SymPy and differentiation give for the derivative, the most accurate one
    is used, measured against 40 digits when it is first needed.

    Examples
    --------
    >>> import symgrad as sg
    >>> softsign = sg.elementwise("softsign", "x / (1 + abs(x))")
    >>> x = sg.input("x", ("B",))
    >>> f = sg.function([x], [softsign(x), sg.grad(softsign(x).sum(), x)])
    >>> f([-1.0, 0.0, 3.0])
    [array([-0.5 ,  0.  ,  0.75]), array([0.25  , 1.    , 0.0625])]
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f"the name of a function must be an identifier; got {name!r}")
    names = None if parameters is None else tuple(str(p) for p in parameters)
    if isinstance(formula, str):
        from symgrad.symbolic.parser import names_in

        source: Any = formula
        names = names_in(formula) if names is None else names
    else:
        source, names = _with_real_symbols(formula, names)
    if not names:
        raise DeclarationError(f"the formula {formula} of {name} has no parameters")
    if len(set(names)) != len(names):
        raise DeclarationError(f"{name}: two parameters have one name: {', '.join(names)}")
    return FormulaFunction(_restored(name, source, names))


def _with_real_symbols(formula: Any, names: tuple[str, ...] | None) -> tuple[Any, tuple[str, ...]]:
    """A SymPy expression over real symbols of its symbols' names."""
    import sympy

    from symgrad.symbolic.formulas import symbols_of

    if not isinstance(formula, sympy.Basic):
        raise DeclarationError(
            f"a formula is a text or a SymPy expression; got {type(formula).__name__}"
        )
    found = sorted(formula.free_symbols, key=str)
    names = tuple(str(s) for s in found) if names is None else names
    strange = [str(s) for s in found if str(s) not in names]
    if strange:
        raise DeclarationError(
            f"the formula {formula} has the symbols {', '.join(strange)} beside its parameters "
            f"{', '.join(names)}"
        )
    real = dict(zip(names, symbols_of(names), strict=True))
    return formula.xreplace({s: real[str(s)] for s in found}), names
