"""Learning rates as expressions of the number of updates done before, which counts from 0.

Each function gives a schedule: what an optimiser takes as ``lr``. A schedule is any function of
that counter, an int64 expression; these compute in float64, whatever the parameters are.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import DeclarationError
from symgrad.options import is_number, real, whole

__all__ = [
    "constant",
    "cosine",
    "exponential",
    "inverse_sqrt",
    "linear",
    "one_cycle",
    "piecewise",
    "step_decay",
    "warm_up",
]

Schedule = Callable[[Any], Any]


def is_schedule(value: Any) -> bool:
    """Whether it can be called with the count; a class, or what makes a schedule, is none."""
    if not callable(value) or isinstance(value, type):
        return False
    try:
        inspect.signature(value).bind(None)
    except TypeError:
        return False
    except ValueError:  # a builtin that does not tell
        return True
    return True


def _real(count: Any) -> Any:
    return sg.astype(sg.as_expr(count), "float64")


def _part(count: Any, steps: int) -> Any:
    """How much of so many steps is done: from 0 to 1, and 1 from then on."""
    return sg.minimum(_real(count), float(steps)) / steps


def constant(lr: float) -> Schedule:
    """The same rate at every update.

    Parameters
    ----------
    lr : float

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> float(sg.function([count], sg.optim.constant(0.1)(count))(7))
    0.1
    """
    lr = real("constant", "lr", lr, 0)
    return partial(_constant, lr=lr)


def _constant(count: Any, lr: float) -> Any:
    return sg.const(float(lr))


def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """``lr factor^floor(count / every)``.

    Parameters
    ----------
    lr : float
    every : int
        So many updates have one rate.
    factor : float
        Above 0.

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.step_decay(1.0, every=10, factor=0.5)(count))
    >>> float(rate(9)), float(rate(10)), float(rate(29))
    (1.0, 0.5, 0.25)
    """
    lr = real("step_decay", "lr", lr, 0)
    every = whole("step_decay", "every", every, 1)
    factor = real("step_decay", "factor", factor, 0, open_low=True)
    return partial(_step_decay, lr=lr, every=every, factor=factor)


def _step_decay(count: Any, lr: float, every: int, factor: float) -> Any:
    return lr * sg.power(float(factor), _real(sg.as_expr(count) // every))


def piecewise(rates: Sequence[float], bounds: Sequence[int]) -> Schedule:
    """One rate after another: ``rates[i]`` while the count is below ``bounds[i]``.

    Parameters
    ----------
    rates : sequence of float
        One more than bounds.
    bounds : sequence of int
        Rising.

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.piecewise([1.0, 0.1, 0.01], [100, 200])(count))
    >>> float(rate(99)), float(rate(100)), float(rate(200))
    (1.0, 0.1, 0.01)
    """
    for name, given in (("rates", rates), ("bounds", bounds)):
        if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray)):
            raise DeclarationError(f"piecewise: expected a sequence of {name}; got {given!r}")
    rates = [real("piecewise", "rate", lr, 0) for lr in rates]
    bounds = [whole("piecewise", "bound", bound, 1) for bound in bounds]
    if len(rates) != len(bounds) + 1 or list(bounds) != sorted(set(bounds)):
        raise DeclarationError(
            "piecewise: expected rising bounds and one more rate; "
            f"got {len(rates)} rates, bounds {list(bounds)}"
        )
    return partial(_piecewise, rates=tuple(rates), bounds=tuple(bounds))


def _piecewise(count: Any, rates: Sequence[float], bounds: Sequence[int]) -> Any:
    found = sg.const(float(rates[-1]))
    for lr, bound in reversed(list(zip(rates, bounds, strict=False))):
        found = sg.where(sg.as_expr(count) < bound, float(lr), found)
    return found


def exponential(lr: float, factor: float, every: int = 1) -> Schedule:
    """``lr factor^(count / every)``.

    Parameters
    ----------
    lr : float
    factor : float
        Above 0.
    every : int
        In so many updates the rate is multiplied by `factor` once.

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.exponential(1.0, 0.25, every=4)(count))
    >>> float(rate(0)), float(rate(2)), float(rate(4))
    (1.0, 0.5, 0.25)
    """
    lr = real("exponential", "lr", lr, 0)
    factor = real("exponential", "factor", factor, 0, open_low=True)
    every = whole("exponential", "every", every, 1)
    return partial(_exponential, lr=lr, factor=factor, every=every)


def _exponential(count: Any, lr: float, factor: float, every: int) -> Any:
    n = _real(count)
    return lr * sg.power(float(factor), n if every == 1 else n / every)


def cosine(lr: float, steps: int, least: float = 0.0) -> Schedule:
    """Half a wave of the cosine from `lr` down to `least`, where the rate stays.

    I. Loshchilov, F. Hutter, *SGDR: stochastic gradient descent with warm restarts* (2017),
    equation 5.

    Parameters
    ----------
    lr : float
    steps : int
        After so many updates the rate is `least`.
    least : float

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.cosine(1.0, steps=100)(count))
    >>> [round(float(rate(n)), 6) for n in (0, 50, 100, 150)]
    [1.0, 0.5, 0.0, 0.0]
    """
    lr = real("cosine", "lr", lr, 0)
    least = real("cosine", "least", least, 0)
    steps = whole("cosine", "steps", steps, 1)
    return partial(_cosine, lr=lr, steps=steps, least=least)


def _between(first: Any, last: Any, part: Any) -> Any:
    """Half a wave of the cosine: `first` for the part 0, `last` for the part 1."""
    # cos(x / 2)^2 is (1 + cos x) / 2, without its cancellation at the end
    return last + (first - last) * sg.square(sg.cos(math.pi / 2 * part))


def _cosine(count: Any, lr: float, steps: int, least: float) -> Any:
    return _between(float(lr), float(least), _part(count, steps))


def linear(first: float, last: float, steps: int) -> Schedule:
    """A straight line from `first` to `last`, where the rate stays.

    Parameters
    ----------
    first, last : float
    steps : int
        After so many updates the rate is `last`.

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.linear(1.0, 0.0, steps=4)(count))
    >>> [float(rate(n)) for n in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    first = real("linear", "first", first, 0)
    last = real("linear", "last", last, 0)
    steps = whole("linear", "steps", steps, 1)
    return partial(_linear, first=first, last=last, steps=steps)


def _linear(count: Any, first: float, last: float, steps: int) -> Any:
    part = _part(count, steps)
    return float(first) * (1 - part) + float(last) * part


def warm_up(schedule: Schedule | float, steps: int) -> Schedule:
    """A straight line up to the first rate of a schedule, and then the schedule from its start.

    The first `steps` updates have the rates 1, 2, ..., `steps` parts of ``steps + 1`` of it: none
    is 0. P. Goyal et al., *Accurate, large minibatch SGD* (2017), section 2.2.

    Parameters
    ----------
    schedule : schedule, or float
    steps : int
        At least 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.warm_up(1.0, steps=3)(count))
    >>> [float(rate(n)) for n in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    steps = whole("warm_up", "steps", steps, 1)
    if is_number(schedule):
        schedule = real("warm_up", "schedule", schedule, 0)
    elif not is_schedule(schedule):
        raise DeclarationError(
            "warm_up: expected a schedule (a function of the number of updates) or a number; "
            f"got {schedule!r}"
        )
    return partial(_warm_up, schedule=schedule, steps=steps)


def _warm_up(count: Any, schedule: Schedule | float, steps: int) -> Any:
    count = sg.as_expr(count)
    if not callable(schedule):
        return float(schedule) * sg.minimum((_real(count) + 1) / (steps + 1), 1.0)
    later = _real(schedule(sg.maximum(count - steps, 0)))
    # up to there it is the first rate of the schedule, which the line has as its end
    return later * sg.minimum((_real(count) + 1) / (steps + 1), 1.0)


def one_cycle(
    peak: float, steps: int, up: float = 0.3, start: float = 25.0, end: float = 1e4
) -> Schedule:
    """Up to a peak and down to almost nothing, each along half a wave of the cosine.

    L. Smith, N. Topin, *Super-convergence: very fast training of neural networks using large
    learning rates* (2018), in the form of PyTorch's ``OneCycleLR``.

    Parameters
    ----------
    peak : float
    steps : int
        The length of the whole run; the last rate is that of the update ``steps - 1``.
    up : float
        The part of the run on which the rate rises, in (0, 1).
    start : float
        The first rate is ``peak / start``.
    end : float
        The last rate is ``peak / start / end``.

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.one_cycle(1.0, steps=10, start=2.0, end=1e3)(count))
    >>> [round(float(rate(n)), 4) for n in (0, 1, 2, 9)]
    [0.5, 0.75, 1.0, 0.0005]
    """
    peak = real("one_cycle", "peak", peak, 0)
    steps = whole("one_cycle", "steps", steps, 2)
    start = real("one_cycle", "start", start, 1)
    end = real("one_cycle", "end", end, 1)
    up = real("one_cycle", "up", up, 0, 1, open_low=True, open_high=True)
    if up * steps <= 1:
        raise DeclarationError(
            f"one_cycle: expected more than one step on the way up; got {up!r} of {steps}"
        )
    return partial(_one_cycle, peak=peak, steps=steps, up=up, start=start, end=end)


def _one_cycle(count: Any, peak: float, steps: int, up: float, start: float, end: float) -> Any:
    top, last = up * steps - 1, steps - 1
    n, first = _real(count), peak / start
    rises = n <= top
    part = sg.minimum(sg.where(rises, n / top, (n - top) / (last - top)), 1.0)
    low = sg.where(rises, first, first / end)
    return low + (peak - low) * sg.square(sg.cos(math.pi / 2 * sg.where(rises, 1 - part, part)))


def inverse_sqrt(peak: float, warm: int) -> Schedule:
    """Up to `peak` along a line in the first `warm` updates, then as ``1 / sqrt(n)``.

    ``peak min(n / warm, sqrt(warm / n))`` for the update n = 1, 2, ...: A. Vaswani et al.,
    *Attention is all you need* (2017), section 5.3, where ``peak`` is ``1 / sqrt(d warm)``.

    Parameters
    ----------
    peak : float
    warm : int
        At least 1.

    Examples
    --------
    >>> import symgrad as sg
    >>> count = sg.input("count", (), "int64")
    >>> rate = sg.function([count], sg.optim.inverse_sqrt(1.0, warm=4)(count))
    >>> [float(rate(n)) for n in (0, 1, 3, 15)]
    [0.25, 0.5, 1.0, 0.5]
    """
    peak = real("inverse_sqrt", "peak", peak, 0)
    warm = whole("inverse_sqrt", "warm", warm, 1)
    return partial(_inverse_sqrt, peak=peak, warm=warm)


def _inverse_sqrt(count: Any, peak: float, warm: int) -> Any:
    n = _real(sg.as_expr(count) + 1)
    return peak * sg.minimum(n / warm, sg.sqrt(warm / n))
