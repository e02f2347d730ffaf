"""Optimisers: update rules in a few expressions, in the same graph as the model."""

from symgrad.model.optimizing import Optimizer, Slot, Updates
from symgrad.optim.adam import Adam
from symgrad.optim.elementwise import Elementwise
from symgrad.optim.plateau import ReduceOnPlateau, observe
from symgrad.optim.rules import SGD

__all__ = [
    "SGD",
    "Adam",
    "Elementwise",
    "Optimizer",
    "ReduceOnPlateau",
    "Slot",
    "Updates",
    "observe",
]
