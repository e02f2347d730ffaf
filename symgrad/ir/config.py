"""The few conventions that may be selected: what a derivative is where there is more than one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from symgrad.errors import DeclarationError

__all__ = ["Config", "Conventions", "config"]


@dataclass(frozen=True)
class Conventions:
    """A choice of conventions; the defaults are the element of least norm, and the true slope."""

    ties: str = "share"
    at_bound: float = 0.0
    root_at_zero: str = "inf"


_CHOICES: dict[str, tuple[Any, ...]] = {
    "ties": ("share", "first"),
    "at_bound": (0.0, 0.5, 1.0),
    "root_at_zero": ("inf", "zero"),
}


class _Setting(threading.local):
    conventions = Conventions()


_setting = _Setting()


class Config:
    """``sg.config``: the conventions at kinks, where a function has no single derivative.

    Calling it sets what is given, in this thread; what the call returns is a context manager
    that restores the old ones. A convention holds for the derivatives that are made while it is
    in force, by ``sg.grad`` and its kin and by ``sg.compile``; values do not depend on it.

    Parameters
    ----------
    ties : {"share", "first"}
        Of k equal elements, each has 1/k of the slope of their maximum or minimum (so has each
        of two expressions in ``sg.maximum``), or the first has all of it.
    at_bound : {0.0, 0.5, 1.0}
        The slope of ``sg.relu`` at 0, and of ``sg.maximum``, ``sg.minimum`` and ``sg.clip``
        where an expression equals a bound that is a constant.
    root_at_zero : {"inf", "zero"}
        The slope of ``sg.sqrt``, ``sg.cbrt`` and of powers between 0 and 1 at 0.

    Raises
    ------
    DeclarationError
        For a name or a value that is not among these.

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", (3,))
    >>> with sg.config(ties="first"):
    ...     g = sg.grad(sg.max(x), x)
    >>> sg.function([x], [g, sg.grad(sg.max(x), x)])([2.0, 1.0, 2.0])
    [array([1., 0., 0.]), array([0.5, 0. , 0.5])]
    >>> sg.config
    sg.config(ties='share', at_bound=0.0, root_at_zero='inf')
    """

    __slots__ = ()

    def __call__(self, **choices: Any) -> AbstractContextManager[None]:
        for name, value in choices.items():
            if name not in _CHOICES:
                raise DeclarationError(
                    f"sg.config has no {name!r}; there is {', '.join(map(repr, _CHOICES))}"
                )
            if isinstance(value, bool) or value not in _CHOICES[name]:
                allowed = ", ".join(map(repr, _CHOICES[name]))
                raise DeclarationError(
                    f"sg.config: {name}: expected one of {allowed}; got {value!r}"
                )
        return self.use(replace(_setting.conventions, **choices))

    def use(self, conventions: Conventions) -> AbstractContextManager[None]:
        """Set all conventions at once; also a context manager that restores the old ones."""
        old, _setting.conventions = _setting.conventions, conventions

        @contextmanager
        def restore() -> Iterator[None]:
            try:
                yield
            finally:
                _setting.conventions = old

        return restore()

    @property
    def current(self) -> Conventions:
        """All that is in force in this thread."""
        return _setting.conventions

    @property
    def ties(self) -> str:
        return _setting.conventions.ties

    @property
    def at_bound(self) -> float:
        return _setting.conventions.at_bound

    @property
    def root_at_zero(self) -> str:
        return _setting.conventions.root_at_zero

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self.current, f.name)!r}" for f in fields(Conventions))
        return f"sg.config({', '.join(shown)})"


config = Config()
