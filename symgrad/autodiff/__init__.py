"""Differentiation as graph transformation: reverse and forward mode, batching, the check."""

from symgrad.autodiff import branches, custom, loops

__all__ = ["branches", "custom", "loops"]
