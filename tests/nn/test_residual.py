"""Residual connections: PyTorch's numbers, projections where they are needed, refusals."""

from collections.abc import Callable

import numpy as np
import pytest

import symgrad as sg
from tests.nn.peer import agrees, table

nn = sg.nn


def test_value_and_gradients_are_pytorchs() -> None:
    """A branch with a stride of 2 and more channels, projected by a convolution."""

    def layer(x: sg.Expr) -> sg.Expr:
        return nn.residual(x, lambda h: nn.conv2d(h, 4, 3, stride=2, padding=1), sg.relu, stride=2)

    agrees("residual", layer, (2, 5, 5, 2), {"projection.W": "pointwise.W"})


def test_without_a_change_of_shape_there_is_no_parameter() -> None:
    x = sg.input("x", ("B", "T", 4))
    out = nn.residual(x, lambda h: sg.tanh(2 * h))
    model = sg.compile(out.sum(), outputs=out)
    assert model.init() == {}
    data = table((2, 3, 4), 1.7)
    np.testing.assert_allclose(model.predict({}, x=data), data + np.tanh(2 * data), rtol=1e-15)


def test_a_branch_of_another_width_is_met_by_a_projection() -> None:
    x = sg.input("x", ("B", "T", 4), dtype="float32")
    out = nn.residual(x, lambda h: nn.dense(h, 3, name="inner"), sg.tanh, name="block")
    model = sg.compile(out.sum(), outputs=out)
    params = model.init(seed=1)
    shapes = {key: value.shape for key, value in params.items()}
    assert shapes == {
        "block.inner.W": (4, 3),
        "block.inner.b": (3,),
        "block.projection.W": (4, 3),
    }
    data = table((2, 3, 4), 1.7, "float32")
    found = model.predict(params, x=data)
    assert found.dtype == np.float32
    expected = np.tanh(data @ params["block.projection.W"] + data @ params["block.inner.W"])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_stride_in_one_dimension_and_at_a_symbolic_size() -> None:
    x = sg.input("x", ("B", "T", 2))
    out = nn.residual(x, lambda h: nn.conv1d(h, 2, 3, stride=2, padding="same"), stride=2)
    model = sg.compile(out.sum(), outputs=out)
    params = model.init()
    assert params["projection.W"].shape == (1, 2, 2)
    for length in (1, 4, 5):
        assert model.predict(params, x=table((3, length, 2), 1.7)).shape == (
            3,
            (length + 1) // 2,
            2,
        )


def test_a_deep_stack_of_blocks() -> None:
    h = sg.input("x", ("B", 4))
    for i in range(30):
        h = nn.residual(h, lambda z: nn.mlp(z, [8, 4]), name=f"block{i}")
    params = sg.compile(h.sum()).init()
    assert len(params) == 30 * 4


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: nn.residual(x, 3), sg.DeclarationError, "a function as the branch; got 3"),
        (lambda x: nn.residual(x, lambda h: h.sum()), sg.ShapeError, r"branch of 4 axes.*\(\)"),
        (
            lambda x: nn.residual(x, lambda h: h[:, ::2]),
            sg.ShapeError,
            r"branch has shape \(B, 3, 6, 4\).*\(B, 6, 6, 4\); if the branch strides",
        ),
        (
            lambda x: nn.residual(x[:, 0, 0], lambda h: h, stride=2),
            sg.ShapeError,
            "channels\\) for stride=2",
        ),
        (
            lambda x: nn.residual(x, lambda h: nn.conv2d(h, 4, 3, stride=2), stride=2),
            sg.ShapeError,
            r"branch has shape \(B, 2, 2, 4\), and its input .* becomes \(B, 3, 3, 4\)$",
        ),
        (lambda x: nn.residual(x, sg.tanh, "relu"), sg.DeclarationError, "pass the function"),
        (lambda x: nn.residual(x > 0, sg.tanh), sg.DTypeError, "floating array; got bool"),
    ],
)
def test_nonsense_is_refused(
    make: Callable[[sg.Expr], sg.Expr], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make(sg.input("x", ("B", 6, 6, 4)))
