"""Progress output of a run: a live screen in a terminal, plain lines elsewhere, or JSON lines."""

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
    """Receives the events of a run."""

    def tell(self, event: Event) -> None:
        """Receives an event; must not make the run fail."""
        ...

    def close(self) -> None:
        """Restores the terminal."""
        ...


class Silent:
    """A listener that prints nothing."""

    def tell(self, event: Event) -> None:
        """Ignores the event."""

    def close(self) -> None:
        """Nothing to do."""


class JsonLines:
    """A listener that prints one JSON object per event."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    def tell(self, event: Event) -> None:
        """Writes the event as a line."""
        content = {name: getattr(event, name) for name in event.__dataclass_fields__}
        print(json.dumps({"event": type(event).__name__, **content}), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class PlainLines:
    """A listener that prints one line per training and message, and at most ten lines per round of generations."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    def tell(self, event: Event) -> None:
        """Writes the event as a line, except for most generations."""
        if isinstance(event, GenerationEnded) and event.generation % -(-event.total // 10):
            return
        print(f"{time.strftime('%H:%M:%S')} {describe(event)}", file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class Unfailing:
    """A listener that stops printing when its output fails, so that a closed pipe or a full disk ends no run."""

    def __init__(self, listener: Listener) -> None:
        self._listener: Listener = listener

    def tell(self, event: Event) -> None:
        """Passes the event to the listener."""
        try:
            self._listener.tell(event)
        except (OSError, ValueError):  # ValueError comes from a closed stream
            self._listener = Silent()

    def close(self) -> None:
        """Closes the listener."""
        with suppress(OSError, ValueError):
            self._listener.close()


def choose_listener(*, json_log: bool = False, quiet: bool = False) -> Listener:
    """The listener that suits standard output and the options."""
    if quiet:
        return Silent()
    forgive()
    if json_log:
        return Unfailing(JsonLines())
    console = Console()
    return Unfailing(LiveScreen(console) if console.is_terminal else PlainLines())
