"""Differentiation as graph transformation: reverse and forward mode, batching, the check."""

from symgrad.autodiff import branches, loops

__all__ = ["branches", "loops"]
