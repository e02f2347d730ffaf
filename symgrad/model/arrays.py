"""Arrays on disk: .npz and .safetensors, never pickle."""

from __future__ import annotations

import importlib
import os
import pathlib
import threading
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from symgrad.errors import CompileError, DTypeError

__all__ = ["load_arrays", "save_arrays"]

Array = np.ndarray[Any, Any]


def _safetensors() -> Any:
    try:
        return importlib.import_module("safetensors.numpy")
    except ImportError:
        raise CompileError(
            "a .safetensors file needs the package safetensors: pip install 'symgrad[safetensors]'"
        ) from None


def _suffix(path: str | os.PathLike[str]) -> pathlib.Path:
    target = pathlib.Path(path)
    if target.suffix not in (".npz", ".safetensors"):
        raise CompileError(f"expected a path that ends in .npz or .safetensors; got {str(path)!r}")
    return target


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Any]) -> pathlib.Path:
    """Write a dictionary of arrays; the file appears whole or not at all.

    Parameters
    ----------
    path : path ending in ``.npz`` or ``.safetensors``
        The latter needs the extra ``safetensors``.
    arrays : dict of str to array

    Raises
    ------
    DTypeError
        For arrays of objects: they would have to be pickled.

    Examples
    --------
    >>> import tempfile, pathlib, symgrad as sg
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "params.npz"
    >>> _ = sg.save_arrays(path, {"W": [1.0, 2.0]})
    >>> sg.load_arrays(path)
    {'W': array([1., 2.])}
    """
    target = _suffix(path)
    made: dict[str, Array] = {}
    for name, value in arrays.items():
        # safetensors writes the memory of arrays that are not C-contiguous in the wrong order
        array = np.asarray(value, order="C")
        if array.dtype.kind not in "biuf":
            raise DTypeError(f"{name}: expected numbers; got {array.dtype}")
        made[name] = array
    writer = f"{os.getpid()}.{threading.get_ident()}"
    partial = target.with_name(f".{target.name}.{writer}.partial")
    try:
        if target.suffix == ".npz":
            with zipfile.ZipFile(partial, "w") as archive:  # np.savez keeps some names for itself
                for name, array in made.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                        np.lib.format.write_array(file, array, allow_pickle=False)
        else:
            _safetensors().save_file(made, str(partial))
        _synced(partial)
        os.replace(partial, target)
        _synced(target.parent)  # the new name too survives a loss of power
    finally:
        partial.unlink(missing_ok=True)
    return target


def _synced(path: pathlib.Path) -> None:
    """Have the system write a file, or the entries of a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no handle of a folder to synchronise
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read a dictionary of arrays that :func:`save_arrays` wrote.

    Parameters
    ----------
    path : path
        Its suffix, ``.npz`` or ``.safetensors``, tells the kind.

    Raises
    ------
    CompileError
        If the file is torn, or of another kind.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import symgrad as sg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "params.npz")
    ...     _ = sg.save_arrays(path, {"w": np.ones(2)})
    ...     print(sg.load_arrays(path))
    {'w': array([1., 1.])}
    """
    target = _suffix(path)
    if target.suffix == ".safetensors":
        reader = _safetensors()
        try:
            return dict(reader.load_file(str(target)))
        except FileNotFoundError:
            raise
        except Exception as error:
            raise CompileError(f"{target} is no whole .safetensors file: {error}") from None
    try:
        with open(target, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except Exception as error:
        raise CompileError(f"{target} is no whole .npz file: {error}") from None
