"""Convolution and pooling: odd shapes, adjoints, ties, and what the source is."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import DeclarationError, ShapeError

RNG = np.random.default_rng(0)


def run(build: Any, *arrays: Any) -> Any:
    leaves = [sg.input(n, a.shape, a.dtype) for n, a in zip("xyzuv", arrays, strict=False)]
    return sg.function(leaves, build(*leaves))(*arrays)


# ---- convolution


def test_one_channel_is_numpys_correlation() -> None:
    x, k = RNG.uniform(-1, 1, (1, 20, 1)), RNG.uniform(-1, 1, (4, 1, 1))
    got = run(sg.conv1d, x, k)
    np.testing.assert_allclose(got[0, :, 0], np.correlate(x[0, :, 0], k[:, 0, 0]), rtol=1e-13)


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 7, 6, 3), (3, 2, 3, 4), {}),
        ((2, 7, 6, 3), (3, 2, 3, 4), {"stride": 2, "padding": (1, 0)}),
        ((2, 7, 7, 4), (3, 3, 2, 6), {"groups": 2, "dilation": 2, "padding": 2}),
        ((1, 6, 6, 4), (2, 2, 1, 4), {"groups": 4, "stride": 2, "padding": "same"}),
        ((1, 6, 6, 4), (3, 2, 4, 1), {"stride": 2, "padding": "same"}),
    ],
)
def test_transposed_convolution_is_the_transpose(shape: Any, kernel: Any, options: Any) -> None:
    """<conv(x), y> = <x, conv_transpose(y)> with one kernel, and so is the gradient."""
    x, k = RNG.uniform(-1, 1, shape), RNG.uniform(-1, 1, kernel)
    y = run(lambda x, k: sg.conv2d(x, k, **options), x, k)
    ct = RNG.uniform(-1, 1, y.shape)
    gradient = run(lambda x, k, ct: sg.grad((sg.conv2d(x, k, **options) * ct).sum(), x), x, k, ct)
    stride = options.get("stride", 1)
    extra = {}
    if options.get("padding") == "same":
        assert all(n == s * stride for n, s in zip(shape[1:3], y.shape[1:3], strict=True))
    else:
        reach = [options.get("dilation", 1) * (w - 1) + 1 for w in kernel[:2]]
        pads = np.broadcast_to(options.get("padding", 0), 2)
        extra["output_padding"] = tuple(
            int(n + 2 * p - r) % stride for n, p, r in zip(shape[1:3], pads, reach, strict=True)
        )
    back = run(lambda y, k: sg.conv2d_transpose(y, k, **options, **extra), ct, k)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.vdot(y, ct), np.vdot(x, back), rtol=1e-12)
    np.testing.assert_allclose(gradient, back, rtol=1e-12, atol=1e-13)


def test_layouts_agree() -> None:
    x, k = RNG.uniform(-1, 1, (2, 5, 6, 4)), RNG.uniform(-1, 1, (3, 3, 2, 6))
    last = run(lambda x, k: sg.conv2d(x, k, 2, "same", groups=2), x, k)
    first = run(
        lambda x, k: sg.conv2d(x, k, 2, "same", groups=2, data_format="NCHW"),
        np.moveaxis(x, -1, 1),
        k.transpose(3, 2, 0, 1),
    )
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last, rtol=1e-13)


def test_a_depthwise_convolution_is_that_of_each_channel() -> None:
    x, k = RNG.uniform(-1, 1, (2, 5, 5, 3)), RNG.uniform(-1, 1, (3, 3, 1, 6))
    got = run(lambda x, k: sg.conv2d(x, k, groups=3), x, k)
    for c in range(3):
        alone = run(sg.conv2d, x[..., c : c + 1].copy(), k[..., 2 * c : 2 * c + 2].copy())
        np.testing.assert_allclose(got[..., 2 * c : 2 * c + 2], alone, rtol=1e-13)


def test_symbolic_sizes_and_an_empty_batch() -> None:
    x, k = sg.input("x", ("B", "H", "W", 2)), sg.input("k", (3, 3, 2, 4))
    same = sg.conv2d(x, k, padding="same")
    halved = sg.conv2d(x, k, stride=2, padding="same")
    assert str(same.shape) == "(Dim('B'), Dim('H'), Dim('W'), 4)"
    loss = same.sum() + halved.sum()
    f = sg.function([x, k], [same, halved, sg.grad(loss, k)])
    for batch, height, width in ((2, 5, 4), (3, 4, 7), (0, 4, 4)):
        data, weights = RNG.uniform(-1, 1, (batch, height, width, 2)), np.ones((3, 3, 2, 4))
        y, z, d = f(data, weights)
        assert y.shape == (batch, height, width, 4)
        assert z.shape == (batch, -(-height // 2), -(-width // 2), 4)
        sums = np.pad(data, ((0, 0), (1, 1), (1, 1), (0, 0))).sum(-1)
        windows = np.lib.stride_tricks.sliding_window_view(sums, (3, 3), (1, 2)).sum((-1, -2))
        np.testing.assert_allclose(y[..., 0], windows, atol=1e-13)
        assert d.shape == (3, 3, 2, 4)


def test_a_window_that_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="a window of 5 on axis 1 of"):
        sg.conv2d(sg.input("x", (1, 4, 4, 1)), np.zeros((5, 1, 1, 1)))
    x = sg.input("x", ("B", "T", 1))
    f = sg.function([x], sg.conv1d(x, np.ones((3, 1, 1)), dilation=2))
    assert f(np.ones((1, 5, 1))).shape == (1, 1, 1)
    with pytest.raises(ShapeError, match="a window of 5"):
        f(np.ones((1, 4, 1)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x, k: sg.conv2d(x, k[0]), "expected a kernel"),
        (lambda x, k: sg.conv2d(x[0], k), "expected an array of 4 axes"),
        (lambda x, k: sg.conv2d(x[..., :2], k), "a kernel for 3 channels in each of 1 groups"),
        (lambda x, k: sg.conv2d(x, k[:, :, :1, :4], groups=3), "4 outputs are no multiple of 3"),
        (lambda x, k: sg.conv2d(x, k, 0), "stride must be 1 or more"),
        (lambda x, k: sg.conv2d(x, k, (1, 2, 3)), "for each of 2 axes"),
        (lambda x, k: sg.conv2d(x, k, 1.5), "must be one integer"),
        (lambda x, k: sg.conv2d(x, k, padding="full"), "padding is 'valid', 'same'"),
        (lambda x, k: sg.conv2d(x, k, padding=(1, 2, 3)), "padding needs one width"),
        (lambda x, k: sg.conv2d(x, k, data_format="HWCN"), "data_format is"),
        (lambda x, k: sg.conv2d_transpose(x, k.mT, output_padding=1), "below the stride"),
        (lambda x, k: sg.max_pool2d(x, 2, padding=2), "nothing in them"),
    ],
)
def test_refusals_say_what_was_expected(build: Any, message: str) -> None:
    x, k = sg.input("x", ("B", 8, 8, 3)), sg.input("k", (3, 3, 3, 6))
    with pytest.raises((ShapeError, DeclarationError), match=message):
        build(x, k)


def test_the_gradient_in_a_depthwise_kernel_keeps_single_precision() -> None:
    x = RNG.uniform(0, 1, (64, 30, 30, 2)).astype("float32")
    k = np.ones((3, 3, 1, 2), "float32")
    got = run(lambda x, k: sg.grad(sg.conv2d(x, k, groups=2).sum(), k), x, k)
    assert got.dtype == np.float32
    windows = np.lib.stride_tricks.sliding_window_view(x.astype("float64"), (3, 3), (1, 2))
    want = windows.sum((0, 1, 2)).transpose(1, 2, 0)[:, :, None]
    np.testing.assert_allclose(got, want, rtol=2e-6)


# ---- pooling


def test_of_elements_that_tie_the_first_has_the_gradient() -> None:
    x = np.array([[1.0, 2.0, 2.0, 0.0], [2.0, 2.0, 0.0, 0.0]])[None, :, :, None]
    got = run(lambda x: sg.grad(sg.max_pool2d(x, 2).sum(), x), x)
    np.testing.assert_array_equal(got[0, :, :, 0], [[0, 1, 1, 0], [0, 0, 0, 0]])
    # windows that overlap: one element may be the first of several
    got = run(lambda x: sg.grad(sg.max_pool2d(x, 2, stride=1).sum(), x), x)
    np.testing.assert_array_equal(got[0, :, :, 0], [[0, 2, 1, 0], [0, 0, 0, 0]])


def test_nan_is_the_largest_and_has_the_gradient() -> None:
    x = np.array([1.0, np.nan, 3.0, 4.0])[None, :, None]
    value, slope = run(lambda x: [sg.max_pool1d(x, 2), sg.grad(sg.max_pool1d(x, 2).sum(), x)], x)
    np.testing.assert_array_equal(value[0, :, 0], [np.nan, 4])
    np.testing.assert_array_equal(slope[0, :, 0], [0, 1, 0, 1])


def test_padding_is_never_the_largest() -> None:
    x = -np.ones((1, 3, 3, 1))
    np.testing.assert_array_equal(run(lambda x: sg.max_pool2d(x, 2, padding="same"), x), -1.0)
    whole = np.full((1, 3, 3, 1), -5)
    got = run(lambda x: sg.max_pool2d(x, 2, stride=2, padding="same"), whole)
    assert got.dtype == whole.dtype
    np.testing.assert_array_equal(got, -5)


def test_a_mean_without_the_padding_is_one_of_ones() -> None:
    x = sg.input("x", ("B", "H", "W", 2))
    y = sg.avg_pool2d(x, 3, 2, "same", count_include_pad=False)
    got = sg.function([x], y)(np.ones((2, 5, 6, 2)))
    np.testing.assert_array_equal(got, 1.0)


def test_pooling_of_an_empty_batch() -> None:
    x = np.zeros((0, 4, 4, 2))
    assert run(lambda x: sg.max_pool2d(x, 2), x).shape == (0, 2, 2, 2)
    assert run(lambda x: sg.grad(sg.avg_pool2d(x, 2).sum(), x), x).shape == x.shape


# ---- the source


def test_a_saved_network_needs_numpy_alone(tmp_path: Path) -> None:
    x, k = sg.input("x", ("B", 8, 8, 1)), sg.param("k", (3, 3, 1, 4), sg.init.he_normal())
    h = sg.max_pool2d(sg.relu(sg.conv2d(x, k, padding="same")), 2)
    u = sg.conv2d_transpose(h, k, stride=2, padding="same")
    d = sg.conv2d(sg.avg_pool2d(u, 2), sg.ones((2, 2, 1, 1)), stride=3)
    model = sg.compile((d * d).mean())
    params = model.init(seed=0)
    data = RNG.uniform(-1, 1, (3, 8, 8, 1))
    path = tmp_path / "net.py"
    model.save(str(path))
    assert "import numpy as np" in path.read_text()
    loss, grads = runpy.run_path(str(path))["value_and_grad"](params, data)
    want, expected = model.value_and_grad(params, x=data)
    np.testing.assert_allclose(loss, want, rtol=1e-13)
    np.testing.assert_allclose(grads["k"], expected["k"], rtol=1e-13)


def test_the_source_is_broken_where_a_call_has_its_arguments() -> None:
    """Also where an index or a method follows the call."""
    x, k = sg.input("x", ("B", "H", "W", 4)), sg.param("k", (3, 3, 2, 4))
    y = sg.conv2d_transpose(x, k, stride=2, padding="same")
    outputs = [y * 1.5, sg.grad((y * y * y).sum(), x)]
    source = sg.function([x, k], outputs, style="readable").source
    body = source[source.index("def function") :]
    long = [line for line in body.splitlines() if len(line) > 100 and "_require(" not in line]
    assert not long
    assert "patches(" in body


@pytest.mark.parametrize("stride", [1, 2, (3, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_window_of_one_element_copies_no_windows(stride: Any, groups: int) -> None:
    """A product over channels: the array itself, or every so manieth of its places."""
    x, k = sg.input("x", ("B", "H", 5, 4)), sg.input("k", (1, 1, 4 // groups, 6))
    y = sg.conv2d(x, k, stride, groups=groups)
    f = sg.function([x, k], [y, sg.grad((y * y).sum(), [x, k])], style="readable")
    assert "patches(" not in f.source
    data, kernel = RNG.uniform(-1, 1, (2, 4, 5, 4)), RNG.uniform(-1, 1, (1, 1, 4 // groups, 6))
    down, right = (stride, stride) if isinstance(stride, int) else stride
    places = data[:, ::down, ::right]
    full = np.zeros((4, 6))  # a block for each group
    i, o = 4 // groups, 6 // groups
    blocks = [(slice(g * i, (g + 1) * i), slice(g * o, (g + 1) * o)) for g in range(groups)]
    for rows, columns in blocks:
        full[rows, columns] = kernel[0, 0][:, columns]
    found, (dx, dk) = f(data, kernel)
    np.testing.assert_allclose(found, places @ full, rtol=1e-13, atol=1e-14)
    expected = np.zeros_like(data)
    expected[:, ::down, ::right] = 2 * (places @ full) @ full.T
    np.testing.assert_allclose(dx, expected, rtol=1e-12, atol=1e-13)
    of_full = 2 * places.reshape(-1, 4).T @ (places @ full).reshape(-1, 6)
    for rows, columns in blocks:
        np.testing.assert_allclose(
            dk[0, 0][:, columns], of_full[rows, columns], rtol=1e-12, atol=1e-13
        )
    assert f(data[:, :0], kernel)[0].shape[1] == 0  # an image of no rows has no results
