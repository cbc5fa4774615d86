"""The live screen: progress bars, hypervolume as a sparkline, a plot of the front, the surrogate, and time left."""

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from xpert_evo.events import Event, GenerationEnded, Message, RunBegan, Stage, TrainingEnded, describe
from xpert_evo.terminal import Marks, scatter, sparkline
from xpert_evo.words import duration

_LEAST_LINES = 24
_PLOT_LINES = 9


class LiveScreen:
    """A live display at the bottom of the terminal; trainings and messages scroll above it.

    On terminals with fewer than 24 lines, the front is not drawn.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description:<12}"), BarColumn(bar_width=None), MofNCompleteColumn())
        self._bars = Progress(*columns, TextColumn("{task.fields[note]}"), console=console, expand=True)
        self._trainings = self._bars.add_task("trainings", total=None, note="", visible=False)
        self._generations = self._bars.add_task("generations", total=None, note="", visible=False)
        self._volumes: list[float] = []
        self._predicted: tuple[tuple[float, float], ...] = ()
        self._measured: list[tuple[float, float]] = []
        self._status = "starting"
        self._topics: dict[str, str] = {}
        self._live = Live(self._content(), console=console, refresh_per_second=4, transient=True)
        self._live.start()

    def tell(self, event: Event) -> None:
        """Updates the display, and prints lasting events above it."""
        if isinstance(event, RunBegan):
            note = "" if event.left_s is None else f"about {duration(event.left_s)} left"
            self._move(self._trainings, event.done, event.total, note)
            self._measured, self._volumes = list(event.measured), list(event.hypervolumes)
        elif isinstance(event, Stage):
            self._status = event.text
        elif isinstance(event, TrainingEnded):
            speed = [f"{event.images_per_s:,.0f} images/s"] if event.images_per_s is not None else []
            left = [f"about {duration(event.left_s)} left"] if event.left_s is not None else []
            self._move(self._trainings, event.done, event.total, ", ".join([*speed, *left]))
            if event.edap is not None and event.accuracy is not None:
                self._measured.append((event.edap, event.accuracy))
        elif isinstance(event, GenerationEnded):
            self._move(self._generations, event.generation, event.total, f"round {event.round}")
            self._volumes = [*(self._volumes if event.generation > 1 else []), event.hypervolume]
            self._predicted, self._status = event.front, describe(event)
        elif isinstance(event, Message) and event.topic:
            self._topics[event.topic] = event.text
        self._live.update(self._content())
        if not isinstance(event, GenerationEnded | Stage):
            style = "yellow" if isinstance(event, Message) and event.warning else None
            self._console.print(Text(describe(event), style=style or ""), highlight=style is None)

    def close(self) -> None:
        """Removes the display; the scrolled lines stay."""
        self._live.stop()

    def _move(self, task: TaskID, done: int, total: int, note: str) -> None:
        self._bars.update(task, completed=done, total=total, note=note, visible=True)

    def _content(self) -> RenderableType:
        width = self._console.width
        lines = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in self._topics.values()]
        if self._volumes:
            curve = sparkline(self._volumes, max(10, width - 40))
            lines.append(Text(f"predicted hypervolume {curve} {self._volumes[-1]:.4f}", no_wrap=True))
        lines.append(Text(self._status, style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*self._drawing(width), self._bars, *lines)

    def _drawing(self, width: int) -> list[RenderableType]:
        if self._console.height < _LEAST_LINES or not (self._predicted or self._measured):
            return []
        marks = (
            Marks(sign="·", points=self._predicted),
            Marks(sign="●", points=tuple(self._measured)),
        )
        head = "accuracy [%] against EDAP: · predicted front, ● measured"
        drawn = scatter(marks, width=min(width, 100), height=_PLOT_LINES)
        return [Text(head, style="bold", no_wrap=True), *(Text(line, no_wrap=True) for line in drawn)]
