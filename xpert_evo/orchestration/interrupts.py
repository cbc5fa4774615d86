"""Stopping on Ctrl-C and SIGTERM: once to finish the transaction and leave, twice to leave at once."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from xpert_evo.errors import InterruptedRunError


class Interrupts:
    """While entered, turns the first SIGINT or SIGTERM into `InterruptedRunError` at a moment that breaks nothing.

    Args:
        how_to_resume: The command that goes on, for the message.
    """

    def __init__(self, how_to_resume: str) -> None:
        self._message = f"stopped; nothing committed is lost. Go on with `{how_to_resume}`."
        self._count = 0
        self._shields = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Takes over the signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Lets what stands inside finish before a signal counts."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._count and not self._shields:
            raise InterruptedRunError(self._message)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count > 1:
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(InterruptedRunError.exit_code)
        if not self._shields:
            raise InterruptedRunError(self._message)
