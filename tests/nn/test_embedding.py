"""Embeddings: PyTorch's numbers, ids outside the table, padding, dtypes, and what is refused."""

from collections.abc import Callable

import numpy as np
import pytest

import symgrad as sg
from tests.nn.peer import agrees, table

nn = sg.nn


def test_value_and_gradients_are_pytorchs() -> None:
    """With ids that occur several times, and one that is padding."""
    ids = np.array([[1, 4, 1], [0, 2, 4]])

    def layer(x: sg.Expr) -> sg.Expr:
        return nn.embedding(ids, 5, 3, padding=2) + 0 * x

    agrees("embedding", layer, ())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (0, 3)])
def test_ids_of_any_shape(dtype: str, shape: tuple[int, ...]) -> None:
    ids = sg.input("ids", tuple([f"n{i}" for i in range(len(shape))]), dtype="int32")
    out = nn.embedding(ids, 7, 4, dtype=dtype)
    model = sg.compile((out**2).sum(), outputs=out)
    params = model.init(seed=1)
    assert params["W"].shape == (7, 4) and params["W"].dtype == dtype
    chosen = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype("int32") % 3
    found = model.predict(params, ids=chosen)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, params["W"][chosen])
    _, grads = model.value_and_grad(params, ids=chosen)
    expected = np.zeros((7, 4))
    for i in chosen.ravel():
        expected[i] += 2 * params["W"][i]
    assert grads["W"].dtype == dtype
    np.testing.assert_allclose(grads["W"], expected, rtol=4 * np.finfo(dtype).eps)


def test_padding_is_zero_whatever_its_row_holds() -> None:
    ids = sg.input("ids", ("B",), dtype="int64")
    out = nn.embedding(ids, 3, 2, padding=0, name="words")
    model = sg.compile((out**2).sum(), outputs=out)
    params = {"words.W": table((3, 2), 2.3)}
    params["words.W"][0] = np.nan
    found = model.predict(params, ids=[0, 2])
    np.testing.assert_array_equal(found, [[0, 0], params["words.W"][2]])
    _, grads = model.value_and_grad(params, ids=[0, 2])
    expected = [[0, 0], [0, 0], 2 * params["words.W"][2]]
    np.testing.assert_array_equal(grads["words.W"], expected)


@pytest.mark.parametrize("bad", [[-1], [3], [0, 7]])
def test_ids_outside_the_table_are_refused_at_the_call(bad: list[int]) -> None:
    ids = sg.input("ids", ("B",), dtype="int64")
    model = sg.compile(nn.embedding(ids, 3, 2).sum())
    with pytest.raises((ValueError, IndexError), match="ids"):
        model.evaluate(model.init(), ids=bad)


def test_entries_have_variance_one_and_the_init_may_be_another() -> None:
    ids = sg.input("ids", ("B",), dtype="int64")
    W = sg.compile(nn.embedding(ids, 500, 40).sum()).init()["W"]
    assert W.var() == pytest.approx(1, abs=5 * np.sqrt(2 / W.size))
    small = nn.embedding(ids, 500, 40, init=sg.init.normal(0.02))
    W = sg.compile(small.sum()).init()["W"]
    assert W.std() == pytest.approx(0.02, rel=5 * np.sqrt(1 / (2 * W.size)))


def test_one_hot_times_the_table_is_the_embedding() -> None:
    ids = sg.input("ids", ("B",), dtype="int64")
    W = sg.param("W", (4, 3))
    with nn.shared() as weights:
        rows = nn.embedding(ids, 4, 3)
        product = nn.one_hot(ids, 4) @ sg.param("W", (4, 3))
    assert list(weights) == ["W"] and W is not weights["W"]
    f = sg.compile((rows - product).sum(), outputs=[rows, product])
    one, two = f.predict({"W": table((4, 3), 2.3)}, ids=[3, 0, 3])
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda i: nn.embedding(i, 0, 3), sg.DeclarationError, "embedding: expected size >= 1"),
        (lambda i: nn.embedding(i, 3, 0), sg.DeclarationError, "dim >= 1, an integer; got 0"),
        (lambda i: nn.embedding(i, 3, 3, padding=3), sg.DeclarationError, "< size = 3; got 3"),
        (lambda i: nn.embedding(i, 3, 3, padding=-1), sg.DeclarationError, "padding >= 0"),
        (lambda i: nn.embedding(i, 3, 3, dtype="int64"), sg.DTypeError, "floating dtype"),
        (lambda i: nn.embedding(i * 0.5, 3, 3), sg.DTypeError, "integers as ids; got float64"),
        (lambda i: nn.embedding(i > 0, 3, 3), sg.DTypeError, "integers as ids; got bool"),
    ],
)
def test_nonsense_is_refused(
    make: Callable[[sg.Expr], sg.Expr], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(sg.input("ids", ("B",), dtype="int64"))
