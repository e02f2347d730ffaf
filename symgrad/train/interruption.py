"""Ctrl-C waits for the end of a step: a step that is cut short would leave torn parameters."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interruption", "deferred"]


class Interruption:
    """Whether the user has asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.asked:  # asked twice: at once
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def deferred() -> Iterator[Interruption]:
    """Within it, Ctrl-C is noted instead of raised; a second one is raised.

    Elsewhere than in the main thread, which alone receives signals, nothing changes.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = signal.getsignal(signal.SIGINT)
    if before is None or before == signal.SIG_IGN:  # not Python's, or not wanted
        yield interruption
        return
    signal.signal(signal.SIGINT, interruption)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
    if interruption.asked:  # too late for the run to notice, but not to be lost
        raise KeyboardInterrupt
