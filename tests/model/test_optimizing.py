"""The door for optimisers: what one may keep and give, and what the source makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.optim import Slot, Updates

STYLES = ["fast", "readable"]


class Made:
    """An optimiser of two functions."""

    def __init__(
        self, update: Callable[..., Any], slots: Callable[[Any], Any] = lambda params: {}
    ) -> None:
        self.slots = slots
        self.update = update


def pair(optimizer: Any, style: str = "fast") -> sg.Model:
    a = sg.param("a", (3,), init=[1.0, 2.0, 3.0])
    b = sg.param("b", (3,), init=[4.0, 5.0, 6.0])
    return sg.compile((a * a).sum() / 2 + (b * b).sum() / 2, optimizer=optimizer, style=style)


def stepped(optimizer: Any, style: str, steps: int = 1) -> tuple[Any, Any]:
    model = pair(optimizer, style)
    params = model.init()
    state = model.init_optimizer(params)
    for _ in range(steps):
        model.step(params, state)
    return params, state


@pytest.mark.parametrize("style", STYLES)
def test_a_rule_sees_all_parameters_at_once(style: str) -> None:
    """Even that which makes of each the old value of the other."""
    swap = Made(lambda p, g, s, n: Updates({"a": p["b"], "b": p["a"]}))
    params, state = stepped(swap, style)
    assert params["a"].tolist() == [4, 5, 6] and params["b"].tolist() == [1, 2, 3]
    assert state["steps"] == 1


@pytest.mark.parametrize("style", STYLES)
def test_rules_of_one_form_that_read_each_other(style: str) -> None:
    mix = Made(lambda p, g, s, n: Updates({"a": p["a"] - p["b"], "b": p["b"] - p["a"]}))
    params, _ = stepped(mix, style)
    assert params["a"].tolist() == [-3, -3, -3] and params["b"].tolist() == [3, 3, 3]


def conditional(
    then: Callable[[Any], Any], otherwise: Callable[[Any], Any], every: int = 2
) -> Made:
    """Parameters and slots that a branch gives, by the parity of the step."""

    def update(p: Any, g: Any, s: Any, n: Any) -> Updates:
        both = {**p, **s}
        made = sg.cond(sg.equal(n % every, 0), lambda: then(both), lambda: otherwise(both))
        return Updates(
            {k: v for k, v in made.items() if k in p}, {k: v for k, v in made.items() if k in s}
        )

    return Made(update, lambda p: {f"k.{name}": Slot(0.0, like=q) for name, q in p.items()})


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("then", "otherwise", "expected"),
    [
        # each is written where it is computed
        (lambda v: {"a": v["a"] * 2}, lambda v: {"a": v["a"]}, lambda a, b, k, even: (a * 2, b, k)
         if even else (a, b, k)),
        (lambda v: {"a": v["a"] + 1, "k.a": v["a"]}, lambda v: {"a": v["a"] - 1, "k.a": v["k.a"]},
         lambda a, b, k, even: (a + 1, b, a) if even else (a - 1, b, k)),
        # a swap on one side
        (lambda v: {"a": v["b"], "b": v["a"]}, lambda v: {"a": v["a"], "b": v["b"] + 1},
         lambda a, b, k, even: (b, a, k) if even else (a, b + 1, k)),
        # a view of what is overwritten
        (lambda v: {"a": v["a"] * 2, "b": v["a"][::-1]}, lambda v: {"a": v["a"], "b": v["b"]},
         lambda a, b, k, even: (a * 2, a[::-1], k) if even else (a, b, k)),
        (lambda v: {"a": v["a"][::-1]}, lambda v: {"a": v["a"] + v["b"]},
         lambda a, b, k, even: (a[::-1], b, k) if even else (a + b, b, k)),
        # one reads what another writes
        (lambda v: {"a": v["b"] * 2, "b": v["a"] * 2}, lambda v: {"a": v["a"] - v["b"],
         "b": v["b"] - v["a"]},
         lambda a, b, k, even: (b * 2, a * 2, k) if even else (a - b, b - a, k)),
        # the same value twice
        (lambda v: {"a": v["a"] * 2, "k.a": v["a"] * 2}, lambda v: {"a": v["k.a"] + 0,
         "k.a": v["a"] + 0},
         lambda a, b, k, even: (a * 2, b, a * 2) if even else (k, b, a)),
    ],
)  # fmt: skip
def test_branches_write_in_the_right_order(
    then: Any, otherwise: Any, expected: Any, style: str
) -> None:
    a, b, k = np.array([1.0, 2, 3]), np.array([4.0, 5, 6]), np.zeros(3)
    for n in range(1, 5):
        a, b, k = expected(a, b, k, n % 2 == 0)
        params, state = stepped(conditional(then, otherwise), style, n)
        np.testing.assert_array_equal(params["a"], a)
        np.testing.assert_array_equal(params["b"], b)
        np.testing.assert_array_equal(state["k.a"], k)


@pytest.mark.parametrize("style", STYLES)
def test_what_a_branch_has_written_may_be_read_after_it(style: str) -> None:
    def update(p: Any, g: Any, s: Any, n: Any) -> Updates:
        new = sg.cond(
            sg.equal(n % 2, 0),
            lambda: {k: v - g[k] / 2 for k, v in p.items()},
            lambda: dict(p),
        )
        return Updates(new, {f"k.{k}": s[f"k.{k}"] + v for k, v in new.items()})

    summed = Made(update, lambda p: {f"k.{k}": Slot(1.0, like=q) for k, q in p.items()})
    params, state = stepped(summed, style, 2)
    assert params["a"].tolist() == [0.5, 1.0, 1.5]
    assert state["k.a"].tolist() == [2.5, 4.0, 5.5]


@pytest.mark.parametrize("style", STYLES)
def test_slots_are_named_where_more_than_a_loop_reads_them(style: str) -> None:
    def update(p: Any, g: Any, s: Any, n: Any) -> Updates:
        size = sg.name(sum((s[f"k.{k}"] ** 2).sum() for k in p), "size")
        new = {f"k.{k}": s[f"k.{k}"] + g[k] for k in p}
        return Updates({k: v - size * new[f"k.{k}"] for k, v in p.items()}, new)

    made = Made(update, lambda p: {f"k.{k}": Slot(1.0, like=q) for k, q in p.items()})
    params, state = stepped(made, style)
    assert state["k.a"].tolist() == [2.0, 3.0, 4.0]
    assert params["a"].tolist() == [1.0 - 12, 2.0 - 18, 3.0 - 24]
    source = pair(made, style).source
    assert "    k_a, k_b = k_list" in source and "zip((a, b), k_list, " in source


def test_the_first_values_of_slots() -> None:
    made = Made(
        lambda p, g, s, n: Updates({}, {"seen": s["seen"] + 1}),
        lambda p: {
            "copy.b": Slot(p["b"], like=p["b"]),
            "seen": Slot(3),
            "half": Slot(0.5),
            "low.a": Slot(-np.inf, like=p["a"]),
        },
    )
    params, state = stepped(made, "fast")
    assert list(state) == ["steps", "seen", "half", "copy.b", "low.a"]
    assert state["seen"] == 4 and state["seen"].dtype == np.int64
    assert state["half"] == 0.5 and state["half"].dtype == np.float64
    np.testing.assert_array_equal(state["copy.b"], params["b"])
    np.testing.assert_array_equal(state["low.a"], np.full(3, -np.inf))


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("adam", "optimizer: expected one from sg.optim.*got 'adam'"),
        (sg.optim.Adam, r"got the class Adam: call it, Adam\(...\)"),
        (Made(lambda p, g, s, n: {}), "Made.update: expected sg.optim.Updates; got {}"),
        (Made(lambda *a: Updates({"w": 1})), "Made.update: params: expected names and Exprs"),
        (
            Made(lambda p, g, s, n: Updates({"w": p["a"]})),
            r"there is no 'w'; there are \['a', 'b'\]",
        ),
        (Made(lambda p, g, s, n: Updates({}, {"m.a": p["a"]})), r"slots: there is no 'm.a'"),
        (Made(Updates, lambda p: ["m"]), r"Made.slots: expected a mapping; got \['m'\]"),
        (Made(Updates, lambda p: {"m.a": 0.0}), "expected names and Slots; got 'm.a': 0.0"),
        (Made(Updates, lambda p: {"steps": Slot(0)}), "'steps' is the name of something else"),
        (
            Made(Updates, lambda p: {"M.a": Slot(0, like=p["a"])}),
            "slot 'M.a': expected a lowercase word, and a after a dot",
        ),
        (Made(Updates, lambda p: {"a b": Slot(0)}), "slot 'a b': expected a lowercase word"),
        (
            Made(Updates, lambda p: {"m.a": Slot(0, like=p["a"]), "m": Slot(0)}),
            "slot 'm': 'm' is the name of something else",
        ),
        (Made(Updates, lambda p: {"m": Slot("0")}), "first must be a number; got '0'"),
        (
            Made(Updates, lambda p: {"m.a": Slot(p["b"], like=p["a"])}),
            "first must be a number, or the parameter `like`",
        ),
        (
            Made(Updates, lambda p: {"m.a": Slot(0, like=p["a"] * 2)}),
            "like is none of the parameters",
        ),
    ],
)
def test_what_is_wrong_is_named(optimizer: Any, message: str) -> None:
    with pytest.raises(sg.DeclarationError, match=message):
        stepped(optimizer, "fast")


def test_a_new_value_has_the_shape_of_the_old_one() -> None:
    wrong = Made(lambda p, g, s, n: Updates({"a": p["a"].sum()}))
    with pytest.raises(sg.ShapeError, match=r"Made.update: a: expected shape \(3,\); got \(\)"):
        stepped(wrong, "fast")


def test_a_side_does_not_compute_again_what_was_there_before() -> None:
    """Though a number of the side is one of those it is made of."""
    x, w = sg.input("x", ("B", 3)), sg.input("w", (3, 2))
    y = (x @ w * 0.5).sum()
    f = sg.function(
        [x, w], [y, sg.cond(y > 0, lambda: sg.exp(y) * 0.5, lambda: y)], style="readable"
    )
    assert f.source.count(" @ ") == 1


def one_frozen(names: tuple[str, ...] = ("w",)) -> tuple[sg.Model, Any]:
    x, kept = sg.input("x", ("B", 3)), sg.param("kept", (3,), init=1.0)
    ws, s = [sg.param(name, (3,), init=0.5) for name in names], sg.state("s", ())
    sg.update(s, s + 1)
    loss = sum((x * w * kept).sum() ** 2 for w in ws) + s
    model = sg.compile(loss, optimizer=sg.optim.SGD(0.1, momentum=0.9), wrt=ws)
    return model, {"x": np.ones((2, 3))}


@pytest.mark.parametrize("key", ["w", "s", "v.w", "steps"])
def test_a_read_only_array_is_refused_before_anything_is_written(key: str) -> None:
    model, data = one_frozen()
    params = model.init()
    slots = model.init_optimizer(params)
    before = {name: array.copy() for name, array in (params | slots).items()}
    (params | slots)[key].flags.writeable = False
    what = "params" if key in params else "opt_state"
    with pytest.raises(sg.CompileError, match=rf"{what}\['{key}'\].*read-only: pass a copy"):
        model.step(params, slots, **data)
    for name, array in (params | slots).items():
        np.testing.assert_array_equal(array, before[name])


def test_what_a_step_does_not_update_may_be_read_only() -> None:
    model, data = one_frozen()
    params = model.init()
    params["kept"].flags.writeable = False
    model.step(params, model.init_optimizer(params), **data)
    assert params["w"][0] != 0.5 and params["kept"][0] == 1
    assert np.isfinite(model.evaluate(params, **data))
    params["w"] = [0.5, 0.5, 0.5]
    with pytest.raises(sg.DTypeError, match="array of float64 to update in place; got list"):
        model.step(params, model.init_optimizer(params), **data)


def test_the_names_of_what_is_updated_are_wrapped_between_them() -> None:
    model, data = one_frozen(tuple(f"a rather  long 'name' {i}" for i in range(12)))
    params = model.init()
    model.step(params, model.init_optimizer(params), **data)
    assert all(params[name][0] != 0.5 for name in params if name.startswith("a rather"))
    unpacked = model.source.split("_unpack(\n")[1].split("    )\n")[0]
    assert max(map(len, unpacked.splitlines())) <= 100
