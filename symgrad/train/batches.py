"""Where the examples of a training run come from: arrays, files, and anything that gives batches.

Every source gives the same batches for the same seed and epoch, whatever ran before: an epoch
that was interrupted goes on at the batch that comes next.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import symgrad as sg
from symgrad import CompileError, DeclarationError, DTypeError, ShapeError

__all__ = [
    "ArrayBatches",
    "Batch",
    "Batches",
    "StreamBatches",
    "batches_of",
    "counted_by",
    "held_out",
]

Array = np.ndarray[Any, Any]
Batch = dict[str, Any]

_CHUNK = 1 << 20  # values that are looked at in one go


class Batches(Protocol):
    """Examples, a batch at a time."""

    @property
    def count(self) -> int | None:
        """Batches of an epoch, if that is known."""
        ...

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0), without the first `skip`."""
        ...

    def described(self) -> dict[str, Any]:
        """What a checkpoint remembers: a resumed run must have the same."""
        ...


def batches_of(
    data: Any,
    model: sg.Model,
    *,
    batch_size: int | None,
    seed: int = 0,
    shuffle: bool = True,
    remainder: str = "keep",
    nan: str = "raise",
    what: str = "data",
) -> Batches:
    """The batches of what a user passes as data.

    Parameters
    ----------
    data : dict of arrays, iterable of dicts, or a function of the epoch's number that gives one
        An array may be the path of a ``.npy`` file, which is mapped, not read.
    model : Model
    batch_size : int or None
        Of arrays; None takes them whole. An iterable's batches are as they come.
    seed : int
        Of the order of the examples.
    shuffle : bool
        Whether the examples of arrays come in an order of their own in each epoch.
    remainder : {"keep", "drop"}
        What becomes of a last batch that is not full.
    nan : {"raise", "allow"}
    what : str
        For messages.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError
    """
    if remainder not in ("keep", "drop"):
        raise DeclarationError(f"remainder: expected 'keep' or 'drop'; got {remainder!r}")
    if nan not in ("raise", "allow"):
        raise DeclarationError(f"nan: expected 'raise' or 'allow'; got {nan!r}")
    if isinstance(data, Mapping):
        arrays = {str(name): _array(f"{what}[{name!r}]", value) for name, value in data.items()}
        return ArrayBatches(arrays, model, batch_size, seed, shuffle, remainder, nan, what)
    if isinstance(data, (str, bytes, np.ndarray)) or not (callable(data) or _iterable(data)):
        raise DeclarationError(
            f"{what}: expected a dict of arrays by the names of the inputs "
            f"{sorted(model.inputs)}, an iterable of such dicts, or a function of the epoch's "
            f"number that gives one; got {type(data).__name__}"
        )
    return StreamBatches(data, nan, what)


def _iterable(value: Any) -> bool:
    return isinstance(value, Iterable) or hasattr(value, "__getitem__")


def _array(name: str, value: Any) -> Array:
    """An array, or the one that a .npy file holds, mapped into memory."""
    if isinstance(value, (str, os.PathLike)):
        path = Path(value)
        if path.suffix != ".npy":
            raise DeclarationError(f"{name}: expected an array or a .npy file; got {str(path)!r}")
        try:
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise DeclarationError(f"{name}: no such file: {path}") from None
        except ValueError as error:
            raise DeclarationError(f"{name}: {path} is no whole .npy file: {error}") from None
        return np.asarray(loaded) if not loaded.shape else loaded
    try:
        array: Array = np.asanyarray(value)
    except ValueError as error:
        raise ShapeError(f"{name}: expected an array; got rows that differ: {error}") from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name}: expected numbers; got {array.dtype}")
    return array


def counted_by(names: Iterable[str], inputs: Mapping[str, sg.Expr]) -> str | None:
    """The array whose length is the number of examples of a batch; None where none is known.

    It is one whose input has the symbolic first axis that all such inputs have, or the first axis
    that all inputs have.
    """
    firsts = {str(inputs[k].shape[0]): k for k in names if k in inputs and inputs[k].ndim}
    symbolic = [k for d, k in firsts.items() if not d.isdigit()]
    found = symbolic or list(firsts.values())
    return found[0] if len(found) == 1 else None


