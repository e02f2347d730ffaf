"""Losses of classes: definitions, huge logits, labels that are ignored, and the source."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import Array, evaluated, table

L = sg.losses
CE = L.softmax_cross_entropy
Z, Y = table((4, 5), 1.7, 3.0), np.array([2, 0, 4, 2])


def softmax(row: Array) -> list[float]:
    e = [math.exp(v - max(row)) for v in row]
    return [v / sum(e) for v in e]


# ---- cross-entropy of several classes


def test_readable_source_is_softmax_minus_onehot() -> None:
    z = sg.param("z", ("B", 10))
    y = sg.input("y", ("B",), dtype="int64")
    source = sg.compile(L.mean(CE(z, y)), style="readable").source
    body = source[source.index("def value_and_grad") :]
    assert "y        (B,) int64, checked: 0 <= y < 10" in body
    assert body[body.index("    t = z") :] == (
        "    t = z - z.max(axis=1, keepdims=True)\n"
        "    rows = np.arange(B)\n"
        "    exps = np.exp(t)\n"
        "    total = exps.sum(axis=1, keepdims=True)\n"
        "    count = np.maximum(B, 1)\n"
        "    t_2 = (t[rows, y] - np.log(total[:, 0])).sum() / count\n"
        "    loss = -t_2\n"
        "    t_3 = 1 / count\n"
        "\n"
        "    # gradient\n"
        "    d_z = exps / total * t_3                                  # (B, 10)\n"
        "    d_z[rows, y] -= t_3\n"
        "    return loss, dict(zip(PARAMS, (d_z,), strict=True))\n"
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"ignore": -1}, {"weights": [1.0, 2.0, 3.0]}]
)
def test_huge_logits(dtype: str, sign: int, options: dict[str, Any]) -> None:
    z = sign * np.array([[1000.0, 0.0, -1000.0], [1000.0, 1000.0, 0.0]])
    labels = [1, 2]
    values, grads = evaluated(lambda z: CE(z, labels, **options), {"z": z}, dtype=dtype)
    smoothing, w = options.get("label_smoothing", 0.0), options.get("weights", [1.0] * 3)
    for row, label, value, grad, ct in zip(
        z, labels, values, grads["z"], np.cos([1.0, 2.0]), strict=True
    ):
        p = softmax(row)
        shift = max(row) + math.log(sum(math.exp(v - max(row)) for v in row))
        share = [smoothing / 3 + (1 - smoothing) * (c == label) for c in range(3)]
        scale = w[label] if not smoothing else 1.0
        expected = scale * sum(q * (shift - v) for q, v in zip(share, row, strict=True))
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        slope = [ct * scale * (a - b) for a, b in zip(p, share, strict=True)]
        np.testing.assert_allclose(grad, slope, rtol=1e-6, atol=1e-7)


def test_one_hot_labels_are_the_integers() -> None:
    expected = evaluated(lambda z: CE(z, Y), {"z": Z})
    for labels in (np.eye(5)[Y], np.eye(5, dtype=int)[Y], np.eye(5, dtype=bool)[Y]):
        found = evaluated(lambda z, labels=labels: CE(z, labels), {"z": Z})
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-14)
        np.testing.assert_allclose(found[1]["z"], expected[1]["z"], rtol=1e-13, atol=1e-16)


def test_a_vector_of_logits_has_one_label() -> None:
    values, _ = evaluated(lambda z: CE(z, sg.const(3)), {"z": Z[0]}, symbolic=False)
    assert values.shape == ()
    np.testing.assert_allclose(values, -math.log(softmax(Z[0])[3]), rtol=1e-14)


@pytest.mark.parametrize("mark", [-1, -100, 0, 255])
def test_what_is_ignored_has_no_part(mark: int) -> None:
    z = sg.param("z", ("B", 5))
    y = sg.input("y", ("B",), dtype="int64")
    losses = CE(z, y, ignore=mark)
    model = sg.compile(L.mean(losses, mask=sg.not_equal(y, mark)), outputs=losses)
    given = Z.copy()
    given[1] = np.nan
    labels = np.array([2, mark, 4, mark])
    loss, grads = model.value_and_grad({"z": given}, y=labels)
    kept, expected = evaluated(lambda z: CE(z, labels[[0, 2]]), {"z": Z[[0, 2]]})
    np.testing.assert_allclose(loss, kept.mean(), rtol=1e-14)
    np.testing.assert_allclose(
        grads["z"][[0, 2]], expected["z"] / np.cos([[1.0], [2.0]]) / 2, rtol=1e-13
    )
    np.testing.assert_array_equal(grads["z"][[1, 3]], 0)
    np.testing.assert_array_equal(model.predict({"z": given}, y=labels)[[1, 3]], 0)
    # nothing at all is labelled
    loss, grads = model.value_and_grad({"z": given}, y=np.full(4, mark))
    assert loss == 0
    np.testing.assert_array_equal(grads["z"], 0)


def test_a_label_out_of_range_is_an_error() -> None:
    z, y = sg.input("z", ("B", 3)), sg.input("y", ("B",), dtype="int64")
    f = sg.function([z, y], CE(z, y))
    for label in (3, -1):
        with pytest.raises(ValueError, match="0 <= y < 3"):
            f(np.zeros((1, 3)), [label])


def test_a_label_that_is_neither_a_class_nor_ignored_is_an_error() -> None:
    z, y = sg.param("z", ("B", 3)), sg.input("y", ("B",), dtype="int32")
    model = sg.compile(L.mean(CE(z, y, ignore=-1)))
    assert "y        (B,) int32, checked: 0 <= y < 3, or -1" in model.source
    params = {"z": np.zeros((2, 3))}
    assert model.evaluate(params, y=np.array([-1, 2], "int32")) > 0
    for label in (3, -2):
        with pytest.raises(ValueError, match=rf"0 <= y < 3; got {label} at \(1,\)"):
            model.evaluate(params, y=np.array([-1, label], "int32"))
    both = sg.function([z, y], [CE(z, y, ignore=-1), CE(z, y)])  # the second ignores nothing
    with pytest.raises(ValueError, match="0 <= y < 3; got -1"):
        both(np.zeros((1, 3)), np.array([-1], "int32"))


def test_sizes_of_logits_and_labels_are_compared_when_called() -> None:
    z, y = sg.input("z", ("B", 3)), sg.input("y", ("C",), dtype="int64")
    for loss in (CE(z, y), L.multiclass_hinge(z, y), CE(z, y, ignore=-1)):
        f = sg.function([z, y], loss)
        assert f(np.zeros((2, 3)), [0, 1]).shape == (2,)
        for count in (1, 3):
            with pytest.raises(sg.ShapeError):
                f(np.zeros((2, 3)), np.zeros(count, int))


def test_an_impossible_other_class_does_no_harm() -> None:
    z = np.array([[0.0, -np.inf, 0.0]])
    values, grads = evaluated(lambda z: CE(z, [0]), {"z": z}, symbolic=False)
    np.testing.assert_allclose(values, math.log(2))
    np.testing.assert_allclose(grads["z"], np.cos(1.0) * np.array([[-0.5, 0, 0.5]]))


def test_empty_batches() -> None:
    z, y = sg.param("z", ("B", 3)), sg.input("y", ("B",), dtype="int64")
    model = sg.compile(L.mean(CE(z, y)))
    loss, grads = model.value_and_grad({"z": np.zeros((0, 3))}, y=np.zeros(0, int))
    assert loss == 0 and grads["z"].shape == (0, 3)


def test_second_order() -> None:
    z = sg.input("z", (3,))
    H = sg.function([z], sg.hessian(CE(z, sg.const(1)), z))(Z[0, :3])
    p = np.array(softmax(Z[0, :3]))
    np.testing.assert_allclose(H, np.diag(p) - np.outer(p, p), rtol=1e-12, atol=1e-15)


# ---- two classes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"pos_weight": 3.0}, {"label_smoothing": 0.2}])
def test_sigmoid_cross_entropy_of_huge_logits(dtype: str, options: dict[str, float]) -> None:
    z, labels = np.array([1000.0, -1000.0, 1000.0, -1000.0, 0.5]), np.array([1, 1, 0, 0, 1])
    values, grads = evaluated(
        lambda z: L.sigmoid_cross_entropy(z, labels, **options), {"z": z}, dtype=dtype
    )
    w, e = options.get("pos_weight", 1.0), options.get("label_smoothing", 0.0)
    y = (1 - e) * labels + e / 2
    s = 1 / (1 + np.exp(-np.clip(z, -700, 700)))
    value = w * y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)
    slope = -w * y * (1 - s) + (1 - y) * s
    np.testing.assert_allclose(values, value, rtol=1e-6)
    np.testing.assert_allclose(grads["z"], slope * np.cos(1.0 + np.arange(5)), rtol=1e-5, atol=1e-7)


SIGNS = np.array([[1, 0, 1], [0, 0, 1]])
Rule = Callable[[float, int], float]
TWO: dict[str, tuple[Callable[..., Any], Rule]] = {
    "sigmoid_cross_entropy": (
        L.sigmoid_cross_entropy,
        lambda z, y: math.log1p(math.exp(-z if y else z)),
    ),
    "hinge": (L.hinge, lambda z, y: max(0.0, 1 - (z if y else -z))),
    "squared_hinge": (L.squared_hinge, lambda z, y: max(0.0, 1 - (z if y else -z)) ** 2),
    "sigmoid_focal": (
        lambda z, y: L.sigmoid_focal(z, y, gamma=1.5, alpha=0.3),
        lambda z, y: (
            (0.3 if y else 0.7)
            * (1 - 1 / (1 + math.exp(-z if y else z))) ** 1.5
            * math.log1p(math.exp(-z if y else z))
        ),
    ),
}


@pytest.mark.parametrize("kind", ["int64", "bool", "float64"])
@pytest.mark.parametrize("name", TWO)
def test_two_classes_are_the_definitions(name: str, kind: str) -> None:
    loss, rule = TWO[name]
    z = table((2, 3), 0.9, 2.0)
    labels = SIGNS.astype(kind)
    values, grads = evaluated(lambda z: loss(z, labels), {"z": z})
    expected = np.vectorize(rule)(z, SIGNS)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    h = 1e-6
    slope = (np.vectorize(rule)(z + h, SIGNS) - np.vectorize(rule)(z - h, SIGNS)) / (2 * h)
    weights = np.cos(1.0 + np.arange(6)).reshape(2, 3)
    np.testing.assert_allclose(grads["z"], slope * weights, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_focal_losses_are_finite_far_out(gamma: float, dtype: str) -> None:
    z = np.array([1000.0, -1000.0])
    values, grads = evaluated(lambda z: L.sigmoid_focal(z, [1, 1], gamma), {"z": z}, dtype=dtype)
    np.testing.assert_allclose(values, [0, 1000], rtol=1e-6)
    np.testing.assert_allclose(grads["z"], [0, -np.cos(2.0)], rtol=1e-6)
    rows = np.array([[1000.0, 0.0], [0.0, 1000.0]])
    values, grads = evaluated(lambda z: L.softmax_focal(z, [0, 0], gamma), {"z": rows}, dtype=dtype)
    np.testing.assert_allclose(values, [0, 1000], rtol=1e-6)
    ct = np.cos(2.0)
    np.testing.assert_allclose(grads["z"], [[0, 0], [-ct, ct]], rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_softmax_focal_is_its_definition(gamma: float) -> None:
    w = np.array([1.0, 0.5, 2.0, 1.5, 0.25])

    def by_loops(z: Array) -> Array:
        p = [softmax(row)[label] for row, label in zip(z, Y, strict=True)]
        return np.array([-w[y] * (1 - v) ** gamma * math.log(v) for v, y in zip(p, Y, strict=True)])

    values, grads = evaluated(lambda z: L.softmax_focal(z, Y, gamma, weights=w), {"z": Z})
    np.testing.assert_allclose(values, by_loops(Z), rtol=1e-12)
    h, weights = 1e-6, np.cos(1.0 + np.arange(4))
    for k in range(Z.size):
        step = np.zeros(Z.size)
        step[k] = h
        step = step.reshape(Z.shape)
        slope = (by_loops(Z + step) - by_loops(Z - step)) @ weights / (2 * h)
        np.testing.assert_allclose(grads["z"].flat[k], slope, rtol=1e-6, atol=1e-8)


# ---- hinge of several classes


def test_multiclass_hinge_is_its_definition() -> None:
    grid, labels = table((2, 3, 4), 1.3, 2.0), np.array([[2, 0, 1], [3, 3, 0]])
    values, grads = evaluated(lambda z: L.multiclass_hinge(z, labels, margin=0.8), {"z": grid})
    slope = np.zeros(grid.shape)
    for place in np.ndindex(2, 3):
        row, label = grid[place], labels[place]
        others = [c for c in range(4) if c != label]
        worst = max(others, key=lambda c: row[c])
        short = 0.8 + row[worst] - row[label]
        np.testing.assert_allclose(values[place], max(0.0, short), rtol=1e-13)
        if short > 0:
            ct = np.cos(1.0 + place[0] * 3 + place[1])
            slope[(*place, worst)] += ct
            slope[(*place, label)] -= ct
    np.testing.assert_allclose(grads["z"], slope, rtol=1e-13, atol=1e-15)


def test_one_class_is_never_wrong() -> None:
    values, grads = evaluated(lambda z: L.multiclass_hinge(z, [0, 0]), {"z": np.ones((2, 1))})
    np.testing.assert_array_equal(values, 0)
    np.testing.assert_array_equal(grads["z"], 0)


# ---- what is refused


@pytest.mark.parametrize("loss", [CE, L.multiclass_hinge, L.softmax_focal])
def test_bad_labels_of_classes_are_refused(loss: Callable[..., Any]) -> None:
    z = sg.input("z", ("B", 3))
    with pytest.raises(sg.DTypeError, match="expected labels to be integers; got float64"):
        loss(z, sg.input("y", ("B",)))
    with pytest.raises(sg.ShapeError, match=r"expected labels of shape \(B,\); got \(B, 1, 3\)"):
        loss(z, sg.input("y", ("B", 1, 3), dtype="int64"))
    with pytest.raises(sg.DTypeError, match="expected logits to be floating"):
        loss(sg.input("n", ("B", 3), dtype="int64"), sg.input("y", ("B",), dtype="int64"))
    with pytest.raises(sg.ShapeError, match="classes"):
        loss(sg.input("s", ()), 0)
    with pytest.raises(sg.ShapeError, match="at least one class"):
        loss(sg.input("e", ("B", 0)), sg.input("y", ("B",), dtype="int64"))


def test_bad_options_are_refused() -> None:
    z, y = sg.input("z", ("B", 3)), sg.input("y", ("B",), dtype="int64")
    for value in (1.0, -0.1, True, "0.1", float("nan")):
        with pytest.raises(sg.DeclarationError, match="0 <= label_smoothing < 1"):
            CE(z, y, label_smoothing=value)
        with pytest.raises(sg.DeclarationError, match="0 <= label_smoothing < 1"):
            L.sigmoid_cross_entropy(z, z, label_smoothing=value)
    with pytest.raises(sg.ShapeError, match=r"expected labels of shape \(B, 3\); got \(B, 1\)"):
        CE(z, sg.input("y", ("B", 1), dtype="int64"))
    with pytest.raises(sg.ShapeError, match=r"expected weights of shape \(3,\); got \(2,\)"):
        CE(z, y, weights=[1.0, 2.0])
    with pytest.raises(sg.DeclarationError, match="ignore goes with integer labels"):
        CE(z, z, ignore=-1)
    with pytest.raises(sg.DeclarationError, match="expected ignore, an integer; got"):
        CE(z, y, ignore=1.5)  # type: ignore[arg-type]
    with pytest.raises(sg.ShapeError, match=r"expected labels of shape \(B, 3\); got \(B,\)"):
        L.sigmoid_cross_entropy(z, y)
    with pytest.raises(sg.ShapeError, match=r"expected pos_weight to broadcast to \(B, 3\)"):
        L.sigmoid_cross_entropy(z, z, pos_weight=[1.0, 2.0])
    with pytest.raises(sg.DeclarationError, match="0 <= alpha <= 1"):
        L.sigmoid_focal(z, z, alpha=2.0)
    with pytest.raises(sg.DeclarationError, match="gamma >= 0"):
        L.softmax_focal(z, y, gamma=-1.0)


# ---- options, labels and dtypes


@pytest.mark.parametrize("bad", [-1, -3, 5])
@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: CE(z, y),
        lambda z, y: CE(z, y, ignore=-2),
        L.multiclass_hinge,
        L.softmax_focal,
        lambda z, y: L.nll_categorical(y, z),
    ],
)
def test_labels_of_an_array_are_checked_when_declared(loss: Any, bad: int) -> None:
    # a negative one would count from the end, as an index does
    with pytest.raises(sg.DeclarationError, match=rf"expected 0 <= \w+ < 5; got {bad}"):
        loss(sg.input("z", ("B", 5)), [2, bad, 0, 1])


def test_a_label_to_ignore_must_be_one_that_labels_can_have() -> None:
    y = sg.input("y", ("B",), dtype="uint8")
    with pytest.raises(sg.DeclarationError, match="a value of the labels, uint8; got -1"):
        CE(sg.input("z", ("B", 5)), y, ignore=-1)
    z = sg.input("z", ("B", 5))
    found = sg.function([z, y], CE(z, y, ignore=255))(Z, np.array([255, 0, 4, 255], "uint8"))
    assert (found == 0).tolist() == [True, False, False, True]


def test_float32_stays_whatever_numbers_options_are() -> None:
    z = sg.input("z", ("B", 5), dtype="float32")
    y = sg.input("y", ("B", 5), dtype=bool)
    found = [
        L.sigmoid_focal(z, y, np.float64(2.0), alpha=0.25),
        L.sigmoid_focal(z, y, np.float32(1.5), alpha=np.float64(0.25)),
        L.sigmoid_cross_entropy(z, y, pos_weight=np.float64(2.0)),
        L.sigmoid_cross_entropy(z, y, label_smoothing=np.float64(0.1)),
        L.huber(z, 0.0, delta=np.int64(1)),
        L.info_nce(z, z, temperature=np.float32(0.5)),
        L.info_nce(z, z, temperature=sg.param("t", (), init=0.5)),
    ]
    assert [loss.dtype for loss in found] == [np.dtype("float32")] * len(found)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_focal_losses_are_smooth_where_a_class_is_certain(gamma: float, dtype: str) -> None:
    point = np.array([[1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0], [40.0, -40.0, 0.0]])
    z = sg.input("z", (3, 3), dtype=dtype)
    for loss in (
        L.softmax_focal(z, [0, 1, 0], gamma),
        L.sigmoid_focal(z, [[1, 0, 0], [1, 0, 1], [1, 0, 1]], gamma),
    ):
        total = loss.sum()
        f = sg.function([z], (total, sg.grad(total, z), sg.hessian(total, z)))
        for value in f(point.astype(dtype)):
            assert np.isfinite(value).all()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 2.5])
def test_focal_losses_are_exact_far_out(gamma: float) -> None:
    import mpmath

    z = sg.input("z", ("B", 2))
    points = np.array([[30.0, 0.0], [-30.0, 0.0], [0.5, 0.0], [0.0, 3.0]])
    with mpmath.workdps(50):
        p = [1 / (1 + mpmath.exp(mpmath.mpf(b) - mpmath.mpf(a))) for a, b in points]
        want = [float((1 - v) ** gamma * -mpmath.log(v)) for v in p]
    soft = sg.function([z], L.softmax_focal(z, [0, 0, 0, 0], gamma))(points)
    sharp = sg.function([z], L.sigmoid_focal(z[:, 0] - z[:, 1], [1, 1, 1, 1], gamma))(points)
    np.testing.assert_allclose(soft, want, rtol=1e-13, atol=1e-16)  # that of log_softmax
    np.testing.assert_allclose(sharp, want, rtol=1e-13)


@pytest.mark.parametrize("how", ["ignored", "masked", "smooth"])
def test_a_masked_gradient_is_the_plain_one_and_one_selection(how: str) -> None:
    y = sg.input("y", ("B",), dtype="int64")
    z = sg.input("x", ("B", 4)) @ sg.param("W", (4, 5))
    keep = sg.not_equal(y, -1)
    if how == "masked":
        keep = sg.input("keep", ("B",), dtype=bool)
        loss = L.mean(CE(z, y), mask=keep)
    else:
        smoothing = 0.1 if how == "smooth" else 0.0
        loss = L.mean(CE(z, y, ignore=-1, label_smoothing=smoothing), mask=keep)
    body = sg.compile(loss).source.split("def value_and_grad(")[1]
    assert "zeros" not in body and "any(" not in body
    assert body.split("# gradient")[1].count("np.where(") == 1
