"""CTC against the enumeration of all alignments, and at its edges."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import Array, evaluated, table

ctc = sg.losses.ctc


def collapsed(alignment: tuple[int, ...], blank: int) -> list[int]:
    """What an alignment says: repetitions are one, blanks nothing."""
    return [c for c, _ in itertools.groupby(alignment) if c != blank]


def enumerated(z: Array, labels: list[int], blank: int = 0) -> tuple[float, Array]:
    """Loss and gradient of one row, over all alignments: p(classes at a step) - their share."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    total, shares = 0.0, np.zeros(z.shape)
    for alignment in itertools.product(range(z.shape[1]), repeat=len(z)):
        if collapsed(alignment, blank) == labels:
            weight = math.prod(float(p[t, c]) for t, c in enumerate(alignment))
            total += weight
            for t, c in enumerate(alignment):
                shares[t, c] += weight
    if total == 0:
        return math.inf, np.zeros(z.shape)
    return -math.log(total), p - shares / total


CASES: dict[str, tuple[tuple[int, int], list[list[int]], dict[str, Any]]] = {
    "distinct": ((4, 3), [[1, 2], [2, 1], [1, 2]], {}),
    "repeated": ((5, 3), [[1, 1], [2, 2], [1, 2]], {}),
    "one label": ((3, 4), [[3], [1], [2]], {}),
    "as many as steps": ((3, 4), [[1, 2, 3], [3, 1, 2], [2, 1, 2]], {}),
    "no label": ((3, 2), [[], [], []], {}),
    "one step": ((1, 3), [[1], [2], [1]], {}),
    "last is blank": ((4, 3), [[0, 1], [1, 0], [0, 0]], {"blank": 2}),
    "impossible": ((2, 3), [[1, 1], [1, 2], [2, 2]], {}),
}


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_all_alignments(name: str, symbolic: bool) -> None:
    (steps, classes), labels, options = CASES[name]
    z = table((3, steps, classes), 1.9, 2.0)
    y = np.array(labels, dtype=int).reshape(3, -1)
    shape = ("B", "T", classes) if symbolic else z.shape
    logits = sg.input("z", shape)
    targets = sg.input("y", ("B", "L") if symbolic else y.shape, dtype="int64")
    loss = ctc(logits, targets, **options)
    weights = sg.cos(1.0 + sg.arange(3))
    wanted = (loss, sg.grad((sg.where(sg.isfinite(loss), loss, 0) * weights).sum(), logits))
    plain = sg.grad(loss.sum(), logits)
    values, grad, everywhere = sg.function([logits, targets], (*wanted, plain))(z, y)
    for i in range(3):
        value, slope = enumerated(z[i], labels[i], **options)
        np.testing.assert_allclose(values[i], value, rtol=1e-12)
        np.testing.assert_allclose(grad[i], slope * np.cos(1.0 + i), rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(everywhere[i], slope, rtol=1e-10, atol=1e-14)


def test_lengths_of_logits_and_of_labels() -> None:
    z = table((4, 5, 3), 1.9, 2.0)
    labels = np.array([[1, 2, 1], [2, 2, -1], [1, 99, 0], [7, 7, 7]])
    steps, counts = [5, 4, 2, 3], [3, 2, 1, 0]
    given = z.copy()
    for i, n in enumerate(steps):
        given[i, n:] = np.nan  # nothing there has a part
    values, grads = evaluated(lambda z: ctc(z, labels, steps, counts), {"z": given}, symbolic=False)
    for i, (n, m) in enumerate(zip(steps, counts, strict=True)):
        value, slope = enumerated(z[i, :n], labels[i, :m].tolist())
        np.testing.assert_allclose(values[i], value, rtol=1e-12)
        np.testing.assert_allclose(
            grads["z"][i, :n], slope * np.cos(1.0 + i), rtol=1e-10, atol=1e-14
        )
        np.testing.assert_array_equal(grads["z"][i, n:], 0)


def test_no_steps_say_nothing() -> None:
    z, n, m = sg.input("z", ("B", "T", 3)), *(sg.input(k, ("B",), dtype="int32") for k in "nm")
    y = sg.input("y", ("B", "L"), dtype="int32")
    f = sg.function([z, y, n, m], ctc(z, y, n, m))
    np.testing.assert_array_equal(f(np.ones((2, 2, 3)), [[1], [1]], [0, 0], [0, 1]), [0, np.inf])
    np.testing.assert_array_equal(f(np.ones((2, 0, 3)), [[1], [1]], [0, 0], [0, 1]), [0, np.inf])
    assert f(np.ones((0, 2, 3)), np.zeros((0, 1), "int32"), [], []).shape == (0,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_and_long_sequences_do_not_underflow(dtype: str) -> None:
    z = np.zeros((1, 400, 3))
    z[..., 1] = 1000.0  # label 2 once: all steps but one cost nothing
    values, grads = evaluated(lambda z: ctc(z, [[1, 2, 1]]), {"z": z}, dtype, symbolic=False)
    assert values.dtype == dtype
    # 398 places for the 2, each of probability e^-1000
    np.testing.assert_allclose(values, 1000 - math.log(398), rtol=1e-6)
    assert np.isfinite(grads["z"]).all()
    expected = np.zeros((400, 3))
    expected[1:-1] = np.array([0, 1, -1]) / 398 * np.cos(1.0)
    np.testing.assert_allclose(grads["z"][0], expected, rtol=1e-3, atol=1e-6)


def test_probabilities_of_all_labels_add_to_one() -> None:
    z = table((1, 4, 3), 0.8, 2.0)
    logits, y = sg.input("z", z.shape), sg.input("y", (1, "L"), dtype="int64")
    f = sg.function([logits, y], ctc(logits, y))
    total = 0.0
    for count in range(5):
        for labels in itertools.product([1, 2], repeat=count):
            total += float(np.exp(-f(z, np.array([labels], dtype=int).reshape(1, count))[0]))
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)


def test_a_saved_model_trains_alike(tmp_path: Any) -> None:
    import importlib.util

    W = sg.param("W", (2, 4), init=sg.init.normal())
    x, y = sg.input("x", ("B", "T", 2)), sg.input("y", ("B", "L"), dtype="int64")
    loss = sg.losses.ctc(x @ W, y)
    mean = sg.losses.mean(loss, mask=sg.isfinite(loss))
    model = sg.compile(mean, optimizer=sg.optim.Adam(0.1))
    path = model.save(tmp_path / "net.py")
    spec = importlib.util.spec_from_file_location("net", path)
    assert spec is not None and spec.loader is not None
    net = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(net)
    data = {"x": table((3, 5, 2), 1.1), "y": np.array([[1, 1], [2, 3], [3, 1]])}
    params, other = model.init(3), net.init(3)
    state, second = model.init_optimizer(params), net.init_optimizer(other)
    losses = [float(model.step(params, state, **data)) for _ in range(30)]
    assert losses == [float(net.step(other, second, **data)) for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0]


def test_labels_are_checked_at_each_call() -> None:
    z, n = sg.input("z", ("B", "T", 3)), sg.input("n", ("B",), dtype="int32")
    y = sg.input("y", ("B", "L"), dtype="int32")
    data = np.ones((2, 4, 3))
    f = sg.function([z, y], ctc(z, y))
    for bad in (3, -1):
        with pytest.raises(
            sg.CompileError, match=rf"y: expected 0 <= y < 3; got {bad} at \(1, 0\)"
        ):
            f(data, [[1, 2], [bad, 2]])
    g = sg.function([z, y, n], ctc(z, y, label_lengths=n))
    assert np.isfinite(g(data, [[1, 2], [1, -7]], [2, 1])).all()
    with pytest.raises(sg.CompileError, match="expected 0 <= y < 3; got -7"):
        g(data, [[1, 2], [1, -7]], [2, 2])
    model = sg.compile(sg.losses.mean(ctc(z @ sg.param("W", (3, 5)), y, label_lengths=n)))
    assert "checked: 0 <= y < 5, or beyond n" in model.source


def test_what_does_not_fit_is_refused() -> None:
    z, y = sg.input("z", ("B", "T", 3)), sg.input("y", ("B", "L"), dtype="int64")
    with pytest.raises(sg.ShapeError, match=r"expected logits of shape \(B, T, C\)"):
        ctc(sg.input("z", ("B", 3)), y)
    with pytest.raises(sg.ShapeError, match=r"expected labels of shape \(B, L\)"):
        ctc(z, sg.input("y", ("B",), dtype="int64"))
    with pytest.raises(sg.ShapeError, match=r"expected label_lengths of shape \(B,\)"):
        ctc(z, y, label_lengths=sg.input("n", ("B", 1), dtype="int64"))
    with pytest.raises(sg.DTypeError, match="expected labels to be integers"):
        ctc(z, sg.input("y", ("B", "L")))
    with pytest.raises(sg.DeclarationError, match="expected 0 <= label < 3; got -1"):
        ctc(sg.input("z", (2, 4, 3)), [[1, 2], [-1, 1]])
    for blank in (3, -1, True, 0.0):
        with pytest.raises(sg.DeclarationError, match="expected 0 <= blank < 3"):
            ctc(z, y, blank=blank)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-1, 9])