class ArrayBatches:
    """Minibatches of arrays, in an order that seed and epoch decide.

    The arrays whose input is declared with the common first axis are cut into batches; the
    others go with each batch whole.
    """

    def __init__(
        self,
        arrays: dict[str, Array],
        model: sg.Model,
        batch_size: int | None,
        seed: int,
        shuffle: bool,
        remainder: str,
        nan: str,
        what: str,
    ) -> None:
        self._arrays = arrays
        self._seed, self._shuffle, self._what = seed, shuffle, what
        inputs = model.inputs
        for name, array in arrays.items():
            if name not in inputs:
                raise DeclarationError(
                    f"{what} has {name!r}, which is no input of the model; its inputs are "
                    f"{sorted(inputs)}"
                )
            _fits(f"{what}[{name!r}]", array, inputs[name])
        self._cut = _cut(arrays, inputs, batch_size, what)
        self.size = len(arrays[self._cut[0]]) if self._cut else 1
        for name in self._cut:
            if len(arrays[name]) != self.size:
                lengths = {name: len(arrays[name]) for name in self._cut}
                raise ShapeError(f"{what}: expected as many examples in each array; got {lengths}")
        if self.size == 0:
            raise ShapeError(f"{what}: expected at least one example; the arrays are empty")
        self._keep = remainder == "keep" or batch_size is None
        self._batch = self._batch_of(batch_size)
        self.count = -(-self.size // self._batch) if self._keep else self.size // self._batch
        if not self.count:
            raise ShapeError(
                f"{what}: {self.size} examples give no batch of {self._batch}, and "
                "remainder='drop' leaves out the rest"
            )
        self._static(inputs)
        #: arrays that are mapped are looked at as they are read
        self._late = [k for k, a in arrays.items() if isinstance(a, np.memmap) and nan == "raise"]
        if nan == "raise":
            for name, array in arrays.items():
                if name not in self._late:
                    _refuse_nan(f"{what}[{name!r}]", array)

    def _batch_of(self, batch_size: int | None) -> int:
        if batch_size is None:
            return self.size
        whole = isinstance(batch_size, (int, np.integer)) and not isinstance(batch_size, bool)
        if not whole or batch_size < 1:
            raise DeclarationError(
                f"batch_size: expected a whole number above 0, or None; got {batch_size!r}"
            )
        return min(int(batch_size), self.size) if self._keep else int(batch_size)

    def _static(self, inputs: Mapping[str, sg.Expr]) -> None:
        """Refuse batches that do not have the size that an input is declared with."""
        last = self.size % self._batch if self._keep else 0
        for name in self._cut:
            declared = inputs[name].shape[0]
            if not isinstance(declared, int):
                continue
            if declared != self._batch:
                raise ShapeError(
                    f"{self._what}: {name!r} is declared with {declared} examples, and batches "
                    f"have {self._batch}: pass batch_size={declared}, or declare {name!r} with a "
                    "symbolic first axis such as 'B'"
                )
            if last:
                raise ShapeError(
                    f"{self._what}: the last batch has {last} examples, and {name!r} is declared "
                    f"with {declared}: pass remainder='drop', or declare {name!r} with a symbolic "
                    "first axis such as 'B'"
                )

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0), without the first `skip`."""
        if self._batch == self.size:  # whole: nothing to gather
            if not skip:
                yield self._looked_at(dict(self._arrays))
            return
        order = None
        if self._shuffle:
            order = np.random.default_rng([self._seed, number]).permutation(self.size)
        for index in range(skip, self.count):
            start, stop = index * self._batch, min((index + 1) * self._batch, self.size)
            rows: Any = slice(start, stop) if order is None else order[start:stop]
            yield self._looked_at(
                {k: np.asarray(a[rows]) if k in self._cut else a for k, a in self._arrays.items()}
            )

    def _looked_at(self, batch: Batch) -> Batch:
        for name in self._late:
            _refuse_nan(f"{self._what}[{name!r}]", batch[name])
        return batch

    def described(self) -> dict[str, Any]:
        """Sizes and dtypes, the batch size, the order."""
        return {
            "kind": "arrays",
            "arrays": {k: [list(a.shape), a.dtype.name] for k, a in self._arrays.items()},
            "batch": self._batch,
            "keep": self._keep,
            "shuffle": self._shuffle,
        }

    def split(self, fraction: float, seed: int) -> tuple[dict[str, Array], dict[str, Array]]:
        """All but a random fraction of the examples, and that fraction."""
        held = round(fraction * self.size)
        if not 0 < held < self.size:
            raise ShapeError(
                f"validation: a fraction of {fraction} of {self.size} examples leaves nothing to "
                f"{'validate' if not held else 'train'} on"
            )
        order = np.random.default_rng([seed, 2**31]).permutation(self.size)
        parts = np.sort(order[held:]), np.sort(order[:held])
        first, second = (
            {k: a[rows] if k in self._cut else a for k, a in self._arrays.items()} for rows in parts
        )
        return first, second


def held_out(
    data: Any, model: sg.Model, fraction: float, seed: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Arrays without a random fraction of their examples, and that fraction."""
    if not isinstance(data, Mapping):
        raise DeclarationError(
            "validation: a fraction can be held out of a dict of arrays only; pass the data to "
            "validate on"
        )
    whole = batches_of(data, model, batch_size=None, nan="allow")
    assert isinstance(whole, ArrayBatches)
    return whole.split(fraction, seed)


