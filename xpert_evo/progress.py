"""What a run tells while it works: a live screen in a terminal, plain lines elsewhere, JSON lines for machines."""

import json
import sys
import time
from contextlib import suppress
from typing import IO, Protocol

from rich.console import Console

from xpert_evo.events import Event, GenerationEnded, Message, RunBegan, Stage, TrainingEnded, describe
from xpert_evo.screen import LiveScreen
from xpert_evo.streams import forgive

__all__ = [
    "Event",
    "GenerationEnded",
    "JsonLines",
    "Listener",
    "LiveScreen",
    "Message",
    "PlainLines",
    "RunBegan",
    "Silent",
    "Stage",
    "TrainingEnded",
    "Unfailing",
    "choose_listener",
    "describe",
]


class Listener(Protocol):
    """Is told what happens in a run."""

    def tell(self, event: Event) -> None:
        """Takes an event; must not fail the run."""
        ...

    def close(self) -> None:
        """Leaves the terminal as it was."""
        ...


class Silent:
    """Says nothing."""

    def tell(self, event: Event) -> None:
        """Drops the event."""

    def close(self) -> None:
        """Nothing to do."""


class JsonLines:
    """One JSON object an event, for machines."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    def tell(self, event: Event) -> None:
        """Writes the event as a line."""
        content = {name: getattr(event, name) for name in event.__dataclass_fields__}
        print(json.dumps({"event": type(event).__name__, **content}), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class PlainLines:
    """A line for each training and message, and at most ten for the generations of a round."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    def tell(self, event: Event) -> None:
        """Writes the event as a line, where it deserves one."""
        if isinstance(event, GenerationEnded) and event.generation % -(-event.total // 10):
            return
        print(f"{time.strftime('%H:%M:%S')} {describe(event)}", file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class Unfailing:
    """A listener that falls silent where what it writes to is gone: a closed pipe or a full disk ends no run."""

    def __init__(self, listener: Listener) -> None:
        self._listener: Listener = listener

    def tell(self, event: Event) -> None:
        """Hands the event on."""
        try:
            self._listener.tell(event)
        except (OSError, ValueError):  # the latter of a stream that was closed
            self._listener = Silent()

    def close(self) -> None:
        """Closes the listener."""
        with suppress(OSError, ValueError):
            self._listener.close()


def choose_listener(*, json_log: bool = False, quiet: bool = False) -> Listener:
    """The listener that fits standard output."""
    if quiet:
        return Silent()
    forgive()
    if json_log:
        return Unfailing(JsonLines())
    console = Console()
    return Unfailing(LiveScreen(console) if console.is_terminal else PlainLines())
