"""Dense layers and perceptrons: PyTorch's numbers, names, ranks, and what is refused."""

from collections.abc import Callable

import numpy as np
import pytest

import symgrad as sg
from tests.nn.peer import agrees, table

nn = sg.nn


def test_value_and_gradients_are_pytorchs() -> None:
    agrees("dense", lambda x: nn.dense(x, 5, sg.tanh), (2, 3, 4))


@pytest.mark.parametrize("shape", [(4,), (2, 4), (3, 2, 4), (2, 1, 3, 4), (0, 4)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_any_rank_and_dtype(shape: tuple[int, ...], dtype: str) -> None:
    x = sg.input("x", (*[f"n{i}" for i in range(len(shape) - 1)], 4), dtype=dtype)
    out = nn.dense(x, 3)
    model = sg.compile((out**2).sum(), outputs=out)
    params = {"W": table((4, 3), 2.3, dtype), "b": table((3,), 3.1, dtype)}
    data = table(shape, 1.7, dtype)
    found = model.predict(params, x=data)
    expected = np.zeros((*shape[:-1], 3)) + params["b"]
    for i in range(4):
        expected += data[..., i, None].astype(float) * params["W"][i]
    assert found.dtype == dtype and found.shape == (*shape[:-1], 3)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, rtol=0, atol=8 * eps)
    loss, grads = model.value_and_grad(params, x=data)
    assert loss.dtype == grads["W"].dtype == grads["b"].dtype == dtype
    lead = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(grads["b"], 2 * expected.sum(lead), rtol=0, atol=100 * eps)


def test_a_symbolic_number_of_features() -> None:
    out = nn.dense(sg.input("x", ("B", "F")), 3)
    model = sg.compile(out.sum(), outputs=out)
    params = model.init(F=5)
    assert params["W"].shape == (5, 3)
    data = table((2, 5), 1.7)
    np.testing.assert_allclose(model.predict(params, x=data), data @ params["W"], rtol=1e-14)


def test_names_inits_and_biases() -> None:
    x = sg.input("x", ("B", 400))
    h = nn.dense(x, 300, sg.relu, init=sg.init.he_normal(), name="hidden")
    with sg.scope("head"):
        y = nn.dense(h, 2, bias=False, init=0.5, name="last")
    params = sg.compile(y.sum()).init(seed=1)
    shapes = {key: value.shape for key, value in params.items()}
    assert shapes == {"hidden.W": (400, 300), "hidden.b": (300,), "head.last.W": (300, 2)}
    assert params["hidden.W"].var() == pytest.approx(2 / 400, rel=0.02)
    assert (params["hidden.b"] == 0).all() and (params["head.last.W"] == 0.5).all()
    glorot = sg.compile(nn.dense(x, 300).sum()).init()["W"]
    assert glorot.var() == pytest.approx(2 / 700, rel=0.02)


def test_two_layers_in_one_scope_clash() -> None:
    x = sg.input("x", ("B", 4))
    with pytest.raises(sg.SymgradError, match="two leaves are named"):
        sg.compile(nn.dense(nn.dense(x, 4), 4).sum())


def test_a_shared_layer_is_one_layer() -> None:
    a, b = sg.input("a", ("B", 4)), sg.input("b", ("B", 4))
    weights = nn.shared()
    with weights:
        left = nn.mlp(a, [5, 3], sg.tanh, name="tower")
    with weights:
        right = nn.mlp(b, [5, 3], sg.tanh, name="tower")
    model = sg.compile(((left - right) ** 2).sum(), outputs=[left, right])
    params = model.init(seed=2)
    assert len(params) == len(weights) == 4
    data = table((2, 4), 1.7)
    one, two = model.predict(params, a=data, b=data)
    np.testing.assert_array_equal(one, two)
    point = {**params, "a": data, "b": table((2, 4), 0.3)}
    assert sg.check_gradients(model, point, modes=("rev",), order=1).error < 1e-6
    with weights, pytest.raises(sg.ShapeError, match=r"shared 'tower.layer1.W'"):
        nn.mlp(a, [6, 3], name="tower")


# ---- perceptrons


def test_a_perceptron_is_its_layers() -> None:
    x = sg.input("x", ("B", 4))
    out = nn.mlp(x, [6, 5, 2], sg.tanh, final=sg.sigmoid, name="net")
    model = sg.compile(out.sum(), outputs=out)
    params = model.init(seed=4)
    shapes = {key: value.shape for key, value in params.items()}
    assert shapes == {
        "net.layer1.W": (4, 6),
        "net.layer1.b": (6,),
        "net.layer2.W": (6, 5),
        "net.layer2.b": (5,),
        "net.layer3.W": (5, 2),
        "net.layer3.b": (2,),
    }
    for key in params:
        if key.endswith("b"):
            params[key] = table(params[key].shape, 3.1)
    h = data = table((3, 4), 1.7)
    for i in (1, 2, 3):
        h = h @ params[f"net.layer{i}.W"] + params[f"net.layer{i}.b"]
        h = np.tanh(h) if i < 3 else 1 / (1 + np.exp(-h))
    np.testing.assert_allclose(model.predict(params, x=data), h, rtol=1e-14)


def test_the_activation_is_a_relu_and_the_last_layer_has_none() -> None:
    x = sg.input("x", ("B", 4))
    with nn.shared():
        default = nn.mlp(x, (3, 2))
        spelled = nn.dense(nn.dense(x, 3, sg.relu, name="layer1"), 2, name="layer2")
        linear = nn.mlp(x, [3, 2], None)
        twice = nn.dense(nn.dense(x, 3, name="layer1"), 2, name="layer2")
    assert default is spelled and linear is twice


def test_dropout_stands_between_the_layers() -> None:
    x = sg.input("x", ("B", 4))
    out = nn.mlp(x, [1000, 1], None, dropout=0.75, init=1.0, bias=False)
    model = sg.compile(out.sum(), outputs=out)
    params = model.init()
    data = np.ones((1, 4))
    np.testing.assert_array_equal(model.predict(params, x=data), [[4000.0]])
    loss, _ = model.forward(params, x=data, rng=np.random.default_rng(0))
    kept = float(loss) / 16  # each that is kept adds 4 / (1 - 0.75)
    assert kept == int(kept) and abs(kept - 250) < 5 * np.sqrt(1000 * 0.25 * 0.75)


# ---- flattening


def test_flatten() -> None:
    x = sg.input("x", ("B", 2, "T", 3))
    f = sg.function([x], nn.flatten(x))
    data = table((4, 2, 5, 3), 1.7)
    np.testing.assert_array_equal(f(data), data.reshape(4, 30))
    assert f(np.zeros((0, 2, 5, 3))).shape == (0, 30)
    assert nn.flatten(sg.input("y", (7,))).shape == (7, 1)
    with pytest.raises(sg.ShapeError, match="batch axis"):
        nn.flatten(sg.input("z", ()))


def test_a_list_of_numbers_is_an_array() -> None:
    y = nn.dense([[1.0, 2.0], (3.0, 4.0)], 1, init=1.0)
    np.testing.assert_array_equal(
        sg.compile(y.sum(), outputs=y).predict({"W": np.ones((2, 1)), "b": np.zeros(1)}),
        [[3.0], [7.0]],
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: nn.dense(x, 0), sg.DeclarationError, "dense: expected units >= 1, .* got 0"),
        (lambda x: nn.dense(x, 1.0), sg.DeclarationError, "units >= 1, an integer; got 1.0"),
        (lambda x: nn.dense(x, True), sg.DeclarationError, "units >= 1, an integer; got True"),
        (lambda x: nn.dense(x, 3, "relu"), sg.DeclarationError, r"got 'relu': .* sg\.relu$"),
        (lambda x: nn.dense(x, 3, 1), sg.DeclarationError, "a function such as sg.relu.* got 1$"),
        (lambda x: nn.dense(x, 3, init="he"), sg.DeclarationError, "init of 'W'.* got 'he'"),
        (lambda x: nn.dense(x, 3, init=[[1.0]]), sg.ShapeError, r"init of 'W'.*\(4, 3\)"),
        (lambda x: nn.dense(x, 3, name="a.b"), sg.DeclarationError, "without dots; got 'a.b'"),
        (lambda x: nn.dense(x.astype("int64"), 3), sg.DTypeError, "floating array; got int64"),
        (
            lambda x: nn.dense(nn.lstm(x[None], 2), 3),
            sg.DTypeError,
            r"dense: expected an array; got a tuple of 2: a recurrent layer gives \(outputs, ",
        ),
        (lambda x: nn.dense([x, x], 3), sg.DTypeError, "got a list of 2: .* sg.stack makes one"),
        (lambda x: nn.dense(x, 3, lambda h: (h, h)), sg.DTypeError, "dense: .* got a tuple of 2"),
        (lambda x: nn.flatten([(x,)]), sg.DTypeError, "flatten: .* got a list of 1"),
        (lambda x: nn.embedding((x, x), 3, 2), sg.DTypeError, "embedding: .* got a tuple of 2"),
        (lambda x: nn.residual(x, lambda h: (h, h)), sg.DTypeError, "residual: .* got a tuple of"),
        (lambda x: nn.dense(x.sum(), 3), sg.ShapeError, r"at least 1 axis; got shape \(\)"),
        (lambda x: nn.mlp(x, []), sg.DeclarationError, r"width of each layer; got \[\]"),
        (lambda x: nn.mlp(x, 3), sg.DeclarationError, "width of each layer; got 3"),
        (lambda x: nn.mlp(x, [3, 0]), sg.DeclarationError, "width of layer 2 >= 1, .* got 0"),
        (
            lambda x: nn.mlp(x, [3], dropout=1.0),
            sg.DeclarationError,
            "mlp: expected 0 <= dropout < 1, .* got 1.0",
        ),
        (lambda x: nn.dense(x, 3, bias=0.5), sg.DeclarationError, "bias to be True or False"),
        (
            lambda x: nn.mlp(x, [3, 2], dropout=1.0),
            sg.DeclarationError,
            "expected 0 <= dropout < 1, .* got 1.0",
        ),
    ],
)
def test_nonsense_is_refused(
    make: Callable[[sg.Expr], sg.Expr], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(sg.input("x", ("B", 4)))
