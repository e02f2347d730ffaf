"""Normalisation: PyTorch's numbers in training and after it, accuracy, axes, and refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.nn.peer import agrees, recorded, table

nn = sg.nn

CASES: dict[str, tuple[Callable[[sg.Expr], sg.Expr], tuple[int, ...]]] = {
    "batch_norm": (nn.batch_norm, (6, 3)),
    "batch_norm_images": (lambda x: nn.batch_norm(x, eps=1e-2), (2, 3, 4, 3)),
    "layer_norm": (nn.layer_norm, (2, 3, 5)),
    "layer_norm_axes": (lambda x: nn.layer_norm(x, (-2, -1), eps=0.1), (2, 3, 4)),
    "rms_norm": (nn.rms_norm, (2, 3, 5)),
    "group_norm": (lambda x: nn.group_norm(x, 2), (2, 3, 2, 6)),
    "instance_norm": (nn.instance_norm, (2, 3, 4, 3)),
}


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradients_are_pytorchs(case: str) -> None:
    layer, shape = CASES[case]
    agrees(case, layer, shape)


def trained(case: str, shape: tuple[int, ...], momentum: float, dtype: str, style: Any) -> None:
    """Steps of training and a use afterwards, as the recorder does them."""
    x = sg.input("x", ("B", *shape[1:]), dtype=dtype)
    target = sg.input("target", ("B", *shape[1:]), dtype=dtype)
    out = nn.batch_norm(x, momentum=momentum)
    loss = ((out - target) ** 2).mean()
    model = sg.compile(loss, outputs=out, optimizer=sg.optim.SGD(0.1), style=style)
    params = model.init()
    opt_state = model.init_optimizer(params)
    record = recorded()[case]
    tolerance = 16 * float(np.finfo(dtype).eps)
    goal = table(shape, 1.1, dtype)
    for step, expected in enumerate(record["losses"]):
        data = 3 * table(shape, 1.7 + step, dtype) + np.dtype(dtype).type(step)
        found = model.step(params, opt_state, x=data, target=goal)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance)
    for key in ("gamma", "beta", "mean", "var"):
        assert params[key].dtype == dtype
        np.testing.assert_allclose(params[key], record[key], rtol=tolerance, atol=tolerance)
    used = model.predict(params, x=table(shape, 0.7, dtype))
    assert used.dtype == dtype
    np.testing.assert_allclose(used.ravel(), record["used"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize(
    ("case", "shape", "momentum", "dtype"),
    [
        ("trained", (8, 3), 0.1, "float64"),
        ("trained_images", (2, 3, 4, 3), 0.3, "float64"),
        ("trained_float32", (8, 3), 0.1, "float32"),
    ],
)
def test_batch_norm_trains_and_is_used_as_pytorchs(
    case: str, shape: tuple[int, ...], momentum: float, dtype: str, style: str
) -> None:
    trained(case, shape, momentum, dtype, style)


def test_evaluation_leaves_the_running_averages_alone() -> None:
    x = sg.input("x", ("B", 3))
    out = nn.batch_norm(x)
    model = sg.compile((out**2).sum(), outputs=out)
    params = model.init()
    data = table((4, 3), 1.7)
    model.predict(params, x=data)
    model.value_and_grad(params, x=data)
    np.testing.assert_array_equal(params["mean"], np.zeros(3))
    np.testing.assert_array_equal(params["var"], np.ones(3))
    np.testing.assert_allclose(model.predict(params, x=data), data / np.sqrt(1 + 1e-5), rtol=1e-15)


def test_a_batch_of_one_keeps_the_running_averages_finite() -> None:
    x = sg.input("x", ("B", 2))
    out = nn.batch_norm(x)
    model = sg.compile((out * sg.const([1.0, 2.0])).sum(), optimizer=sg.optim.SGD(0.1))
    params = model.init()
    model.step(params, model.init_optimizer(params), x=[[5.0, -3.0]])
    np.testing.assert_allclose(params["mean"], [0.5, -0.3], rtol=1e-15)
    np.testing.assert_allclose(params["var"], [0.9, 0.9], rtol=1e-15)
    np.testing.assert_allclose(params["beta"], [-0.1, -0.2], rtol=1e-15)
    np.testing.assert_array_equal(params["gamma"], [1.0, 1.0])


def test_the_running_averages_have_no_gradient() -> None:
    out = nn.batch_norm(sg.input("x", ("B", 3)), name="norm")
    model = sg.compile((out**2).sum())
    _, grads = model.value_and_grad(model.init(), x=table((4, 3), 1.7))
    assert set(grads) == {"norm.gamma", "norm.beta"}
    assert set(model.init()) == {"norm.gamma", "norm.beta", "norm.mean", "norm.var"}


def test_shared_batch_norms_update_their_averages_one_after_the_other() -> None:
    x, y = sg.input("x", ("B", 3)), sg.input("y", ("C", 3))
    weights = nn.shared()
    with weights:
        a = nn.batch_norm(x, momentum=0.5)
    with weights:
        b = nn.batch_norm(y, momentum=0.5)
    model = sg.compile(a.sum() + b.sum(), optimizer=sg.optim.SGD(0.0))
    params = model.init()
    one, two = 1 + table((4, 3), 1.7), 2 + table((6, 3), 0.9)
    model.step(params, model.init_optimizer(params), x=one, y=two)
    np.testing.assert_allclose(params["mean"], 0.25 * one.mean(0) + 0.5 * two.mean(0), rtol=1e-14)
    expected = 0.25 + 0.25 * one.var(0, ddof=1) + 0.5 * two.var(0, ddof=1)
    np.testing.assert_allclose(params["var"], expected, rtol=1e-14)


def test_the_axis_of_the_features() -> None:
    data = table((2, 3, 4), 1.7)
    x = sg.input("x", ("B", 3, "T"))
    out = nn.batch_norm(x, axis=1)
    turned = nn.batch_norm(x.transpose((0, 2, 1)))
    f = sg.compile((out**3).sum(), optimizer=sg.optim.SGD(0.1))
    g = sg.compile((turned**3).sum(), optimizer=sg.optim.SGD(0.1))
    one, two = f.init(), g.init()
    for model, params in ((f, one), (g, two)):
        model.step(params, model.init_optimizer(params), x=data)
    for key in one:
        np.testing.assert_allclose(one[key], two[key], rtol=1e-12, atol=1e-14)


SYMBOLIC: dict[str, tuple[Callable[[sg.Expr], sg.Expr], tuple[Any, ...]]] = {
    "batch_norm": (nn.batch_norm, ("B", "T", 4)),
    "layer_norm": (nn.layer_norm, ("B", "T", 4)),
    "layer_norm over a symbolic axis": (
        lambda x: nn.layer_norm(x, (1, 2), scale=False, shift=False),
        ("B", "T", 4),
    ),
    "layer_norm over an axis in the middle": (
        lambda x: nn.layer_norm(x, 1),
        ("B", 4, "T"),
    ),
    "rms_norm": (nn.rms_norm, ("B", "T", 4)),
    "group_norm": (lambda x: nn.group_norm(x, 2), ("B", "H", "W", 4)),
    "group_norm without space": (lambda x: nn.group_norm(x, 2), ("B", 4)),
    "instance_norm": (nn.instance_norm, ("B", "T", 4)),
}


def defined(kind: str, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The definitions, one entry at a time; gamma is 1 and beta 0."""
    eps = 1e-6 if "rms" in kind else 1e-5
    out = np.zeros(x.shape)
    for at in np.ndindex(x.shape):
        take: Any = list(at)
        if kind == "batch_norm":
            take[:-1] = [slice(None)] * (x.ndim - 1)
        elif kind in ("layer_norm", "rms_norm"):
            take[-1] = slice(None)
        elif "symbolic" in kind:
            take[1:] = [slice(None)] * 2
        elif "middle" in kind:
            take[1] = slice(None)
        else:
            take[1:-1] = [slice(None)] * (x.ndim - 2)
            if "group" in kind:
                take[-1] = slice(0, 2) if at[-1] < 2 else slice(2, 4)
        part = np.asarray(x[tuple(take)])
        mean = 0 if "rms" in kind else part.mean()
        out[at] = (x[at] - mean) / np.sqrt(((part - mean) ** 2).mean() + eps)
    return out


