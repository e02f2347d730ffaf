"""Rewriting: patterns, the engine, and the tables of rules.

Importing this package fills :data:`~symgrad.rewrite.engine.RULES`.
"""

from symgrad.rewrite import (
    algebra,
    arithmetic,
    cancelling,
    complex,
    differences,
    exponents,
    factors,
    folding,
    grouping,
    indexing,
    integers,
    linear_algebra,
    logarithms,
    magnitude,
    masks,
    products,
    roots,
    selected,
    shape,
    softmax,
    special,  # before stability, whose rule for any logarithm would come before those for some
    special_range,
    stability,
    through,
    tiling,
    univariate,
)
from symgrad.rewrite.engine import RULES, Rule, rewrite, rewrite_exprs, rule

#: the tables that make formulas stable: before they are differentiated
STABLE = ("stability", "arithmetic", "folding", "difference", "univariate", "magnitude")
#: and what is asked last, when all of it is in its final form
SLOPES = ("slope",)
#: the tables that leave nothing that a person would delete: after differentiation
SIMPLE = ("arithmetic", "algebra", "shape", "folding")

__all__ = [
    "RULES",
    "SIMPLE",
    "SLOPES",
    "STABLE",
    "Rule",
    "algebra",
    "arithmetic",
    "cancelling",
    "complex",
    "differences",
    "exponents",
    "factors",
    "folding",
    "grouping",
    "indexing",
    "integers",
    "magnitude",
    "masks",
    "linear_algebra",
    "logarithms",
    "products",
    "roots",
    "rewrite",
    "rewrite_exprs",
    "rule",
    "selected",
    "shape",
    "softmax",
    "special",
    "special_range",
    "stability",
    "univariate",
    "through",
    "tiling",
]
