"""Layers: functions that declare their parameters in the current scope and give an expression.

=================  ================================================================
family             layers
=================  ================================================================
dense              ``dense``, ``mlp``, ``flatten``
convolution        ``conv1d``, ``conv2d``, ``depthwise_conv2d``, ``separable_conv2d``,
                   ``conv1d_transpose``, ``conv2d_transpose``
pooling            ``max_pool1d``, ``max_pool2d``, ``avg_pool1d``, ``avg_pool2d``,
                   ``global_max_pool``, ``global_avg_pool``
normalisation      ``batch_norm``, ``layer_norm``, ``rms_norm``, ``group_norm``,
                   ``instance_norm``
embedding          ``embedding``, ``one_hot``
dropout            ``dropout``, ``spatial_dropout``
residual           ``residual``
recurrent          ``rnn``, ``gru``, ``lstm``
attention          ``attention``, ``multi_head_attention``, ``transformer_block``
positions          ``sinusoidal_positions``, ``learned_positions``, ``rotary``
sharing            ``shared``
=================  ================================================================

Each takes ``name``, a scope for its parameters: matrices are ``W``, biases ``b``, the scale and
shift of a normalisation ``gamma`` and ``beta``. Data has its batch first and its channels last.
They are written on the public surface: a layer of one's own is a function like any other.
"""

from __future__ import annotations

from symgrad import one_hot
from symgrad.nn.attention import attention, multi_head_attention
from symgrad.nn.convolution import (
    conv1d,
    conv1d_transpose,
    conv2d,
    conv2d_transpose,
    depthwise_conv2d,
    separable_conv2d,
)
from symgrad.nn.dense import dense, flatten, mlp
from symgrad.nn.dropout import dropout, spatial_dropout
from symgrad.nn.embedding import embedding
from symgrad.nn.normalisation import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
)
from symgrad.nn.pooling import (
    avg_pool1d,
    avg_pool2d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    max_pool2d,
)
from symgrad.nn.positions import learned_positions, rotary, sinusoidal_positions
from symgrad.nn.recurrent import gru, lstm, rnn
from symgrad.nn.residual import residual
from symgrad.nn.sharing import shared
from symgrad.nn.transformer import transformer_block

__all__ = [
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "dense",
    "depthwise_conv2d",
    "dropout",
    "embedding",
    "flatten",
    "global_avg_pool",
    "global_max_pool",
    "group_norm",
    "gru",
    "instance_norm",
    "layer_norm",
    "learned_positions",
    "lstm",
    "max_pool1d",
    "max_pool2d",
    "mlp",
    "multi_head_attention",
    "one_hot",
    "residual",
    "rms_norm",
    "rnn",
    "rotary",
    "separable_conv2d",
    "shared",
    "sinusoidal_positions",
    "spatial_dropout",
    "transformer_block",
]
