"""Who may write a checkpoint: a new run not over another's, and one run at a time."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from symgrad import CheckpointError
from symgrad.train.checkpoint import forget_partial

__all__ = ["claimed", "require_new"]


def require_new(path: Path) -> None:
    """Refuse a path at which a run begins that would write over what is there.

    Raises
    ------
    CheckpointError
    """
    if path.exists():
        raise CheckpointError(
            f"checkpoint: {path} is there already, and would be overwritten: resume=True goes on "
            "with its run; to begin anew delete it, or give another name"
        )


@contextmanager
def claimed(path: Path, new: bool) -> Iterator[None]:
    """Write a checkpoint as the only run; what killed ones have left half written is removed.

    Two runs that write one file would each lose the other's epochs. The claim is a lock of the
    system's on a file beside it, so that it ends with the process, however that ends.

    Parameters
    ----------
    path : Path
    new : bool
        Whether there must be no checkpoint yet.

    Raises
    ------
    CheckpointError
    """
    place = path.with_name(f".{path.name}.lock")
    file = _locked(place)
    if file is None:
        raise CheckpointError(
            f"checkpoint: another run writes {path}: wait for its end, or give another name"
        )
    with file:
        try:
            if new:
                require_new(path)
            forget_partial(path)
            yield
        finally:
            if os.name == "nt":  # which removes no file that is open
                file.close()
            with contextlib.suppress(OSError):
                place.unlink()


def _locked(place: Path) -> IO[Any] | None:
    """The file, opened and locked; None if another holds it."""
    while True:
        file = place.open("ab")
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError):
            file.close()
            return None
        except OSError:  # a file system without locks
            return file
        try:
            if os.path.samestat(os.fstat(file.fileno()), place.stat()):
                return file
        except FileNotFoundError:
            pass
        file.close()  # a run that ended has removed it since it was opened


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
