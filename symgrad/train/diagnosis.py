"""What is wrong with a training run, from what flowed through its layers, and what to try."""

from __future__ import annotations

from symgrad import DeclarationError
from symgrad.train import faults, signs
from symgrad.train.flow import GradientFlow
from symgrad.train.signs import Finding, Sign

__all__ = ["Diagnosis", "Finding", "diagnose"]


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


_SCALE = (signs.overflowing, signs.unscaled)
_RATE = (*_SCALE, faults.unbounded, signs.exploding_with_depth)

#: each sign, in the order of their gravity, and what would be its cause
SIGNS: dict[Sign, tuple[Sign, ...]] = {
    faults.untrained: (),
    signs.overflowing: (),
    faults.gradient_free: (signs.overflowing,),
    faults.equal: (signs.overflowing, faults.gradient_free),
    faults.unbounded: (signs.overflowing,),
    faults.too_much_dropout: (),
    signs.unscaled: (signs.overflowing,),
    signs.exploding_with_depth: (*_SCALE, faults.unbounded),
    signs.too_high: _RATE,
    signs.exploding_at_a_step: (*_RATE, signs.too_high, faults.too_much_dropout),
    signs.dead: (*_SCALE, signs.too_high, faults.gradient_free, faults.too_much_dropout),
    signs.saturated: (*_SCALE, signs.too_high),
    signs.vanishing: (*_SCALE, signs.too_high, faults.gradient_free, signs.saturated),
    signs.too_low: (*_SCALE, signs.too_high, signs.vanishing, faults.untrained),
}
