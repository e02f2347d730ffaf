"""The node: immutable, interned, so that identity is equality and common parts are free."""

from __future__ import annotations

import hashlib
import secrets
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from symgrad.errors import DTypeError, ExpressionUseError, SymgradError
from symgrad.ir import provenance, size
from symgrad.ir.aval import Aval, format_shape
from symgrad.ir.checks import Check, pending
from symgrad.ir.dtypes import as_dtype, promote
from symgrad.ir.lifted import Lifted
from symgrad.ir.op import FUNCTIONS, OPS, Op, register
from symgrad.ir.operators import Operators
from symgrad.ir.provenance import Origin
from symgrad.ir.recording import record
from symgrad.ir.recording import state as recorded
from symgrad.ir.size import Dim, Size

__all__ = ["Expr", "as_expr", "as_exprs", "identity", "literal", "make"]


_lock = threading.RLock()
_table: weakref.WeakValueDictionary[Any, Expr] = weakref.WeakValueDictionary()


class Expr(Operators):
    """A node of the static expression graph.

    Nothing is computed when one is built: it stands for an array of known shape and dtype.
    Expressions take NumPy's operators and methods, are hashable by identity, and building
    one that exists already gives the same object.

    Attributes
    ----------
    shape : tuple of int or Dim
    dtype : numpy.dtype
    ndim : int
    name : str or None
        Its declared name, or the variable that it was assigned to.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> h = sg.tanh(x * 2)
    >>> h is sg.tanh(x * 2), h.shape, h.name
    (True, (Dim('B'), 3), 'h')
    """

    __slots__ = ("__weakref__", "args", "attrs", "aval", "checks", "closed", "op", "origin")

    op: Op
    args: tuple[Expr, ...]
    attrs: dict[str, Any]
    aval: Aval
    #: what the sizes must satisfy at a call
    checks: tuple[Check, ...]
    #: no input, parameter, state or draw below: a constant, which may belong to many models
    closed: bool
    origin: Origin | None

    # ---- what is known of it

    @property
    def shape(self) -> tuple[Size, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> Size:
        """The number of elements."""
        return size.product(self.aval.shape)

    @property
    def name(self) -> str | None:
        if "name" in self.attrs:
            return str(self.attrs["name"])
        if self.origin is None:
            return None
        return self.origin.name or self.origin.variable

    @property
    def scope(self) -> str:
        """The scope in which it was declared, such as ``encoder.layer1``; empty outside of any."""
        return self.origin.scope if self.origin else ""

    @property
    def location(self) -> str | None:
        """``file:line`` of the declaration, where it is known."""
        return self.origin.location if self.origin else None

    def __repr__(self) -> str:
        from symgrad.ir.printer import short

        return f"<Expr {short(self)}: {self.aval}>"

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        from symgrad.ir.graph import flatten, restore

        return _first, (restore, flatten((self,)))

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: Any) -> Expr:
        return self

    # ---- what it is not

    def __bool__(self) -> bool:
        raise ExpressionUseError(
            f"the truth of {self._described()} is known only at call time, so it cannot decide a "
            f"Python `if`, `while`, `and`, `or`, `not` or `in`; {self._choices()}"
        )

    def _choices(self) -> str:
        """What to use where Python asked for a truth value."""
        if self.closed:
            return (
                "it is made of constants and symbolic sizes alone, and these are known only when "
                "the function is called; sg.arange, sg.zeros and the like take a symbolic size "
                "where NumPy's own cannot"
            )
        use = (
            "use sg.where(condition, a, b) to choose element by element, sg.cond to choose "
            "between computations, sg.while_loop to repeat one, and & | ~ for logic"
        )
        if self.op.name in ("less", "greater", "less_equal", "greater_equal"):
            use += "; sg.maximum, sg.minimum and sg.sort take the place of max(), min(), sorted()"
        elif self.op.name in ("equal", "not_equal"):
            use += "; `a is b` tells whether two expressions are the same"
        return use

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        raise ExpressionUseError(
            f"{self._described()} has no values before the compiled function is called, so it is "
            "no NumPy array; where a script begins with x = np.asarray(x), leave that line out, or "
            "write sg.numpy.asarray. Lists of expressions become one expression by sg.numpy.array, "
            "sg.stack or sg.concatenate; functions of NumPy and SciPy that take no expressions "
            "(np.full(3, x), scipy.special.polygamma(1, x)) have their counterparts in sg.numpy "
            "and sg.special; an array is indexed by an expression as sg.take(array, x, axis=0), "
            "and not filled with expressions: stack them, or write out = out.at[index].set(x) "
            "from sg.zeros"
        )

    def _not_a(self, what: str, instead: str) -> ExpressionUseError:
        return ExpressionUseError(
            f"{self._described()} has no value before the compiled function is called, so it is "
            f"no Python {what}; {instead}. sg.function compiles expressions to a function of values"
        )

    def __float__(self) -> float:
        raise self._not_a(
            "number. Functions of `math` have their counterparts for expressions",
            "sg.sin for math.sin, or np.sin. An array is not filled element by element "
            "(out[i] = x): collect the elements in a list and call sg.stack, or write "
            "out = out.at[i].set(x) from sg.zeros",
        )

    def __complex__(self) -> complex:
        raise self._not_a("number", "keep it an expression")

    def __int__(self) -> int:
        raise self._not_a("number", "x.astype('int64') is an expression of integers")

    def __index__(self) -> int:
        raise self._not_a(
            "number: sizes, ranges and the indices of lists are known at declaration",
            "an expression of integers indexes another expression (x[i]), and sg.scan repeats",
        )

    def __format__(self, spec: str) -> str:
        if spec:
            raise self._not_a("number that could be formatted", "print what a function returns")
        return str(self)

    def _described(self) -> str:
        name = f"the expression {self.name!r}" if self.name else "an expression"
        where = f", declared at {self.location}" if self.location else ""
        return f"{name} ({self.aval}{where})"

    def __len__(self) -> int:
        if not self.shape:
            raise ExpressionUseError(f"len() of {self._described()}: it has no axes")
        if not isinstance(self.shape[0], int):
            raise DTypeError(
                f"len() of {self._described()}: the length {self.shape[0]} is symbolic, its value "
                "known only at call time; write x.shape[0], which is usable as a size and as a "
                "number (int(), range() and a Python loop need a static size)"
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Expr]:
        if not self.shape:
            raise ExpressionUseError(f"{self._described()} has no axes to iterate over")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        raise ExpressionUseError(
            f"whether {self._described()} contains a value is known only at call time; "
            "sg.any(x == value) is an expression of it"
        )