@pytest.mark.parametrize("kind", SYMBOLIC)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_symbolic_sizes_against_the_definition(kind: str, dtype: str) -> None:
    layer, shape = SYMBOLIC[kind]
    x = sg.input("x", shape, dtype=dtype)
    out = layer(x)
    assert out.dtype == dtype and out.shape == x.shape
    # the result in training is the gradient of its sum with weights
    c = sg.param("c", shape, dtype=dtype)
    model = sg.compile((out * c).sum(), wrt=[c])
    sizes = sorted({n for n in shape if isinstance(n, str)})
    data = table(tuple([5 if isinstance(n, str) else n for n in shape]), 1.7, dtype)
    _, grads = model.value_and_grad(model.init(**dict.fromkeys(sizes, 5)), x=data)
    assert grads["c"].dtype == dtype
    atol = 16 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(grads["c"], defined(kind, data.astype(float)), rtol=0, atol=atol)


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"rms_norm"}))  # it takes no mean off
@pytest.mark.parametrize("offset", [1e3, -1e6])
def test_a_large_mean_does_not_cancel(case: str, offset: float) -> None:
    """Two passes lose only what the data lost where it was rounded."""
    layer, shape = CASES[case]
    x = sg.input("x", ("B", *shape[1:]))
    c = sg.input("c", ("B", *shape[1:]))
    model = sg.compile((layer(x) * c).sum())
    params = model.init()
    data = np.round(table(shape, 1.7) * 2**10) / 2**10  # exact with the offset added
    weights = table(shape, 0.3)
    one, _ = model.forward(params, x=data, c=weights)
    two, _ = model.forward(params, x=data + offset, c=weights)
    # the mean itself is rounded, by some eps of the offset
    atol = 8 * np.finfo(float).eps * abs(offset) * np.abs(weights).sum()
    np.testing.assert_allclose(two, one, rtol=0, atol=atol)


