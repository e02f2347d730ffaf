"""The ops, a file a family; importing this package fills the registry."""

import importlib

FAMILIES = (
    "leaf",
    "arithmetic",
    "cast",
    "transpose",
    "shape",
    "creation",
    "linspace",
    "index",
    "scatter",
    "join",
    "extend",
    "padding",
    "reduce",
    "extrema",
    "position",
    "statistics",
    "linalg",
    "exponential",
    "selection",
    "comparison",
    "rounding",
    "trigonometric",
    "activation",
    "cumulative",
    "running",
    "conversion",
    "inspection",
    "rearrange",
    "triangles",
    "grids",
    "differences",
    "windows",
    "along",
    "convolve",
    "polynomials",
    "interpolation",
    "norm",
    "softmax",
    "einsum",
)

for _family in FAMILIES:
    importlib.import_module(f"symgrad.ops.{_family}")
