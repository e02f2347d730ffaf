"""Convolutions: PyTorch's numbers, parameters, fans, paddings, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.nn.peer import agrees, recorded, table

nn = sg.nn
CASES: dict[str, Callable[[sg.Expr], sg.Expr]] = {
    "conv1d": lambda x: nn.conv1d(x, 4, 3, stride=2, padding=2, dilation=2),
    "conv2d": lambda x: nn.conv2d(x, 4, (3, 2)),
    "conv2d_same": lambda x: nn.conv2d(x, 3, 3, padding="same"),
    "conv2d_groups": lambda x: nn.conv2d(x, 6, 3, groups=2, stride=2, padding=1),
    "depthwise_conv2d": lambda x: nn.depthwise_conv2d(x, 3, multiplier=2, padding=1),
    "separable_conv2d": lambda x: nn.separable_conv2d(x, 4, 3, 2, stride=2, padding=1),
    "conv1d_transpose": lambda x: nn.conv1d_transpose(x, 2, 4, 3, padding=1, output_padding=1),
    "conv2d_transpose": lambda x: nn.conv2d_transpose(x, 2, 4, stride=2, padding=1),
    "conv2d_transpose_groups": lambda x: nn.conv2d_transpose(
        x, 6, (2, 3), stride=2, dilation=2, groups=2
    ),
}
SHAPES = {
    "conv1d": (2, 9, 3),
    "conv2d": (2, 5, 4, 3),
    "conv2d_same": (2, 4, 5, 2),
    "conv2d_groups": (2, 5, 5, 4),
    "depthwise_conv2d": (2, 4, 4, 3),
    "separable_conv2d": (2, 5, 5, 3),
    "conv1d_transpose": (2, 4, 3),
    "conv2d_transpose": (2, 3, 4, 3),
    "conv2d_transpose_groups": (1, 3, 3, 4),
}


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradients_are_pytorchs(case: str) -> None:
    names = {"depthwise.W": "W", "pointwise.W": "pointwise.W", "pointwise.b": "b"}
    agrees(case, CASES[case], SHAPES[case], names if "separable" in case else None)


@pytest.mark.parametrize("case", CASES)
def test_a_symbolic_batch_in_float32(case: str) -> None:
    """The same numbers in single precision, of a model with data; and of no examples at all."""
    shape = SHAPES[case]
    x = sg.input("x", ("B", *shape[1:]), dtype="float32")
    out = CASES[case](x)
    assert out.dtype == np.float32 and out.shape[0] == sg.dim("B")
    model = sg.compile((out**2).mean(), outputs=out)
    params = model.init()
    frequencies = {"W": 2.3, "b": 3.1}
    for key, value in params.items():
        assert value.dtype == np.float32
        frequency = 2.9 if key == "pointwise.W" else frequencies[key[-1]]
        params[key] = table(value.shape, frequency, np.float32)
    found = model.predict(params, x=table(shape, 1.7, np.float32))
    assert found.dtype == np.float32
    # rounding errors of a sum of some 50 products of size 1
    np.testing.assert_allclose(found.ravel(), recorded()[case]["out"], rtol=0, atol=5e-6)
    empty = model.predict(params, x=np.zeros((0, *shape[1:]), np.float32))
    assert empty.shape == (0, *found.shape[1:])


def test_a_long_symbolic_axis_in_space() -> None:
    """A causal convolution along a symbolic axis, against the loops of its definition."""
    x = sg.input("x", ("B", "T", 2))
    out = nn.conv1d(x, 3, 3, padding=[(4, 0)], dilation=2)
    assert out.shape == (sg.dim("B"), sg.dim("T"), 3)
    model = sg.compile(out.sum(), outputs=out)
    params = {"W": table((3, 2, 3), 2.3), "b": table((3,), 3.1)}
    for length in (1, 2, 7):
        data = table((2, length, 2), 1.7)
        expected = np.zeros((2, length, 3)) + params["b"]
        for t in range(length):
            for i in range(3):
                if (s := t - 2 * (2 - i)) >= 0:
                    expected[:, t] += data[:, s] @ params["W"][i]
        found = model.predict(params, x=data)
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (lambda x: nn.conv2d(x, 8, 3), {"W": (3, 3, 4, 8), "b": (8,)}),
        (lambda x: nn.conv2d(x, 8, (1, 5), groups=4), {"W": (1, 5, 1, 8), "b": (8,)}),
        (lambda x: nn.conv2d(x, 8, 3, bias=False, name="c"), {"c.W": (3, 3, 4, 8)}),
        (lambda x: nn.depthwise_conv2d(x, 3, 2), {"W": (3, 3, 1, 8), "b": (8,)}),
        (
            lambda x: nn.separable_conv2d(x, 8, 3, 2, name="s"),
            {
                "s.depthwise.W": (3, 3, 1, 8),
                "s.pointwise.W": (1, 1, 8, 8),
                "s.pointwise.b": (8,),
            },
        ),
        (lambda x: nn.conv2d_transpose(x, 6, 2, groups=2), {"W": (2, 2, 3, 4), "b": (6,)}),
    ],
)
def test_names_and_shapes_of_parameters(
    layer: Callable[[sg.Expr], sg.Expr], shapes: dict[str, tuple[int, ...]]
) -> None:
    out = layer(sg.input("x", ("B", 6, 6, 4)))
    found = sg.compile(out.sum()).init()
    assert {key: value.shape for key, value in found.items()} == shapes
    assert all((value == 0).all() for key, value in found.items() if key.endswith("b"))


def test_the_activation_comes_last() -> None:
    x = sg.input("x", ("B", 6, 6, 1))
    with sg.nn.shared():
        plain, active = nn.conv2d(x, 2, 3), nn.conv2d(x, 2, 3, activation=sg.tanh)
    assert active is sg.tanh(plain)


#: layer on 8 channels, and the inputs and outputs that one connection counts
FANS: dict[str, tuple[Callable[[sg.Expr, Any], sg.Expr], int, int]] = {
    "plain": (lambda x, f: nn.conv2d(x, 64, 3, init=f), 9 * 8, 9 * 64),
    "groups": (lambda x, f: nn.conv2d(x, 64, 3, groups=4, init=f), 9 * 2, 9 * 16),
    "depthwise": (lambda x, f: nn.depthwise_conv2d(x, 5, 64, init=f), 25, 25 * 64),
    "transposed": (lambda x, f: nn.conv2d_transpose(x, 64, 3, init=f), 9 * 8, 9 * 64),
    "both": (lambda x, f: nn.conv2d_transpose(x, 64, 3, groups=4, init=f), 9 * 2, 9 * 16),
}


@pytest.mark.parametrize("kind", FANS)
def test_fans_are_those_of_the_connections(kind: str) -> None:
    layer, fan_in, fan_out = FANS[kind]
    x = sg.input("x", ("B", 6, 6, 8))
    for initialiser, variance in (
        (sg.init.glorot_uniform(), 2 / (fan_in + fan_out)),
        (sg.init.he_normal(), 2 / fan_in),
        (sg.init.lecun_uniform(), 1 / fan_in),
    ):
        W = sg.compile(layer(x, initialiser).sum()).init(seed=3)["W"]
        # 5 standard deviations of the variance of n draws, which is at most that of a normal
        assert W.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / W.size))


@pytest.mark.parametrize("layer", [nn.conv2d, nn.conv2d_transpose])
def test_each_group_is_orthogonal_by_itself(layer: Any) -> None:
    out = layer(sg.input("x", ("B", 6, 6, 8)), 8, 3, groups=2, init=sg.init.orthogonal())
    W = sg.compile(out.sum()).init(seed=3)["W"]  # 4 inputs and 4 outputs in each group
    if layer is nn.conv2d_transpose:
        W = W.reshape(3, 3, 4, 2, 4).swapaxes(2, 4).reshape(3, 3, 4, 8)
    for part in (W[..., :4], W[..., 4:]):
        q = part.reshape(-1, 4)
        np.testing.assert_allclose(q.T @ q, np.eye(4), atol=1e-14)


@pytest.mark.parametrize("window", [1, 2, 3, 4, (2, 5)])
@pytest.mark.parametrize("groups", [1, 3])
def test_a_delta_hands_on_what_comes(window: Any, groups: int) -> None:
    x = sg.input("x", ("B", 5, 6, 3))
    options: dict[str, Any] = {"padding": "same", "init": sg.init.delta(), "groups": groups}
    data = table((2, 5, 6, 3), 1.7)
    for layer in (nn.conv2d, nn.conv2d_transpose):
        out = layer(x, 3, window, **options)
        model = sg.compile(out.sum(), outputs=out)
        np.testing.assert_array_equal(model.predict(model.init(), x=data), data)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: nn.conv2d(x, 0, 3), sg.DeclarationError, "filters >= 1, an integer; got 0"),
        (lambda x: nn.conv2d(x, 2.5, 3), sg.DeclarationError, "filters >= 1, .* got 2.5"),
        (lambda x: nn.conv2d(x, True, 3), sg.DeclarationError, "filters >= 1, .* got True"),
        (lambda x: nn.conv2d(x, 4, 0), sg.DeclarationError, "window >= 1, an integer; got 0"),
        (lambda x: nn.conv2d(x, 4, (3,)), sg.DeclarationError, r"one size .* or 2; got .*\(3,\)"),
        (lambda x: nn.conv2d(x, 4, 3, groups=3), sg.DeclarationError, "multiples of groups=3"),
        (lambda x: nn.conv2d(x, 5, 3, groups=2), sg.DeclarationError, "and 5 filters"),
        (lambda x: nn.conv2d(x, 4, 3, stride=0), sg.DeclarationError, "stride must be 1 or more"),
        (lambda x: nn.conv2d(x, 4, 3, padding="full"), sg.DeclarationError, "'valid', 'same'"),
        (
            lambda x: nn.conv2d(x, 4, 9, padding=1),
            sg.ShapeError,
            r"conv2d: a window of 9 on axis 1 of \(B, 6, 6, 4\), padded by \(1, 1\): .* not fit",
        ),
        (
            lambda x: nn.conv2d(x, 4, 3, padding=-1),
            sg.DeclarationError,
            "conv2d: expected widths of padding >= 0, integers; got -1",
        ),
        (lambda x: nn.conv2d(x, 4, 3, padding=0.5), sg.DeclarationError, "conv2d: .* got 0.5"),
        (
            lambda x: nn.conv2d_transpose(x, 4, 1, padding=4),
            sg.ShapeError,
            r"conv2d_transpose: padding of \(4, 4\) would cut off more than the 6 elements",
        ),
        (lambda x: nn.conv2d(x, 4, 3, bias=1), sg.DeclarationError, "bias to be True or False"),
        (lambda x: nn.max_pool2d(x, 7), sg.ShapeError, "max_pool2d: a window of 7 on axis 1"),
        (lambda x: nn.conv2d(x, 4, 3, activation="relu"), sg.DeclarationError, r"pass .*sg\.relu"),
        (lambda x: nn.conv1d(x, 4, 3), sg.ShapeError, r"\(batch, width, channels\); got shape \(B"),
        (lambda x: nn.depthwise_conv2d(x, 3, 0), sg.DeclarationError, "multiplier >= 1"),
        (lambda x: nn.separable_conv2d(x, 0, 3), sg.DeclarationError, "separable.* filters >= 1"),
        (lambda x: nn.conv2d(x.astype("int64"), 4, 3), sg.DTypeError, "floating array; got int64"),
        (
            lambda x: nn.conv2d(sg.input("y", ("B", 5, 5, "C")), 4, 3),
            sg.ShapeError,
            "known number of channels",
        ),
    ],
)
def test_nonsense_is_refused(
    make: Callable[[sg.Expr], sg.Expr], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(sg.input("x", ("B", 6, 6, 4)))


def test_what_is_refused_leaves_no_scope_open() -> None:
    with pytest.raises(sg.DeclarationError):
        nn.conv2d(sg.input("x", ("B", 6, 6, 4)), 4, 3, activation="relu", name="c")  # type: ignore[arg-type]
    assert sg.param("w", ()).name == "w"
