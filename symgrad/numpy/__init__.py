"""NumPy's vocabulary for expressions: ``import symgrad.numpy as snp``.

It has the functions of NumPy that symgrad has, under their names and with their arguments (each
is ``sg.<name>`` too), and NumPy's own constants and dtypes; ``snp.linalg`` and ``snp.fft`` stand
for ``np.linalg`` and ``np.fft``. Its functions take expressions, arrays, numbers and nested lists
of them, and give expressions. NumPy's own functions take expressions as well; those of this
module are needed where none of the arguments is one (``snp.zeros(("B", 3))``), or where NumPy
makes an array of a list (``snp.array([[c, -s], [s, c]])``).

Asking for what NumPy has and symgrad has not is an ``AttributeError`` that says why, and what to
use instead.

Examples
--------
>>> import symgrad as sg
>>> import symgrad.numpy as snp
>>> angle = sg.input("angle", ())
>>> c, s = snp.cos(angle), snp.sin(angle)
>>> rotation = snp.array([[c, -s], [s, c]])
>>> sg.function([angle], rotation)(snp.pi / 2).round(12) + 0.0
array([[ 0., -1.],
       [ 1.,  0.]])
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy

from symgrad.numpy.view import attributes

_get, _names = attributes(__name__, "", numpy)


def __getattr__(name: str) -> Any:
    if name in ("linalg", "fft"):
        return importlib.import_module(f"{__name__}.{name}")
    return _get(name)


def __dir__() -> list[str]:
    return sorted({*_names(), "fft", "linalg"})
