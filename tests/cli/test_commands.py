"""show, compile, graph, check: what they print and write, and their exit status."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symgrad as sg
from symgrad.cli.target import declared
from symgrad.ir.op import OPS, Op
from tests.cli.conftest import Command


def test_help_names_the_program_and_lists_the_commands(command: Command) -> None:
    ran = command("--help")
    assert ran.status == 0
    assert ran.out.startswith("usage: symgrad")
    for name in ("demo", "show", "compile", "graph", "summary", "check", "train", "doctor"):
        assert f"\n    {name} " in ran.out
    assert "explore" not in ran.out


def test_version(command: Command) -> None:
    assert command("--version") == (0, f"symgrad {sg.__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("frobnicate",), ("show",), ("compile", "net.py:loss")])
def test_a_bad_command_line_exits_with_2(command: Command, arguments: tuple[str, ...]) -> None:
    ran = command(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("usage: symgrad")


def test_show_prints_the_source_and_nothing_else(command: Command, net: Path) -> None:
    ran = command("show", f"{net}:model")
    assert ran.status == 0
    assert ran.err == "declared\n"  # what the file prints is not part of the source
    assert ran.out == declared(f"{net}:model").source


def test_show_prints_one_entry(command: Command, net: Path) -> None:
    ran = command("show", f"{net}:build", "--entry", "step")
    (function,) = ast.parse(ran.out).body
    assert isinstance(function, ast.FunctionDef) and function.name == "step"


def test_show_compiles_an_expression_in_the_style_asked_for(command: Command, net: Path) -> None:
    module = command("show", f"{net}:loss", "--style", "readable").out
    assert "def value_and_grad(params, x, t):" in module
    readable = ("--style", "readable", "--entry", "value_and_grad")
    assert "out=" not in command("show", f"{net}:loss", *readable).out
    fast = command("show", f"{net}:loss", "--entry", "value_and_grad").out
    assert "out=" in fast


def test_an_expression_that_is_no_loss_becomes_a_function_of_its_leaves(
    command: Command, net: Path
) -> None:
    assert "def y(x, w):" in command("show", f"{net}:y").out


def test_show_prints_equations_graph_and_report_instead(command: Command, net: Path) -> None:
    ran = command("show", f"{net}:model", "--latex", "--graph", "--report")
    assert ran.status == 0
    assert r"\tanh" in ran.out
    assert "digraph" in ran.out
    assert "stabilise" in ran.out
    assert "def step" not in ran.out


def test_an_entry_that_does_not_exist(command: Command, net: Path) -> None:
    ran = command("show", f"{net}:model", "--entry", "stop")
    assert ran.status == 2
    assert "no entry 'stop'; there is init, predict" in ran.err
    ran = command("show", f"{net}:loss", "--entry", "step")
    assert "step needs optimizer=" in ran.err


def test_the_style_of_what_is_compiled_cannot_be_changed(command: Command, net: Path) -> None:
    ran = command("show", f"{net}:model", "--style", "fast")
    assert ran.status == 2
    assert "'model' is compiled already" in ran.err


def test_compile_writes_a_module_that_gives_the_same_numbers(
    command: Command, net: Path, tmp_path: Path
) -> None:
    out = tmp_path / "shipped.py"
    ran = command("compile", f"{net}:model", "-o", out)
    assert (ran.status, ran.out) == (0, f"{out}\n")
    script = """
import numpy as np, shipped
print(shipped.predict(shipped.init(0), np.eye(4)).tolist())
"""
    alone = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    model = declared(f"{net}:model")
    assert ast.literal_eval(alone.stdout) == model.predict(model.init(0), x=np.eye(4)).tolist()


@pytest.mark.parametrize("suffix", [".svg", ".dot"])
def test_graph_draws(command: Command, net: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"flow{suffix}"
    ran = command("graph", f"{net}:model", "-o", out)
    assert (ran.status, ran.out) == (0, f"{out}\n")
    assert ("<svg" if suffix == ".svg" else "digraph") in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("graph", "{net}:model", "-o", "{tmp}/flow.jpeg"), "a picture ends in .svg"),
        (("graph", "{net}:model", "-o", "{tmp}/nowhere/flow.svg"), "no such folder"),
        (("compile", "{net}:model", "-o", "{tmp}/net.txt"), "a module ends in .py"),
        (("compile", "{net}:model", "-o", "{tmp}/nowhere/net.py"), "no such folder"),
    ],
)
def test_a_bad_output_is_refused(
    command: Command, net: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ran = command(*[a.format(net=net, tmp=tmp_path) for a in arguments])
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


def test_check_prints_the_report(command: Command, net: Path) -> None:
    ran = command("check", f"{net}:model")
    assert ran.status == 0
    assert str(sg.check_gradients(declared(f"{net}:loss"))) in ran.out


def test_check_of_what_is_no_scalar_weighs_its_entries(command: Command, net: Path) -> None:
    ran = command("check", f"{net}:y", "--order", "1")
    assert ran.status == 0
    assert "sum with random weights" in ran.out
    assert re.search(r"^w +1 +rev +all", ran.out, re.MULTILINE)


def test_check_exits_with_1_on_a_wrong_gradient(
    command: Command, net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(OPS["tanh"])
    right = kind.vjp

    def wrong(self: Op, node: sg.Expr, ct: sg.Expr, needs: tuple[bool, ...]) -> object:
        return right(self, node, 1.001 * ct if node.op.name == "tanh" else ct, needs)

    monkeypatch.setattr(kind, "vjp", wrong)
    ran = command("check", f"{net}:loss")
    assert ran.status == 1
    assert "d / d w" in ran.out and "finite differences" in ran.out


def test_check_of_a_function_says_what_to_name(command: Command, net: Path) -> None:
    ran = command("check", f"{net}:rows")
    assert ran.status == 2
    assert "a model or an expression" in ran.err


@pytest.mark.parametrize("count", ["0", "-1", "x"])
def test_an_order_that_is_no_count(command: Command, net: Path, count: str) -> None:
    assert command("check", f"{net}:loss", f"--order={count}").status == 2
