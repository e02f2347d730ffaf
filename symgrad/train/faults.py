"""Faults of what was declared, which no rate and no depth would cure, and the advice for each.

They are seen in what training measures together with the graph: a gradient that is nothing, units
that nothing tells apart, a loss that has no least value.
"""

from __future__ import annotations

import math

from symgrad.train.flow import GradientFlow, median
from symgrad.train.layers import Layer
from symgrad.train.signs import LEAST, Finding, dead, saturated

__all__ = ["equal", "gradient_free", "too_much_dropout", "unbounded", "untrained"]

#: dropout that keeps less than this part leaves next to nothing of what a layer says
KEPT = 0.1
#: a loss this many times below 0 as it was large at first, and still falling as fast, has no end
ENDLESS = 10.0


def untrained(flow: GradientFlow) -> Finding | None:
    """An optimiser that changes no parameter."""
    if not flow.layers or any(layer.trained for layer in flow.layers):
        return None
    return Finding(
        "nothing is trained",
        (),
        "the steps change no parameter that the loss depends on",
        "an optimiser for some group in sg.optim.groups, where None freezes one; wrt= with the "
        "parameters to train",
    )


def gradient_free(flow: GradientFlow) -> Finding | None:
    """A gradient that is exactly 0 at every step, in layers that are trained."""
    ill = [x for x in flow.layers if x.trained and x.gradient and not any(x.gradient)]
    if not ill or len(flow.steps) < LEAST:
        return None
    blocked = {x.blocked: None for x in ill if x.blocked}
    zeros = [x.name for x in flow.layers if x.begins == 0 and x.weight and not x.weight[0]]
    if blocked:
        reason = f"; {', '.join(blocked)} lets none pass"
    elif zeros:
        reason = f"; the weights of {', '.join(zeros)} begin at 0"
    elif dead(flow) is not None or saturated(flow) is not None:
        return None  # that is why
    else:
        reason = ", or too small for its square to be a number"
    cures = [
        "initial weights that are random (glorot_uniform, he_normal), not zeros or a constant",
        "no sg.stop_gradient, round, argmax or comparison between the layer and the loss, or "
        "sg.straight_through around it",
        "no product with 0 behind it",
        "an activation that does not shrink its inputs, or batch_norm or layer_norm, where values "
        "underflow in depth",
        "batches of more than one example under batch_norm",
        "None for it in sg.optim.groups if it is to be frozen",
    ]
    if blocked:
        cures.insert(0, cures.pop(1))
    elif not zeros:
        cures.append(cures.pop(0))
    return Finding(
        "no gradient",
        tuple(x.name for x in ill),
        f"the gradient of {ill[0].name} is 0 at every step{reason}",
        "; ".join(cures),
    )


def equal(flow: GradientFlow) -> Finding | None:
    """Layers whose units begin as one, and are told apart by nothing behind them."""
    alike = {x.name for x in flow.layers if _begins_constant(x)}
    ill = []
    for layer in flow.layers:
        behind = [x for x in flow.layers if layer.name in x.before and x.matrix]
        nearest = [x for x in behind if not any(y.name in x.before for y in behind)]
        if layer.units > 1 and nearest and alike >= {layer.name, *(x.name for x in nearest)}:
            ill.append(layer.name)
    if not ill or len(flow.steps) < LEAST:
        return None
    return Finding(
        "equal units",
        tuple(ill),
        f"all weights of {ill[0]} begin at one value, and all of the layer behind it, so that its "
        "units stay copies of one another",
        "initial weights that are random (glorot_uniform, he_normal), not a constant",
    )


def _begins_constant(layer: Layer) -> bool:
    """Whether the record began where the declaration says, and not at weights from elsewhere."""
    known = layer.begins is not None and bool(layer.weight)
    return known and math.isclose(layer.weight[0], layer.begins or 0.0, rel_tol=1e-4)


def too_much_dropout(flow: GradientFlow) -> Finding | None:
    """Dropout that leaves next to nothing."""
    least = min(flow.kept, default=1.0)
    if least >= KEPT:
        return None
    return Finding(
        "too much dropout",
        (),
        f"a dropout keeps but {least:.2g} of what comes to it",
        "a rate of dropout from 0.1 to 0.5",
    )


def unbounded(flow: GradientFlow) -> Finding | None:
    """A loss below 0 that falls ever faster."""
    third = len(flow.loss) // 3
    if third < LEAST:
        return None
    parts = (flow.loss[:third], flow.loss[third : 2 * third], flow.loss[-third:])
    first, middle, last = map(median, parts)
    size = abs(flow.loss[0])
    if not (last < -ENDLESS * size and middle - last > first - middle > 0):
        return None
    return Finding(
        "loss without bound",
        (),
        f"the loss falls ever faster, from {flow.loss[0]:.2g} to {flow.loss[-1]:.2g} so far",
        "the sign of the loss: steps make it smaller; a term that bounds it from below",
    )
