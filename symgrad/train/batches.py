"""Where the examples of a training run come from: arrays, files, and anything that gives batches.

Every source gives the same batches for the same seed and epoch, whatever ran before: an epoch
that was interrupted goes on at the batch that comes next.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import symgrad as sg
from symgrad import CompileError, DeclarationError, DTypeError, ShapeError
from symgrad.nn.layer import shown
from symgrad.options import whole

__all__ = [
    "ArrayBatches",
    "Batch",
    "Batches",
    "StreamBatches",
    "batches_of",
    "held_out",
    "per_example",
]

Array = np.ndarray[Any, Any]
Batch = dict[str, Any]

_CHUNK = 1 << 20  # values that are looked at in one go


class Batches(Protocol):
    """Examples, a batch at a time."""

    #: for messages: data, or validation
    what: str

    @property
    def count(self) -> int | None:
        """Batches of an epoch, if that is known."""
        ...

    def check(self, entries: Sequence[str]) -> None:
        """Refuse what these entries of the model would refuse, as far as it is at hand."""
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
    rows: Array | None = None,
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
    rows : array of int, optional
        The examples of arrays that are meant; all of them if None.

    Raises
    ------
    DeclarationError, ShapeError, DTypeError
    """
    if remainder not in ("keep", "drop"):
        raise DeclarationError(f"remainder: expected 'keep' or 'drop'; got {remainder!r}")
    if nan not in ("raise", "allow"):
        raise DeclarationError(f"nan: expected 'raise' or 'allow'; got {nan!r}")
    if isinstance(data, Mapping):
        arrays = {
            str(name): _array(f"{what}[{name!r}]", value, model.inputs.get(str(name)))
            for name, value in data.items()
        }
        order = Order(seed, shuffle, remainder, rows)
        return ArrayBatches(arrays, model, batch_size, order, nan, what)
    if isinstance(data, (str, bytes, np.ndarray)) or not (callable(data) or _iterable(data)):
        raise DeclarationError(
            f"{what}: expected a dict of arrays by the names of the inputs "
            f"{sorted(model.inputs)}, an iterable of such dicts, or a function of the epoch's "
            f"number that gives one; got {type(data).__name__}"
        )
    return StreamBatches(data, model, nan, what)


def _iterable(value: Any) -> bool:
    return isinstance(value, Iterable) or hasattr(value, "__getitem__")


def _array(name: str, value: Any, declared: sg.Expr | None) -> Array:
    """An array, or the one that a .npy file holds, mapped into memory."""
    where = _place(declared)
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
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(
            f"{name}: expected an array; got a masked one: pass its data, and the mask as an input "
            f"of its own{where}"
        )
    try:
        array: Array = np.asanyarray(value)
    except ValueError as error:
        raise ShapeError(
            f"{name}: expected an array; got rows that differ: {error}{where}"
        ) from None
    kinds = "biufc" if declared is not None and declared.dtype.kind == "c" else "biuf"
    if array.dtype.kind not in kinds:
        got = "None" if value is None else array.dtype
        raise DTypeError(f"{name}: expected numbers; got {got}{where}")
    return array


def _place(declared: sg.Expr | None) -> str:
    """Where an input was declared, for the end of a message."""
    known = declared is not None and declared.location
    return f"\n  declared at {known}" if known else ""


def per_example(names: Iterable[str], inputs: Mapping[str, sg.Expr]) -> list[str]:
    """The arrays that have the examples along their first axis; none if that is not clear.

    These are the inputs that are declared with the one symbolic first axis that there is, or, where
    all first axes are numbers, with the one number.
    """
    firsts = {k: inputs[k].shape[0] for k in names if k in inputs and inputs[k].ndim}
    symbolic = {k: d for k, d in firsts.items() if not isinstance(d, int)}
    sizes = set(map(str, (symbolic or firsts).values()))
    return list(symbolic or firsts) if len(sizes) == 1 else []


