"""docs/ops.md is what the registry says, and docs/numerics.md what this machine computes."""

import re
from pathlib import Path

import pytest

from symgrad.ir.op import FUNCTIONS
from tests.accuracy import example
from tests.accuracy.report import document
from tests.documents.ops import (
    DATA,
    PAGE,
    entries,
    equations,
    errors,
    meaning,
    measured,
    notes,
    page,
)

MEASURED = re.compile(r"\n\nMeasured error: .*")


def test_the_page_is_current() -> None:
    """But for the errors: those are of another machine, and of another day."""
    text = PAGE.read_text(encoding="utf-8")
    assert MEASURED.sub("", text) == page({"cases": {}}), "`make docs` renews it"


@pytest.mark.parametrize("path", [PAGE, PAGE.with_name("accuracy.md")], ids=lambda p: p.name)
def test_the_errors_shown_are_those_that_were_measured(path: Path) -> None:
    text, data = path.read_text(encoding="utf-8"), measured()
    if not DATA.exists():  # `make accuracy` was never run
        assert not MEASURED.search(text) and "| symgrad |" not in text
    elif path == PAGE:
        shown = {line.strip() for line in MEASURED.findall(text)}
        known = {f"Measured error: {errors(name, data)}." for name in data["cases"]}
        assert shown and shown <= known, "`make docs` renews it"
    else:
        assert text == document(data), "`make accuracy` renews it"


def test_every_public_function_is_on_it_and_says_what_it_is() -> None:
    listed = {name for found in entries().values() for entry in found for name in entry.names}
    assert set(FUNCTIONS) <= listed
    assert not [e.name for found in entries().values() for e in found if not meaning(e.function)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("tanh", [r"f = \tanh x", r"\frac{\partial f}{\partial x} = \operatorname{sech}^2 x"]),
        ("matmul", [r"f = x \, y", r"\bar x = \bar f \, y^\top", r"\bar y = x^\top \, \bar f"]),
        ("exp", [r"f = e^{x}", r"\frac{\partial f}{\partial x} = f"]),
    ],
)
def test_equations(name: str, lines: list[str]) -> None:
    [entry] = [e for found in entries().values() for e in found if e.name == name]
    assert equations(entry) == lines


def test_notes_are_those_of_the_docstring() -> None:
    def fn() -> None:
        """Do it.

        Notes
        -----
        At 0 the slope
        is 1.

        Examples
        --------
        >>> 1
        1
        """

    assert meaning(fn) == "Do it."
    assert notes(fn) == "At 0 the slope is 1."


def test_errors_are_the_largest_of_the_measurements() -> None:
    found = {"float64": {"value": {"symgrad": {"worst": 1.25}}}}
    data = {"cases": {"exp": {"kind": "op", "results": found}}}
    assert errors("exp", data) == "value 1.2 ulps"
    assert errors("log", data) == ""


def test_the_example_shows_what_is_computed_here() -> None:
    text = example.PAGE.read_text(encoding="utf-8")
    own = {
        name: row for name, row in example.rows().items() if name in ("exact", "symgrad", "NumPy")
    }
    assert example.table(text, lambda: own) == text, "python -m tests.accuracy.example renews it"
    assert "nan" not in own["symgrad"] and "nan" in own["NumPy"]
