"""What generated modules need besides NumPy: these functions are copied into them as they are.

The error classes are stand-ins for those of ``symgrad.errors``: inside symgrad the real ones
take their place, in a standalone file they are what they derive from.
"""

# copied into modules that people read: without annotations, as in the rest of that source
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import threading

import numpy as np


class ShapeError(ValueError):
    """An array whose shape does not fit."""


class DTypeError(TypeError):
    """An array whose dtype does not fit."""


class CompileError(ValueError):
    """A call that does not fit the compiled function."""


class NonFiniteError(FloatingPointError):
    """An expression turned NaN or infinite."""


def _array(name, value, dtype, axes, shape):
    """`value` as an array of `dtype` and of so many axes, declared as the text `shape`."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{name}: expected an array {shape}; got {error}") from None
    if array.dtype != dtype:
        if not np.can_cast(array.dtype, dtype, "same_kind") and array.size:
            got = "None" if value is None else array.dtype
            raise DTypeError(f"{name}: expected {np.dtype(dtype)}; got {got}")
        array = array.astype(dtype)
    if array.ndim != axes:
        raise ShapeError(f"{name}: expected shape {shape}; got {array.shape}")
    return array


def _sized(name, array, sizes, shape):
    """Raise unless the array has exactly these sizes, declared as the text `shape`."""
    if array.shape != sizes:
        known = f" = {sizes}" if str(sizes) != shape else ""
        raise ShapeError(f"{name}: expected shape {shape}{known}; got {array.shape}")


def _within(name, index, size):
    """Raise unless every index lies in 0 <= index < size."""
    if index.size and not (index.min() >= 0 and index.max() < size):
        bad = tuple(int(i) for i in np.argwhere((index < 0) | (index >= size))[0])
        raise CompileError(f"{name}: expected 0 <= {name} < {size}; got {index[bad]} at {bad}")


def _require(holds, message):
    """Raise if what was assumed of symbolic sizes does not hold."""
    if not holds:
        raise ShapeError(message)


def _unpack(arrays, table, what, write=()):
    """The arrays of a dictionary in the order of `table`, checked; those of `write` are updated."""
    found = []
    for name, (shape, dtype) in table.items():
        array = arrays.get(name)
        if array is None:
            raise CompileError(f"{what} has no {name!r}; it has {sorted(arrays)}")
        if write is True or name in write:
            if not (isinstance(array, np.ndarray) and array.dtype == dtype):
                got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
                want = f"expected an array of {dtype} to update in place"
                raise DTypeError(f"{what}[{name!r}]: {want}; got {got}")
            if not array.flags.writeable:
                raise CompileError(f"{what}[{name!r}]: it is updated, but read-only: pass a copy")
        array = np.asarray(array)
        if array.dtype != dtype:
            if not np.can_cast(array.dtype, dtype, "same_kind"):
                raise DTypeError(f"{what}[{name!r}]: expected {dtype}; got {array.dtype}")
            array = array.astype(dtype)
        if len(array.shape) != len(shape) or any(
            want is not None and want != have for want, have in zip(shape, array.shape, strict=True)
        ):
            raise ShapeError(f"{what}[{name!r}]: expected shape {shape}; got {array.shape}")
        found.append(array)
    return found


def _called(name, function, rng, shape, dtype):
    """The array that a user's initialiser gives for `name`, checked and of its own memory."""
    array = np.asarray(function(rng, shape, np.dtype(dtype)))
    if array.shape != shape:
        raise ShapeError(f"{name}: the initialiser should give shape {shape}; got {array.shape}")
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        want = np.dtype(dtype)
        raise DTypeError(f"{name}: the initialiser should give {want}; got {array.dtype}")
    return array.astype(dtype)


_memory = threading.local()


def _kept(make, *sizes):
    """The buffers that `make` allocates, kept between calls for each thread and set of sizes."""
    kept = _memory.__dict__.setdefault("kept", {})
    buffers = kept.get((make, sizes))
    if buffers is None:
        if len(kept) > 16:  # an old batch size is not coming back
            kept.pop(next(iter(kept)))
        buffers = kept[make, sizes] = make(*sizes)
    return buffers


def _key(rng):
    """One key for all random draws of a call."""
    if not isinstance(rng, np.random.Generator):
        raise CompileError(
            "random numbers are drawn here: pass rng=np.random.default_rng(seed)"
            f"; got {type(rng).__name__}"
        )
    return rng.integers(0, 2**63, size=2, dtype=np.uint64)


def _draw(key, index):
    """The generator of one draw: counter-based, so that its bits depend on nothing else."""
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, index]))


def _finite(value, name, where):
    """Raise if `value` holds a NaN or an infinity."""
    if not np.all(np.isfinite(value)):
        array = np.asarray(value)
        bad = np.argwhere(~np.isfinite(array))
        at = tuple(int(i) for i in bad[0])
        raise NonFiniteError(
            f"{name} is {array[at]} at {at} ({len(bad)} of {array.size} values not finite)"
            + (f", declared at {where}" if where else "")
        )
