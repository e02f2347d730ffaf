"""NaN in gives NaN out at its own place, and nowhere else: for every op, from its examples."""

from __future__ import annotations

import numpy as np
import pytest

from symgrad.autodiff.batching import batch_outputs
from symgrad.autodiff.forward import pushforward
from symgrad.autodiff.reverse import cotangents
from symgrad.ir.op import OPS
from symgrad.ops.interpret import evaluate
from tests.ops.registry_cases import Array, Case, built, cases, leaf, value, with_examples

#: op -> why a NaN among its arguments need not show in its value
HIDDEN = {
    "where": "the element not taken is not seen",
    "choose": "the element not taken is not seen",
    "fmax": "the other value is taken",
    "fmin": "the other value is taken",
    "isnan": "it tells",
    "isinf": "it tells",
    "isfinite": "it tells",
    "sign": "NumPy's own rule",
    "signbit": "it tells of the sign alone",
    "copysign": "of the second argument it takes the sign alone",
    "nan_to_num": "it replaces NaN",
    "heaviside": "the second argument is the value at 0 alone",
    "power": "x^0 and 1^y are 1 for every number",
    "float_power": "x^0 and 1^y are 1 for every number",
    "hypot": "infinity beside NaN is infinite",
}
#: ops that refuse NaN: name -> what they raise
RAISES: dict[str, str] = {
    name: "numpy.linalg.LinAlgError, as LAPACK's eigenvalues and singular values do in NumPy"
    for name in (
        *("eig", "eigh", "eigvals", "eigvalsh", "svd", "svdvals", "pinv", "lstsq", "cond"),
        *("norm", "matrix_norm", "symmetric_function", "sqrtm_sym", "logm_sym", "expm_sym"),
    )
}
ELEMENTWISE = sorted(name for name, op in OPS.items() if op.elementwise and op.examples)


def poisoned(case: Case, i: int) -> tuple[Array, tuple[int, ...]]:
    """Argument i with one NaN, and where it stands."""
    value = case.values[i].copy()
    index = tuple(s // 2 for s in value.shape)
    value[index] = np.nan
    return value, index


def reached(case: Case, i: int, index: tuple[int, ...]) -> Array:
    """Where in the result an element of argument i is read."""
    mark = np.zeros(case.values[i].shape, bool)
    mark[index] = True
    shape = np.broadcast_shapes(*[v.shape for v in case.values])
    return np.array(np.broadcast_to(mark, shape))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_nan_stays_at_its_place(name: str) -> None:
    """In the value, and in first derivatives of both modes."""
    for case in cases(name):
        node, leaves = built(case)
        clean = value(node, leaves, case.values)
        for i, argument in enumerate(case.values):
            if argument.dtype.kind != "f" or not argument.size:
                continue
            bad, index = poisoned(case, i)
            values = [bad if k == i else v for k, v in enumerate(case.values)]
            env = dict(zip(leaves, values, strict=True))
            touched = reached(case, i, index)
            if touched.shape != clean.shape:
                continue  # an example that is more than the op
            (got,) = evaluate([node], env)
            np.testing.assert_array_equal(got[~touched], clean[~touched], err_msg=str(case))
            if clean.dtype.kind == "f" and name not in HIDDEN:
                assert np.isnan(got[touched]).all(), f"{case}: NaN in argument {i} is lost"
            derivatives_stay(case, i, env, touched)


def derivatives_stay(case: Case, i: int, env: dict[object, Array], touched: Array) -> None:
    node, leaves = built(case)
    active = case.differentiable
    if not active:
        return
    wrt = [leaves[k] for k in active]
    seed = leaf(node.shape, node.dtype)
    tangents = [leaf(x.shape, x.dtype) for x in wrt]
    found = {**env, seed: np.ones(node.shape), **{t: np.ones(t.shape) for t in tangents}}
    (pushed,) = pushforward([node], wrt, tangents)
    if pushed is not None:
        tangent = evaluate([pushed], found)[0]
        assert np.isfinite(tangent[~touched]).all(), f"{case}: a tangent elsewhere is NaN"
    for k, gradient in zip(active, cotangents([node], [seed], wrt), strict=True):
        if gradient is None:
            continue
        away = np.ones(case.values[k].shape, bool)
        lead = touched.ndim - away.ndim
        axes = tuple(range(lead)) + tuple(
            lead + a for a, s in enumerate(away.shape) if s == 1 and touched.shape[lead + a] != 1
        )
        met = touched.any(axis=axes, keepdims=True)
        away = ~met.reshape(away.shape)
        got = evaluate([gradient], found)[0]
        assert np.isfinite(got[away]).all(), f"{case}: a gradient elsewhere is NaN"


@pytest.mark.parametrize("name", with_examples())
def test_a_nan_stays_in_its_example_of_a_batch(name: str) -> None:
    """Whatever an op does with its axes, the examples of a batch know nothing of each other."""
    for case in cases(name):
        if name in RAISES or not case.differentiable:
            continue
        node, leaves = built(case)
        active = case.differentiable
        rows = {x: leaf((2, *x.shape), x.dtype) for x in (leaves[k] for k in active)}
        ((out, batched),) = batch_outputs([node], dict(rows))
        if not batched:
            continue  # of an array without elements
        env = dict(zip(leaves, case.values, strict=True))
        for k in active:
            stack = np.stack([np.full_like(case.values[k], np.nan), case.values[k]])
            env[rows[leaves[k]]] = stack
        seed = leaf(out.shape, out.dtype)
        found = {**env, seed: np.ones(out.shape)}
        gradients = cotangents([out], [seed], list(rows.values()))
        (got,) = evaluate([out], found)
        assert np.isfinite(got[1]).all() or not np.isfinite(value(node, leaves, case.values)).all()
        for gradient in gradients:
            if gradient is not None:
                other = evaluate([gradient], found)[0][1]
                assert np.isfinite(other).all(), f"{case}: a gradient of the other example"


def test_what_may_hide_a_nan_is_an_op() -> None:
    known = {"signbit", "nan_to_num", "float_power"}  # compositions of others, in some versions
    assert set(HIDDEN) <= set(OPS) | known
