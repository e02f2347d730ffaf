"""The generated source, byte for byte: a change of it is seen, read and renewed on purpose."""

from __future__ import annotations

import difflib

import pytest

from tests.golden.models import HERE, MODELS, STYLES, path_of


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", MODELS)
def test_source_is_as_it_was(name: str, style: str) -> None:
    path = path_of(name, style)
    golden = path.read_bytes().decode("utf-8")
    made = MODELS[name](style).source
    if made != golden:
        lines = difflib.unified_diff(
            golden.splitlines(), made.splitlines(), path.name, "generated now", lineterm=""
        )
        pytest.fail(
            "\n".join(lines) + "\n\nif this is better, renew with: make golden", pytrace=False
        )


def test_every_golden_file_has_its_model() -> None:
    expected = {path_of(name, style) for name in MODELS for style in STYLES}
    assert set((HERE / "sources").glob("*.py")) == expected
