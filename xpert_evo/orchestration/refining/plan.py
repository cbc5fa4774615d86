"""What a refinement measures, step by step, what of it is left, and how long that takes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xpert_evo.orchestration.refining.steps import COMBINED, SINGLE, Taken

_IN_PARTS = frozenset({SINGLE, COMBINED})
"""Steps that are taken several times in a round, each time for what the last time has shown to be worth it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast this machine is, on one thread.

    Attributes:
        conversion_s: Time of an analog-to-digital conversion in the exact emulation [s].
        step_image_s: Time of an image of a step of tuning [s].
    """

    conversion_s: float
    step_image_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Measurements of one kind.

    Attributes:
        name: What is done.
        n_jobs: Number of networks or choices.
        n_images: Images of each of them.
        effort: Conversions of all of them together.
        n_trained: Images of all training steps together.
        is_bound: Whether there may be fewer of them.
    """

    name: str
    n_jobs: int
    n_images: int
    effort: float
    n_trained: float = 0.0
    is_bound: bool = False

    def seconds(self, pace: Pace, n_workers: int) -> float:
        """Expected duration [s]."""
        alone_s = self.effort * pace.conversion_s + self.n_trained * pace.step_image_s
        return alone_s / max(1, min(n_workers, self.n_jobs))

    def of(self, n_jobs: int) -> "Step":
        """The step with another number of networks or choices."""
        ratio = n_jobs / self.n_jobs if self.n_jobs else 0.0
        return replace(self, n_jobs=n_jobs, effort=ratio * self.effort, n_trained=ratio * self.n_trained)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left to measure.

    Attributes:
        round: The round that is not ended, from 1; 0 if all have ended.
        now: Steps until its end.
        later: Steps of each later round.
        most_later: Largest number of later rounds.
        last: Steps at the end.
    """

    round: int
    now: tuple[Step, ...]
    later: tuple[Step, ...]
    most_later: int
    last: tuple[Step, ...]

    def seconds(self, n_later: int, pace: Pace, n_workers: int) -> float:
        """Expected duration with so many later rounds, or as many as there may be [s]."""
        steps = [*self.now, *(min(n_later, self.most_later) * self.later), *self.last]
        return sum(step.seconds(pace, n_workers) for step in steps)

    @property
    def is_nothing(self) -> bool:
        """Whether all has been measured."""
        return not self.now and not self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a refinement measures.

    Attributes:
        before: Steps before the first round.
        first: Steps of the first round.
        later: Steps of each later round.
        last: Steps at the end.
        most_rounds: Largest number of rounds.
    """

    before: tuple[Step, ...]
    first: tuple[Step, ...]
    later: tuple[Step, ...]
    last: tuple[Step, ...]
    most_rounds: int

    @property
    def whole(self) -> Left:
        """All of it."""
        return Left(
            round=1, now=(*self.before, *self.first), later=self.later, most_later=self.most_rounds - 1, last=self.last
        )

    def after(self, taken: Sequence[Taken]) -> Left:
        """What is left after some steps were taken.

        Only the last one may have missing measurements, and those before the first round where that round has begun.
        """
        if not taken:
            return self.whole
        last = taken[-1]
        owed = {one.at.step: one.n_missing for one in taken[:-1] if one.n_missing}
        if not owed and not last.n_missing:
            return Left(round=0, now=(), later=(), most_later=0, last=())
        own = [one for one in taken if not one.at.round]
        if any(step.name == last.at.step for step in self.last):
            return Left(round=0, now=(), later=(), most_later=0, last=_left(self.last, own))
        before = tuple(step.of(owed[step.name]) for step in self.before if step.name in owed)
        if last.at.round:
            left = self._of_round(taken)
            return replace(left, now=(*before, *left.now))
        return replace(self.whole, now=(*before, *_left(self.before, own), *self.first))

    def _of_round(self, taken: Sequence[Taken]) -> Left:
        """What is left from the round on in which the last step was taken."""
        number = taken[-1].at.round
        own = [one for one in taken if one.at.round == number]
        now = _left(self.first if number == 1 else self.later, own)
        return replace(self.whole, round=number, now=now, most_later=self.most_rounds - number)


def _left(steps: Sequence[Step], taken: Sequence[Taken]) -> tuple[Step, ...]:
    """The steps of a part that are left once some were taken, the last one of them not to its end."""
    begun, known = taken[-1], Counter[str]()
    for one in taken:
        known[one.at.step] += one.n_known
    names = [step.name for step in steps]
    behind = {*names[: names.index(begun.at.step)], *known} - {begun.at.step}
    left = []
    for step in steps:
        n_jobs = 0 if step.name in behind else step.n_jobs
        if step.name == begun.at.step:
            n_jobs = max(begun.n_missing, step.n_jobs - known[step.name] if step.name in _IN_PARTS else 0)
        left += [step.of(n_jobs)] if n_jobs else []
    return tuple(left)
