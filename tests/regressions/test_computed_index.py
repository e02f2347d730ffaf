"""An index that is computed gives a view of what it selects from, as a number does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.ops.interpret import evaluate


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(
    "index",
    [
        lambda s: s.argmax(),
        lambda s: (s > 0.5).sum(),
        lambda s: s[1].astype("int64"),
        lambda s: sg.argsort(s)[0],
        lambda s: (slice(None), s.argmax()),
        lambda s: (s.argmax(), None),
        lambda s: (s.argmax(), slice(0, 2)),
    ],
)
def test_a_computed_index_gives_a_view_that_nothing_writes_to(style: str, index: Any) -> None:
    x, s = sg.input("x", ("N", 3)), sg.input("s", (2,))
    inner = sg.tanh(x * x)
    outputs = []
    for whole in (x, inner):
        part = whole[index(s)]
        outputs += [sg.exp(part), part, sg.exp(part).sum() + whole.sum()]
        outputs.append(sg.grad((sg.exp(part) * 2).sum() + (whole**3).sum(), x))
    f = sg.function([x, s], outputs, style=style)
    data, picks = np.arange(6.0).reshape(2, 3) / 4, np.array([0.0, 1.0])
    kept = data.copy()
    first = f(data, picks)
    np.testing.assert_array_equal(data, kept)
    assert not any(np.shares_memory(out, data) for out in first)
    expected = evaluate(outputs, {x: kept, s: picks})
    for got, again, want in zip(first, f(data, picks), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)
        np.testing.assert_array_equal(got, again)
