"""Complex intermediates: what is refused, what is kept from complex numbers, whole gradients."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.emit.literals import scalar_source
from symgrad.ir.graph import topological
from symgrad.ir.node import Expr
from symgrad.ir.op import OPS
from tests.ops.registry_cases import built, cases

Z = np.array([0.3 + 1.2j, -0.7 + 0.4j, 1.5 - 0.9j, -1.1 - 0.2j, 0.0 - 2.0j])


def parts() -> tuple[Expr, Expr, Expr]:
    re, im = sg.input("re", (5,)), sg.input("im", (5,))
    return re, im, sg.complex(re, im)


def run(build: Callable[[Expr], Expr], style: str = "readable") -> np.ndarray[Any, Any]:
    re, im, z = parts()
    return sg.function([re, im], build(z), style=style)(Z.real, Z.imag)


# ---- what is refused


@pytest.mark.parametrize("declare", [sg.input, sg.param])
def test_leaves_are_real(declare: Callable[..., Expr]) -> None:
    with pytest.raises(sg.DTypeError, match=r"'z': expected a real dtype; got complex64.*sg\.comp"):
        declare("z", (3,), dtype="complex64")


def test_a_state_is_real() -> None:
    with pytest.raises(sg.DTypeError, match="expected a real dtype"):
        sg.state("z", (3,), dtype=complex)


def test_a_loss_is_real() -> None:
    re, _, z = parts()
    with pytest.raises(sg.DTypeError, match=r"a loss must be real; got complex128.*\.real"):
        sg.grad(z.sum(), re)


@pytest.mark.parametrize(
    "derive",
    [
        lambda loss, z: sg.grad(loss, z),
        lambda loss, z: sg.vjp(loss, [z], 1.0),
        lambda loss, z: sg.jvp(loss, z, 1.0),
    ],
)
def test_what_is_differentiated_with_respect_to_is_real(derive: Callable[..., Any]) -> None:
    _, _, z = parts()
    with pytest.raises(sg.DTypeError, match=r"with respect to .* \(\(5,\) complex128.*sg\.complex"):
        derive((abs(z) ** 2).sum(), z)


@pytest.mark.parametrize(
    "build",
    [
        lambda z: z > 0,
        lambda z: np.maximum(z, 0),
        lambda z: z.max(),
        lambda z: np.argmax(z),
        lambda z: sg.relu(z),
        lambda z: sg.softmax(z),
        lambda z: sg.sigmoid(z),
        lambda z: np.arctan2(z, 1.0),
        lambda z: z // 2,
        lambda z: np.floor(z),
        lambda z: np.clip(z, 0, 1),
        lambda z: np.hypot(z, z),
        lambda z: np.fft.rfft(z),
        lambda z: sg.complex(z, 1.0),
        lambda z: sg.where(z, 1.0, 2.0),
        lambda z: z.astype("float32"),
        lambda z: sg.zeros((5,)).at[0].set(z[0]),
    ],
)
def test_what_has_no_meaning_for_complex_numbers_is_refused(build: Callable[[Expr], Any]) -> None:
    _, _, z = parts()
    with pytest.raises((sg.DTypeError, sg.DeclarationError)):
        build(z)


def test_ops_that_take_complex_numbers_are_tested_on_them() -> None:
    untested = {
        name
        for name, op in OPS.items()
        if op.takes_complex
        and op.examples
        and not any(
            arg.dtype.kind == "c"
            for case in cases(name)
            for node in topological([built(case)[0]])
            if node.op is op
            for arg in node.args
        )
    }
    assert untested == set()


# ---- dtypes


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_promotion_is_numpys(dtype: str) -> None:
    x = sg.input("x", (4,), dtype=dtype)
    a = np.ones(4, dtype)
    k = np.arange(4)
    for f in (
        lambda x: x * 1j,
        lambda x: 1j + x,
        lambda x: np.fft.fft(x) * 2,
        lambda x: np.fft.fft(x) * 2.5j,
        lambda x: np.fft.fft(x) * k,
        lambda x: np.fft.fft(x) * np.complex64(2),
        lambda x: np.fft.fft(x) + a,
        lambda x: np.exp(1j * x),
        lambda x: np.abs(np.fft.fft(x)),
        lambda x: np.angle(np.fft.fft(x)),
        lambda x: np.conj(np.fft.fft(x)).imag,
        lambda x: np.fft.fft(x).mean(),
    ):
        got = sg.function([x], f(x))(a)
        want = f(a)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_python_complex_numbers_have_the_default_precision() -> None:
    assert sg.as_expr(1j).dtype == np.complex128
    with sg.default_dtype("float32"):
        assert sg.as_expr(1j).dtype == np.complex64
        assert sg.as_expr([1j, 2.0]).dtype == np.complex64


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1j, "1j"),
        (-1j, "-1j"),
        (0j, "0j"),
        (2.5 + 0j, "(2.5 + 0j)"),
        (1 + 2j, "(1 + 2j)"),
        (-1.5 - 1e-8j, "(-1.5 - 1e-8j)"),
        (complex(1, -0.0), "complex(1, -0.0)"),
        (complex(np.nan, np.inf), "complex(np.nan, np.inf)"),
    ],
)
def test_literals(value: complex, text: str) -> None:
    code = scalar_source(np.complex128(value), np.dtype(np.complex128), plain=True)
    assert code.text == text
    again = np.complex128(eval(text))
    np.testing.assert_array_equal(again, value)
    assert np.signbit(again.imag) == np.signbit(value.imag)


# ---- identities of real numbers that do not hold


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize(
    "build",
    [
        lambda z: np.sqrt(z * z),
        lambda z: np.sqrt(np.square(z)),
        lambda z: (z**2) ** 0.5,
        lambda z: np.log(np.exp(3 * z)),
        lambda z: np.log(z * z),
        lambda z: np.log(np.abs(np.exp(z))),
        lambda z: np.log(1 + np.exp(z)),
        lambda z: np.exp(z) / (1 + np.exp(z)),
        lambda z: np.sqrt(z**2 + (2 * z) ** 2),
        lambda z: np.abs(np.abs(z)),
        lambda z: np.abs(-z) ** 2,
        lambda z: np.abs(z * z),
        lambda z: np.abs(z) * np.abs(z),
        lambda z: (z * np.conj(z)).real,
        lambda z: np.conj(np.conj(z) * 2.0),
        lambda z: np.conj(z / 3.0).imag,
        lambda z: (z * z.imag).real,
        lambda z: z * 0.5 * 4.0 * 1j / 2.0,
        lambda z: -(z * -2.0) - (-z),
        lambda z: 3.0 / (1.0 / z),
        lambda z: (z.real + z).sum() + (z * z[::-1]).sum(),
        lambda z: np.exp(z) - 1,
        lambda z: 1 - np.cos(z),
        lambda z: np.tanh(z) + np.cosh(z) / np.sinh(z),
        lambda z: (z**3) / z**-2,
        lambda z: np.where(z.real > 0, z, 0.0) + np.where(z.imag > 0, 1j, z),
        lambda z: np.outer(z, z.real) @ z,
        lambda z: np.einsum("i,j->ij", z, np.conj(z)).sum(axis=0),
        lambda z: np.vdot(z, z * 1j),
        lambda z: np.stack([z, 2j * z]).T @ np.array([1.0, 1j]),
        lambda z: np.concatenate([z.real, z, np.array([1.0])]),
        lambda z: np.var(z) + np.std(z),
        lambda z: np.cumprod(z)[::-1] * np.prod(z[:2]),
        lambda z: np.linalg.norm(z) + np.linalg.norm(z, 1) + np.linalg.norm(z, np.inf),
        lambda z: np.real(z) + np.imag(z) + np.angle(z, deg=True),
    ],
)
def test_values_are_numpys(build: Callable[[Any], Any], style: str) -> None:
    want = build(Z)
    re, im, z = parts()
    got = sg.function([re, im], build(z), style=style, debug="verify")(Z.real, Z.imag)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)
    assert np.asarray(got).dtype == np.asarray(want).dtype


def test_nan_and_infinity_stay_in_their_part() -> None:
    re, im = sg.input("re", (2,)), sg.input("im", (2,))
    got = sg.function([re, im], sg.complex(re, im))([np.nan, 1.0], [1.0, np.inf])
    np.testing.assert_array_equal(got.real, [np.nan, 1.0])
    np.testing.assert_array_equal(got.imag, [1.0, np.inf])


# ---- derivatives


LOSSES: dict[str, Callable[[Expr], Expr]] = {
    "modulus": lambda z: np.abs(z).sum(),
    "power": lambda z: (np.abs(z * (1 + 2j)) ** 2 * np.arange(5)).sum(),
    "angle": lambda z: np.sin(np.angle(z)).sum(),
    "product": lambda z: (z * np.conj(z[::-1]) * 1j).imag.sum(),
    "quotient": lambda z: ((z + 3j) / (z * z + 7)).real.sum(),
    "exponential": lambda z: np.exp(1j * z.real * z.imag + z / 3).real.sum(),
    "logarithm": lambda z: np.log(z * z + 7).imag.sum() + np.sqrt(z * z + 7).real.sum(),
    "power of both": lambda z: ((z * z + 7) ** (z / 5)).imag.sum(),
    "matrix": lambda z: np.abs(np.outer(z, z.real) @ np.conj(z)).sum(),
    "deviation": lambda z: np.std(z) + np.linalg.norm(z),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_to_second_order(name: str) -> None:
    re, im, z = parts()
    report = sg.check_gradients(LOSSES[name](z), {re: Z.real, im: Z.imag})
    assert report is not None


@pytest.mark.parametrize("name", LOSSES)
def test_styles_agree(name: str) -> None:
    re, im, z = parts()
    loss = LOSSES[name](z)
    outputs = [loss, *sg.grad(loss, [re, im])]
    a, b = (sg.function([re, im], outputs, style=s)(Z.real, Z.imag) for s in ("readable", "fast"))
    for left, right in zip(a, b, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-13, atol=1e-13)


def test_the_squared_modulus_has_no_corner_at_zero() -> None:
    re, im = sg.input("re", ()), sg.input("im", ())
    loss = np.abs(sg.complex(re, im)) ** 2
    slope = sg.grad(loss, [re, im])
    curvature = [sg.grad(g, x) for g, x in zip(slope, (re, im), strict=True)]
    got = sg.function([re, im], [*slope, *curvature])(0.0, 0.0)
    assert [float(g) for g in got] == [0.0, 0.0, 2.0, 2.0]


def test_the_modulus_and_the_angle_are_flat_at_zero() -> None:
    re, im = sg.input("re", ()), sg.input("im", ())
    z = sg.complex(re, im)
    for value in (abs(z), np.angle(z)):
        got = sg.function([re, im], sg.grad(value, [re, im]))(0.0, 0.0)
        assert [float(g) for g in got] == [0.0, 0.0]


def test_cotangents_of_complex_outputs_are_transposed() -> None:
    re, im, z = parts()
    a, b = sg.function([re, im], sg.vjp(z * (2 + 3j), [re, im], 1 + 1j))(Z.real, Z.imag)
    np.testing.assert_allclose(a, np.full(5, ((1 + 1j) * (2 + 3j)).real))
    np.testing.assert_allclose(b, np.full(5, ((1 + 1j) * (2 + 3j) * 1j).real))


def test_tangents_of_complex_outputs_are_complex() -> None:
    re, im, z = parts()
    tangent = sg.function([re, im], sg.jvp(z * (2 + 3j), [re, im], [1.0, 2.0]))(Z.real, Z.imag)
    np.testing.assert_allclose(tangent, np.full(5, (2 + 3j) * (1 + 2j)))


def test_batching() -> None:
    re, im = sg.input("re", ("B", 5)), sg.input("im", ("B", 5))
    power = sg.vmap(lambda a, b: (np.abs(np.fft.fft(sg.complex(a, b))) ** 2).max())
    got = sg.function([re, im], power(re, im))(np.stack([Z.real] * 2), np.stack([Z.imag] * 2))
    np.testing.assert_allclose(got, np.full(2, (np.abs(np.fft.fft(Z)) ** 2).max()))


# ---- compiled models


def model() -> tuple[Any, dict[str, Any]]:
    x = sg.input("x", ("B", 8))
    re, im = sg.param("re", (5,), init=0.5), sg.param("im", (5,), init=-0.5)
    y = np.fft.irfft(np.fft.rfft(x) * sg.complex(re, im), n=8)
    loss = ((y - x) ** 2).mean()
    made = sg.compile(loss, outputs={"y": y}, optimizer=sg.optim.SGD(1.0), debug="verify")
    return made, {"x": np.random.default_rng(0).normal(size=(4, 8))}


def test_a_complex_filter_is_trained() -> None:
    made, data = model()
    params = made.init()
    state = made.init_optimizer(params)
    losses = [float(made.step(params, state, **data)) for _ in range(200)]
    assert losses[-1] < 1e-6 < losses[0]
    np.testing.assert_allclose(params["re"], 1.0, atol=1e-2)


def test_forward_and_backward_agree_with_both_in_one() -> None:
    made, data = model()
    params = made.init()
    loss, residuals = made.forward(params, **data)
    grads = made.backward(residuals)
    together, expected = made.value_and_grad(params, **data)
    assert float(loss) == pytest.approx(float(together), rel=1e-14)
    for name, grad in expected.items():
        assert grad.dtype == np.float64
        np.testing.assert_allclose(grads[name], grad, rtol=1e-12, atol=1e-14)


def test_pickles_and_files_compute_the_same(tmp_path: Path) -> None:
    made, data = model()
    params = made.init()
    want = made.value_and_grad(params, **data)[1]
    again = pickle.loads(pickle.dumps(made)).value_and_grad(params, **data)[1]
    made.save(tmp_path / "net.py")
    space: dict[str, Any] = {}
    exec((tmp_path / "net.py").read_text(), space)
    alone = space["value_and_grad"](params, **data)[1]
    for name, grad in want.items():
        np.testing.assert_array_equal(again[name], grad)
        np.testing.assert_array_equal(alone[name], grad)


def test_equations_and_pictures() -> None:
    re, im, z = parts()
    f = sg.function([re, im], (np.abs(z * (1 - 2j) + 1j) ** 2 * -3j).imag)
    text = f.latex()
    assert r"\left(1 - 2 \, i\right)" in text and r"\operatorname{Im}" in text
    assert "(1-2j)" in f.graph.dot()


def test_debug_mode_names_a_complex_value_that_is_not_finite() -> None:
    re, im, z = parts()
    spectrum = z / 0.0
    f = sg.function([re, im], spectrum.real, debug="nan")
    with pytest.raises(sg.NonFiniteError, match="spectrum"):
        f(Z.real, Z.imag)


def test_what_where_does_not_take_stays_zero() -> None:
    """Also where a complex op stands between the choice and what is infinite."""
    x = sg.input("x", (4,))
    safe = sg.where(x > 0, sg.log(x) * (1 + 2j), 0.0)
    slope = sg.grad((np.abs(np.fft.fft(safe)) ** 2).sum(), x)
    got = sg.function([x], slope)([0.0, 1.0, -1.0, 2.0])
    np.testing.assert_allclose(got, [0, 0, 0, 4 * 2 * 5 * np.log(2) / 2], atol=1e-12)
