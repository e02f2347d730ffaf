"""Linear algebra of expressions, with the names and arguments of ``numpy.linalg``."""

from __future__ import annotations

import numpy.linalg

from symgrad.numpy.view import attributes

__getattr__, __dir__ = attributes(__name__, "linalg", numpy.linalg)
