"""Names that a user may type: whatever they are, the source is right, and never runs them."""

from __future__ import annotations

import builtins
import itertools
import keyword
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.emit import prelude
from symgrad.emit.names import safe
from tests.fuzzing import examples

HOSTILE = {
    "statement": "x; import os",
    "newline": "a\nraise SystemExit",
    "carriage return": "a\rraise SystemExit",
    "form feed and unicode lines": "a\x0cb\x85c\u2028raise SystemExit",
    "quote": "it's",
    "double quote": 'say "x"',
    "triple quotes": '"""\nraise SystemExit\n"""',
    "single triple quotes": "'''\nraise SystemExit\n'''",
    "backslash": "a\\",
    "escape": "a\\x22\\N{QUOTATION MARK}",
    "trailing quote": 'a"',
    "braces": "{__import__('os').abort()}",
    "percent": "%s %d {0}",
    "comment": "a # b",
    "null": "a\x00b",
    "bidi": "a\u202eb",
    "surrogate": "a\ud800b",
    "spaces": "  ",
    "digit": "1st",
    "dots": "...",
    "german": "größe",
    "greek": "θ",
    "chinese": "权重",
    "superscript": "x²",
    "emoji": "🙂",
    "ligature": "ﬁt",
    "long": "w" * 10_000,
    "long words": "very long name " * 700,
    "dunder": "__class__",
    "underscore": "_",
}
TAKEN = [
    "np", "params", "opt_state", "rng", "key", "residuals", "cotangent", "loss", "grads", "PARAMS",
    "_array", "_kept", "_memory", "threading", "base64", "step", "predict", "evaluate", "init",
    "value_and_grad", "backward", "forward", "d_x", "d_w", "x", "t", "t_2", "b0", "b1", "_b0", "m",
    "v", "w", "m_list", "B", "out", "self", "lambda", "class", "None", "True", "print", "len",
    "dict", "zip", "match", "type", "CONST", "ShapeError", "SLOTS_M", "steps", "seed", "function",
    "_check_x", "_step_buffers", "_CONST", "shape", "array", "sizes", "name", "index", "np.sum",
]  # fmt: skip


def model(name: str, style: str) -> sg.Model:
    """A model whose parameter, state, size, variable and constant all have one name."""
    x = sg.input("data", ("B", 3))
    w = sg.param(name, (3, 3), init=sg.init.he_normal())
    with sg.scope("inner"):
        v = sg.param(name, (3,), init=0.5)
    h = sg.name(sg.tanh(x @ w + v), name)
    h = h * sg.const([1.0, 2.0, 3.0], name=name)
    state = sg.state("kept." + name, (3,))
    sg.update(state, 0.5 * state + h.mean(axis=0))
    return sg.compile(
        (h**2).mean() + 0 * state.sum(),
        outputs={name: h},
        optimizer=sg.optim.Adam(0.1),
        style=style,
    )


def by_hand(w: Any, v: Any, x: Any) -> tuple[Any, Any, Any]:
    c = np.array([1.0, 2.0, 3.0])
    t = np.tanh(x @ w + v)
    d = 2 * t * c * c * (1 - t * t) / t.size
    return t * c, ((t * c) ** 2).mean(), (x.T @ d, d.sum(axis=0))


def check_model(name: str, style: str) -> None:
    made = model(name, style)
    params = made.init(seed=1)
    w, v = params[name], params["inner." + name]
    x = np.random.default_rng(0).normal(size=(4, 3))
    out, loss, (d_w, d_v) = by_hand(w, v, x)
    np.testing.assert_allclose(made.predict(params, data=x)[name], out, rtol=1e-13)
    np.testing.assert_allclose(made.evaluate(params, data=x), loss, rtol=1e-13)
    _, residuals = made.forward(params, data=x)
    for grads in (made.value_and_grad(params, data=x)[1], made.backward(residuals)):
        np.testing.assert_allclose(grads[name], d_w, rtol=1e-12)
        np.testing.assert_allclose(grads["inner." + name], d_v, rtol=1e-12)
    np.testing.assert_allclose(
        made.step(params, made.init_optimizer(params), data=x), loss, rtol=1e-13
    )
    np.testing.assert_allclose(params["kept." + name], out.mean(axis=0), rtol=1e-13)
    namespace: dict[str, Any] = {"__name__": "saved"}
    exec(made.source, namespace)
    again = namespace["init"](1)
    np.testing.assert_array_equal(again[name], made.init(1)[name])
    np.testing.assert_allclose(namespace["evaluate"](again, x), loss, rtol=1e-13)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_name_is_only_a_name(kind: str, style: str) -> None:
    check_model(HOSTILE[kind], style)


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_that_the_source_uses_is_free_to_the_user(name: str) -> None:
    check_model(name, ("fast", "readable")[TAKEN.index(name) % 2])


@pytest.mark.parametrize(
    "name", [n for n in (*TAKEN, *HOSTILE.values()) if n != "rng"], ids=lambda n: ascii(n)[:20]
)
def test_data_may_bear_any_name_but_rng(name: str) -> None:
    x, y = sg.input(name, ("B", 3)), sg.input("other", ("B",))
    w = sg.param("weights", (3,), init=2.0)
    made = sg.compile(((x @ w - y) ** 2).mean())
    data = {name: np.ones((2, 3)), "other": np.zeros(2)}
    assert made.evaluate({"weights": np.full(3, 2.0)}, **data) == 36.0
    f = sg.function([x, y], sg.exp(x).sum(axis=1) + y)
    np.testing.assert_allclose(f(**data), np.full(2, 3 * np.e), rtol=1e-15)
    with pytest.raises(sg.ShapeError) as caught:
        f(np.ones(3), np.ones(2))
    assert len(str(caught.value)) < 2000 + 2 * len(name)


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_source_of_hostile_names_can_be_saved(kind: str, tmp_path: Path) -> None:
    path = model(HOSTILE[kind], "readable").save(tmp_path / "net.py")
    text = path.read_bytes().decode()
    namespace: dict[str, Any] = {}
    exec(compile(text, str(path), "exec"), namespace)
    assert HOSTILE[kind] in namespace["init"](0)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("kind", [k for k in HOSTILE if "." not in HOSTILE[k]])
