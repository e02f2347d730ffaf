"""The folder of a run: what was run, on what, with what; so that it can be done again."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.cli import blas
from symgrad.cli.datasets import Dataset, sha256
from symgrad.cli.errors import CommandError
from symgrad.cli.target import is_foreign

__all__ = ["FILES", "Folder", "again", "record_of"]

#: what a run writes into its folder, and what that is
FILES = {
    "params.npz": "the trained parameters",
    "model.py": "the model: forward, backward, training step; it needs NumPy and nothing else",
    "history.csv": "loss and metrics of each epoch",
    "history.svg": "the same, drawn",
    "summary.txt": "the table of layers",
    "source.py": "the declaration, as it was",
    "checkpoint.npz": "the last state, from which --resume goes on",
    "run.json": "command, seed, versions, hashes of source and data: how to repeat the run",
}
RECORD = "run.json"
MODULES = "modules"

#: parts of a record that must be the same for a run to go on
_FIXED = {"source": "the source", "data": "the data", "validation": "the validation data"}


class Folder:
    """The folder of a run.

    Parameters
    ----------
    path : str
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def __getitem__(self, name: str) -> Path:
        return self.path / name

    def require(self) -> None:
        """Refuse a folder in which a new run would overwrite anything.

        Raises
        ------
        CommandError
        """
        if self.path.exists() and not self.path.is_dir():
            raise CommandError(f"--out: {self.path} is no folder")
        if self[RECORD].exists():
            raise CommandError(
                f"{self.path} holds a run: go on with it by --resume, or give another --out"
            )
        for name in (*FILES, MODULES):
            if self[name].exists():
                raise CommandError(
                    f"{self.path} has a {name}, which the run would overwrite: give another --out"
                )

    def resumed(self, record: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The record of the run that is there, as it goes on, and what may change its bits.

        Raises
        ------
        CommandError
            If the folder holds none, or one of other source, data or settings: with what differs.
        """
        try:
            before = json.loads(self[RECORD].read_text(encoding="utf-8"))
            parts = {name: before[name] for name in (*_FIXED, "settings", "versions", "machine")}
        except (FileNotFoundError, NotADirectoryError):
            raise CommandError(f"--resume: {self.path} holds no run to go on with") from None
        except (ValueError, KeyError, TypeError):
            raise CommandError(f"--resume: {self[RECORD]} is not the record of a run") from None
        now = json.loads(json.dumps(record))
        differ = [
            f"{what}: {changed}"
            for name, what in _FIXED.items()
            for changed in _changed(parts[name], now[name])
        ]
        differ += [
            f"{name}: {parts['settings'].get(name)} there, {value} here"
            for name, value in now["settings"].items()
            if parts["settings"].get(name) != value
        ]
        if differ:
            raise CommandError(
                f"--resume: the run in {self.path} is another one:\n  "
                + "\n  ".join(differ)
                + "\ngive what it was begun with, or begin another with --out"
            )
        notes = [
            f"{key} is {value}, and was {parts[part].get(key)} when the run began: "
            "its bits may differ"
            for part in ("versions", "machine")
            for key, value in now[part].items()
            if parts[part].get(key) != value
        ]
        if notes:
            others = {part: now[part] for part in ("versions", "machine")}
            before["resumed"] = [*before.get("resumed", []), others]
        return before | {key: now[key] for key in ("command", "arguments", "epochs")}, notes

    def write(self, record: dict[str, Any], source: Path, summary: str, model: sg.Model) -> None:
        """Write what is known before the first step."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in record["source"]["modules"]:
            copy = self[MODULES] / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.resolve().parent / name, copy)
        shutil.copyfile(source, self["source.py"])
        self["summary.txt"].write_text(f"{summary}\n", encoding="utf-8")
        model.save(self["model.py"])
        self.record(record)

    def forget(self) -> None:
        """Remove what was written: a run that has failed before its first checkpoint."""
        for name in FILES:
            self[name].unlink(missing_ok=True)
        shutil.rmtree(self[MODULES], ignore_errors=True)
        with contextlib.suppress(OSError):  # it holds something else
            self.path.rmdir()

    def record(self, record: dict[str, Any]) -> None:
        """Write the record: whole or not at all."""
        partial = self[f".{RECORD}.partial"]
        text = json.dumps(record, indent=2, ensure_ascii=False)
        partial.write_text(f"{text}\n", encoding="utf-8")
        os.replace(partial, self[RECORD])


def again(arguments: Sequence[str], *more: str) -> str:
    """A command line, to be typed."""
    return shlex.join(["symgrad", *arguments, *more])


def record_of(
    arguments: Sequence[str],
    source: Path,
    name: str,
    data: Dataset,
    validation: Dataset | None,
    settings: Mapping[str, Any],
    epochs: int,
) -> dict[str, Any]:
    """The record of a run: what decides its bits, and how to call it again."""
    plain = [a for a in arguments if a != "--resume"]
    found = blas.inspect()
    return {
        "command": again(plain),
        "arguments": plain,
        "folder": str(Path.cwd()),
        "epochs": epochs,
        "settings": dict(settings),
        "source": {
            "file": source.name,
            "name": name,
            "sha256": sha256(source),
            "modules": dict(_neighbours(source)),
        },
        "data": data.identity,
        "validation": {} if validation is None else validation.identity,
        "versions": {
            "symgrad": sg.__version__,
            "NumPy": np.__version__,
            "Python": platform.python_version(),
        },
        "machine": {
            "platform": platform.platform(),
            "processor": blas.cpu()[0],
            "BLAS": " ".join(filter(None, (found.name, found.version, found.core))),
            "BLAS threads": found.threads,
        },
        "environment": {k: os.environ[k] for k in blas.SETTINGS if os.environ.get(k)},
    }


def _neighbours(source: Path) -> Iterator[tuple[str, str]]:
    """The user's other modules that lie beside a file or below it, with their hashes."""
    folder = source.resolve().parent
    found = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py"):
            continue
        path = Path(file).resolve()
        if path.is_relative_to(folder) and path.is_file() and not is_foreign(str(path)):
            found.add(path)
    found.discard(source.resolve())
    for path in sorted(found):
        yield path.relative_to(folder).as_posix(), sha256(path)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What differs between a part of a record and that part now; files may have moved."""
    for name in {**before, **now}:
        old, new = before.get(name), now.get(name)
        if name == "file" or old == new:
            continue
        if isinstance(old, dict) or isinstance(new, dict):
            yield from _changed(old or {}, new or {})
        elif name == "sha256" and old and new:
            yield f"{now['file']} has changed"
        elif _is_hash(old) and _is_hash(new):
            yield f"{name} has changed"
        else:
            told = ["absent" if v is None else "given" if _is_hash(v) else v for v in (old, new)]
            what = (now.get("file") or before.get("file")) if name == "sha256" else name
            yield f"{what}: {told[0]} there, {told[1]} here"


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64
