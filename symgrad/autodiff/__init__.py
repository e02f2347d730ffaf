"""Differentiation as graph transformation: reverse and forward mode, batching, the check."""
