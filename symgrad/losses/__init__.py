"""Losses, written on the public surface: one number per example, which ``mean`` reduces.

Predictions and targets must have the shapes that fit, with no broadcasting between them: see each
function. What the last axis means and what is averaged or added is said at the top of each family:
``regression``, ``classification``, ``distributions``, ``discrete``, ``divergences``,
``contrastive``, ``sequence``.
"""

from __future__ import annotations

from symgrad.losses.classification import (
    hinge,
    multiclass_hinge,
    sigmoid_cross_entropy,
    sigmoid_focal,
    softmax_cross_entropy,
    softmax_focal,
    squared_hinge,
)
from symgrad.losses.contrastive import contrastive, info_nce, triplet
from symgrad.losses.discrete import (
    nll_bernoulli,
    nll_categorical,
    nll_negative_binomial,
    nll_poisson,
)
from symgrad.losses.distributions import (
    nll_beta,
    nll_exponential,
    nll_gamma,
    nll_laplace,
    nll_log_normal,
    nll_multivariate_normal,
    nll_normal,
    nll_student_t,
)
from symgrad.losses.divergences import kl_bernoulli, kl_divergence, kl_normal
from symgrad.losses.estimators import score_function
from symgrad.losses.penalties import l1, l2
from symgrad.losses.reduction import mean, total
from symgrad.losses.regression import huber, log_cosh, mae, mse, quantile
from symgrad.losses.sequence import ctc

__all__ = [
    "contrastive",
    "ctc",
    "hinge",
    "huber",
    "info_nce",
    "kl_bernoulli",
    "kl_divergence",
    "kl_normal",
    "l1",
    "l2",
    "log_cosh",
    "mae",
    "mean",
    "mse",
    "multiclass_hinge",
    "nll_bernoulli",
    "nll_beta",
    "nll_categorical",
    "nll_exponential",
    "nll_gamma",
    "nll_laplace",
    "nll_log_normal",
    "nll_multivariate_normal",
    "nll_negative_binomial",
    "nll_normal",
    "nll_poisson",
    "nll_student_t",
    "quantile",
    "score_function",
    "sigmoid_cross_entropy",
    "sigmoid_focal",
    "softmax_cross_entropy",
    "softmax_focal",
    "squared_hinge",
    "total",
    "triplet",
]
