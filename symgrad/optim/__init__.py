"""Optimisers: update rules in a few expressions, in the same graph as the model."""

from symgrad.model.optimizing import Optimizer, Slot, Updates
from symgrad.optim.adam import Adam, AdamW, AMSGrad, NAdam, RAdam
from symgrad.optim.elementwise import Elementwise
from symgrad.optim.gradients import Transformation, chain, clip_by_global_norm, clip_by_value, l2
from symgrad.optim.plateau import ReduceOnPlateau, observe
from symgrad.optim.rules import SGD, AdaDelta, AdaGrad, Lion, RMSprop
from symgrad.optim.schedules import (
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    one_cycle,
    piecewise,
    step_decay,
    warm_up,
)
from symgrad.optim.wrappers import accumulate, average, averaged, decay, groups

__all__ = [
    "AMSGrad",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Elementwise",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "SGD",
    "Slot",
    "Transformation",
    "Updates",
    "accumulate",
    "average",
    "averaged",
    "chain",
    "clip_by_global_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "decay",
    "exponential",
    "groups",
    "inverse_sqrt",
    "l2",
    "linear",
    "observe",
    "one_cycle",
    "piecewise",
    "step_decay",
    "warm_up",
]
