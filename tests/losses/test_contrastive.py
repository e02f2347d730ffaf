"""Losses of embeddings against their definitions, and where distances are 0."""

import math

import numpy as np
import pytest

import symgrad as sg
from tests.losses.tables import Array, evaluated, table

L = sg.losses
A, B, C = table((4, 3), 0.7), table((4, 3), 1.2), table((4, 3), 2.6)
SAME = np.array([1, 0, 1, 0])


def distance(a: Array, b: Array) -> float:
    return math.sqrt(sum((u - v) ** 2 for u, v in zip(a, b, strict=True)))


def test_contrastive_is_its_definition() -> None:
    margin = 4.0
    values, grads = evaluated(
        lambda a, b: L.contrastive(a, b, SAME, margin), {"a": A, "b": B}, symbolic=False
    )
    for i, (a, b) in enumerate(zip(A, B, strict=True)):
        d = distance(a, b)
        assert d < margin  # so that the second pair has a slope
        np.testing.assert_allclose(
            values[i], d * d / 2 if SAME[i] else (margin - d) ** 2 / 2, rtol=1e-13
        )
        slope = (a - b) if SAME[i] else -(margin - d) * (a - b) / d
        np.testing.assert_allclose(grads["a"][i], slope * np.cos(1.0 + i), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(grads["b"], -grads["a"])


def test_far_pairs_that_do_not_belong_together_are_left_alone() -> None:
    values, grads = evaluated(
        lambda a: L.contrastive(a, np.zeros((1, 2)), [False]),
        {"a": np.full((1, 2), 9.0)},
        symbolic=False,
    )
    assert values == 0 and (grads["a"] == 0).all()


@pytest.mark.parametrize("squared", [False, True])
def test_triplet_is_its_definition(squared: bool) -> None:
    values, grads = evaluated(
        lambda a, p, n: L.triplet(a, p, n, 0.3, squared), {"a": A, "p": B, "n": C}
    )
    power = 2 if squared else 1
    for i in range(4):
        short = distance(A[i], B[i]) ** power - distance(A[i], C[i]) ** power + 0.3
        np.testing.assert_allclose(values[i], max(0.0, short), rtol=1e-12)
        scale = np.cos(1.0 + i) * (short > 0)
        per = 2 if squared else 1 / distance(A[i], B[i])
        np.testing.assert_allclose(
            grads["p"][i], scale * per * (B[i] - A[i]), rtol=1e-12, atol=1e-15
        )
        per = 2 if squared else 1 / distance(A[i], C[i])
        np.testing.assert_allclose(
            grads["n"][i], scale * per * (A[i] - C[i]), rtol=1e-12, atol=1e-15
        )


def test_equal_embeddings_have_finite_gradients() -> None:
    for loss in (
        lambda a, b: L.contrastive(a, b, np.array([0, 1])),
        lambda a, b: L.triplet(a, b, b),
        L.info_nce,
    ):
        values, grads = evaluated(
            loss, {"a": np.zeros((2, 3)), "b": np.zeros((2, 3))}, symbolic=False
        )
        assert np.isfinite(values).all()
        assert all(np.isfinite(g).all() for g in grads.values())


def nce(q: Array, k: Array, temperature: float, normalize: bool) -> list[float]:
    found = []
    for i, row in enumerate(q):
        logits = []
        for other in k:
            size = distance(row, 0 * row) * distance(other, 0 * other) if normalize else 1.0
            logits.append(sum(u * v for u, v in zip(row, other, strict=True)) / size / temperature)
        found.append(math.log(sum(math.exp(v) for v in logits)) - logits[i])
    return found


@pytest.mark.parametrize("normalize", [True, False])
def test_info_nce_is_its_definition(normalize: bool) -> None:
    keys = table((6, 3), 1.2)  # two negatives more
    values, _ = evaluated(lambda q, k: L.info_nce(q, k, 0.3, normalize), {"q": A, "k": keys})
    np.testing.assert_allclose(values, nce(A, keys, 0.3, normalize), rtol=1e-12)
    values, _ = evaluated(
        lambda q, k: L.info_nce(q, k, 0.3, normalize, symmetric=True), {"q": A, "k": B}
    )
    both = (np.array(nce(A, B, 0.3, normalize)) + nce(B, A, 0.3, normalize)) / 2
    np.testing.assert_allclose(values, both, rtol=1e-12)


def test_a_temperature_may_be_learnt() -> None:
    q, k, log_t = sg.input("q", ("B", 3)), sg.input("k", ("B", 3)), sg.param("log_t", ())
    loss = L.mean(L.info_nce(q, k, temperature=sg.exp(log_t)))
    sg.check_gradients(loss, {"log_t": np.array(-0.5), "q": A, "k": B})


def test_what_does_not_fit_is_refused() -> None:
    a, b = sg.input("a", ("B", 3)), sg.input("b", ("B", 2))
    with pytest.raises(sg.ShapeError, match=r"expected b of shape \(B, 3\); got \(B, 2\)"):
        L.contrastive(a, b, sg.input("same", ("B",)))
    with pytest.raises(sg.ShapeError, match=r"expected same of shape \(B,\)"):
        L.contrastive(a, a, sg.input("same", ("B", 1)))
    with pytest.raises(sg.ShapeError, match="expected negative of shape"):
        L.triplet(a, a, b)
    with pytest.raises(sg.ShapeError, match="expected keys of shape"):
        L.info_nce(a, b)
    with pytest.raises(sg.ShapeError, match="a key for each query; got 2 for 3"):
        L.info_nce(sg.input("q", (3, 2)), sg.input("k", (2, 2)))
    with pytest.raises(sg.DeclarationError, match="margin > 0, a finite number"):
        L.contrastive(a, a, sg.input("same", ("B",)), margin=0)
    with pytest.raises(sg.DeclarationError, match="temperature > 0, a finite number"):
        L.info_nce(a, a, temperature=0)
    with pytest.raises(sg.DTypeError, match="expected anchor to be floating"):
        L.triplet(sg.input("n", ("B", 3), dtype="int64"), a, a)


def test_a_pair_that_meets_has_the_curvature_of_its_square() -> None:
    a = sg.input("a", (1, 2))
    curve = sg.hessian(L.contrastive(a, np.zeros((1, 2)), [1]).sum(), a)
    found = sg.function([a], curve)(np.zeros((1, 2)))
    np.testing.assert_array_equal(found[0, :, 0], np.eye(2))


def test_a_temperature_is_one_number() -> None:
    q, t = sg.input("q", ("B", 3)), sg.input("t", ("B",))
    with pytest.raises(sg.ShapeError, match=r"expected temperature of shape \(\); got \(B,\)"):
        L.info_nce(q, q, temperature=t)


def test_flags_are_flags() -> None:
    x = sg.input("x", ("B", 2))
    with pytest.raises(sg.DeclarationError, match="triplet: expected squared to be True or False"):
        L.triplet(x, x, x, squared=2)  # type: ignore[arg-type]
    for name in ("normalize", "symmetric"):
        with pytest.raises(sg.DeclarationError, match=f"info_nce: expected {name} to be True or"):
            L.info_nce(x, x, **{name: 0.5})  # type: ignore[arg-type]
