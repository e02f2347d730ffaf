"""Optimisers of users: slots that are written and never read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import symgrad as sg


class Remembering:
    """Gradient descent that keeps its last gradient and the number of the step, for others."""

    def slots(self, params: Mapping[str, sg.Expr]) -> dict[str, sg.optim.Slot]:
        kept = {f"last.{name}": sg.optim.Slot(0.0, p) for name, p in params.items()}
        return {**kept, "count": sg.optim.Slot(0.0)}

    def update(
        self,
        params: Mapping[str, sg.Expr],
        grads: Mapping[str, sg.Expr],
        slots: Mapping[str, sg.Expr],
        step: sg.Expr,
    ) -> sg.optim.Updates:
        last = {f"last.{name}": g for name, g in grads.items()}
        return sg.optim.Updates(
            {name: p - 0.1 * grads[name] for name, p in params.items()},
            {**last, "count": sg.astype(step, "float64")},
        )


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_slot_that_is_never_read(style: str) -> None:
    w, x = sg.param("w", (3,), init=1.0), sg.input("x", ("B", 3))
    model = sg.compile(((w * x) ** 2).sum(), optimizer=Remembering(), style=style)
    params = model.init()
    state = model.init_optimizer(params)
    for count in (1, 2):
        _, grads = model.value_and_grad(params, x=np.ones((2, 3)))
        model.step(params, state, x=np.ones((2, 3)))
        np.testing.assert_array_equal(state["last.w"], grads["w"])
        assert float(state["count"]) == count
