"""Elementwise ops: each is a formula, from which SymPy derives what is not given."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.errors import DeclarationError, DTypeError
from symgrad.ir.aval import Aval
from symgrad.ir.code import Code
from symgrad.ir.dtypes import is_inexact
from symgrad.ir.lifted import lift
from symgrad.ir.node import Expr, as_exprs, make
from symgrad.ir.op import FUNCTIONS, Example, Op, public, register_instance
from symgrad.ops import masking
from symgrad.ops.broadcasting import align, broadcast_shapes, sum_to

__all__ = ["Elementwise", "elementwise"]

DTypeRule = Callable[..., "np.dtype[Any]"]


@lru_cache(maxsize=4096)
def _ufunc_dtype(name: str, dtypes: tuple[np.dtype[Any], ...]) -> np.dtype[Any]:
    ufunc = getattr(np, name)
    return ufunc.resolve_dtypes((*dtypes, None))[-1]  # type: ignore[no-any-return]


def _like_ufunc(name: str) -> DTypeRule:
    """The dtype that NumPy's own ufunc of this name gives."""

    def rule(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
        try:
            return _ufunc_dtype(name, dtypes)
        except TypeError:
            shown = ", ".join(d.name for d in dtypes)
            raise DTypeError(f"np.{name} is not defined for {shown}") from None

    return rule


def floating(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """The common dtype; integers and booleans become float64."""
    common = np.result_type(*dtypes)
    return common if is_inexact(common) else np.dtype(np.float64)


def boolean(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.bool_)


def common(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    return np.result_type(*dtypes)


class Elementwise(Op):
    """An op whose value at an index depends on its arguments at that index alone.

    Built by :func:`elementwise`; see there for the fields.
    """

    elementwise = True

    def __init__(
        self,
        name: str,
        arity: int,
        formula: str | None,
        partials: Callable[..., Sequence[Expr | None]] | None,
        numpy: str,
        latex: str | None,
        dtype: DTypeRule,
        kernels: tuple[Callable[..., Any], ...],
        examples: tuple[Example, ...],
        cost: int,
        weak: tuple[bool, ...] | None,
        parameters: tuple[str, ...],
        lower: Callable[..., Expr] | None,
        check: Callable[..., None] | None = None,
        takes_complex: bool = False,
        imports: tuple[str, ...] = (),
        fixed: tuple[str, ...] = (),
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.arity = arity
        self.formula = formula
        self.partials_override = partials
        self.template = numpy
        self.latex_template = latex
        self.dtype_rule = dtype
        self.kernels = kernels
        self.examples = examples
        self.cost = cost
        self.weak = weak
        self.parameters = parameters
        self.lowering = lower
        self.check = check
        self.takes_complex = takes_complex  # type: ignore[misc]
        self.imported = imports
        self.fixed = tuple([name in fixed for name in parameters])

    # ---- shape and dtype

    def aval(self, *args: Aval, **attrs: Any) -> Aval:
        shape = args[0].shape if len(args) == 1 else broadcast_shapes(*[a.shape for a in args])
        return Aval(shape, self.dtype_rule(*[a.dtype for a in args]))

    def __call__(self, *args: Any) -> Expr:
        if (lifted := lift(self, *args)) is not None:
            return lifted  # type: ignore[no-any-return]
        exprs = tuple(as_exprs(args, self.weak))
        if self.check is not None:
            self.check(*exprs)
        return make(self, exprs, {})

    # ---- derivatives

    def partials(self, node: Expr) -> Sequence[Expr | None]:
        """d node / d argument i at each index, as expressions; None where it is zero."""
        if self.partials_override is not None:
            return self.partials_override(node, *node.args)
        if self.formula is None or not is_inexact(node.dtype):
            raise DTypeError(f"{self.name} has no derivative")
        from symgrad.symbolic.partials import partials

        return partials(self, node)

    def needed_partials(self, node: Expr, needs: Sequence[bool]) -> Sequence[Expr | None]:
        """The partials with respect to the arguments that `needs` tells; others may be None."""
        return self.partials(node)

    def vjp(self, node: Expr, ct: Expr, needs: tuple[bool, ...]) -> Sequence[Expr | None]:
        out: list[Expr | None] = []
        self._refuse_fixed(needs)
        partials = self.needed_partials(node, needs)
        for arg, partial, need in zip(node.args, partials, needs, strict=True):
            if not need or partial is None:
                out.append(None)
            else:
                out.append(sum_to(masking.times(ct, partial), arg.shape))
        return out

    def jvp(self, node: Expr, tangents: tuple[Expr | None, ...]) -> Expr | None:
        total: Expr | None = None
        needs = [tangent is not None for tangent in tangents]
        self._refuse_fixed(needs)
        for tangent, partial in zip(tangents, self.needed_partials(node, needs), strict=True):
            if tangent is None or partial is None:
                continue
            term = masking.times(tangent, partial)
            total = term if total is None else masking.add(total, term)
        if total is not None and total.shape != node.shape:
            total = FUNCTIONS["broadcast_to"](total, node.shape)
        return total

    def _refuse_fixed(self, needs: Sequence[bool]) -> None:
        for name, fixed, need in zip(self.parameters, self.fixed, needs, strict=True):
            if fixed and need:
                raise DeclarationError(
                    f"{self.name}({', '.join(self.parameters)}) has no derivative with respect to "
                    f"{name}; sg.stop_gradient({name}) holds it constant"
                )

    def batch(self, node: Expr, args: tuple[Expr, ...], batched: tuple[bool, ...]) -> Expr:
        return make(self, tuple(align(args, batched, node.ndim)), {})

    def lower(self, node: Expr) -> Expr:
        assert self.lowering is not None
        return self.lowering(*node.args)

    @property
    def composite(self) -> bool:
        return self.lowering is not None

    @property
    def has_derivative(self) -> bool:
        return self.partials_override is not None or self.formula is not None

    # ---- emission

    def numpy(self, node: Expr, *args: Code) -> Code:
        return fill(self.template, args)

    def prelude(self) -> tuple[Callable[..., Any], ...]:
        return self.kernels

    def imports(self) -> tuple[str, ...]:
        return self.imported

    def latex(self, node: Expr, *args: str) -> str:
        if self.latex_template is None:
            return super().latex(node, *args)
        return self.latex_template.format(*args)

    def flops(self, node: Expr) -> int:
        return self.cost


_INFIX = re.compile(r"^\{0\} (\S+) \{1\}$")
_PREFIX = re.compile(r"^([-~])\{0\}$")
_CALL = re.compile(r"^([\w.]+)\((.*)\)(\[\d\])?$")
#: functions that cannot write into a given array
_WITHOUT_OUT = frozenset({"np.where", "np.angle"})


def fill(template: str, args: Sequence[Code]) -> Code:
    """A NumPy template (``"{0} + {1}"``, ``"-{0}"``, ``"np.exp({0})"``) with its arguments."""
    if match := _INFIX.match(template):
        return Code.infix(match[1], args[0], args[1])
    if match := _PREFIX.match(template):
        code = Code.prefix(match[1], args[0])
        # ~ inverts the bits of integers: np.logical_not would be another function
        return replace(code, call_into=("np.invert", (args[0].text,))) if match[1] == "~" else code
    match = _CALL.match(template)
    if match is None:
        raise ValueError(f"not a template that the printer understands: {template}")
    texts = [part.format(*[a.text for a in args]) for part in match[2].split(", ")]
    part = match[3] or ""  # one of several results
    into = None if part or match[1] in _WITHOUT_OUT else (match[1], tuple(texts))
    return Code(f"{match[1]}({', '.join(texts)}){part}", call_into=into)


def elementwise(
    *,
    formula: str | None = None,
    partials: Callable[..., Sequence[Expr | None]] | None = None,
    numpy: str,
    latex: str | None = None,
    dtype: str | DTypeRule = floating,
    kernels: tuple[Callable[..., Any], ...] = (),
    examples: tuple[Example, ...] = (),
    cost: int = 1,
    weak: tuple[bool, ...] | None = None,
    lower: Callable[..., Expr] | None = None,
    name: str | None = None,
    check: Callable[..., None] | None = None,
    takes_complex: bool = False,
    imports: tuple[str, ...] = (),
    fixed: tuple[str, ...] = (),
    namespace: str | None = None,
    kind: type[Elementwise] = Elementwise,
) -> Callable[[Callable[..., Any]], Callable[..., Expr]]:
    """Declare an elementwise op; the decorated function gives its name, arguments, docstring.

    Parameters
    ----------
    formula : str, optional
        The definition in SymPy's language over the argument names; derivatives come from it.
    partials : callable, optional
        ``(y, *args) -> one expression per argument`` (None is zero): an override that is
        finite and exact in the tails. The suite proves it equal to what SymPy derives.
    numpy : str
        Template of the source: an infix or prefix operator, or one call, or a part of its result.
    latex : str, optional
        Template of the equation.
    dtype : str or callable
        A NumPy ufunc whose dtype rule holds, or a rule; `floating` by default.
    kernels : tuple of functions
        What the source calls that NumPy lacks; copied into it.
    examples : tuple of Example
    cost : int
        Floating point operations for each element.
    weak : tuple of bool, optional
        Which arguments take part in promotion.
    lower : callable, optional
        The op as a composition, expanded before planning.
    name : str, optional
        The op's name, if it is not the function's, which is not public then.
    check : callable, optional
        Raises for arguments whose values, known at declaration, have no meaning.
    takes_complex : bool
        It is defined for complex arguments, and its partials hold for them: it is holomorphic,
        or real with the partials that :mod:`symgrad.ops.complex` describes.
    imports : tuple of str
        Statements that the source needs: ``"from scipy import special"``.
    fixed : tuple of str
        Arguments with respect to which there is no derivative: asking for one is an error. Their
        partials are None.
    namespace : str, optional
        ``"special"``: the function is ``sg.special.<name>`` too.
    kind : type
        The class of the op.
    """

    def declare(fn: Callable[..., Any]) -> Callable[..., Expr]:
        parameters = tuple(inspect.signature(fn).parameters)
        op = kind(
            name or fn.__name__,
            len(parameters),
            formula,
            partials,
            numpy,
            latex,
            _like_ufunc(dtype) if isinstance(dtype, str) else dtype,
            kernels,
            examples,
            cost,
            weak,
            parameters,
            lower,
            check,
            takes_complex,
            imports,
            fixed,
        )
        register_instance(op)

        def call(*args: Any, **kwargs: Any) -> Expr:
            if kwargs or len(args) != op.arity:
                bound = inspect.signature(fn).bind(*args, **kwargs)
                args = tuple(bound.arguments.values())
            return op(*args)

        call.__name__ = call.__qualname__ = fn.__name__
        call.__doc__ = fn.__doc__
        call.__module__ = fn.__module__
        call.__wrapped__ = fn  # type: ignore[attr-defined]
        call.op = op  # type: ignore[attr-defined]
        # an op of another name stands behind a function that canonicalises its arguments
        return call if name else public(namespace=namespace)(call)

    return declare
