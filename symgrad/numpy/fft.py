"""Fourier transforms of expressions, with the names and arguments of ``numpy.fft``."""

from __future__ import annotations

import numpy.fft

from symgrad.numpy.view import attributes

__getattr__, __dir__ = attributes(__name__, "fft", numpy.fft)