def _first(restore: Callable[..., tuple[Expr, ...]], flat: Any) -> Expr:
    return restore(flat)[0]


# ---- making nodes


def make(op: Op, args: tuple[Expr, ...], attrs: dict[str, Any]) -> Expr:
    """The node of `op` on `args`: the existing one, if there is one.

    Raises
    ------
    ShapeError, DTypeError
        From the op's own rule, with the operands, their shapes and the user's line added.
    """
    key = (op.name, *map(id, args), *attrs.items()) if attrs else (op.name, *map(id, args))
    node = _table.get(key)
    if node is not None:
        if node.origin is None and not node.closed:
            node.origin = provenance.capture()
        if recorded.built is not None:
            recorded.built.add(node)
        return node
    outer, pending.checks = pending.checks, []
    try:
        if not op.takes_complex:
            _refuse_complex(args)
        aval = op.aval(*[arg.aval for arg in args], **attrs)
        checks = tuple(pending.checks)
    except SymgradError as error:
        raise _explained(error, op, args) from None
    finally:
        pending.checks = outer
    node = _new(key, op, args, attrs, aval, checks, op.identity)
    if recorded.built is not None:
        recorded.built.add(node)
    return node


def _new(
    key: Any,
    op: Op,
    args: tuple[Expr, ...],
    attrs: dict[str, Any],
    aval: Aval,
    checks: tuple[Check, ...],
    open_: bool,
) -> Expr:
    node = object.__new__(Expr)
    node.op = op
    node.args = args
    node.attrs = attrs
    node.aval = aval
    node.checks = checks
    node.closed = not open_ and all([arg.closed for arg in args])
    node.origin = origin = None if node.closed else provenance.capture()
    if origin is not None and origin.call:
        for arg in args:  # made on the way to what the user's call gives
            if arg.origin is not None and arg.origin.call == origin.call:
                arg.origin.inner = True
    with _lock:
        return _table.setdefault(key, node)


def _refuse_complex(args: tuple[Expr, ...]) -> None:
    for arg in args:
        if arg.aval.dtype.kind == "c":
            raise DTypeError(
                "it is not defined for complex values; apply it to what is real of them: "
                ".real, .imag, abs(z), np.angle(z)"
            )


def _explained(error: SymgradError, op: Op, args: Sequence[Expr]) -> SymgradError:
    lines = [f"{op.name}: {error}"]
    for arg in args:
        where = f", declared at {arg.location}" if arg.location else ""
        label = arg.name or ("literal" if arg.op is LITERAL else arg.op.name)
        lines.append(f"  {label}: {format_shape(arg.shape)} {arg.dtype}{where}")
    place = provenance.user_location()
    if place:
        lines.append(f"  in {place}")
    return type(error)("\n".join(lines))


