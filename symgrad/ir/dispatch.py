"""NumPy's protocols: ``np.<function>`` of an expression becomes the function of the registry.

A call is bound to NumPy's own signature, so that every argument means what it means there,
whether it stands by position or by name. What changes memory is refused, and what says only what
NumPy does by itself is dropped.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.errors import DTypeError, ExpressionUseError
from symgrad.ir.absent import advice
from symgrad.ir.op import FUNCTIONS, NAMESPACES
from symgrad.ir.ufunc_methods import call_method

__all__ = ["call_function", "call_ufunc", "supported"]

_EMPTY = inspect.Parameter.empty
_IMMUTABLE = "expressions are immutable, and their memory is the compiler's concern"
#: argument -> what to do instead
_INSTEAD = {
    "out": "they are immutable, and no array holds them: in place of `a += x` write `a = a + x`",
    "where": "use sg.where(mask, value, other)",
    "order": f"{_IMMUTABLE}: there is only order='C'",
    "casting": "cast before, by x.astype(dtype)",
    "signature": "cast before, by x.astype(dtype)",
    "subok": _IMMUTABLE,
    "device": _IMMUTABLE,
    "like": "use the function of sg.numpy",
    "overwrite_input": _IMMUTABLE,
    "copy": _IMMUTABLE,
}
#: argument -> values that ask for nothing
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "where": (True,),
    "order": ("C", "K", "A"),
    "casting": ("same_kind", "safe", "equiv"),
    "subok": (True, False),
    "device": ("cpu",),
    "overwrite_input": (False,),
    "copy": (True, False),
    "keepdims": (False,),
}


#: modules of NumPy whose functions are known by their names alone
_SHARED = ("lib.stride_tricks", "lib._stride_tricks_impl")


# ---- functions


def call_function(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_function__`` gives: NumPy's `func` on arguments of which some are expressions.

    Raises
    ------
    ExpressionUseError
        If there is no such function, or not with these arguments.
    """
    space = func.__module__.removeprefix("numpy").lstrip(".")
    name = func.__name__
    label = f"np.{space}.{name}" if space else f"np.{name}"
    if space in NAMESPACES:
        fn = NAMESPACES[space].get(name)
    elif getattr(np, name, None) is func or space in _SHARED:
        fn = FUNCTIONS.get(name)
    else:
        fn = None
    if fn is None:
        raise ExpressionUseError(f"{label} is not available for expressions" + advice(name))
    return _fitted(label, func, fn, args, kwargs)


def _fitted(
    label: str,
    func: Any,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """`fn`, called with the arguments of a call of `func`."""
    known = _parameters(fn)
    theirs = _parameters(func)
    if theirs is None or known is None:
        return fn(*args, **supported(label, kwargs, known))
    bound = inspect.signature(func).bind(*args, **kwargs)
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        theirs_too = theirs[name]
        if theirs_too.kind is inspect.Parameter.VAR_POSITIONAL:
            positional += value
        elif theirs_too.kind is inspect.Parameter.VAR_KEYWORD:
            named |= supported(label, value, None if takes_all else known)
        elif theirs_too.default is _EMPTY and not named:
            positional.append(value)
        elif name in known or takes_all:
            if value is not np._NoValue:
                named[name] = value
        elif value is not theirs_too.default:
            named |= supported(label, {name: value}, known)
        elif theirs_too.kind is inspect.Parameter.POSITIONAL_ONLY and not named:
            positional.append(value)
    return fn(*positional, **_in_place(fn, positional, named))


def _in_place(fn: Any, positional: list[Any], named: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, without those that `fn` takes by position alone."""
    known = _parameters(fn) or {}
    for name, parameter in known.items():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and name in named:
            positional.append(named.pop(name))
    return named


def supported(label: str, given: dict[str, Any], known: Any) -> dict[str, Any]:
    """Those of the arguments that the function has; what asks for nothing is dropped."""
    kept: dict[str, Any] = {}
    for name, value in given.items():
        if value is np._NoValue:
            continue
        if known is None or name in known:
            kept[name] = value
        elif not _asks_for_nothing(name, value):
            instead = _INSTEAD.get(name)
            raise ExpressionUseError(
                f"{label}(..., {name}=...) is not available for expressions"
                + (f": {instead}" if instead else "")
            )
    return kept


def _asks_for_nothing(name: str, value: Any) -> bool:
    if value is None:
        return True
    if name == "out":
        return isinstance(value, tuple) and all(part is None for part in value)
    return isinstance(value, (bool, str)) and value in _HARMLESS.get(name, ())


@lru_cache(maxsize=2048)
def _parameters(fn: Any) -> Any:
    try:
        return inspect.signature(fn).parameters
    except (TypeError, ValueError):  # a function of C that does not tell
        return None


# ---- ufuncs

#: ufuncs that Python functions of SciPy end in -> the function
_BEHIND = {"_zeta": "zeta", "_riemann_zeta": "zeta", "_lambertw": "lambertw"}


def call_ufunc(ufunc: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What ``__array_ufunc__`` gives: a ufunc, NumPy's or SciPy's, on expressions.

    Raises
    ------
    ExpressionUseError
        If there is no such function, or not with these arguments.
    """
    name = _BEHIND.get(ufunc.__name__, ufunc.__name__)
    ours = getattr(np, name, None) is ufunc
    label = f"np.{name}" if ours else name
    if method != "__call__":
        label = f"{label}.{method}"
    if ours:
        fn = FUNCTIONS.get(name)
    else:
        fn = NAMESPACES.get("special", {}).get(name)
        if fn is None and not hasattr(np, name):
            fn = FUNCTIONS.get(name)
    dtype = kwargs.pop("dtype", None)
    of_calls = _OF_STACKS if ufunc.signature else {}
    options = supported(label, kwargs, of_calls if method == "__call__" else _OF_METHODS)
    if method != "__call__":
        if dtype is not None:
            options["dtype"] = dtype
        return call_method(ufunc, method, args, options)
    if fn is None:
        if all("O" in types for types in ufunc.types):
            raise ExpressionUseError(
                f"{label} calls a Python function for each element; call that function on the "
                "expression itself"
            )
        raise ExpressionUseError(f"{label} is not available for expressions" + advice(name))
    if dtype is not None:
        args = tuple(_computed_in(label, ufunc, args, dtype))
    return fn(*args, **options)


#: what ufuncs of vectors and matrices (``vecdot``) take
_OF_STACKS = dict.fromkeys(("axis",))
_OF_METHODS = dict.fromkeys(("axis", "keepdims", "initial", "indices"))


def _computed_in(label: str, ufunc: Any, args: tuple[Any, ...], dtype: Any) -> list[Any]:
    """The arguments in the dtypes in which the ufunc computes a result of this dtype."""
    exprs = [FUNCTIONS["asarray"](arg) for arg in args]
    signature = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    found = tuple([e.dtype for e in exprs]) + (None,) * ufunc.nout
    try:
        loop = ufunc.resolve_dtypes(found, signature=signature)
    except TypeError as error:
        raise DTypeError(f"{label}(..., dtype={dtype!r}): {error}") from None
    return [e.astype(kind) for e, kind in zip(exprs, loop[: ufunc.nin], strict=True)]
