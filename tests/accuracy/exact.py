"""A namespace in which a formula is evaluated with many digits: mpmath's numbers, NumPy's names.

Every function takes numbers and arrays of numbers (of dtype ``object``), and is real: where the
value is complex or there is none, it is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

from symgrad.ir.op import OPS
from tests.accuracy.exact_special import FIXED, SPECIAL, by_formula

__all__ = ["FUNCTIONS", "Exactly", "real"]

NAN = mpf("nan")
#: e^x beyond this has more digits than a machine: a value that no format holds anyway
FAR = mpf(10) ** 1200


def real(fn: Callable[..., Any]) -> Callable[..., Any]:
    """NaN where `fn` is complex or has a NaN among its arguments."""

    def call(*args: Any) -> Any:
        args = tuple([mpf(a) if isinstance(a, (int, float)) else a for a in args])
        if any([isinstance(a, mpf) and mpmath.isnan(a) for a in args]):
            return NAN
        out = fn(*args)
        return NAN if isinstance(out, mpmath.mpc) else out

    return call


def _exp(x: Any) -> Any:
    if abs(x) > FAR:
        return mpf("inf") if x > 0 else mpf(0)
    return mp.exp(x)


def _log(x: Any) -> Any:
    return NAN if x < 0 else mp.log(x)


def _sqrt(x: Any) -> Any:
    return NAN if x < 0 else mp.sqrt(x)


def _power(x: Any, y: Any) -> Any:
    if x < 0 and y != mp.floor(y):
        return NAN
    if mpmath.isinf(x) or mpmath.isinf(y) or x == 0:
        return mpf(float(np.power(np.float64(x), np.float64(y)))) if x or y > 0 else mp.power(x, y)
    if y == mp.floor(y) and abs(y) < 1000:
        return x ** int(y)
    sign = -1 if x < 0 and int(y) % 2 else 1
    return sign * _exp(y * mp.log(abs(x)))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + _exp(-x))


def _log1p(x: Any) -> Any:
    return NAN if x < -1 else mp.log1p(x)


def _atanh(x: Any) -> Any:
    return NAN if abs(x) > 1 else mp.atanh(x)


def _tanh(x: Any) -> Any:
    return mp.sign(x) if abs(x) > FAR else mp.tanh(x)


def _sinh(x: Any) -> Any:
    return mp.sign(x) * mpf("inf") if abs(x) > FAR else mp.sinh(x)


def _cosh(x: Any) -> Any:
    return mpf("inf") if abs(x) > FAR else mp.cosh(x)


def _erfc(x: Any) -> Any:
    """For a large x the asymptotic series, whose terms fall below any precision in use."""
    if abs(x) > 10**8:
        return mpf(0) if x > 0 else mpf(2)
    return mp.erfc(x)


def _erf(x: Any) -> Any:
    return mp.sign(x) if abs(x) > 10**8 else mp.erf(x)


def _cbrt(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


def _logaddexp(x: Any, y: Any) -> Any:
    top = max(x, y)
    return top if mpmath.isinf(top) else top + mp.log(_exp(x - top) + _exp(y - top))


def _logaddexp2(x: Any, y: Any) -> Any:
    return _logaddexp(x * mp.log(2), y * mp.log(2)) / mp.log(2)


def _log1mexp(x: Any) -> Any:
    return _log(-mp.expm1(-x)) if x < FAR else mpf(0)


def _hypot(x: Any, y: Any) -> Any:
    return mp.sqrt(x * x + y * y)


def _remainder(x: Any, y: Any) -> Any:
    return x - y * mp.floor(x / y)


def _gelu(x: Any) -> Any:
    return x * _erfc(-x / mp.sqrt(2)) / 2


def _gelu_slope(x: Any) -> Any:
    density = mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi) if abs(x) < 10**8 else 0
    return _erfc(-x / mp.sqrt(2)) / 2 + x * density


def _gelu_tanh(x: Any) -> Any:
    # the constant is the double in the formula, not the fraction that it stands for
    inner = mp.sqrt(2 / mp.pi) * (x + mpf(44715) / 1000000 * x**3)
    return x * _sigmoid(2 * inner)


#: name of a function of numbers -> its value with the current precision
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "power": _power,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "floor_divide": lambda x, y: mp.floor(x / y),
    "remainder": _remainder,
    "exp": _exp,
    "expm1": lambda x: mp.expm1(x) if abs(x) < FAR else _exp(x) - 1,
    "exp2": lambda x: _exp(x * mp.log(2)),
    "log": _log,
    "log1p": _log1p,
    "log2": lambda x: _log(x) / mp.log(2),
    "log10": lambda x: _log(x) / mp.log(10),
    "log1mexp": _log1mexp,
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "sqrt": _sqrt,
    "cbrt": _cbrt,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": _atanh,
    "arctan2": mp.atan2,
    "hypot": _hypot,
    "sigmoid": _sigmoid,
    "log_cosh": lambda x: _log(mp.cosh(x)) if abs(x) < 10000 else abs(x) - mp.log(2),
    "softplus": lambda x: _logaddexp(x, mpf(0)),
    "log_sigmoid": lambda x: -_logaddexp(-x, mpf(0)),
    "silu": lambda x: x * _sigmoid(x),
    "logistic_loss": lambda x, y: _logaddexp(x, mpf(0)) - x * y,
    "logistic_residual": lambda x, y: _sigmoid(x) - y,
    "erf": _erf,
    "erfc": _erfc,
    "gelu": _gelu,
    "gelu_slope": _gelu_slope,
    "gelu_tanh": _gelu_tanh,
    "absolute": abs,
    "abs": abs,
    "relu": lambda x: max(x, mpf(0)),
    "maximum": max,
    "minimum": min,
    "fmax": max,
    "fmin": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "copysign": lambda x, y: abs(x) if y >= 0 else -abs(x),
    "sign": mp.sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "fabs": abs,
    "degrees": lambda x: 180 * x / mp.pi,
    "radians": lambda x: mp.pi * x / 180,
    "tanh_slope": lambda x: 4 * _sigmoid(2 * x) * _sigmoid(-2 * x),
    "sigmoid_slope": lambda x: _sigmoid(x) * _sigmoid(-x),
    "coshm1": lambda x: 2 * mp.sinh(x / 2) ** 2,
    "one_minus_square": lambda x: 1 - x * x,
    "direction": lambda x, y: x / mp.sqrt(x * x + y * y),
    "share": lambda x, y: _sigmoid(x - y),
    "share2": lambda x, y: _sigmoid((x - y) * mp.log(2)),
    "exp_sum": lambda a, b: _exp(a + b),
    "exp_below": lambda a, b: _exp(a - b),
    "sinpi": mp.sinpi,
    "cospi": mp.cospi,
    "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
}


def _choose(condition: Any, x: Any, y: Any) -> Any:
    return x if condition else y


class Exactly:
    """``xp`` of a formula: functions of numbers apply to arrays, reductions go along an axis."""

    where = staticmethod(np.frompyfunc(_choose, 3, 1))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in FUNCTIONS:
            fn = real(FUNCTIONS[name])
            count = {"where": 3, "clip": 3}.get(name, 2 if name in _PAIRS else 1)
        elif name in _FIXED:
            return _FIXED[name]
        elif name in OPS and getattr(OPS[name], "formula", None):
            fn = real(SPECIAL.get(name) or by_formula(name))
            count = len(OPS[name].parameters)  # type: ignore[attr-defined]
        else:
            raise AttributeError(name)
        vectorised = np.frompyfunc(fn, count, 1)
        setattr(self, name, vectorised)
        return vectorised

    @staticmethod
    def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return np.sum(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return np.prod(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return np.max(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return np.min(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        total = np.sum(x, axis=axis, keepdims=keepdims)
        return total / (x.size // max(np.size(total), 1))

    @staticmethod
    def cumsum(x: Any, axis: Any = None) -> Any:
        return np.cumsum(x, axis=axis)

    @staticmethod
    def cumprod(x: Any, axis: Any = None) -> Any:
        return np.cumprod(x, axis=axis)

    def var(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        away = x - self.mean(x, axis, True)
        return self.mean(away * away, axis, keepdims)

    def std(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.sqrt(self.var(x, axis, keepdims))

    def logsumexp(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.log(self.sum(self.exp(x), axis, keepdims))

    def logmeanexp(self, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.log(self.mean(self.exp(x), axis, keepdims))

    def softmax(self, x: Any, axis: Any = None) -> Any:
        e = self.exp(x)
        return e / self.sum(e, axis, True)

    def log_softmax(self, x: Any, axis: Any = None) -> Any:
        return x - self.logsumexp(x, axis, True)

    def norm(self, x: Any, ord: Any = 2, axis: Any = None) -> Any:
        if ord == 2:
            return self.sqrt(self.sum(x * x, axis))
        return self.power(self.sum(self.power(self.abs(x), mpf(ord)), axis), 1 / mpf(ord))

    @staticmethod
    def matmul(x: Any, y: Any) -> Any:
        return x @ y

    @staticmethod
    def inv(a: Any) -> Any:
        return _array(mp.inverse(mpmath.matrix(a.tolist())))

    pinv = inv  # of matrices that have one

    @staticmethod
    def solve(a: Any, b: Any) -> Any:
        return Exactly.inv(a) @ b

    @staticmethod
    def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
        keep = np.tril if lower else np.triu
        return Exactly.inv(np.where(keep(np.ones(a.shape)) > 0, a, mpf(0))) @ b

    @staticmethod
    def det(a: Any) -> Any:
        return mp.det(mpmath.matrix(a.tolist()))

    def slogdet(self, a: Any) -> Any:
        det = self.det(a)
        return mp.sign(det), self.log(abs(det))

    @staticmethod
    def cholesky(a: Any) -> Any:
        return _array(mp.cholesky(mpmath.matrix(a.tolist())))

    @staticmethod
    def expm(a: Any) -> Any:
        return _array(mp.expm(mpmath.matrix(a.tolist()), method="taylor"))

    @staticmethod
    def eigvalsh(a: Any) -> Any:
        return np.array(sorted(mp.eigsy(mpmath.matrix(a.tolist()), eigvals_only=True)))

    @staticmethod
    def svdvals(a: Any) -> Any:
        return np.array(sorted(mp.svd_r(mpmath.matrix(a.tolist()), compute_uv=False))[::-1])


def _fixed(fn: Callable[..., Any]) -> Callable[..., Any]:
    vectorised = np.frompyfunc(real(fn), 1, 1)
    return lambda *args: vectorised(args[-1])


#: called with arguments before the last, which these functions have already
_FIXED = {name: _fixed(fn) for name, _, fn in FIXED.values()}

_PAIRS = {
    "add", "subtract", "multiply", "divide", "power", "floor_divide", "remainder", "logaddexp",
    "logaddexp2", "arctan2", "hypot", "maximum", "minimum", "fmax", "fmin", "copysign",
    "direction", "share", "share2", "exp_sum", "exp_below", "logistic_loss", "logistic_residual",
}  # fmt: skip


def _array(matrix: Any) -> Any:
    return np.array([[matrix[i, j] for j in range(matrix.cols)] for i in range(matrix.rows)])
