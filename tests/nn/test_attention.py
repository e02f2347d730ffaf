"""Attention: as PyTorch's; what a query may see; several heads; rows that may see nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from tests.nn.attention_peer import (
    HEADS,
    B,
    D,
    S,
    T,
    Weights,
    agrees,
    recorded,
    seen,
    table,
    takes_the_same_steps,
)

Array = np.ndarray[Any, Any]
DTYPES = ["float64", "float32"]


def by_loops(q: Array, k: Array, v: Array, allowed: Any) -> Array:
    """One query and one key after the other; `allowed` is a function of their places."""
    out = np.zeros((len(q), v.shape[1]))
    for i in range(len(q)):
        weights = [
            np.exp(sum(q[i] * k[j]) / len(q[i]) ** 0.5) if allowed(i, j) else 0.0
            for j in range(len(k))
        ]
        if sum(weights):
            out[i] = sum(w * row for w, row in zip(weights, v, strict=True)) / sum(weights)
    return out


# ---------------------------------------------------------------- products


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["plain", "causal", "scaled", "boolean", "biased"])
def test_products_are_pytorchs(name: str, dtype: str) -> None:
    q = sg.input("q", ("B", HEADS, "T", D), dtype)
    k, v = sg.input("k", ("B", HEADS, "S", D), dtype), sg.input("v", ("B", HEADS, "S", 3), dtype)
    leaves = {"q": q, "k": k, "v": v}
    data = {
        "q": table(B, HEADS, T, D, frequency=1.7),
        "k": table(B, HEADS, S, D, frequency=1.1),
        "v": table(B, HEADS, S, 3, frequency=0.7),
    }
    options: dict[str, Any] = {}
    if name == "causal":
        options["causal"] = True
    if name == "scaled":
        options["scale"] = 0.3
    if name == "boolean":
        options["mask"] = sg.input("mask", ("T", "S"), "bool")
        data["mask"] = seen(T, S)
    if name == "biased":
        leaves["mask"] = options["mask"] = sg.input("mask", (HEADS, "T", "S"), dtype)
        data["mask"] = table(HEADS, T, S, frequency=2.9)
    output = sg.nn.attention(q, k, v, **options)
    agrees(recorded()["products"][name], output, leaves, data, {}, dtype)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_the_definition(causal: bool, masked: bool) -> None:
    q, k, v = (sg.input(n, (s, w)) for n, s, w in (("q", "T", 4), ("k", "S", 4), ("v", "S", 2)))
    mask = seen(5, 3) if masked else None
    if mask is not None:
        mask[2] = False
    f = sg.function([q, k, v], sg.nn.attention(q, k, v, causal, mask))
    values = table(5, 4, frequency=1.7), table(3, 4, frequency=1.1), table(3, 2, frequency=0.7)
    expected = by_loops(
        *values, lambda i, j: (not causal or j <= i) and (mask is None or mask[i, j])
    )
    np.testing.assert_allclose(f(*values), expected, rtol=1e-12, atol=1e-15)


def test_a_causal_query_knows_nothing_of_what_comes_later() -> None:
    x = sg.input("x", ("T", 4))
    y = sg.nn.attention(x, x, x, causal=True)
    slopes = sg.function([x], sg.jacobian(y, x))(table(5, 4, frequency=1.7))
    for i in range(5):
        assert (slopes[i, :, i + 1 :] == 0).all()
        assert (slopes[i, :, : i + 1] != 0).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["boolean", "biased", "causal"])
def test_a_query_that_may_see_nothing_gives_zero_and_no_gradient(kind: str, dtype: str) -> None:
    x = sg.param("x", (3, 4), dtype=dtype)
    mask: Any = np.array([[True, True, False], [False, False, False], [False, False, True]])
    if kind == "biased":
        mask = np.where(mask, 0.5, -np.inf).astype(dtype)
    if kind == "causal":  # query 0 may see key 2 by the mask, which is later
        mask = np.array([[False, False, True], [True, True, False], [False, False, False]])
    y = sg.nn.attention(x, x, x, causal=kind == "causal", mask=mask)
    model = sg.compile((y * table(3, 4, frequency=0.3)).sum(), outputs=y)
    params = {"x": table(3, 4, frequency=1.7).astype(dtype)}
    out = model.predict(params)
    assert out.dtype == dtype
    rows = [1] if kind != "causal" else [0, 2]
    np.testing.assert_array_equal(out[rows], 0)
    assert (np.delete(out, rows, axis=0) != 0).all()
    assert np.isfinite(model.value_and_grad(params)[1]["x"]).all()
    if dtype == "float64":
        assert sg.check_gradients(model, point=params, order=1).error < 1e-7


def test_a_masked_key_gets_no_gradient_at_all() -> None:
    q, k, v = (sg.input(n, ("T", 4)) for n in "qkv")
    present = np.array([True, False, True])
    y = sg.nn.attention(q, k, v, mask=present)
    f = sg.function([q, k, v], sg.grad((y**2).sum(), [k, v]))
    for slope in f(*(table(3, 4, frequency=w) for w in (1.7, 1.1, 0.7))):
        np.testing.assert_array_equal(slope[1], 0)
        assert (slope[[0, 2]] != 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_products_do_not_overflow(dtype: str) -> None:
    q = sg.input("q", (2, 2), dtype)
    f = sg.function([q], sg.nn.attention(q, q, q, causal=True))
    x = np.array([[1e3, 0.0], [0.0, 1e3]], dtype)
    np.testing.assert_array_equal(f(x), x)


def test_the_gradient_of_a_bias_that_is_learned() -> None:
    x, bias = sg.input("x", (3, 4)), sg.param("bias", (3, 3))
    y = sg.nn.attention(x, x, x, causal=True, mask=bias)
    model = sg.compile((y**2).sum())
    point = {"x": table(3, 4, frequency=1.7), "bias": table(3, 3, frequency=0.9)}
    assert sg.check_gradients(model, point=point, order=2).error < 1e-6
    _, grads = model.value_and_grad({"bias": point["bias"]}, x=point["x"])
    np.testing.assert_array_equal(grads["bias"][np.triu_indices(3, 1)], 0)


def test_dropout_of_weights_in_training_alone() -> None:
    x = sg.input("x", (50, 4))
    kept = sg.nn.attention(x, x, x, dropout=0.5)
    model = sg.compile(kept.sum() * sg.param("one", (), init=1.0), outputs=kept)
    plain = sg.function([x], sg.nn.attention(x, x, x))
    data = table(50, 4, frequency=1.7)
    np.testing.assert_array_equal(model.predict(model.init(), x=data), plain(data))
    losses = [
        float(model.value_and_grad(model.init(), x=data, rng=np.random.default_rng(s))[0])
        for s in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


# ---------------------------------------------------------------- heads


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["own", "causal", "padded", "cross", "masked"])
def test_heads_are_pytorchs(name: str, dtype: str) -> None:
    weights, q = Weights(), sg.input("q", ("B", "T", D), dtype)
    data, leaves = {"q": table(B, T, D, frequency=1.7)}, {"q": q}
    if name in ("cross", "masked"):
        weights.attention("", (D, 5, 3))
        leaves |= {
            "k": sg.input("k", ("B", "S", 5), dtype),
            "v": sg.input("v", ("B", "S", 3), dtype),
        }
        data |= {"k": table(B, S, 5, frequency=1.1), "v": table(B, S, 3, frequency=0.7)}
        mask = seen(T, S) if name == "masked" else None
        output = sg.nn.multi_head_attention(*leaves.values(), HEADS, mask=mask)
    else:
        weights.attention("", (D, D, D))
        mask = None
        if name == "padded":
            present = sg.input("present", ("B", "T"), "bool")
            data["present"] = np.array([[True] * T, [True] * (T - 1) + [False]])
            mask = present[:, None, :]
        output = sg.nn.multi_head_attention(q, q, q, HEADS, causal=name == "causal", mask=mask)
    agrees(recorded()["heads"][name], output, leaves, data, weights.made, dtype)


def test_keys_and_values_are_the_queries_where_none_are_given() -> None:
    x, s = sg.input("x", ("B", "T", 8)), sg.input("s", ("B", "S", 8))
    data = {"x": table(2, 3, 8, frequency=1.7), "s": table(2, 4, 8, frequency=1.1)}
    for given, whole in (((x,), (x, x, x)), ((x, s), (x, s, s))):
        found = []
        for args in (given, whole):
            y = sg.nn.multi_head_attention(*args, heads=2)
            model = sg.compile(y.sum(), outputs=y)
            needed = {one.name: data[one.name] for one in given}
            found.append(model.predict(model.init(seed=2), **needed))
        np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("kv_heads", [1, 2])
def test_grouped_heads_are_heads_that_share_keys_and_values(kv_heads: int) -> None:
    x = sg.input("x", ("B", "T", 8))
    grouped = sg.nn.multi_head_attention(x, heads=4, kv_heads=kv_heads, causal=True)
    whole = sg.nn.multi_head_attention(x, heads=4, causal=True)
    models = [sg.compile((y**2).mean(), outputs=y) for y in (grouped, whole)]
    params = models[0].init(seed=3)
    assert params["W_k"].shape == params["W_v"].shape == (8, 2 * kv_heads)
    full = dict(params)
    for key in ("W_k", "W_v", "b_k", "b_v"):
        parts = np.split(params[key], kv_heads, axis=-1)
        full[key] = np.concatenate([p for p in parts for _ in range(4 // kv_heads)], axis=-1)
    data = table(2, 3, 8, frequency=1.7)
    a, b = (m.predict(p, x=data) for m, p in zip(models, (params, full), strict=True))
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)
    _, own = models[0].value_and_grad(params, x=data)
    _, each = models[1].value_and_grad(full, x=data)
    np.testing.assert_allclose(
        own["W_k"], each["W_k"].reshape(8, kv_heads, -1, 2).sum(2).reshape(8, -1), rtol=1e-10
    )


def test_masks_of_every_shape() -> None:
    x = sg.input("x", ("B", "T", D))
    allowed = np.stack([seen(T, T), ~np.eye(T, dtype=bool)])  # (B, T, T)
    data, found = table(B, T, D, frequency=1.7), []
    for mask in (
        allowed,  # an example each
        allowed[:, None],  # and all heads alike
        np.repeat(allowed[:, None], HEADS, axis=1),
        np.where(allowed, 0.0, -np.inf),
    ):
        y = sg.nn.multi_head_attention(x, heads=HEADS, mask=mask)
        model = sg.compile(y.sum(), outputs=y)
        found.append(model.predict(model.init(seed=1), x=data))
        np.testing.assert_array_equal(found[0], found[-1])
    y = sg.nn.multi_head_attention(x, heads=HEADS, mask=allowed[0])
    model = sg.compile(y.sum(), outputs=y)
    np.testing.assert_array_equal(model.predict(model.init(seed=1), x=data)[0], found[0][0])


def test_a_mask_of_one_head_leaves_the_other_alone() -> None:
    x = sg.input("x", ("T", D))
    only_own = np.stack([np.eye(T, dtype=bool), np.ones((T, T), bool)])
    y = sg.nn.multi_head_attention(x, heads=HEADS, mask=only_own)
    model = sg.compile(y.sum(), outputs=y)
    params, data = model.init(seed=1), table(T, D, frequency=1.7)
    q, k, v = (data @ params[f"W_{c}"] for c in "qkv")
    heads = [
        by_loops(q[:, :2], k[:, :2], v[:, :2], lambda i, j: i == j),
        by_loops(q[:, 2:], k[:, 2:], v[:, 2:], lambda i, j: True),
    ]
    expected = np.concatenate(heads, axis=1) @ params["W_o"]
    np.testing.assert_allclose(model.predict(params, x=data), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 4 * (12 * 12 + 12)),
        ({"bias": False}, 4 * 12 * 12),
        ({"kv_heads": 1}, 2 * (12 * 12 + 12) + 2 * (12 * 4 + 4)),
        ({"units": 7}, 3 * (12 * 12 + 12) + 12 * 7 + 7),
        ({"head_dim": 5}, 3 * (12 * 15 + 15) + 15 * 12 + 12),
        ({"rotary": True}, 4 * (12 * 12 + 12)),
    ],
)
def test_parameters_are_counted(options: dict[str, Any], count: int) -> None:
    x = sg.input("x", ("B", "T", 12), "float32")
    y = sg.nn.multi_head_attention(x, heads=3, name="m", **options)
    params = sg.compile(y.sum()).init()
    assert sum(value.size for value in params.values()) == count
    assert {value.dtype for value in params.values()} == {np.dtype("float32")}
    assert all(name.startswith("m.") for name in params)
    assert y.shape == (x.shape[0], x.shape[1], options.get("units", 12))


def test_rotary_attention_knows_distances_alone() -> None:
    x = sg.input("x", ("T", 8))
    y = sg.nn.multi_head_attention(x, heads=2, rotary=True, name="m")
    plain = sg.nn.multi_head_attention(x, heads=2, name="m")
    models = [sg.compile(e.sum(), outputs=e) for e in (y, plain)]
    params = models[0].init(seed=1)
    row = table(1, 8, frequency=1.7)
    same = np.repeat(row, 4, axis=0)
    # of equal rows any mixture is the same
    np.testing.assert_allclose(*[m.predict(params, x=same) for m in models], rtol=1e-12)
    data = table(4, 8, frequency=1.7)
    far = np.abs(models[0].predict(params, x=data) - models[1].predict(params, x=data)).max()
    assert far > 1e-3


def test_a_symbolic_number_of_features_stays_in_single_precision() -> None:
    """The size of a query is a number in the default scale: no double in a float32 network."""
    q, v = sg.input("q", ("T", "D"), "float32"), sg.input("v", ("T", 3), "float32")
    y = sg.nn.attention(q, q, v)
    assert y.dtype == "float32"
    rows, values = table(4, 5, frequency=1.7), table(4, 3, frequency=0.7)
    found = sg.function([q, v], y)(rows.astype("float32"), values.astype("float32"))
    assert found.dtype == np.float32
    expected = by_loops(rows, rows, values, lambda i, j: True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_trained_scale_is_of_the_precision_of_the_queries() -> None:
    q = sg.input("q", ("T", 4), "float32")
    y = sg.nn.attention(q, q, q, scale=sg.param("scale", (), init=0.5))
    model = sg.compile((y**2).sum(), outputs=y)
    found = model.predict(model.init(), q=table(3, 4, frequency=1.7).astype("float32"))
    assert y.dtype == found.dtype == np.float32


def test_heads_that_share_keys_copy_none() -> None:
    x = sg.input("x", ("B", "T", 8))
    y = sg.nn.multi_head_attention(x, heads=4, kv_heads=2)
    assert "repeat(" not in sg.compile(y.sum(), outputs=y, style="readable").source


def test_of_no_features_all_keys_are_alike() -> None:
    q, v = sg.input("q", ("T", 0)), sg.input("v", ("T", 3))
    values = table(4, 3, frequency=0.7)
    found = sg.function([q, v], sg.nn.attention(q, q, v))(np.zeros((4, 0)), values)
    np.testing.assert_allclose(found, np.tile(values.mean(0), (4, 1)), rtol=1e-14)


def test_a_mask_of_fewer_axes_than_the_queries_is_the_same_for_all_heads() -> None:
    """As many heads as examples: a mask for each of these is not one for each head."""
    x = sg.input("x", (4, 2, 3, 8))
    masks = np.stack([np.eye(3), np.ones((3, 3))]).astype(bool)
    with sg.nn.shared():
        short = sg.nn.multi_head_attention(x, heads=2, mask=masks)
        full = sg.nn.multi_head_attention(x, heads=2, mask=np.broadcast_to(masks, (4, 2, 3, 3)))
    model = sg.compile(short.sum() + full.sum(), outputs=[short, full])
    found = model.predict(model.init(), x=table(4, 2, 3, 8, frequency=1.7))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("shape", [(0, 3), (2, 1), (1, 5)])
def test_small_batches(shape: tuple[int, int]) -> None:
    x = sg.input("x", ("B", "T", 4))
    y = sg.nn.multi_head_attention(x, heads=2, causal=True, mask=np.ones((1, 1), bool))
    model = sg.compile(y.sum(), outputs=y)
    params = model.init()
    assert model.predict(params, x=np.ones((*shape, 4))).shape == (*shape, 4)
    _, grads = model.value_and_grad(params, x=np.ones((*shape, 4)))
    assert all(np.isfinite(value).all() for value in grads.values())


def test_the_saved_module_takes_the_same_steps(tmp_path: Path) -> None:
    x, mask = sg.input("x", ("B", "T", 8), "float32"), sg.input("mask", ("B", "T"), "bool")
    y = sg.nn.multi_head_attention(
        x, heads=4, causal=True, mask=mask[:, None, :], kv_heads=2, rotary=True, name="m"
    )
    model = sg.compile((y**2).mean(), outputs=y, optimizer=sg.optim.Adam(0.01))
    data = {"x": table(2, 3, 8, frequency=1.7).astype("float32")}
    data["mask"] = np.array([[True, True, False], [True, True, True]])
    takes_the_same_steps(model, tmp_path / "heads.py", data)


# ---------------------------------------------------------------- errors

X = sg.input("x", ("B", "T", 6))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: sg.nn.attention(X, sg.input("k", ("B", "T", 5)), X),
            sg.ShapeError,
            r"queries and keys of one size; got q \(B, T, 6\) and k \(B, T, 5\)",
        ),
        (
            lambda: sg.nn.attention(X, X, sg.input("v", ("B", "S", 6))),
            sg.ShapeError,
            r"as many values as keys; got k \(B, T, 6\) and v \(B, S, 6\)",
        ),
        (
            lambda: sg.nn.multi_head_attention(sg.input("q", ("B", "T", 6), "float32"), X, heads=2),
            sg.DTypeError,
            "of one dtype; got q float32, k float64 and v float64",
        ),
        (
            lambda: sg.nn.attention(X, X, X, mask=np.ones((3, 3), int)),
            sg.DTypeError,
            "expected mask to be boolean .* or a floating bias; got int64",
        ),
        (lambda: sg.nn.attention(X, X, X, mask=True), sg.ShapeError, "an axis of keys"),
        (lambda: sg.nn.attention(X, X, X, dropout=1.5), sg.DeclarationError, "0 <= rate < 1"),
        (
            lambda: sg.nn.attention(sg.input("i", (3, 3), "int64"), X, X),
            sg.DTypeError,
            "attention: expected a floating array; got int64",
        ),
        (
            lambda: sg.nn.attention(X, X, X, scale="d"),
            sg.DeclarationError,
            "attention: expected scale, a finite number; got 'd'",
        ),
        (
            lambda: sg.nn.attention(X, X, X, np.ones((3, 3), bool)),
            sg.DeclarationError,
            "attention: expected causal to be True or False; got array",
        ),
        (
            lambda: sg.nn.multi_head_attention(X, X, X, 2, sg.input("m", ("T", "T"), "bool")),
            sg.DeclarationError,
            "multi_head_attention: expected causal to be True or False; got <Expr m",
        ),
        (
            lambda: sg.nn.multi_head_attention(
                X, heads=2, mask=sg.input("m", ("B", 3, "T", "T"), "bool")
            ),
            sg.ShapeError,
            r"a mask that broadcasts to \(B, 2, T, T\); got \(B, 3, T, T\)",
        ),
        (
            lambda: sg.nn.multi_head_attention(X, X, X),
            sg.DeclarationError,
            "expected heads >= 1, an integer; got None",
        ),
        (
            lambda: sg.nn.multi_head_attention(X, X, X, 4),
            sg.DeclarationError,
            r"features that are a multiple of heads=4; got q \(B, T, 6\)",
        ),
        (
            lambda: sg.nn.multi_head_attention(X, X, X, 6, kv_heads=4),
            sg.DeclarationError,
            "heads to be a multiple of kv_heads; got 6 and 4",
        ),
        (
            lambda: sg.nn.multi_head_attention(X, X, X, 2, rotary=True),
            sg.ShapeError,
            r"rotary: expected an even last axis; got shape \(B, 2, T, 3\)",
        ),
    ],
)
def test_errors_say_what_was_expected(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_a_mask_of_padding_without_an_axis_of_queries_is_refused() -> None:
    x = sg.input("x", ("B", "T", 4))
    for mask in (sg.input("there", ("B", "T"), "bool"), np.ones((5, 7), bool)):
        with pytest.raises(sg.ShapeError, match=r"needs an axis of queries: mask\[:, None, :\]"):
            sg.nn.multi_head_attention(sg.input("s", (2, 3, 4)), heads=2, mask=mask)
    with pytest.raises(sg.ShapeError, match=r"= \(\.\.\., T, T\); got \(B, T\)\. One"):
        sg.nn.attention(x, x, x, mask=sg.input("there", ("B", "T"), "bool"))
    for fits in (("T", "T"), (1, "T"), ("B", 1, "T"), ("T",)):
        assert sg.nn.attention(x, x, x, mask=sg.input("m", fits, "bool")).shape == x.shape
