"""``--data``: arrays in files, or what a Python file makes; and by what they are known again."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.cli.errors import CommandError
from symgrad.cli.target import described, load, users_errors

__all__ = ["Dataset", "Files", "dataset", "sha256", "validation"]

FORMS = "an .npz file, NAME=FILE.npy, FILE.py:NAME or :NAME"


@dataclass(frozen=True)
class Dataset:
    """Data, as ``train.fit`` takes them.

    Attributes
    ----------
    value : dict of arrays and paths, function, or fraction
    identity : dict
        What decides the examples: ``sha256`` of a ``file``, of each of the ``arrays``, or a
        ``fraction``.
    """

    value: Any
    identity: dict[str, Any]


class Files:
    """The user's Python files, each run once.

    Parameters
    ----------
    path : Path
        The file that ``:NAME`` speaks of.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._modules: dict[Path, ModuleType] = {}

    def module(self, path: Path | None = None) -> ModuleType:
        """A file, run as a module."""
        path = self.path if path is None else path
        key = path.resolve()
        if key not in self._modules:
            self._modules[key] = load(path)
        return self._modules[key]

    def value(self, text: str, what: str) -> tuple[Path, str, Any]:
        """What ``FILE.py:NAME`` or ``:NAME`` means: the file, the name, the value."""
        file, _, name = text.rpartition(":")
        path = Path(file) if file else self.path
        module = self.module(path)
        if not hasattr(module, name):
            raise CommandError(f"{what}: {path} has no {name!r}")
        return path, name, getattr(module, name)


def dataset(specs: Sequence[str], files: Files, what: str) -> Dataset:
    """The data that an option names.

    Parameters
    ----------
    specs : list of str
        One .npz file or Python name, or ``x=FILE.npy`` for each input.
    files : Files
    what : str
        The option, for messages.
    """
    named = [_named(spec) for spec in specs]
    if all(named):
        return _arrays([pair for pair in named if pair is not None], what)
    if len(specs) > 1:
        raise CommandError(
            f"{what}: only NAME=FILE.npy may be given more than once; got {' and '.join(specs)}"
        )
    (spec,) = specs
    if spec.endswith(".npz"):
        path = _file(spec, what)
        return Dataset(sg.load_arrays(path), {"file": path.name, "sha256": sha256(path)})
    if ":" in spec:
        return _python(spec, files, what)
    raise CommandError(f"{what}: expected {FORMS}; got {spec!r}")


def validation(specs: Sequence[str] | None, files: Files) -> Dataset | None:
    """The data to validate on, or the fraction that is held out for it."""
    if not specs:
        return None
    if len(specs) == 1:
        try:
            fraction = float(specs[0])
        except ValueError:
            pass
        else:
            if not 0 < fraction < 1:
                raise CommandError(f"--validation: a fraction lies between 0 and 1; got {specs[0]}")
            return Dataset(fraction, {"fraction": fraction})
    return dataset(specs, files, "--validation")


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(spec: str) -> tuple[str, str] | None:
    """The input and the file of ``x=FILE.npy``."""
    name, equals, path = spec.partition("=")
    return (name, path) if equals and name and path.endswith(".npy") else None


def _file(spec: str, what: str) -> Path:
    path = Path(spec)
    if not path.is_file():
        raise CommandError(f"{what}: no such file: {path}")
    return path


def _arrays(pairs: Sequence[tuple[str, str]], what: str) -> Dataset:
    found: dict[str, Path] = {}
    for name, spec in pairs:
        if name in found:
            raise CommandError(f"{what}: {name} is given twice, {found[name]} and {spec}")
        found[name] = _file(spec, what)
    return Dataset(dict(found), {"arrays": {name: sha256(path) for name, path in found.items()}})


def _python(spec: str, files: Files, what: str) -> Dataset:
    path, name, value = files.value(spec, what)
    identity = {"file": path.name, "sha256": sha256(path)}
    plain = inspect.isroutine(value) and not inspect.isgeneratorfunction(value)
    if plain and not inspect.signature(value).parameters:  # one that loads arrays, perhaps
        with users_errors(path, f"{name}() of {path}"):
            made = value()
        value = made if isinstance(made, Mapping) else value
    if isinstance(value, Mapping):
        arrays = {str(key): np.asarray(array) for key, array in value.items()}
        return Dataset(arrays, identity | {"arrays": {k: _hash(v) for k, v in arrays.items()}})
    if callable(value) and not isinstance(value, type):
        return Dataset(_batches(value, path, name), identity)
    raise CommandError(
        f"{what}: {name!r} in {path} is {described(value)}; expected a dict of arrays by the "
        "names of the inputs, or a function that gives them or batches of them"
    )


def _hash(array: np.ndarray[Any, Any]) -> str:
    found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    found.update(np.ascontiguousarray(array).data if array.dtype != object else b"")
    return found.hexdigest()


def _batches(function: Callable[..., Any], path: Path, name: str) -> Callable[[int], Iterator[Any]]:
    """The user's function of the epoch's number, its exceptions told as the user's own."""
    takes_epoch = bool(inspect.signature(function).parameters)

    def batches(epoch: int) -> Iterator[Any]:
        what = f"{name}() of {path}"
        with users_errors(path, what):
            made = function(epoch) if takes_epoch else function()
            source = iter(made)
        while True:
            with users_errors(path, what):
                try:
                    batch = next(source)
                except StopIteration:
                    return
            yield batch

    return batches