@pytest.mark.parametrize("case", ["batch_norm", "layer_norm", "rms_norm"])
def test_gradients_of_first_and_second_order(case: str) -> None:
    layer, _ = CASES[case]
    shape = (4, 3)
    x = sg.param("x", shape)
    model = sg.compile((layer(x) ** 3 * sg.const(table(shape, 0.3))).sum())
    params = model.init()
    params["x"] = table(shape, 1.7)
    for key in {"gamma", "beta"} & set(params):
        params[key] = table(params[key].shape, 4.3)
    assert sg.check_gradients(model, params).error < 1e-5


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (lambda x: nn.batch_norm(x, scale=False), {"beta", "mean", "var"}),
        (lambda x: nn.batch_norm(x, shift=False), {"gamma", "mean", "var"}),
        (lambda x: nn.layer_norm(x, scale=False, name="n"), {"n.beta"}),
        (lambda x: nn.rms_norm(x, scale=False), set()),
        (lambda x: nn.group_norm(x, 2, shift=False), {"gamma"}),
        (lambda x: nn.instance_norm(x, scale=False, shift=False), set()),
    ],
)
def test_scale_and_shift_may_be_left_out(
    layer: Callable[[sg.Expr], sg.Expr], names: set[str]
) -> None:
    assert set(sg.compile(layer(sg.input("x", ("B", 3, 4))).sum()).init()) == names


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda x: nn.batch_norm(x, momentum=1.5),
            sg.DeclarationError,
            "0 <= momentum <= 1, .* got",
        ),
        (lambda x: nn.batch_norm(x, eps=-1.0), sg.DeclarationError, "eps >= 0, .* got -1.0"),
        (lambda x: nn.layer_norm(x, eps=float("nan")), sg.DeclarationError, "eps >= 0, .* got nan"),
        (lambda x: nn.layer_norm(x, eps=float("inf")), sg.DeclarationError, "finite.*; got inf"),
        (lambda x: nn.layer_norm(x, scale=0.5), sg.DeclarationError, "scale to be True or False"),
        (lambda x: nn.batch_norm(x, shift=None), sg.DeclarationError, "True or False; got None"),
        (lambda x: nn.layer_norm(x, True), sg.ShapeError, "layer_norm: expected an axis"),
        (lambda x: nn.layer_norm(x, eps="1"), sg.DeclarationError, "eps >= 0, .* got '1'"),
        (lambda x: nn.layer_norm(x, 4), sg.ShapeError, r"an axis of .* \(B, 3, 4\); got 4"),
        (lambda x: nn.layer_norm(x, ()), sg.ShapeError, r"one or more; got \(\)"),
        (lambda x: nn.layer_norm(x, (2, -1)), sg.ShapeError, r"different axes.* got \(2, -1\)"),
        (lambda x: nn.batch_norm(x, (1, 2)), sg.ShapeError, "the one axis of the features"),
        (lambda x: nn.batch_norm(x[:, 0, 0]), sg.ShapeError, r"at least 2 axes; got shape \(B,\)"),
        (lambda x: nn.batch_norm(x.astype("int64")), sg.DTypeError, "batch_norm: expected a float"),
        (lambda x: nn.group_norm(x, 3), sg.ShapeError, "multiple of groups=3"),
        (lambda x: nn.group_norm(x, 0), sg.DeclarationError, "groups >= 1"),
        (lambda x: nn.instance_norm(x[:, 0]), sg.ShapeError, "at least 3 axes"),
    ],
)
def test_nonsense_is_refused(
    make: Callable[[sg.Expr], sg.Expr], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(sg.input("x", ("B", 3, 4)))


def test_numpy_integers_are_axes() -> None:
    x = sg.input("x", ("B", 3, 4))
    with sg.nn.shared():
        assert nn.layer_norm(x, np.int64(1)) is nn.layer_norm(x, 1)
        assert nn.batch_norm(x, np.int8(-1), name="b").shape == x.shape


def test_batch_norm_in_the_body_of_a_loop_is_told_where_to_go() -> None:
    x = sg.input("x", ("T", "B", 3))

    def step(h: sg.Expr, row: sg.Expr) -> tuple[sg.Expr, None]:
        return sg.nn.batch_norm(h + row, name="norm"), None

    h, _ = sg.scan(step, 0 * x[0], x)
    said = r"body of a loop .*the state 'norm.mean' changes once .* batch_norm goes before the loop"
    with pytest.raises(sg.CompileError, match=said):
        sg.compile(h.sum(), optimizer=sg.optim.SGD(0.1))


def test_before_a_loop_batch_norm_takes_all_steps_at_once() -> None:
    x = sg.input("x", ("T", "B", 3))
    rows = sg.nn.batch_norm(x, name="norm")
    h, _ = sg.scan(lambda h, row: (sg.tanh(h + row), None), 0 * x[0], rows)
    model = sg.compile((h**2).sum(), optimizer=sg.optim.SGD(0.0))
    params, data = model.init(), table((4, 2, 3), 0.7)
    model.step(params, model.init_optimizer(params), x=data)
    np.testing.assert_allclose(params["norm.mean"], 0.1 * data.mean((0, 1)), rtol=1e-12)
