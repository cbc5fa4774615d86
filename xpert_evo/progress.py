"""What a run tells while it works: a live screen in a terminal, plain lines elsewhere, JSON lines for machines."""

import json
import sys
import time
from dataclasses import dataclass
from typing import IO, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnded:
    """A training of the search has ended; `accuracy` is None where it failed.

    Attributes:
        batch: Part of the run that asked for it.
        done: Trainings of the whole run that have ended.
        total: Trainings of the whole run.
        digest: Of the design.
        accuracy: On validation data.
        predicted: What the surrogate had expected, if there was one.
        seconds: The training took, on its worker.
        left_s: Estimated seconds until the run is done.
        reason: Why it failed.
        worker: Who trained it, where that is somebody else than this process.
    """

    batch: str
    done: int
    total: int
    digest: str
    accuracy: float | None
    predicted: float | None
    seconds: float
    left_s: float | None
    reason: str | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationEnded:
    """A generation of the search has ended.

    Attributes:
        round: Of trainings and searches, from 1.
        generation: From 1.
        total: Generations of this round.
        hypervolume: Of the predicted front, against the run's fixed reference point.
        n_feasible: Members of the population within all limits.
    """

    round: int
    generation: int
    total: int
    hypervolume: float
    n_feasible: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence worth keeping on the screen; `warning` asks for attention."""

    text: str
    warning: bool = False


Event = TrainingEnded | GenerationEnded | Message


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

    def __init__(self, stream: IO[str] = sys.stdout) -> None:
        self._stream = stream

    def tell(self, event: Event) -> None:
        """Writes the event as a line."""
        content = {name: getattr(event, name) for name in event.__dataclass_fields__}
        print(json.dumps({"event": type(event).__name__, **content}), file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class PlainLines:
    """A line for each training and message, and every tenth of the generations."""

    def __init__(self, stream: IO[str] = sys.stdout) -> None:
        self._stream = stream

    def tell(self, event: Event) -> None:
        """Writes the event as a line, where it deserves one."""
        if isinstance(event, GenerationEnded) and event.generation % max(1, event.total // 10):
            return
        print(f"{time.strftime('%H:%M:%S')} {describe(event)}", file=self._stream, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class LiveScreen:
    """Two bars and a status line that stay at the bottom; trainings and messages scroll above them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description:<12}"), BarColumn(bar_width=None), MofNCompleteColumn())
        self._bars = Progress(*columns, TextColumn("{task.fields[note]}"), console=console, expand=True)
        self._trainings = self._bars.add_task("trainings", total=None, note="")
        self._generations = self._bars.add_task("generations", total=None, note="")
        self._status = Text("starting", style="dim")
        self._live = Live(Group(self._bars, self._status), console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def tell(self, event: Event) -> None:
        """Moves the bars, and prints what should stay."""
        if isinstance(event, TrainingEnded):
            left = f"about {duration(event.left_s)} left" if event.left_s is not None else ""
            self._move(self._trainings, event.done, event.total, left)
        elif isinstance(event, GenerationEnded):
            self._move(self._generations, event.generation, event.total, f"round {event.round}")
            self._status.plain = describe(event)
            return
        style = "yellow" if isinstance(event, Message) and event.warning else None
        self._console.print(Text(describe(event), style=style or ""), highlight=style is None)

    def _move(self, task: TaskID, done: int, total: int, note: str) -> None:
        self._bars.update(task, completed=done, total=total, note=note)

    def close(self) -> None:
        """Takes the bars away."""
        self._live.stop()


def describe(event: Event) -> str:
    """The event in one line of plain words."""
    if isinstance(event, Message):
        return f"warning: {event.text}" if event.warning else event.text
    if isinstance(event, GenerationEnded):
        return (
            f"round {event.round}, generation {event.generation}/{event.total}: predicted hypervolume "
            f"{event.hypervolume:.4f}, {event.n_feasible} designs within the limits"
        )
    head = f"training {event.done}/{event.total} ({event.batch}) {event.digest[:8]}"
    where = "" if event.worker is None else f" on {event.worker}"
    if event.accuracy is None:
        return f"{head}: failed{where}, {event.reason}"
    expected = "" if event.predicted is None else f", predicted {100 * event.predicted:.1f} %"
    left = "" if event.left_s is None else f"; about {duration(event.left_s)} left"
    return f"{head}: {100 * event.accuracy:.2f} % on validation{expected}, {event.seconds:.0f} s{where}{left}"


def duration(seconds: float) -> str:
    """`75 s`, `12 min`, `3.4 h`: two digits are enough to plan by."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def choose_listener(*, json_log: bool = False, quiet: bool = False) -> Listener:
    """The listener that fits standard output."""
    if quiet:
        return Silent()
    if json_log:
        return JsonLines()
    console = Console()
    return LiveScreen(console) if console.is_terminal else PlainLines()
