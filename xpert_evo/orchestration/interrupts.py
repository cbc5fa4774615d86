"""Stopping on Ctrl-C and SIGTERM: once to finish the transaction and exit, twice to exit immediately."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from xpert_evo.errors import InterruptedRunError


class _Stopped(KeyboardInterrupt):
    """A stop on its way out: no `except Exception` around a training may take it for that training's failure."""


class Interrupts:
    """While entered, turns the first SIGINT or SIGTERM into `InterruptedRunError` at a safe moment.

    Signals are left alone in other threads than the main one, where Python allows no handlers.

    Args:
        how_to_resume: Command that resumes the run, for the message.
    """

    def __init__(self, how_to_resume: str) -> None:
        self._message = f"stopped; nothing committed is lost. Go on with `{how_to_resume}`."
        self._count = 0
        self._shields = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Installs the signal handlers."""
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, kind: object, failure: object, traceback: object) -> None:
        """Restores the previous signal handlers; raises InterruptedRunError if a signal stopped the block."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if isinstance(failure, _Stopped):
            raise InterruptedRunError(self._message) from None

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Delays signals until the block has finished."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._count and not self._shields:
            raise _Stopped

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1:
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(InterruptedRunError.exit_code)
        if not self._shields:
            raise _Stopped
