"""What happens in a run, as plain values, and each of them in one line of words."""

from dataclasses import dataclass

from xpert_evo.words import counted, duration


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
        edap: Of the design [mm2 us uJ], for drawing; None where it was not computed.
        images_per_s: Images that all workers together train on in a second, by the last trainings.
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
        round: Of trainings and searches, from 1.
        generation: From 1.
        total: Generations of this round.
        hypervolume: Of the predicted front, against the run's fixed reference point.
        n_feasible: Members of the population within all limits.
        front: (EDAP [mm2 us uJ], predicted accuracy) of members of the front, for drawing; empty where not computed.
    """

    round: int
    generation: int
    total: int
    hypervolume: float
    n_feasible: int
    front: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan:
    """A run has its workers and knows what is to be done, whether it is new or goes on.

    Attributes:
        done: Trainings that have ended.
        total: Trainings of the whole run.
        n_workers: Trainings at a time.
        measured: (EDAP [mm2 us uJ], accuracy) of the designs that were trained before, for drawing.
        hypervolumes: Of the generations of the newest search so far, for drawing.
        left_s: Estimated seconds until the run is done; None before any training.
    """

    done: int
    total: int
    n_workers: int
    measured: tuple[tuple[float, float], ...] = ()
    hypervolumes: tuple[float, ...] = ()
    left_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the run is at, until the next event.

    Attributes:
        text: A few words, such as `fitting the surrogate to 28 labels`.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A sentence worth keeping on the screen.

    Attributes:
        text: The sentence.
        warning: It asks for attention.
        topic: A newer message of the same topic takes its place where the screen shows the state of things.
    """

    text: str
    warning: bool = False
    topic: str = ""


Event = RunBegan | Stage | TrainingEnded | GenerationEnded | Message


def describe(event: Event) -> str:
    """The event in one line of plain words."""
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
    speed = "" if event.images_per_s is None else f"; {event.images_per_s:,.0f} images/s"
    left = "" if event.left_s is None else f"; about {duration(event.left_s)} left"
    return f"{head}: {100 * event.accuracy:.2f} % on validation{expected}, {event.seconds:.0f} s{where}{speed}{left}"
