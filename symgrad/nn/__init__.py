"""Layers, written on the public surface."""

from __future__ import annotations

from symgrad.nn.dropout import dropout
from symgrad.nn.recurrent import gru, lstm, rnn
from symgrad.nn.sharing import shared

__all__ = ["dropout", "gru", "lstm", "rnn", "shared"]
