"""Events of a run as plain values, and their description in one line."""

from dataclasses import dataclass

from xpert_evo.words import counted, duration


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnded:
    """A training of the search has ended; `accuracy` is None if it failed.

    Attributes:
        batch: Part of the run that requested the training.
        done: Number of finished trainings in the whole run.
        total: Number of trainings in the whole run.
        digest: Digest of the design.
        accuracy: Validation accuracy, a fraction.
        predicted: Accuracy predicted by the surrogate, if there was one.
        seconds: Duration of the training on its worker [s].
        left_s: Estimated time until the run ends [s].
        reason: Reason of a failure.
        worker: Name of the worker, if it is not this process.
        edap: EDAP of the design [mm2 us uJ], for plotting; None if it was not computed.
        images_per_s: Training images of all workers together in a second of the latest trainings and their
            judging [1/s]; None for trainings at native size.
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
    edap: float | None = None
    images_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationEnded:
    """A generation of the search has ended.

    Attributes:
        round: Number of the round, from 1.
        generation: Number of the generation, from 1.
        total: Number of generations in this round.
        hypervolume: Hypervolume of the predicted front relative to the run's fixed reference point.
        n_feasible: Number of designs in the population that meet all limits.
        front: (EDAP [mm2 us uJ], predicted accuracy) of each design on the front, for plotting; empty if not computed.
    """

    round: int
    generation: int
    total: int
    hypervolume: float
    n_feasible: int
    front: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan:
    """A new or resumed run has started its workers and planned its trainings.

    Attributes:
        done: Number of finished trainings.
        total: Number of trainings in the whole run.
        n_workers: Number of trainings that run in parallel.
        measured: (EDAP [mm2 us uJ], accuracy) of each design trained so far, for plotting.
        hypervolumes: Hypervolume after each generation of the latest search, for plotting.
        left_s: Estimated time until the run ends [s]; None before the first training.
    """

    done: int
    total: int
    n_workers: int
    measured: tuple[tuple[float, float], ...] = ()
    hypervolumes: tuple[float, ...] = ()
    left_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The current activity of the run, until the next event.

    Attributes:
        text: Short description, such as `fitting the surrogate to 28 labels`.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that stays on the screen.

    Attributes:
        text: Text of the message, a sentence.
        warning: Whether the message is a warning.
        topic: Topic of the message; on the live screen, a newer message on the same topic replaces it.
    """

    text: str
    warning: bool = False
    topic: str = ""


Event = RunBegan | Stage | TrainingEnded | GenerationEnded | Message


def describe(event: Event) -> str:
    """A one-line description of the event."""
    if isinstance(event, Message):
        return f"warning: {event.text}" if event.warning else event.text
    if isinstance(event, Stage):
        return event.text
    if isinstance(event, RunBegan):
        left = "" if event.left_s is None else f"; about {duration(event.left_s)} left"
        return f"{event.done} of {counted(event.total, 'training')} done, {event.n_workers} at a time{left}"
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
    speed = "" if event.images_per_s is None else f"; {event.images_per_s:,.0f} training images/s by all workers"
    left = "" if event.left_s is None else f"; about {duration(event.left_s)} left"
    return f"{head}: {100 * event.accuracy:.2f} % on validation{expected}, {event.seconds:.0f} s{where}{speed}{left}"
