"""The summary: parameters and FLOPs agree with counts made by hand, scope by scope."""

import json

import numpy as np
import pytest

import symgrad as sg
from symgrad.viz.summary import Summary

B, T = sg.dim("B"), sg.dim("T")


def row(summary: Summary, name: str):
    (found,) = [r for r in summary.rows if r.name == name]
    return found


def dense(x, units: int, name: str):
    with sg.scope(name):
        return x @ sg.param("W", (x.shape[-1], units)) + sg.param("b", (units,))


def classifier():
    x, y = sg.input("x", ("B", 64)), sg.input("y", ("B", 10))
    z = dense(sg.maximum(dense(x, 32, "hidden"), 0.0), 10, "out")
    return sg.compile(((z - y) ** 2).mean(), outputs=z)


def test_dense_layers_cost_two_products_and_a_sum() -> None:
    summary = classifier().summary()
    assert [r.name for r in summary.rows] == ["x", "y", "hidden", "out", "(model)"]
    hidden, out = row(summary, "hidden"), row(summary, "out")
    assert (hidden.parameters, out.parameters) == (64 * 32 + 32, 32 * 10 + 10)
    assert (hidden.output, out.output) == ((B, 32), (B, 10))
    assert hidden.flops == 2 * B * 64 * 32 + B * 32
    assert out.flops == 2 * B * 32 * 10 + B * 10
    assert row(summary, "(model)").flops == B * 32 + 3 * B * 10  # relu; difference, square, mean
    assert row(summary, "(model)").output == ()


def test_the_total_is_the_sum_of_the_rows_and_what_init_gives() -> None:
    model = classifier()
    summary, params = model.summary(B=32), model.init()
    assert summary.parameters == sum(p.size for p in params.values())
    assert summary.parameters == sum(r.parameters for r in summary.rows)
    assert summary.parameter_bytes == sum(p.nbytes for p in params.values())
    assert summary.flops == sum(r.flops for r in summary.rows)
    assert summary.total_flops == model.report(B=32).flops > summary.flops
    assert row(summary, "x").output == (32, 64)


def test_a_convolution_costs_its_window_for_each_output() -> None:
    x = sg.input("x", ("B", 12, 12, 3))
    with sg.scope("conv"):
        y = sg.conv2d(x, sg.param("W", (3, 3, 3, 8)))
    summary = sg.compile((y**2).mean(), outputs=y).summary(B=4)
    conv = row(summary, "conv")
    assert conv.output == (4, 10, 10, 8)
    assert conv.parameters == 3 * 3 * 3 * 8
    windows = (4 * 10 * 10) * (3 * 3 * 3)  # laid out, which counts one for each number
    assert conv.flops == 2 * (4 * 10 * 10 * 8) * (3 * 3 * 3) + windows


def recurrent():
    x = sg.input("x", ("T", "B", 5))

    def cell(h, xt):
        with sg.scope("cell"):
            h = sg.maximum(xt @ sg.param("W", (5, 7)) + h @ sg.param("U", (7, 7)), 0.0)
        return h, h

    with sg.scope("rnn"):
        last, _ = sg.scan(cell, sg.zeros((x.shape[1], 7)), x)
    return sg.compile(last.sum(), outputs=last)


def test_a_loop_counts_its_body_as_often_as_it_goes_round() -> None:
    summary = recurrent().summary()
    cell = row(summary, "rnn.cell")
    each = 2 * B * 5 * 7 + 2 * B * 7 * 7 + B * 7 + B * 7
    assert cell.flops == T * each  # W x leaves the loop, but not its scope
    assert cell.parameters == 5 * 7 + 7 * 7
    assert cell.output == row(summary, "rnn").output == (B, 7)
    assert row(summary, "(model)").flops == B * 7


def test_of_a_branch_the_larger_side_counts() -> None:
    x, w = sg.input("x", (4,)), sg.param("w", (4, 4))
    with sg.scope("choice"):
        y = sg.cond(x[0] > 0, lambda x: x @ w, lambda x: x + 1.0, x)
    summary = sg.compile(y.sum(), outputs=y).summary()
    assert 2 * 4 * 4 <= row(summary, "choice").flops < 2 * 4 * 4 + 4


def test_an_embedding_has_parameters_and_no_flops() -> None:
    ids = sg.input("ids", ("B",), dtype="int64")
    with sg.scope("embedding"):
        e = sg.param("E", (100, 8))[ids]
    summary = sg.compile((e**2).sum(), outputs=e).summary()
    found = row(summary, "embedding")
    assert (found.parameters, found.flops, found.output) == (800, 0, (B, 8))
    assert "ids        (B,) int64" in str(summary)


def test_a_model_without_scopes_is_one_row_beside_its_leaves() -> None:
    x, w = sg.input("x", ("B", 3)), sg.param("w", (3,))
    summary = sg.compile(((x @ w) ** 2).sum()).summary()
    assert [(r.name, r.kind) for r in summary.rows] == [
        ("x", "input"),
        ("w", "parameter"),
        ("(model)", "model"),
    ]
    assert summary.rows[-1].flops == 2 * B * 3 + B + B
    assert summary.parameters == 3