@dataclass(frozen=True)
class Order:
    """Which examples, and in which order."""

    seed: int
    shuffle: bool
    remainder: str
    rows: Array | None

    def of_epoch(self, number: int, size: int) -> Array | None:
        """The examples of an epoch, in turn; None if they are all, as they stand."""
        if not self.shuffle:
            return self.rows
        # a third number: of [seed, 0] NumPy makes what it makes of the seed alone
        order = np.random.default_rng([self.seed, number, 3]).permutation(size)
        return order if self.rows is None else self.rows[order]


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
        order: Order,
        nan: str,
        what: str,
    ) -> None:
        self._arrays, self._order, self.what, self._model = arrays, order, what, model
        inputs = model.inputs
        for name, array in arrays.items():
            if name not in inputs:
                raise DeclarationError(
                    f"{what} has {name!r}, which is no input of the model; its inputs are "
                    f"{sorted(inputs)}"
                )
            _fits(f"{what}[{name!r}]", array, inputs[name])
        self._cut = per_example(arrays, inputs)
        if not self._cut and batch_size is not None:
            _refuse_unclear(arrays, inputs, what)
        lengths = {name: len(arrays[name]) for name in self._cut}
        if len(set(lengths.values())) > 1:
            raise ShapeError(f"{what}: expected as many examples in each array; got {lengths}")
        self.size = next(iter(lengths.values()), 1) if order.rows is None else len(order.rows)
        if self.size == 0:
            raise ShapeError(f"{what}: expected at least one example; the arrays are empty")
        self._keep = order.remainder == "keep" or batch_size is None or not self._cut
        self._batch = self._batch_of(batch_size)
        self.count = -(-self.size // self._batch) if self._keep else self.size // self._batch
        if not self.count:
            raise ShapeError(
                f"{what}: {self.size} examples give no batch of {self._batch}, and "
                "remainder='drop' leaves out the rest"
            )
        self._require_static(inputs)
        self._nan = nan
        #: arrays that are mapped are looked at as they are read
        self._mapped = [k for k, a in arrays.items() if isinstance(a, np.memmap)]

    def check(self, entries: Sequence[str]) -> None:
        """Refuse what these entries would refuse, and NaN: of all examples, mapped ones excepted.

        Raises
        ------
        CompileError, DTypeError, ShapeError
        """
        checked: set[str] = set()
        for entry in entries:
            names = set(self._model.signature(entry).data)
            if checked and names <= checked:  # labels have the same bounds in each entry
                continue
            checked |= names
            for start, part in self._parts():
                try:
                    self._model.check_data(entry, **part)
                except sg.SymgradError as error:
                    raise type(error)(self._told(str(error), start)) from None
        if self._nan == "raise":
            for name, array in self._arrays.items():
                if name not in self._mapped:
                    _refuse_nan(f"{self.what}[{name!r}]", array)

    def _parts(self) -> Iterator[tuple[int, Batch]]:
        """All examples as they stand, in parts that the entries take, and where each begins.

        Of what is mapped only the shape is shown, with the first example in the place of each;
        if labels are mapped, which are judged with others, all that is shown is one batch.
        """
        cut = {name: self._arrays[name] for name in self._cut}
        others = {name: a for name, a in self._arrays.items() if name not in cut}
        size = len(next(iter(cut.values()))) if cut else 1
        rows = self._batch if cut else 1
        if self._is_free():  # larger parts, but not much memory where dtypes are changed
            widest = max(a.size // len(a) for a in cut.values())
            rows *= max(1, _CHUNK // max(1, widest * rows))
        blind = any(self._arrays[name].dtype.kind in "iu" for name in self._mapped)
        for begin in range(0, rows if blind else size, rows):
            # a size that is declared has no smaller last part
            start = begin if self._is_free() else max(0, min(begin, size - rows))
            part = {name: a[start : start + rows] for name, a in cut.items()}
            for name in self._mapped:
                if name in part and not blind:
                    part[name] = np.broadcast_to(cut[name][:1], part[name].shape)
            yield start, part | others

    def _is_free(self) -> bool:
        """Whether any number of examples fits: their axis is a size that stands alone."""
        inputs = self._model.inputs
        firsts = [inputs[name].shape[0] for name in self._cut]
        if not firsts or not str(firsts[0]).isidentifier():
            return False
        shapes = [x.shape[name in self._cut :] for name, x in inputs.items()]
        return not any(str(firsts[0]) in getattr(d, "symbols", ()) for s in shapes for d in s)

    def _told(self, message: str, start: int) -> str:
        name, colon, rest = message.partition(":")
        whose = f"{self.what}[{name!r}]" if name in self._arrays else f"{self.what}: {name}"
        where = f"\n  in the examples from number {start} on" if start else ""
        return f"{whose}{colon}{rest}{where}"

    def _batch_of(self, batch_size: int | None) -> int:
        if batch_size is None:
            return self.size
        batch_size = whole(self.what, "batch_size", batch_size)
        return min(batch_size, self.size) if self._keep else batch_size

    def _require_static(self, inputs: Mapping[str, sg.Expr]) -> None:
        """Refuse batches that do not have the size that an input is declared with."""
        last = self.size % self._batch if self._keep else 0
        for name in self._cut:
            declared = inputs[name].shape[0]
            if not isinstance(declared, int):
                continue
            if declared != self._batch:
                raise ShapeError(
                    f"{self.what}: {name!r} is declared with {declared} examples, and batches "
                    f"have {self._batch}: pass batch_size={declared}, or declare {name!r} with a "
                    "symbolic first axis such as 'B'"
                )
            if last:
                raise ShapeError(
                    f"{self.what}: the last batch has {last} examples, and {name!r} is declared "
                    f"with {declared}: pass remainder='drop', or declare {name!r} with a symbolic "
                    "first axis such as 'B'"
                )

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0), without the first `skip`."""
        whole = self._batch == self.size
        order = self._order.rows if whole else self._order.of_epoch(number, self.size)
        for index in range(skip, self.count):
            start, stop = index * self._batch, min((index + 1) * self._batch, self.size)
            rows: Any = slice(start, stop) if order is None else order[start:stop]
            batch: Batch = {
                k: np.asarray(a[rows]) if k in self._cut else a for k, a in self._arrays.items()
            }
            if self._nan == "raise":
                for name in self._mapped:
                    _refuse_nan(f"{self.what}[{name!r}]", batch[name])
            yield batch

    def described(self) -> dict[str, Any]:
        """Sizes, dtypes, some of the contents, the batch size, the order."""
        order = self._order
        return {
            "kind": "arrays",
            "arrays": {k: [list(a.shape), a.dtype.name] for k, a in self._arrays.items()},
            "contents": {k: _sample(a) for k, a in self._arrays.items()},
            "rows": None if order.rows is None else _sample(order.rows),
            "batch": self._batch,
            "keep": self._keep,
            "shuffle": order.shuffle,
        }


def _sample(array: Array) -> str:
    """A hash of the first and the last rows: of a large file, not all is read."""
    parts = [array] if array.ndim == 0 or len(array) <= 128 else [array[:64], array[-64:]]
    return hashlib.sha256(b"".join(np.ascontiguousarray(p).tobytes() for p in parts)).hexdigest()


def _refuse_unclear(arrays: Mapping[str, Array], inputs: Mapping[str, sg.Expr], what: str) -> None:
    firsts = dict.fromkeys(str(inputs[k].shape[0]) for k in arrays if inputs[k].ndim)
    if len(firsts) > 1:
        raise DeclarationError(
            f"{what}: the first axes of the inputs are {', '.join(firsts)}, so it is not known "
            "which to cut into batches: pass batch_size=None to train on all, or an iterable of "
            "batches"
        )


def held_out(data: Any, model: sg.Model, fraction: float, seed: int) -> tuple[Array, Array]:
    """The rows of arrays without a random fraction of them, and that fraction."""
    if not isinstance(data, Mapping):
        raise DeclarationError(
            "validation: a fraction can be held out of a dict of arrays only; pass the data to "
            "validate on"
        )
    whole = batches_of(data, model, batch_size=None, nan="allow")
    assert isinstance(whole, ArrayBatches)
    held = round(fraction * whole.size)
    if not 0 < held < whole.size:
        raise ShapeError(
            f"validation: a fraction of {fraction} of {whole.size} examples leaves nothing to "
            f"{'train' if held else 'validate'} on"
        )
    order = np.random.default_rng([seed, 2**31]).permutation(whole.size)
    return np.sort(order[held:]), np.sort(order[:held])


class StreamBatches:
    """Batches that come ready made, from an iterable or from a function that gives one."""

    count: int | None

    def __init__(self, source: Any, model: sg.Model, nan: str, what: str) -> None:
        self._source, self._nan, self.what = source, nan, what
        self._inputs = model.inputs
        self._begun = False
        self.count = None if callable(source) or not hasattr(source, "__len__") else len(source)
        if self.count == 0:
            raise ShapeError(f"{what}: expected at least one batch; got none")
        if isinstance(source, Iterator) and what == "validation":
            raise DeclarationError(
                "validation: a generator gives its batches once, and they are needed after each "
                "epoch: pass the function that makes it, and not what it returns"
            )

    def check(self, entries: Sequence[str]) -> None:
        """Nothing: its batches are looked at as they come."""

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0), without the first `skip`."""
        empty = True
        for index, batch in enumerate(self._begin(number)):
            empty = False
            if index < skip:
                continue
            where = f"{self.what}, batch {index + 1} of epoch {number + 1}"
            if not isinstance(batch, Mapping):
                raise DeclarationError(
                    f"{where}: expected a dict of arrays by the names of the inputs; "
                    f"got {type(batch).__name__}"
                )
            # copied: its memory may be the source's, for the next batch, and steps are repeatable
            made = {
                str(name): np.array(
                    _array(f"{where}, {name!r}", value, self._inputs.get(str(name)))
                )
                for name, value in batch.items()
            }
            if self._nan == "raise":
                for name, array in made.items():
                    _refuse_nan(f"{where}, {name!r}", array)
            yield made
        if empty:
            raise ShapeError(f"{self.what}: epoch {number + 1} has no batch")

    def _begin(self, number: int) -> Iterable[Any]:
        if callable(self._source):
            made = self._source(number) if _takes_one(self._source) else self._source()
            if not _iterable(made):
                raise DeclarationError(
                    f"{self.what}: expected the function to give an iterable of dicts; "
                    f"got {type(made).__name__}"
                )
            return made  # type: ignore[no-any-return]
        once = isinstance(self._source, Iterator)
        if once and self._begun:
            raise DeclarationError(
                f"{self.what}: a generator gives its batches once, and epoch {number + 1} needs "
                "them again: pass the function that makes it, and not what it returns"
            )
        self._begun = True
        return self._source  # type: ignore[no-any-return]

    def described(self) -> dict[str, Any]:
        """Nothing is known of it before it runs."""
        return {"kind": "stream"}


def _takes_one(function: Callable[..., Any]) -> bool:
    """Whether it wants the number of the epoch: its first argument has no default."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # written in C, without a signature
        return True
    if not parameters:
        return False
    first = parameters[0]
    positional = first.kind in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD)
    return first.name == "epoch" or (positional and first.default is first.empty)


def _fits(name: str, array: Array, declared: sg.Expr) -> None:
    """Refuse an array whose axes after the first cannot be those of the input."""
    where = _place(declared)
    if array.ndim != declared.ndim:
        shape = shown(declared.shape)
        raise ShapeError(f"{name}: expected shape {shape}; got {array.shape}{where}")
    if array.size and not np.can_cast(array.dtype, declared.dtype, "same_kind"):
        raise DTypeError(f"{name}: expected {declared.dtype}; got {array.dtype}{where}")


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
