"""The signs of illness in what a training run measured, and the advice that belongs to each.

The signs are relative, so that they do not depend on the units of the loss: one layer against
another, a change against the weights that it changes, a step against the steps before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from symgrad.train.flow import GradientFlow, median
from symgrad.train.layers import Layer

__all__ = [
    "LEAST",
    "Finding",
    "Sign",
    "dead",
    "exploding_at_a_step",
    "exploding_with_depth",
    "late",
    "overflowing",
    "saturated",
    "too_high",
    "too_low",
    "unscaled",
    "vanishing",
]

#: a signal this much smaller (or larger) in one layer than in another is vanishing (exploding)
DEPTH_RATIO = 1e3
#: a gradient this much larger than the median of those just before it, and than all before it, is
#: an explosion; over a whole run it falls by any factor or grows step by step, and near the end a
#: batch with a hard example stands out
SPIKE, NEAR, LEAP = 100.0, 20, 10.0
#: inputs this much larger (or smaller) than 1 have not been scaled
UNSCALED = 1e3
#: a layer in which more than this part of the units is dead, or of the outputs is saturated
TOO_MANY = 0.5
#: healthy changes are about 1e-3 of the weights; above and below these they hardly ever are
TOO_LARGE, TOO_SMALL = 0.1, 1e-5
#: a loss that has fallen by less than this part of itself has not moved
MOVED = 0.02
#: steps that say something of a layer, and before which one is compared with those before it
LEAST, SOME = 10, 3


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    illness : str
        ``"vanishing gradients"``, ``"exploding gradients"``, ``"no gradient"``, ``"dead units"``,
        ``"saturation"``, ``"overflow"``, ``"unscaled inputs"``, ``"rate too high"``,
        ``"rate too low"``, ``"nothing is trained"``, ``"equal units"``, ``"too much dropout"`` or
        ``"loss without bound"``.
    layers : tuple of str
        Where; empty if it is the whole network.
    evidence : str
        What was measured.
    advice : str
        What to try, the most promising first.
    """

    illness: str
    layers: tuple[str, ...]
    evidence: str
    advice: str

    def __str__(self) -> str:
        where = f" in {', '.join(self.layers)}" if self.layers else ""
        return f"{self.illness}{where}: {self.evidence}.\n  Try: {self.advice}."


Signal = tuple[Layer, float]
Sign = Callable[[GradientFlow], Finding | None]


def _first(values: list[float]) -> list[float]:
    """The first step of a record, which no step has changed anything for."""
    return values[:1]


