"""What README.md and docs/ show is what their code prints; their links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.examples import record
from tests.examples.documents import BLOCK, DOCUMENTS, ROOT, renewed

LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_a_document_shows_what_its_code_prints(path: Path) -> None:
    document = path.read_text(encoding="utf-8")
    assert renewed(document) == document, "python -m tests.examples.documents renews it"


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(path: Path) -> None:
    prose = BLOCK.sub("", path.read_text(encoding="utf-8"))
    links = [link for link in LINK.findall(prose) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_document_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    reached = set(LINK.findall(index))
    assert {p.name for p in (ROOT / "docs").glob("*.md")} - {"index.md"} <= reached


def test_a_stale_output_is_found() -> None:
    document = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    assert renewed(document) == document.replace("3", "2")


def test_a_stale_console_output_is_found() -> None:
    document = "```console\n$ symgrad --version\nsymgrad 0\n```\n"
    assert "symgrad 0\n" not in renewed(document)


def test_text_that_follows_no_code_is_left_alone() -> None:
    document = "```python\nprint(1)\n```\n\nBut:\n\n```text\nx\n```\n"
    assert renewed(document) == document


def test_names_of_variables_are_those_of_the_document_itself() -> None:
    block = (
        "```python\nimport symgrad as sg\n{0} = sg.exp(sg.input('x', ()))\nprint({0}.name)\n```\n"
    )
    for name in ("first", "second"):
        document = block.format(name) + "\n```text\n```\n"
        assert f"```text\n{name}\n```" in renewed(document)


def test_every_example_is_recorded_with_what_it_prints() -> None:
    found: dict[str, str] = {}
    for path in record.DOCUMENTS:
        blocks = record.RECORD.finditer(path.read_text(encoding="utf-8"))
        found |= {block.group(2): block.group(3) for block in blocks}
    assert set(found) == {path.stem for path in (ROOT / "examples").glob("*.py")}
    assert [name for name, printed in found.items() if not printed.strip()] == []


def test_a_record_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "sum.py").write_text("import sys\nprint(1 + int(sys.argv[1]))\n")
    monkeypatch.setattr(record, "ROOT", tmp_path)
    document = "<!-- python examples/sum.py 2 -->\n```text\nold\n```\n"
    assert record.recorded(document, set()) == document.replace("old", "3")
    assert record.recorded(document, {"other"}) == document
