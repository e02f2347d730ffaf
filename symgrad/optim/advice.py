"""Options that optimisers have in PyTorch or Keras, and what does the same here."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from symgrad import DeclarationError

__all__ = ["require_known"]

_CLIP = "gradients are clipped by sg.optim.chain(sg.optim.clip_by_{}(...), {{}}(...))"
_MEAN = "the share that a running mean of squares keeps is called decay"

#: name -> what to use instead; {} is the optimiser
_ELSEWHERE = {
    "weight_decay": "sg.optim.decay({}(...), 0.01), which around Adam is AdamW; or "
    "sg.optim.chain(sg.optim.l2(0.01), {}(...)), which adds it to the gradient",
    "betas": "pass beta1=..., beta2=...",
    "beta_1": "it is called beta1",
    "beta_2": "it is called beta2",
    "learning_rate": "it is called lr",
    "epsilon": "it is called eps",
    "alpha": _MEAN,
    "rho": _MEAN,
    "centered": "it is called centred",
    "amsgrad": "sg.optim.AMSGrad(...)",
    "maximize": "compile the negative of the loss",
    "clipnorm": "a norm of each parameter is not clipped; "
    "that of all together is, by sg.optim.chain(sg.optim.clip_by_global_norm(1.0), {}(...))",
    "global_clipnorm": _CLIP.format("global_norm"),
    "clipvalue": _CLIP.format("value"),
    "use_ema": "sg.optim.average({}(...)) keeps the average of the weights",
}


def require_known(optimizer: type, options: Iterable[str]) -> None:
    """Refuse an option of another library's with advice; others are left to Python."""
    strange = [name for name in options if name in _ELSEWHERE]
    if strange:
        known = inspect.signature(optimizer.__init__).parameters  # type: ignore[misc]
        for name in strange:
            if name not in known:
                advice = _ELSEWHERE[name].replace("{}", optimizer.__name__)
                raise DeclarationError(f"{optimizer.__name__} has no option {name!r}: {advice}")
