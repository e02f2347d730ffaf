"""Training: epochs over minibatches, validation, checkpoints, and what is called meanwhile."""

from __future__ import annotations

from symgrad.train.callbacks import Callback, EarlyStopping, Run, accuracy
from symgrad.train.checkpoint import Checkpoint
from symgrad.train.diagnosis import Diagnosis, Finding, diagnose
from symgrad.train.fit import Result, evaluate, fit
from symgrad.train.flow import GradientFlow, Layer, gradient_flow
from symgrad.train.history import History

__all__ = [
    "Callback",
    "Checkpoint",
    "Diagnosis",
    "EarlyStopping",
    "Finding",
    "GradientFlow",
    "History",
    "Layer",
    "Result",
    "Run",
    "accuracy",
    "diagnose",
    "evaluate",
    "fit",
    "gradient_flow",
]