def test_shared_weights_are_counted_once() -> None:
    ids = sg.input("ids", ("B",), dtype="int64")
    with sg.scope("embedding"):
        E = sg.param("E", (50, 8))
        e = E[ids]
    with sg.scope("decoder"):
        z = e @ E.T
    summary = sg.compile((z**2).mean(), outputs=z).summary()
    assert (row(summary, "embedding").parameters, row(summary, "decoder").parameters) == (400, 0)
    assert summary.parameters == 400
    assert row(summary, "decoder").flops == 2 * B * 50 * 8


def test_nested_scopes_stand_after_the_one_that_holds_them() -> None:
    x = sg.input("x", ("B", 4))
    with sg.scope("encoder"):
        h = dense(x, 6, "first")
        h = dense(h, 5, "second") * sg.param("scale", ())
    z = dense(h, 2, "head")
    summary = sg.compile((z**2).mean(), outputs=z).summary()
    names = [r.name for r in summary.rows if r.kind == "scope"]
    assert names == ["encoder", "encoder.first", "encoder.second", "head"]
    assert (row(summary, "encoder").parameters, row(summary, "encoder").flops) == (1, 5 * B)
    assert row(summary, "encoder").output == (B, 5)
    assert row(summary, "encoder.first").output == (B, 6)


def test_states_have_a_column_of_their_own() -> None:
    x, mean = sg.input("x", ("B", 3)), sg.state("mean", (3,))
    sg.update(mean, 0.9 * mean + 0.1 * x.mean(axis=0))
    summary = sg.compile((((x - mean) * sg.param("w", (3,))) ** 2).mean()).summary()
    assert (summary.parameters, summary.states, summary.state_bytes) == (3, 3, 24)
    assert "states" in str(summary).splitlines()[0]
    assert "3 values of state, 24 bytes" in str(summary)


def test_parameters_of_symbolic_sizes() -> None:
    x = sg.input("x", ("B", "D"))
    model = sg.compile(((x @ sg.param("w", ("D", 2))) ** 2).mean())
    assert model.summary().parameters == 2 * sg.dim("D")
    assert model.summary(D=8).parameters == 16 == model.init(D=8)["w"].size


def test_float32_takes_half_the_bytes() -> None:
    x = sg.input("x", ("B", 3), dtype="float32")
    model = sg.compile((x @ sg.param("w", (3,), dtype="float32")).sum())
    assert model.summary().parameter_bytes == 12


def test_text_is_aligned_and_narrow_whatever_the_names_and_formulas() -> None:
    x = sg.input("x", ("batch_size", "sequence_length", "channels_of_the_input"))
    with sg.scope("a_rather_long_name"), sg.scope("of_a_scope_in_a_scope"):
        y = x * sg.param("w", ("channels_of_the_input",)) + x.mean(axis=1, keepdims=True)
    summary = sg.compile((y**2).mean(), outputs=y).summary()
    lines = str(summary).splitlines()
    assert max(map(len, lines)) < 100
    assert "..." in str(summary)
    table = lines[: len(summary.rows) + 2]
    assert len({len(line) for line in table if line[-1] != ")"}) == 1  # right-aligned numbers
    assert all(line.isascii() for line in lines)
    whole = str(summary.flops)
    assert whole.endswith("sequence_length") and f"{whole} FLOPs forward" in lines


def test_as_data_and_as_html() -> None:
    summary = classifier().summary()
    plain = json.loads(json.dumps(summary.to_dict()))
    assert plain["rows"][2] == {
        "name": "hidden",
        "kind": "scope",
        "output": ["B", 32],
        "dtype": "float64",
        "parameters": 2080,
        "states": 0,
        "flops": "4128*B",
    }
    assert plain["parameters"] == 2410
    page = summary._repr_html_()
    assert page.count("<tr>") == page.count("</tr>") == len(summary.rows) + 2
    assert "<td>hidden</td>" in page


def test_sizes_that_the_model_does_not_have_are_refused() -> None:
    with pytest.raises(sg.CompileError, match=r"no size 'Q'; it has \['B'\]"):
        classifier().summary(Q=3)
    with pytest.raises(sg.CompileError, match="B must be a whole number"):
        classifier().summary(B=2.5)


def test_a_model_that_was_trained_on_is_summed_up_the_same() -> None:
    model = classifier().recompiled(optimizer=sg.optim.SGD(0.1))
    before = str(model.summary())
    params = model.init()
    model.step(params, model.init_optimizer(params), x=np.ones((2, 64)), y=np.ones((2, 10)))
    assert str(model.summary()) == before


def test_outputs_of_a_model_are_what_it_was_compiled_with() -> None:
    model = classifier()
    assert isinstance(model.outputs, sg.Expr)
    assert model.recompiled(style="readable").outputs is model.outputs