class StreamBatches:
    """Batches that come ready made, from an iterable or from a function that gives one."""

    count: int | None

    def __init__(self, source: Any, nan: str, what: str) -> None:
        self._source, self._nan, self._what = source, nan, what
        self._begun = False
        self.count = None if callable(source) or not hasattr(source, "__len__") else len(source)
        if self.count == 0:
            raise ShapeError(f"{what}: expected at least one batch; got none")

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0), without the first `skip`."""
        empty = True
        for index, batch in enumerate(self._begin(number)):
            empty = False
            if index < skip:
                continue
            where = f"{self._what}, batch {index} of epoch {number + 1}"
            if not isinstance(batch, Mapping):
                raise DeclarationError(
                    f"{where}: expected a dict of arrays by the names of the inputs; "
                    f"got {type(batch).__name__}"
                )
            made = {str(name): _array(f"{where}, {name!r}", v) for name, v in batch.items()}
            if self._nan == "raise":
                for name, array in made.items():
                    _refuse_nan(f"{where}, {name!r}", array)
            yield made
        if empty:
            raise ShapeError(f"{self._what}: epoch {number + 1} has no batch")

    def _begin(self, number: int) -> Iterable[Any]:
        if callable(self._source):
            made = self._source(number) if _takes_one(self._source) else self._source()
            if not _iterable(made):
                raise DeclarationError(
                    f"{self._what}: expected the function to give an iterable of dicts; "
                    f"got {type(made).__name__}"
                )
            return made  # type: ignore[no-any-return]
        once = isinstance(self._source, Iterator)
        if once and self._begun:
            raise DeclarationError(
                f"{self._what}: a generator gives its batches once, and epoch {number + 1} needs "
                "them again: pass the function that makes it, and not what it returns"
            )
        self._begun = True
        return self._source  # type: ignore[no-any-return]

    def described(self) -> dict[str, Any]:
        """Nothing is known of it before it runs."""
        return {"kind": "stream"}


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True


def _fits(name: str, array: Array, declared: sg.Expr) -> None:
    """Refuse an array whose axes after the first cannot be those of the input."""
    where = f"\n  declared at {declared.location}" if declared.location else ""
    if array.ndim != declared.ndim:
        raise ShapeError(f"{name}: expected {declared.ndim} axes; got shape {array.shape}{where}")
    if array.size and not np.can_cast(array.dtype, declared.dtype, "same_kind"):
        raise DTypeError(f"{name}: expected {declared.dtype}; got {array.dtype}{where}")


def _cut(
    arrays: Mapping[str, Array], inputs: Mapping[str, sg.Expr], size: int | None, what: str
) -> list[str]:
    """The arrays whose first axis runs over the examples."""
    firsts = {k: inputs[k].shape[0] for k in arrays if inputs[k].ndim}
    symbols = list(dict.fromkeys(str(d) for d in firsts.values() if not isinstance(d, int)))
    if len(symbols) > 1 and size is not None:
        raise DeclarationError(
            f"{what}: the first axes of the inputs are {', '.join(symbols)}, so it is not known "
            "which to cut into batches: pass batch_size=None to train on all, or an iterable of "
            "batches"
        )
    if len(symbols) > 1:
        return []
    if symbols:
        return [k for k, d in firsts.items() if str(d) == symbols[0]]
    return list(firsts)


def _refuse_nan(name: str, array: Array) -> None:
    if array.dtype.kind != "f" or not array.size:
        return
    rows = max(1, _CHUNK * len(array) // array.size) if array.ndim else 1
    parts = [array] if not array.ndim else [array[i : i + rows] for i in range(0, len(array), rows)]
    for index, part in enumerate(parts):
        if np.isnan(np.min(part)):
            at = np.argwhere(np.isnan(part))[0].tolist()
            if at:
                at[0] += index * rows
            raise CompileError(
                f"{name}: NaN at {tuple(at)}; if the model is declared for missing values, pass "
                "nan='allow'"
            )