def late(values: list[float]) -> list[float]:
    """The last quarter of a record."""
    return values[-max(LEAST, len(values) // 4) :]


def _signals(flow: GradientFlow, when: Callable[[list[float]], list[float]]) -> list[Signal]:
    """How much gradient reaches each layer: that of its weights over the size of its inputs.

    Layers whose rows are looked up are left out: most of their rows have no gradient. So are those
    without any, which have an illness of their own.
    """
    found = []
    size = 1.0
    for layer in flow.layers:
        gradient = median(when(layer.gradient)) if layer.gradient else math.nan
        inputs = size if layer.before else _inputs(layer) or 1.0
        if not layer.gathered and any(layer.weight) and layer.trained and inputs and gradient:
            found.append((layer, gradient / inputs))
        if layer.output:
            size = median(when(layer.output))
    return found


def _inputs(layer: Layer) -> float:
    """About the size of its inputs, from its first outputs; 0 if they do not tell.

    Outputs are sums of inputs times weights of random signs: their squares add up.
    """
    if not (layer.units and layer.output and layer.weight[0]) or layer.activation == "sigmoid":
        return 0.0
    return layer.output[0] * math.sqrt(layer.units) / layer.weight[0]


def unscaled(flow: GradientFlow) -> Finding | None:
    """Inputs far from 1 in size, in front of layers that expect as much."""
    used = {name for layer in flow.layers for name in layer.before}
    sizes = [(x, _inputs(x)) for x in flow.layers if not x.before and x.name in used]
    ill = [(x, size) for x, size in sizes if size and not 1 / UNSCALED < size < UNSCALED]
    if not ill or len(flow.steps) < LEAST:
        return None
    return Finding(
        "unscaled inputs",
        tuple(x.name for x, _ in ill),
        f"the first outputs of {ill[0][0].name} are those of inputs of about {ill[0][1]:.0e}",
        "inputs scaled to mean 0 and variance 1, each feature on its own; batch_norm or layer_norm "
        "of the inputs",
    )


def overflowing(flow: GradientFlow) -> Finding | None:
    """Outputs that are not finite before any step."""
    ill = [x.name for x in flow.layers if x.output and not math.isfinite(x.output[0])]
    if not ill:
        return None
    return Finding(
        "overflow",
        tuple(ill),
        f"the squares of the outputs of {ill[0]} overflow at the first step",
        "inputs scaled to mean 0 and variance 1; smaller initial weights; float64",
    )


_AGAINST_EXPLOSIONS = (
    "initial weights scaled to the activation (he_normal for relu, glorot_uniform for tanh, "
    "orthogonal for recurrent matrices); normalisation or residual connections in deep networks; "
    "clipped gradients, sg.optim.chain(sg.optim.clip_by_global_norm(1.0), ...); a lower learning "
    "rate"
)
_SCALED_INPUTS = "inputs scaled to mean 0 and variance 1"


def _advice(ill: list[Layer], usual: str) -> str:
    """Where none but the layers that see the inputs are ill, the inputs may well be why."""
    at_inputs = not any(layer.before for layer in ill)
    return f"{_SCALED_INPUTS}; {usual}" if at_inputs else f"{usual}; {_SCALED_INPUTS}"


def exploding_with_depth(flow: GradientFlow) -> Finding | None:
    """A gradient that grows on its way back through the layers."""
    grown = _ratio(_signals(flow, _first)[::-1])
    if len(flow.steps) < LEAST or grown is None:
        return None
    (later, _), (earlier, _), times = grown
    return Finding(
        "exploding gradients",
        (earlier.name,),
        f"the gradient grows {times:.0e} times on its way back from {later.name} to {earlier.name}",
        _advice([earlier], _AGAINST_EXPLOSIONS),
    )


def exploding_at_a_step(flow: GradientFlow) -> Finding | None:
    """A step whose gradient, over all layers, is far above those before it."""
    layers = [x for x in flow.layers if x.gradient and any(x.weight)]
    if len(flow.steps) < LEAST or not layers:
        return None
    whole = [math.hypot(*step) for step in zip(*(x.gradient for x in layers), strict=True)]
    worst, when, largest = 0.0, 0, 0.0
    for i, value in enumerate(whole):
        usual = median(whole[max(0, i - NEAR) : i]) if i >= SOME else 0.0
        times = _size(value) / usual if usual else 0.0
        if _size(value) > LEAP * largest and times > max(SPIKE, worst):
            worst, when = times, i
        largest = max(largest, _size(value))
    if not worst:
        return None
    sizes = []
    for x in layers:
        usual = median(x.gradient[max(0, when - NEAR) : when])
        sizes.append((_size(x.gradient[when]) / usual if usual else 0.0, x.name))
    ill = [(times, name) for times, name in sizes if times > SPIKE] or [max(sizes)]
    times, name = max(ill)
    large = f"{times:.3g} times the median of the steps before it"
    return Finding(
        "exploding gradients",
        tuple(name for _, name in ill),
        f"at step {flow.steps[when]} the gradient of {name} was "
        + (large if math.isfinite(times) else "not finite"),
        _AGAINST_EXPLOSIONS,
    )


def _size(value: float) -> float:
    """For comparisons: NaN is larger than any number."""
    return math.inf if math.isnan(value) else value


_AGAINST_VANISHING = (
    "relu or gelu in place of sigmoid or tanh; initial weights scaled to the activation "
    "(he_normal for relu, glorot_uniform for tanh); batch_norm or layer_norm; residual "
    "connections; for long sequences lstm or gru"
)


def vanishing(flow: GradientFlow) -> Finding | None:
    """A gradient that is lost on its way back through the layers."""
    signals = _signals(flow, late)
    lost = _ratio(signals)
    if len(flow.steps) < LEAST or lost is None:
        return None
    (least, _), (later, largest), times = lost
    small = [x for x, value in signals if x.name in later.before and value * DEPTH_RATIO < largest]
    return Finding(
        "vanishing gradients",
        tuple(x.name for x in small),
        f"of the gradient that reaches {later.name}, {1 / times:.0e} is left at {least.name}",
        _advice(small, _AGAINST_VANISHING),
    )


def _ratio(signals: list[Signal]) -> tuple[Signal, Signal, float] | None:
    """Of two layers, one before the other, those whose signals grow most; if it is much."""
    found: tuple[Signal, Signal, float] | None = None
    for i, first in enumerate(signals):
        for second in signals[i + 1 :]:
            one, other = first[0], second[0]
            times = second[1] / first[1]
            on_a_path = one.name in other.before or other.name in one.before
            if on_a_path and _size(times) > (DEPTH_RATIO if found is None else found[2]):
                found = first, second, _size(times)
    return found


def dead(flow: GradientFlow) -> Finding | None:
    """Units of a rectifier that are 0 for every example."""
    parts = [(median(late(x.dead)), x) for x in flow.layers if len(x.dead) >= LEAST]
    ill = [(part, x) for part, x in parts if part > TOO_MANY]
    if not ill:
        return None
    part, worst = max(ill, key=lambda p: p[0])
    cures = [
        "biases that begin at 0, not far below; a lower learning rate; inputs of mean 0; "
        "batch_norm before the activation",
        "batches of more than one example where there is batch_norm",
        "gelu or silu in place of relu",
    ]
    if not worst.matrix and worst.dead[0] == 1:  # a norm that left nothing at the first step
        cures.insert(0, cures.pop(1))
    return Finding(
        "dead units",
        tuple(x.name for _, x in ill),
        f"{part:.0%} of the units of {worst.name} are 0 for every example",
        "; ".join(cures),
    )


def saturated(flow: GradientFlow) -> Finding | None:
    """Outputs where the activation is flat."""
    parts = [
        (x.name, x.activation, median(late(x.saturated)))
        for x in flow.layers
        if len(x.saturated) >= LEAST
    ]
    ill = [p for p in parts if p[2] > TOO_MANY]
    if not ill:
        return None
    name, activation, part = max(ill, key=lambda p: p[2])
    return Finding(
        "saturation",
        tuple(n for n, _, _ in ill),
        f"{part:.0%} of the outputs of {name} lie where {activation} is flat",
        "smaller initial weights (glorot_uniform); inputs scaled to mean 0 and variance 1; "
        "batch_norm or layer_norm before the activation; a lower learning rate; relu in its place",
    )


def _rates(flow: GradientFlow) -> list[list[float]]:
    """The relative changes of each layer, without those of weights that are 0."""
    return [rates for x in flow.layers for rates in [[r for r in x.rates if r < math.inf]] if rates]


def fallen(flow: GradientFlow) -> tuple[float, float]:
    """The part of itself by which the loss has fallen from the first third to the last, and noise.

    Losses of minibatches scatter: a fall below the noise, twice the standard error of the
    difference, is none.
    """
    third = max(1, len(flow.loss) // 3)
    first, last = flow.loss[:third], flow.loss[-third:]
    start, end = median(first), median(last)
    if not start or not math.isfinite(end):
        return (0.0 if not start else math.nan), 0.0
    try:
        error = math.sqrt(sum(_variance(part) / third for part in (first, last)))
    except OverflowError:  # what has grown so far is not noise
        error = 0.0
    return (start - end) / abs(start), 2 * error / abs(start)


def _variance(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)


def too_high(flow: GradientFlow) -> Finding | None:
    """Changes so large that the loss does not fall, or grows."""
    rates = _rates(flow)
    if len(flow.steps) < 2 or not rates:
        return None
    fall, noise = fallen(flow)
    usual, largest = max(map(median, rates)), max(map(max, rates))
    diverges = not fall >= -max(0.5, noise)
    stuck = fall < MOVED and len(flow.steps) >= LEAST and (usual > TOO_LARGE or largest > 1)
    lame = largest > 1 and (dead(flow) is not None or saturated(flow) is not None)
    if not (diverges or stuck or lame):
        return None
    rate, which = (usual, "a step changes") if usual > TOO_LARGE else (largest, "one step changed")
    if lame:
        effect = "and left units that are dead or saturated"
    elif fall < 0:
        effect = f"and the loss has grown by {-fall:.0%}"
    else:
        effect = f"and the loss has fallen by {fall:.0%} only"
    return Finding(
        "rate too high",
        (),
        f"{which} the weights of a layer by {rate:.0%} of themselves, {effect}",
        "a learning rate ten times lower; a warm-up; clipped gradients; less weight decay; inputs "
        "and targets scaled to mean 0 and variance 1",
    )


def too_low(flow: GradientFlow) -> Finding | None:
    """Changes too small to move the loss."""
    rates, (fall, noise) = _rates(flow), fallen(flow)
    if len(flow.steps) < LEAST or not rates:
        return None
    early, end = median(flow.loss[:LEAST]), median(late(flow.loss))
    if early - end > abs(early) / 2:
        return None  # small steps of a run that has arrived
    rate = max(map(median, rates))
    moving = any(median(late(x.gradient)) > 0 for x in flow.layers if x.gradient)
    if rate > TOO_SMALL or abs(fall) > max(MOVED, 2 * noise) or not moving:
        return None
    return Finding(
        "rate too low",
        (),
        f"a step changes the weights by {rate:.0e} of themselves, and the loss has not fallen by "
        f"more than the {max(MOVED, 2 * noise):.0%} that its batches differ",
        "a learning rate ten or a hundred times higher; Adam in place of SGD, whose steps do not "
        "depend on the scale of the loss",
    )
