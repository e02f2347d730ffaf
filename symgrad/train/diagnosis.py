"""What is wrong with a training run, from what flowed through its layers, and what to try.

The signs are relative, so that they do not depend on the units of the loss: one layer against
another, a change against the weights that it changes, a step against the steps before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from symgrad.train.flow import GradientFlow, Layer, median

__all__ = ["Diagnosis", "Finding", "diagnose"]

#: a gradient this much smaller (or larger) in one layer than in another is vanishing (exploding)
DEPTH_RATIO = 1e3
#: a gradient this much larger than its median over the steps is an explosion
SPIKE = 100.0
#: a layer in which more than this part of the units is dead, or of the outputs is saturated
TOO_MANY = 0.5
#: healthy changes are about 1e-3 of the weights: outside of this they are too large or too small
TOO_LARGE, TOO_SMALL = 0.1, 1e-5
#: a loss that has fallen by less than this part of itself has not moved
MOVED = 0.02
#: steps that a record must have
LEAST = 10


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    illness : str
        ``"vanishing gradients"``, ``"exploding gradients"``, ``"dead units"``, ``"saturation"``,
        ``"rate too high"`` or ``"rate too low"``.
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
        if not self:
            return f"nothing is wrong that the record of {self._steps} steps shows"
        return "\n".join(map(str, self))


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
    if len(flow.steps) < LEAST:
        return Diagnosis([], len(flow.steps))
    findings = [found for sign in SIGNS for found in [sign(flow)] if found is not None]
    illnesses = {finding.illness for finding in findings}
    for cause, effects in HIDES.items():  # an effect of what was named already
        if cause in illnesses:
            findings = [f for f in findings if f.illness not in effects]
    return Diagnosis(findings, len(flow.steps))


def _late(values: list[float]) -> list[float]:
    """The last quarter of a record."""
    return values[-max(LEAST, len(values) // 4) :]


def _comparable(flow: GradientFlow) -> list[Layer]:
    """Layers whose gradients may be compared: matrices with a gradient in each entry."""
    return [x for x in flow.layers if x.gradient and not x.gathered and any(x.weight)]


def _exploding(flow: GradientFlow) -> Finding | None:
    advice = (
        "clip the gradients, sg.optim.chain(sg.optim.clip_by_global_norm(1.0), ...); a lower "
        "learning rate; initial weights scaled to the activation (he_normal for relu, "
        "glorot_uniform for tanh, orthogonal for recurrent matrices); normalisation or residual "
        "connections in deep networks"
    )
    layers = _comparable(flow)
    spikes = []
    for layer in layers:
        usual = median(layer.gradient)
        worst = max(layer.gradient, key=lambda g: math.inf if math.isnan(g) else g)
        if not math.isfinite(worst) or (usual > 0 and worst > SPIKE * usual):
            spikes.append((layer.name, worst / usual if usual else math.inf))
    if spikes:
        name, times = max(spikes, key=lambda s: s[1])
        return Finding(
            "exploding gradients",
            tuple(n for n, _ in spikes),
            f"at one step the gradient of {name} was {times:.0f} times its median over all steps",
            advice,
        )
    norms = [(layer.name, median(layer.gradient[:LEAST])) for layer in layers]
    if len(norms) < 3 or not norms[-1][1]:
        return None
    largest = max(norms[:-1], key=lambda n: n[1])
    if largest[1] > DEPTH_RATIO * norms[-1][1]:
        return Finding(
            "exploding gradients",
            (largest[0],),
            f"the gradient grows {largest[1] / norms[-1][1]:.0e} times on its way from "
            f"{norms[-1][0]} to {largest[0]}",
            advice,
        )
    return None


def _vanishing(flow: GradientFlow) -> Finding | None:
    norms = [(x.name, median(_late(x.gradient))) for x in _comparable(flow)]
    if len(norms) < 2:
        return None
    largest = max(g for _, g in norms)
    small = [name for name, g in norms[:-1] if g * DEPTH_RATIO < largest]
    if not small or not largest:
        return None
    name, least = min(norms[:-1], key=lambda n: n[1])
    return Finding(
        "vanishing gradients",
        tuple(small),
        f"the gradient of {name} is {least / largest:.0e} of the largest",
        "relu or gelu in place of sigmoid or tanh; initial weights scaled to the activation "
        "(he_normal for relu, glorot_uniform for tanh); batch_norm or layer_norm; residual "
        "connections; for long sequences lstm or gru",
    )


def _dead(flow: GradientFlow) -> Finding | None:
    parts = [(x.name, median(_late(x.dead))) for x in flow.layers if x.dead]
    ill = [(name, part) for name, part in parts if part > TOO_MANY]
    if not ill:
        return None
    worst = max(ill, key=lambda p: p[1])
    return Finding(
        "dead units",
        tuple(name for name, _ in ill),
        f"{worst[1]:.0%} of the units of {worst[0]} are 0 for every example",
        "a lower learning rate; biases that begin at 0, not far below; a leaky activation or gelu; "
        "batch_norm before the activation; inputs of mean 0",
    )


def _saturated(flow: GradientFlow) -> Finding | None:
    parts = [(x.name, x.activation, median(_late(x.saturated))) for x in flow.layers if x.saturated]
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


def _rate(flow: GradientFlow) -> float:
    """The median relative change of the layer that changes most."""
    rates = [median(x.rates) for x in flow.layers if any(x.weight) and x.rates]
    finite = [r for r in rates if math.isfinite(r)]
    return max(finite, default=0.0)


def _fall(flow: GradientFlow) -> float:
    """The part of itself by which the loss has fallen from the first tenth to the last."""
    tenth = max(3, len(flow.loss) // 10)
    first, last = median(flow.loss[:tenth]), median(flow.loss[-tenth:])
    return (first - last) / abs(first) if first else 0.0


def _too_high(flow: GradientFlow) -> Finding | None:
    rate, fall = _rate(flow), _fall(flow)
    diverges = not math.isfinite(fall) or fall < -0.5
    if not (diverges or (rate > TOO_LARGE and fall < MOVED)):
        return None
    return Finding(
        "rate too high",
        (),
        f"a step changes the weights by {rate:.1%} of themselves, and the loss "
        + (f"has grown by {-fall:.0%}" if fall < 0 else f"has fallen by {fall:.0%} only"),
        "a learning rate ten times lower; a warm-up; clipping; inputs and targets scaled to "
        "mean 0 and variance 1",
    )


def _too_low(flow: GradientFlow) -> Finding | None:
    rate, fall = _rate(flow), _fall(flow)
    moving = any(median(_late(x.gradient)) > 0 for x in flow.layers if x.gradient)
    if rate > TOO_SMALL or abs(fall) > MOVED or not moving:
        return None
    return Finding(
        "rate too low",
        (),
        f"a step changes the weights by {rate:.0e} of themselves, and the loss has fallen by "
        f"{max(fall, 0):.1%}",
        "a learning rate ten or a hundred times higher; Adam in place of SGD, whose steps do not "
        "depend on the scale of the loss",
    )


SIGNS: tuple[Callable[[GradientFlow], Finding | None], ...] = (
    _exploding,
    _vanishing,
    _dead,
    _saturated,
    _too_high,
    _too_low,
)

#: an illness -> those that are but its effects
HIDES = {
    "exploding gradients": {"rate too high"},
    "vanishing gradients": {"rate too low"},
    "rate too high": {"rate too low"},
}
