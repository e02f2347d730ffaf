"""Fourier transforms: adjoints entry by entry, whole pipelines, sizes known at a call, source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.ir.node import Expr
from symgrad.ir.op import NAMESPACES
from symgrad.ops.fft import fit

ALL = sorted(name for name in dir(np.fft) if callable(getattr(np.fft, name)) and "test" not in name)


def test_every_function_of_numpy_is_there() -> None:
    assert sorted(NAMESPACES["fft"]) == ALL
    assert [name for name in ALL if not hasattr(sg.fft, name)] == []


def test_numpys_functions_take_expressions() -> None:
    x = sg.input("x", (4, 6))
    for name in ALL:
        if "freq" not in name:
            made = getattr(np.fft, name)(x)
            assert made is NAMESPACES["fft"][name](x)
            want = getattr(np.fft, name)(np.ones((4, 6)))
            assert (made.shape, made.dtype) == (want.shape, want.dtype), name


def body(f: Any) -> str:
    source: str = f.source
    return source[source.index("@np.errstate") :]


# ---- derivatives against the matrices of the transforms


def matrix(f: Callable[[Any], Any], n: int) -> np.ndarray[Any, Any]:
    return np.stack([f(row) for row in np.eye(n)], axis=1)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("points", [None, 1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "hfft", "ihfft", "irfft"])
def test_real_signals_have_the_transposed_matrix(
    name: str, size: int, points: int | None, norm: str
) -> None:
    if size == 1 and points is None and name in ("irfft", "hfft"):
        return  # NumPy has no transform of 0 points

    def transform(x: Any) -> Any:
        return getattr(np.fft, name)(x, n=points, norm=norm)

    full = matrix(transform, size)
    rng = np.random.default_rng(0)
    ct = rng.normal(size=full.shape[0]) + 1j * rng.normal(size=full.shape[0])
    if full.dtype.kind == "f":
        ct = ct.real
    x = sg.input("x", (size,))
    got = sg.function([x], sg.vjp(transform(x), x, ct))(np.ones(size))
    np.testing.assert_allclose(got, (full.T @ ct).real, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_imaginary_parts_that_a_real_signal_has_not_are_not_looked_at(n: int) -> None:
    m = n // 2 + 1
    re, im = sg.input("re", (m,)), sg.input("im", (m,))
    loss = (np.fft.irfft(sg.complex(re, im), n=n) * np.arange(1.0, n + 1)).sum()
    slope = sg.function([re, im], sg.grad(loss, im))(np.ones(m), np.ones(m))
    ends = {0, m - 1} if n % 2 == 0 else {0}
    assert [abs(float(s)) > 1e-3 for s in slope] == [k not in ends for k in range(m)]
    assert all(float(slope[k]) == 0 for k in ends)


# ---- what people write


x8 = np.random.default_rng(1).normal(size=(3, 8))


def wiener(x: Any, h: Any) -> Any:
    X, H = np.fft.rfft(x), np.fft.rfft(h, n=8)
    return np.fft.irfft(X * np.conj(H) / (np.abs(H) ** 2 + 0.1), n=8)


def delayed(x: Any, h: Any) -> Any:
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(8) * h[0])
    return np.fft.irfft(np.fft.rfft(x) * phase, n=8)


def convolved(x: Any, h: Any) -> Any:
    return np.fft.ifft(np.fft.fft(x) * np.fft.fft(h, n=8)).real


def autocorrelation(x: Any, h: Any) -> Any:
    return np.fft.irfft(np.abs(np.fft.rfft(x * h[1], n=16)) ** 2, n=16)[..., :8]


def log_spectrum(x: Any, h: Any) -> Any:
    frames = np.stack([x[..., i : i + 4] for i in (0, 2, 4)], axis=-2) * np.hanning(4)
    return np.log(np.abs(np.fft.rfft(frames + h[2])) ** 2 + 1e-3)


def filtered_image(x: Any, h: Any) -> Any:
    k = np.fft.fftfreq(8) ** 2
    mask = 1 / (1 + h[0] ** 2 * (k[:3, None] + k))
    return np.fft.ifft2(np.fft.fft2(x) * mask).real


def shifted(x: Any, h: Any) -> Any:
    spectrum = np.fft.fftshift(np.fft.fft(x), axes=-1)
    return np.fft.ifft(np.fft.ifftshift(spectrum[..., ::-1] * h[1], axes=-1)).imag


def phases(x: Any, h: Any) -> Any:
    return np.cos(np.angle(np.fft.rfft(x + 0.1 * h[0] * np.arange(8))))


def derivative(x: Any, h: Any) -> Any:
    return np.fft.irfft(2j * np.pi * np.fft.rfftfreq(8) * np.fft.rfft(np.sin(x) * h[0]), n=8)


def resampled(x: Any, h: Any) -> Any:
    return np.fft.irfft(np.fft.rfft(x)[..., :3] * h[2], n=5, norm="forward")


def mirrored(x: Any, h: Any) -> Any:
    return np.fft.hfft(np.fft.ihfft(x * h[0], norm="ortho")[..., 1:], n=5)


def volumes(x: Any, h: Any) -> Any:
    cube = np.stack([x, x * h[0]])
    spectrum = np.fft.rfftn(cube, s=(2, 4, 8), axes=(0, 1, 2))
    return np.fft.irfftn(spectrum * (1 - 0.5j), axes=(2, 0, 1), s=(8, 2, 5))


PIPELINES = [
    wiener, delayed, convolved, autocorrelation, log_spectrum, filtered_image, shifted, phases,
    derivative, resampled, mirrored, volumes,
]  # fmt: skip


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda f: f.__name__)
def test_pipelines(pipeline: Callable[[Any, Any], Any]) -> None:
    """The same function of arrays and of expressions; its gradients to second order."""
    h0 = np.array([0.7, -0.4, 1.1])
    x, h = sg.input("x", (3, 8)), sg.param("h", (3,))
    y = pipeline(x, h)
    loss = (y * np.cos(np.arange(y.size).reshape(y.shape))).sum() + (y**2).sum()
    want = pipeline(x8, h0)
    for style in ("readable", "fast"):
        got = sg.function([x, h], y, style=style, debug="verify")(x8, h0)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    sg.check_gradients(loss, {x: x8, h: h0})


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda f: f.__name__)
def test_single_precision_stays_single(pipeline: Callable[[Any, Any], Any]) -> None:
    with sg.default_dtype("float32"):
        x, h = sg.input("x", (3, 8)), sg.param("h", (3,))
        # NumPy's own constants are double precision
        y = pipeline(x, h).astype("float32")
        slope = sg.grad((y * y).sum(), h)
    got = sg.function([x, h], [y, slope])(x8.astype("float32"), np.ones(3, "float32"))
    assert [g.dtype for g in got] == [np.float32, np.float32]
    want = pipeline(x8, np.ones(3))
    np.testing.assert_allclose(got[0], want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


# ---- sizes that are known at a call


@pytest.mark.parametrize("size", [1, 4, 5, 8, 11])
def test_a_symbolic_length_is_cropped_or_padded(size: int) -> None:
    x = sg.input("x", ("T",))
    loss = (np.abs(np.fft.rfft(x, n=5)) ** 2 * np.arange(3)).sum()
    loss = loss + (np.fft.irfft(np.fft.rfft(x), n=4) ** 3).sum()
    value = np.random.default_rng(size).normal(size=size)
    fixed = sg.input("x", (size,))
    expected = (np.abs(np.fft.rfft(fixed, n=5)) ** 2 * np.arange(3)).sum()
    expected = expected + (np.fft.irfft(np.fft.rfft(fixed), n=4) ** 3).sum()
    got = sg.function([x], [loss, sg.grad(loss, x)])(value)
    want = sg.function([fixed], [expected, sg.grad(expected, fixed)])(value)
    assert got[1].shape == (size,)
    for left, right in zip(got, want, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [2, 5, 6])
def test_lengths_follow_from_symbolic_ones(size: int) -> None:
    x = sg.input("x", ("B", "T"))
    t = x.shape[1]
    spectrum = np.fft.rfft(x, n=2 * t)
    y = np.fft.irfft(spectrum * np.exp(1j * sg.fft.rfftfreq(2 * t, d=0.5)), n=2 * t)[:, :t]
    value = np.random.default_rng(0).normal(size=(2, size))
    f = np.fft.rfftfreq(2 * size, d=0.5)
    want = np.fft.irfft(np.fft.rfft(value, n=2 * size) * np.exp(1j * f), n=2 * size)[:, :size]
    np.testing.assert_allclose(sg.function([x], y)(value), want, rtol=1e-12, atol=1e-12)
    sg.check_gradients((y**2).sum(), {x: value})


def test_fit_knows_what_is_known() -> None:
    x = sg.input("x", (3, 8))
    assert fit(x, (0, 1), (3, 8)) is x
    got = sg.function([x], fit(x, (0, 1), (5, 2)))(x8)
    np.testing.assert_array_equal(got, np.pad(x8[:, :2], ((0, 2), (0, 0))))


# ---- source that a person would write


def test_a_filter_is_differentiated_by_transforms() -> None:
    x, h = sg.input("x", ("B", 8)), sg.param("h", (8,))
    y = np.fft.ifft(np.fft.fft(x) * np.fft.fft(h)).real
    loss = ((y - x) ** 2).sum()
    text = body(sg.function([x, h], sg.grad(loss, h), style="readable"))
    assert text.count("np.fft.") == 5  # two spectra, their product's signal, and back twice
    assert "conj" not in text and "complex128" not in text and "astype" not in text


def test_a_power_spectrum_has_no_root_and_no_conjugate() -> None:
    x = sg.input("x", (9,))
    loss = (np.abs(np.fft.rfft(x)) ** 2 * np.arange(5)).sum()
    text = body(sg.function([x], [loss, sg.grad(loss, x)], style="readable"))
    assert "abs2(" in text and "np.abs" not in text and "np.conj" not in text
    assert text.count("np.fft.rfft") == 1
    assert "np.fft.irfft(" in text and 'n=9, norm="forward")' in text


def test_defaults_are_not_written() -> None:
    x = sg.input("x", (2, 3, 8))
    calls = {
        "np.fft.fft(x)": np.fft.fft(x),
        "np.fft.fft(x, axis=0)": np.fft.fft(x, axis=-3),
        "np.fft.fft(x, n=16)": np.fft.fft(x, 16),
        'np.fft.ifft(x, n=4, axis=1, norm="ortho")': np.fft.ifft(x, 4, 1, "ortho"),
        "np.fft.fft2(x)": np.fft.fft2(x, axes=(1, 2)),
        "np.fft.fftn(x)": np.fft.fftn(x),
        "np.fft.fftn(x, axes=(0, 2))": np.fft.fftn(x, axes=(2, 0)),
        "np.fft.fft2(x, s=(4, 8))": np.fft.fftn(x, s=(4, -1), axes=(1, 2)),
        "np.fft.rfftn(x, axes=(2, 0))": np.fft.rfftn(x, axes=(2, 0)),
        "np.fft.irfft(x)": np.fft.irfft(x),
        "np.fft.irfft(x, n=15)": np.fft.irfft(x, 15),
        "np.fft.fftshift(x, axes=2)": np.fft.fftshift(x, axes=-1),
        "np.fft.fft(x) * np.fft.fftfreq(8, 0.5)": np.fft.fft(x) * sg.fft.fftfreq(8, d=0.5),
    }
    for text, expr in calls.items():
        assert f"return {text}" in body(sg.function([x], expr, style="readable")), text


# ---- refusals


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda x: np.fft.fft(x, norm="unitary"), sg.DeclarationError, "'ortho' or 'forward'; got"),
        (lambda x: np.fft.fft(x, n=0), sg.ShapeError, "at least one point; got 0"),
        (lambda x: np.fft.fft(x, axis=2), sg.DeclarationError, "axis 2 is out of range for 2 axes"),
        (lambda x: np.fft.fft(x[0, 0]), sg.DeclarationError, "out of range for 0 axes"),
        (lambda x: np.fft.fftn(x, axes=(0, 0)), sg.DeclarationError, "twice"),
        (lambda x: np.fft.fftn(x, s=(4,), axes=(0, 1)), sg.DeclarationError, "1 sizes for 2 axes"),
        (lambda x: np.fft.irfft(x[:, :1]), sg.ShapeError, "at least one point; got 0"),
        (lambda x: np.fft.rfft(x * 1j), sg.DTypeError, "expected a real signal"),
        (lambda x: sg.fft.fftfreq(0), sg.DeclarationError, "at least one point; got 0"),
        (lambda x: sg.fft.fftfreq(8, d=0.0), sg.DeclarationError, "finite and not 0; got 0.0"),
        (lambda x: np.fft.fftshift(x, axes=5), sg.DeclarationError, "out of range"),
    ],
)
def test_refusals(build: Callable[[Expr], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build(sg.input("x", (3, 8)))