def identity(op: Op, attrs: dict[str, Any], args: tuple[Expr, ...] = ()) -> Expr:
    """A node that is never merged with another: input, parameter, state, draw."""
    token = attrs.setdefault("token", secrets.token_hex(8))
    key = (op.name, token)
    found = _table.get(key)
    if found is not None:
        return found
    made = _new(key, op, args, attrs, op.aval(*[a.aval for a in args], **attrs), (), True)
    record(made)
    return made


class LiteralValue:
    """The array of a literal: compared by dtype, shape and bytes, so that 1, 1.0 and True differ.

    Python's ``1 == True == 1.0`` and ``0.0 == -0.0`` would meet in a dict.
    """

    __slots__ = ("array", "key")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        array = np.array(array, order="C", copy=True)
        array.setflags(write=False)
        self.array = array
        data = array.tobytes()
        if len(data) > 64:
            data = hashlib.blake2b(data, digest_size=16).digest()
        self.key = (array.dtype.str, array.shape, data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LiteralValue) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        return LiteralValue, (self.array,)


@register
class Literal(Op):
    """An array or number that the user wrote."""

    name = "literal"

    def aval(self, *args: Aval, value: LiteralValue, name: str | None = None) -> Aval:
        return Aval(value.array.shape, value.array.dtype)


@register
class SizeValue(Op):
    """A symbolic size used as a number."""

    name = "size"

    def aval(self, *args: Aval, size: Dim, dtype: np.dtype[Any]) -> Aval:
        return Aval((), dtype)


LITERAL = OPS["literal"]
SIZE = OPS["size"]


def literal(value: Any, dtype: Any = None, name: str | None = None) -> Expr:
    """The node of a literal array or number."""
    array = np.asarray(value, dtype=dtype)
    attrs: dict[str, Any] = {"value": LiteralValue(array.astype(as_dtype(array.dtype), copy=False))}
    if name is not None:
        attrs["name"] = name
    return make(LITERAL, (), attrs)


def _weak_type(value: Any) -> type | None:
    """Python's own number types are weak in promotion; NumPy's scalars are not."""
    if isinstance(value, Dim):
        return int
    if isinstance(value, np.generic):
        return None
    for kind in (bool, int, float, complex):
        if isinstance(value, kind):
            return kind
    return None


def as_exprs(values: Iterable[Any], promote_with: Iterable[bool] | None = None) -> list[Expr]:
    """Expressions for what a user passed: expressions, arrays, numbers, sizes, nested lists.

    Python numbers and symbolic sizes take the dtype that NumPy 2 gives them beside the others.
    `promote_with` tells which arguments take part in that (all, if None).
    """
    values = list(values)
    mask = [True] * len(values) if promote_with is None else list(promote_with)
    weak = [_weak_type(v) for v in values]
    strong = [
        v if w is not None or isinstance(v, Expr) else as_expr(v)
        for v, w in zip(values, weak, strict=True)
    ]
    if not any(weak):
        return strong
    dtypes = tuple([v.dtype for v, w, m in zip(strong, weak, mask, strict=True) if w is None and m])
    out: list[Expr] = []
    for v, w in zip(strong, weak, strict=True):
        out.append(v if w is None else _weak_literal(v, w, dtypes))
    return out


def _weak_literal(value: Any, kind: type, dtypes: tuple[np.dtype[Any], ...]) -> Expr:
    dtype = promote(dtypes, (kind,)) if dtypes else promote((), (kind,))
    if isinstance(value, Dim):
        return make(SIZE, (), {"size": value, "dtype": dtype})
    try:
        return literal(np.array(value, dtype))
    except OverflowError:
        raise DTypeError(f"the Python integer {value} is out of bounds for {dtype}") from None


def as_expr(value: Any) -> Expr:
    """One expression for what a user passed.

    Raises
    ------
    DTypeError
        If it is neither an expression nor numeric.
    """
    if isinstance(value, Expr):
        return value
    kind = _weak_type(value)
    if kind is not None:
        return _weak_literal(value, kind, ())
    if isinstance(value, Lifted):
        raise value.misuse()
    if isinstance(value, (list, tuple)) and _holds_expr(value):
        return FUNCTIONS["stack"]([as_expr(v) for v in value])  # type: ignore[no-any-return]
    try:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind in "SUMmV":
            raise TypeError
    except (TypeError, ValueError):
        raise DTypeError(
            f"expected an expression, an array or a number; got {type(value).__name__} "
            f"{_clip(repr(value))}"
        ) from None
    if not isinstance(value, (np.ndarray, np.generic)) and array.dtype.kind in "fc":
        # lists of Python numbers: the default dtype
        array = array.astype(promote((), (float if array.dtype.kind == "f" else complex,)))
    return literal(array)


def _holds_expr(values: Sequence[Any]) -> bool:
    return any(
        isinstance(v, (Expr, Dim)) or (isinstance(v, (list, tuple)) and _holds_expr(v))
        for v in values
    )


def _clip(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


size._as_expr = as_expr
