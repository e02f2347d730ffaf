"""Checkpoints: all that a run needs to go on to the same bits, in one file, whole or absent."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import CheckpointError, CompileError

__all__ = ["Checkpoint", "forget_partial", "place_of", "require_folder"]

Array = np.ndarray[Any, Any]

_FORMAT = "symgrad checkpoint"
_VERSION = 1


@dataclass
class Checkpoint:
    """The state of a run between two steps.

    Parameters
    ----------
    params, opt_state : dict of arrays
    model : list
        Names, shapes and dtypes of what the model keeps: a checkpoint fits no other.
    settings : dict
        What decides the run's bits: the seed and how the data are cut.
    progress : dict
        Epoch, batch within it, step, what the epoch has added up so far, rows of the history.
    callbacks : list of dict
        What each callback keeps, numbers and arrays.
    """

    params: dict[str, Array]
    opt_state: dict[str, Array]
    model: list[Any]
    settings: dict[str, Any]
    progress: dict[str, Any]
    callbacks: list[dict[str, Any]] = field(default_factory=list)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a temporary file, have that synchronised, and give it its name."""
        arrays = {f"params/{k}": v for k, v in self.params.items()}
        arrays |= {f"opt_state/{k}": v for k, v in self.opt_state.items()}
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "model": self.model,
            "settings": self.settings,
            "progress": self.progress,
            "callbacks": _without_arrays(self.callbacks, "callbacks", arrays),
        }
        text = json.dumps(about, default=_plain).encode("utf-8")
        arrays["about"] = np.frombuffer(text, np.uint8)
        target = place_of(path)
        sg.save_arrays(target, arrays)
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read a checkpoint.

        Raises
        ------
        CheckpointError
            If the file is torn, or no checkpoint.
        FileNotFoundError
        """
        target = place_of(path)
        try:
            arrays = sg.load_arrays(target)
        except FileNotFoundError:
            raise
        except CompileError as error:
            raise CheckpointError(
                f"{target} is torn, or no checkpoint of symgrad: it cannot be read as the .npz "
                "file that train.fit writes"
            ) from error
        try:
            about = json.loads(arrays.pop("about").tobytes())
            if about["format"] != _FORMAT:
                raise KeyError
        except (KeyError, ValueError, TypeError):
            raise CheckpointError(
                f"{target} is no checkpoint of symgrad: it holds the arrays {sorted(arrays)[:5]}"
            ) from None
        if about["version"] != _VERSION:
            raise CheckpointError(
                f"{target}: expected version {_VERSION} of a checkpoint; got {about['version']}"
            )
        return cls(
            _part(arrays, "params/"),
            _part(arrays, "opt_state/"),
            about["model"],
            about["settings"],
            about["progress"],
            _with_arrays(about["callbacks"], arrays),
        )

    def require(self, model: list[Any], settings: Mapping[str, Any], path: Any) -> None:
        """Refuse to go on with another model or other settings: the bits would differ.

        Raises
        ------
        CheckpointError
        """
        mine, its = (
            {str(row[0]): row[1:] for row in rows}
            for rows in (json.loads(json.dumps(model)), self.model)
        )
        if mine != its:
            names = [k for k in {**its, **mine} if its.get(k) != mine.get(k)]
            rows = [
                f"{k}: {its.get(k, 'absent')} there, {mine.get(k, 'absent')} here" for k in names
            ]
            raise CheckpointError(f"{path} is of another model; " + "; ".join(rows[:5]))
        elsewhere = (
            "To go on from its parameters in a new run, pass params=, from "
            f"train.Checkpoint.load({str(path)!r}).params, and another checkpoint="
        )
        for name, value in json.loads(json.dumps(settings)).items():
            saved = self.settings.get(name)
            if saved == value:
                continue
            if name == "step":
                raise CheckpointError(
                    f"{path} is of a run whose training step is another: the loss or the optimiser "
                    f"was declared differently, or by another version of symgrad. {elsewhere}"
                )
            if isinstance(saved, dict) and isinstance(value, dict):
                told = "; ".join(_differences(saved, value))
                raise CheckpointError(f"{path} is of a run with other {name}: {told}. {elsewhere}")
            there, here = ("some" if isinstance(v, dict) else repr(v) for v in (saved, value))
            raise CheckpointError(
                f"{path} is of a run with {name} = {there}; this one has {here}. {elsewhere}"
            )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """How data differ, in the words of who passes them; each is what Batches.described gives."""
    if there["kind"] != here["kind"]:
        return [f"{there['kind']} there, {here['kind']} here"]
    found = []
    arrays, contents = ({**there[k], **here[k]} for k in ("arrays", "contents"))
    for name in arrays:
        its, mine = (
            "{1} {0}".format(*data["arrays"][name]) if name in data["arrays"] else "absent"
            for data in (there, here)
        )
        if its != mine:
            found.append(f"{name}: {its} there, {mine} here")
        elif there["contents"][name] != contents[name]:
            found.append(f"the values of {name} differ")
    if there["rows"] != here["rows"]:
        found.append("other examples are held out")
    told = {"batch": "batch_size", "keep": "keeping a last batch that is not full"}
    for key in ("batch", "keep", "shuffle"):
        if there[key] != here[key]:
            found.append(f"{told.get(key, key)}: {there[key]} there, {here[key]} here")
    return found


def require_folder(path: Path) -> None:
    """Refuse a path at which no checkpoint can be written, before anything is trained."""
    if not path.parent.is_dir():
        raise CheckpointError(f"checkpoint: there is no folder {str(path.parent)!r}")


def forget_partial(path: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed have left of a checkpoint that they were writing."""
    target = place_of(path)
    for partial in target.parent.glob(f".{target.name}.*.partial"):
        with contextlib.suppress(OSError):
            partial.unlink()


def place_of(path: str | os.PathLike[str]) -> Path:
    """The path of a checkpoint, which must end in ``.npz``."""
    target = Path(path)
    if target.suffix != ".npz":
        raise CheckpointError(f"checkpoint: expected a path that ends in .npz; got {str(path)!r}")
    return target


def _part(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _without_arrays(kept: Any, name: str, arrays: dict[str, Array]) -> Any:
    """What JSON holds of a structure; its arrays are put beside, and named in it."""
    if isinstance(kept, Mapping):
        return {"dict": {k: _without_arrays(v, f"{name}/{k}", arrays) for k, v in kept.items()}}
    if isinstance(kept, (list, tuple)):
        return {"list": [_without_arrays(v, f"{name}/{i}", arrays) for i, v in enumerate(kept)]}
    if isinstance(kept, np.ndarray):
        arrays[name] = kept
        return {"array": name}
    return kept.item() if isinstance(kept, np.generic) else kept


def _with_arrays(kept: Any, arrays: Mapping[str, Array]) -> Any:
    if not isinstance(kept, dict):
        return kept
    ((kind, value),) = kept.items()
    if kind == "dict":
        return {k: _with_arrays(v, arrays) for k, v in value.items()}
    if kind == "list":
        return [_with_arrays(v, arrays) for v in value]
    return arrays[value]


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy, for JSON."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"a checkpoint keeps numbers, texts and arrays; got {value!r}")
