"""Rewriting: patterns, the engine, and the tables of rules.

Importing this package fills :data:`~symgrad.rewrite.engine.RULES`.
"""

from symgrad.rewrite import algebra, complex, folding, indexing, products, shape, softmax, stability
from symgrad.rewrite.engine import RULES, Rule, rewrite, rewrite_exprs, rule

__all__ = [
    "RULES",
    "Rule",
    "algebra",
    "complex",
    "folding",
    "indexing",
    "products",
    "rewrite",
    "rewrite_exprs",
    "rule",
    "shape",
    "softmax",
    "stability",
]