@pytest.mark.parametrize("which", [0, 1])
def test_lengths_are_checked(which: int, bad: int) -> None:
    """Of a length that is none there is no alignment: it must not pass for an infinite loss."""
    lengths = [[3, 3], [2, 2]]
    lengths[which] = [2, bad]
    z, y = sg.input("z", ("B", "T", 4)), sg.input("y", ("B", "U"), dtype="int64")
    steps, labels = (sg.input(name, ("B",), dtype="int64") for name in ("steps", "labels"))
    f = sg.function([z, y, steps, labels], sg.losses.ctc(z, y, steps, labels))
    name = ("steps", "labels")[which]
    with pytest.raises(sg.CompileError, match=rf"{name}: expected 0 <= {name} < \d; got {bad}"):
        f(np.zeros((2, 3, 4)), [[1, 2], [3, 3]], *lengths)
    with pytest.raises(sg.DeclarationError, match=rf"ctc: expected 0 <= each of .*; got {bad}"):
        sg.losses.ctc(sg.input("z", (2, 3, 4)), [[1, 2], [3, 3]], *lengths)


def test_labels_given_as_an_array_are_not_the_blank() -> None:
    z = sg.input("z", (2, 4, "C"))
    with pytest.raises(sg.DeclarationError, match=r"labels other than blank=0; got it at \(1, 1\)"):
        ctc(z, [[1, 2], [1, 0]])
    with pytest.raises(sg.DeclarationError, match=r"labels other than blank=2; got it at \(0, 1\)"):
        ctc(z, [[1, 2], [1, 0]], blank=2)
    with pytest.raises(sg.DeclarationError, match=r"labels other than blank=0; got it at \(1, 1\)"):
        ctc(z, [[1, 2], [1, 0]], label_lengths=[2, 2])
    ctc(z, [[1, 2], [1, 0]], label_lengths=[2, 1])  # what pads a row may be the blank