def test_the_name_of_a_scope_is_never_run(kind: str, style: str) -> None:
    x = sg.input("x", (2,))
    with sg.scope(HOSTILE[kind]):
        h = sg.tanh(x * sg.param("w", (2,), init=2.0))
    made = sg.compile((h * sg.sqrt(1 + h * h)).sum(), style=style)
    namespace: dict[str, Any] = {}
    exec(made.source, namespace)
    t = np.tanh(2 * np.ones(2))
    np.testing.assert_allclose(
        namespace["evaluate"](made.init(), np.ones(2)), (t * np.sqrt(1 + t * t)).sum(), rtol=1e-14
    )


def test_names_that_meet_when_made_safe_stay_apart() -> None:
    names = ["a.b", "a_b", "a b", "a-b", "a__b", "a_b_2", "a.b.2", "A.B", "a_b_", "a\nb"]
    leaves = [sg.input(name, ()) for name in names]
    total = sum((i + 1.0) ** 2 * x for i, x in enumerate(leaves))
    data = [0.1 * 2**i for i in range(len(names))]
    expected = sum((i + 1.0) ** 2 * v for i, v in enumerate(data))
    for style in ("fast", "readable"):
        f = sg.function(leaves, total, style=style)
        np.testing.assert_allclose(f(*data), expected, rtol=1e-14)
        np.testing.assert_allclose(f(**dict(zip(names, data, strict=True))), expected, rtol=1e-14)
    params = [sg.param(name, (), init=v) for name, v in zip(names, data, strict=True)]
    made = sg.compile(sum((i + 1.0) ** 2 * p for i, p in enumerate(params)))
    _, grads = made.value_and_grad(made.init())
    assert {k: float(v) for k, v in grads.items()} == {
        name: (i + 1.0) ** 2 for i, name in enumerate(names)
    }


def test_helpers_of_entries_with_alike_inputs_stay_apart() -> None:
    """``(a_b)`` and ``(a, b)`` have checks of their own in the one module."""
    a_b, a, b = sg.input("a_b", ("B",)), sg.input("a", ("B",)), sg.input("b", ("B",))
    w = sg.param("w", (), init=1.0)
    made = sg.compile((w * a * b).sum(), outputs=w * a_b)
    namespace: dict[str, Any] = {}
    exec(made.source, namespace)
    one, two = np.ones(3), np.full(3, 2.0)
    assert namespace["evaluate"](made.init(), one, two) == 6.0
    np.testing.assert_array_equal(namespace["predict"](made.init(), one), one)


def test_constants_of_entries_stay_apart() -> None:
    x, w = sg.input("x", (2,)), sg.param("w", (), init=1.0)
    loss = (w * x * sg.const([1.0, 2.0])).sum()
    out = w * x + sg.const([10.0, 20.0]) + sg.const([0.5, 0.25], name="const")
    made = sg.compile(loss, outputs=out)
    params, data = made.init(), np.ones(2)
    namespace: dict[str, Any] = {}
    exec(made.source, namespace)
    assert namespace["evaluate"](params, data) == made.evaluate(params, x=data) == 3.0
    np.testing.assert_array_equal(namespace["predict"](params, data), [11.5, 21.25])
    np.testing.assert_array_equal(made.predict(params, x=data), [11.5, 21.25])


def test_safe_gives_identifiers_that_mean_nothing_else() -> None:
    reserved = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    for name in [*HOSTILE.values(), *TAKEN, *reserved, ""]:
        made = safe(name)
        assert made.isidentifier() and made not in reserved, name
        assert len(made) <= 48


@examples(200)
@given(st.text(max_size=60))
def test_safe_on_any_text(name: str) -> None:
    made = safe(name)
    assert made.isidentifier() and not keyword.iskeyword(made)
    assert not made.startswith("_")  # these belong to the prelude
    compile(f"{made} = 1", "<name>", "exec")


@examples(25)
@given(
    st.lists(
        st.text(max_size=12).filter(lambda s: s and s != "rng"), min_size=2, max_size=4, unique=True
    )
)
def test_any_names_together(names: list[str]) -> None:
    leaves = [sg.input(name, (2,)) for name in names]
    total = sg.tanh(sum(i * x for i, x in enumerate(leaves)))
    data = [np.array([0.1, -0.2]) * (i + 1) for i in range(len(names))]
    expected = np.tanh(sum(i * d for i, d in enumerate(data)))
    f = sg.function(leaves, total, name=names[0])
    np.testing.assert_allclose(f(*data), expected, rtol=1e-14)
    exec(f.source, {})


def test_the_prelude_hides_no_name_from_a_variable() -> None:
    """A variable may be called as a function of the prelude is, or as what it calls."""
    names = [n for n in vars(prelude) if not n.startswith("__")]
    x = sg.input("x", (3,))
    for name, style in itertools.product(names, ("fast", "readable")):
        h = sg.name(sg.exp(x) + len(name), name)
        out = sg.function([x], h * h + sg.sin(h), style=style)(np.zeros(3))
        value = 1.0 + len(name)
        np.testing.assert_allclose(out, np.full(3, value * value + np.sin(value)), rtol=1e-14)
