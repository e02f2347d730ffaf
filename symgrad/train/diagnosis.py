"""What is wrong with a training run, from what flowed through its layers, and what to try.

The signs are relative, so that they do not depend on the units of the loss: one layer against
another, a change against the weights that it changes, a step against the steps before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from symgrad import DeclarationError
from symgrad.train.flow import GradientFlow, median

__all__ = ["Diagnosis", "Finding", "diagnose"]

#: a signal this much smaller (or larger) in one layer than in another is vanishing (exploding)
DEPTH_RATIO = 1e3
#: a gradient this much larger than its median over the steps is an explosion
SPIKE = 100.0
#: a layer in which more than this part of the units is dead, or of the outputs is saturated
TOO_MANY = 0.5
#: healthy changes are about 1e-3 of the weights; above and below these they hardly ever are
TOO_LARGE, TOO_SMALL = 0.1, 1e-5
#: a loss that has fallen by less than this part of itself has not moved
MOVED = 0.02
#: steps that say something of a layer
LEAST = 10


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    illness : str
        ``"vanishing gradients"``, ``"exploding gradients"``, ``"dead units"``, ``"saturation"``,
        ``"overflow"``, ``"rate too high"`` or ``"rate too low"``.
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


class Diagnosis(list[Finding]):
    """The findings, the gravest first; printed, a paragraph for each."""

    def __init__(self, findings: list[Finding], steps: int) -> None:
        super().__init__(findings)
        self._steps = steps

    def __str__(self) -> str:
        if not self._steps:
            return "no step is recorded"
        if not self:
            return f"nothing is wrong that the record of {self._steps} steps shows"
        return "\n".join(map(str, self))


Signal = tuple[str, float]
Sign = Callable[[GradientFlow], Finding | None]


def diagnose(flow: GradientFlow) -> Diagnosis:
    """Name what is wrong with a training run, as far as its record shows it.

    Parameters
    ----------
    flow : GradientFlow
        From ``sg.train.gradient_flow()``, after some ten steps or more.

    Returns
    -------
    Diagnosis
        A list of :class:`Finding`; empty if nothing is wrong.

    Raises
    ------
    DeclarationError
        For what is no record, such as the model.

    Examples
    --------
    >>> import numpy as np, symgrad as sg
    >>> x, t = sg.input("x", ("B", 8)), sg.input("t", ("B", 1))
    >>> h = sg.nn.mlp(x, [32] * 12 + [1], activation=sg.sigmoid)
    >>> model = sg.compile(((h - t) ** 2).mean(), optimizer=sg.optim.SGD(0.1))
    >>> X = np.random.default_rng(0).normal(size=(64, 8))
    >>> flow = sg.train.gradient_flow()
    >>> data = {"x": X, "t": X[:, :1]}
    >>> result = sg.train.fit(model, data, epochs=10, batch_size=16, callbacks=[flow])
    >>> sg.train.diagnose(flow)[0].illness
    'vanishing gradients'
    """
    if not isinstance(flow, GradientFlow):
        raise DeclarationError(
            "diagnose: expected the record of a run, a callback that sg.train.gradient_flow() "
            f"makes; got {type(flow).__name__}"
        )
    found: dict[Sign, Finding] = {}
    for sign, causes in SIGNS.items():
        if not any(cause in found for cause in causes):  # else it is but an effect
            finding = sign(flow)
            if finding is not None:
                found[sign] = finding
    return Diagnosis(list(found.values()), len(flow.steps))


def _first(values: list[float]) -> list[float]:
    """The first step of a record, which no step has changed anything for."""
    return values[:1]


def _late(values: list[float]) -> list[float]:
    """The last quarter of a record."""
    return values[-max(LEAST, len(values) // 4) :]


def _signals(flow: GradientFlow, when: Callable[[list[float]], list[float]]) -> list[Signal]:
    """How much gradient reaches each layer: that of its weights over the size of its inputs.

    Layers whose rows are looked up are left out: most of their rows have no gradient.
    """
    found = []
    size = 1.0
    for layer in flow.layers:
        gradient = median(when(layer.gradient)) if layer.gradient else math.nan
        if not layer.gathered and any(layer.weight) and layer.trained and size:
            found.append((layer.name, gradient / size))
        if layer.output:
            size = median(when(layer.output))
    return found


def _overflowing(flow: GradientFlow) -> Finding | None:
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


def _exploding_with_depth(flow: GradientFlow) -> Finding | None:
    grown = _ratio(_signals(flow, _first)[::-1])
    if len(flow.steps) < LEAST or grown is None:
        return None
    (later, _), (earlier, _), times = grown
    return Finding(
        "exploding gradients",
        (earlier,),
        f"the gradient grows {times:.0e} times on its way back from {later} to {earlier}",
        _AGAINST_EXPLOSIONS,
    )


def _exploding_at_a_step(flow: GradientFlow) -> Finding | None:
    if len(flow.steps) < LEAST:
        return None
    spikes = []
    for layer in flow.layers:
        usual = median(layer.gradient) if any(layer.weight) else 0.0
        worst = max(layer.gradient, key=_size, default=0.0)
        if usual and not worst <= SPIKE * usual:
            spikes.append((layer.name, worst / usual))
    if not spikes:
        return None
    name, times = max(spikes, key=lambda s: _size(s[1]))
    large = f"{times:.3g} times its median over all steps"
    return Finding(
        "exploding gradients",
        tuple(n for n, _ in spikes),
        f"at one step the gradient of {name} was "
        + (large if math.isfinite(times) else "not finite"),
        _AGAINST_EXPLOSIONS,
    )


def _size(value: float) -> float:
    """For comparisons: NaN is larger than any number."""
    return math.inf if math.isnan(value) else value


def _vanishing(flow: GradientFlow) -> Finding | None:
    signals = _signals(flow, _late)
    lost = _ratio(signals)
    if len(flow.steps) < LEAST or lost is None:
        return None
    (least, _), (later, largest), times = lost
    small = [name for name, value in signals if value * DEPTH_RATIO < largest]
    return Finding(
        "vanishing gradients",
        tuple(small),
        f"of the gradient that reaches {later}, {1 / times:.0e} is left at {least}",
        "relu or gelu in place of sigmoid or tanh; initial weights scaled to the activation "
        "(he_normal for relu, glorot_uniform for tanh); batch_norm or layer_norm; residual "
        "connections; for long sequences lstm or gru",
    )


def _ratio(signals: list[Signal]) -> tuple[Signal, Signal, float] | None:
    """Of two layers, the second after the first, those whose signals grow most; if it is much."""
    found: tuple[Signal, Signal, float] | None = None
    for i, first in enumerate(signals):
        for second in signals[i + 1 :]:
            times = second[1] / first[1] if first[1] else math.inf if second[1] else 1.0
            if _size(times) > (DEPTH_RATIO if found is None else found[2]):
                found = first, second, _size(times)
    return found


def _dead(flow: GradientFlow) -> Finding | None:
    parts = [(x.name, median(_late(x.dead))) for x in flow.layers if len(x.dead) >= LEAST]
    ill = [(name, part) for name, part in parts if part > TOO_MANY]
    if not ill:
        return None
    worst = max(ill, key=lambda p: p[1])
    return Finding(
        "dead units",
        tuple(name for name, _ in ill),
        f"{worst[1]:.0%} of the units of {worst[0]} are 0 for every example",
        "biases that begin at 0, not far below; a lower learning rate; inputs of mean 0; "
        "batch_norm before the activation; gelu or silu in place of relu",
    )


def _saturated(flow: GradientFlow) -> Finding | None:
    parts = [
        (x.name, x.activation, median(_late(x.saturated)))
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


def _fall(flow: GradientFlow) -> tuple[float, float]:
    """The part of itself by which the loss has fallen from the first third to the last, and noise.

    Losses of minibatches scatter: a fall below the noise, twice the standard error of the
    difference, is none.
    """
    third = max(1, len(flow.loss) // 3)
    first, last = flow.loss[:third], flow.loss[-third:]
    start, end = median(first), median(last)
    if not start or not math.isfinite(end):
        return (0.0 if not start else math.nan), 0.0
    error = math.sqrt(sum(_variance(part) / third for part in (first, last)))
    return (start - end) / abs(start), 2 * error / abs(start)


def _variance(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)


def _too_high(flow: GradientFlow) -> Finding | None:
    rates = _rates(flow)
    if len(flow.steps) < 2 or not rates:
        return None
    fall, noise = _fall(flow)
    usual, largest = max(map(median, rates)), max(map(max, rates))
    diverges = not fall >= -max(0.5, noise)
    stuck = fall < MOVED and len(flow.steps) >= LEAST and (usual > TOO_LARGE or largest > 1)
    lame = largest > 1 and (_dead(flow) is not None or _saturated(flow) is not None)
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
        "a learning rate ten times lower; a warm-up; clipped gradients; inputs and targets scaled "
        "to mean 0 and variance 1",
    )


def _too_low(flow: GradientFlow) -> Finding | None:
    rates, (fall, noise) = _rates(flow), _fall(flow)
    if len(flow.steps) < LEAST or not rates:
        return None
    rate = max(map(median, rates))
    moving = any(median(_late(x.gradient)) > 0 for x in flow.layers if x.gradient)
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


#: each sign, in the order of their gravity, and what would be its cause
SIGNS: dict[Sign, tuple[Sign, ...]] = {
    _overflowing: (),
    _exploding_with_depth: (_overflowing,),
    _too_high: (_overflowing, _exploding_with_depth),
    _exploding_at_a_step: (_overflowing, _exploding_with_depth, _too_high),
    _vanishing: (_overflowing, _too_high),
    _dead: (_overflowing, _too_high),
    _saturated: (_overflowing, _too_high),
    _too_low: (_too_high, _vanishing),
}
