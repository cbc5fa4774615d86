"""Counts trainings and estimates the time left, for progress only: no result depends on it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from xpert_evo.orchestration.effort import Pace, Timed, makespan, pace_of

_RECENT = 8
_LEAST_LEFT = 0.1  # share of its expected time that a training is thought to need still, however long it has run


@dataclass(slots=True)
class _Kind:
    """Trainings of one protocol.

    `work` and `images` are those of one training, `batch_size` how many are asked for at a time, None for all.
    `seconds` are what one was expected to take, and `took` what those that ended took, of kinds with a pace of their
    own.
    """

    expected: int = 0
    work: float = 1.0
    images: int = 0
    batch_size: int | None = None
    done: int = 0
    seconds: float | None = None
    took: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Waiting:
    """A training that was asked for and has not ended; `since` is when it began, None for not yet."""

    kind: str
    macs: float
    since: float | None = None


@dataclass(slots=True)
class Tally:
    """How many trainings have ended, how long they took and how long the others will take.

    Args:
        n_workers: Trainings at a time.
        clock: Seconds that never run backwards.
    """

    n_workers: int
    clock: Callable[[], float] = time.monotonic
    _kinds: dict[str, _Kind] = field(default_factory=dict)
    _done: list[Timed] = field(default_factory=list)
    _recent: list[tuple[int, float]] = field(default_factory=list)
    _waiting: list[_Waiting] = field(default_factory=list)
    _pauses: list[float] = field(default_factory=list)
    _idle_since: float | None = None

    @property
    def done(self) -> int:
        """Trainings that have ended well."""
        return sum(kind.done for kind in self._kinds.values())

    @property
    def total(self) -> int:
        """Trainings of the whole run."""
        return sum(max(kind.done, kind.expected) for kind in self._kinds.values())

    def expect(
        self,
        kind: str,
        n: int,
        *,
        work: float,
        images: int = 0,
        batch_size: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Announces `n` trainings of a kind.

        Args:
            kind: A name for them.
            n: How many.
            work: Of each one, in training images.
            images: That each one trains on, repeats counted.
            batch_size: How many are asked for at a time; None for all.
            seconds: What each one is expected to take, for a kind whose pace has nothing to do with the others'.
        """
        self._kinds[kind] = _Kind(expected=n, work=work, images=images, batch_size=batch_size, seconds=seconds)

    def skip(self, kind: str, n: int) -> None:
        """Removes `n` expected trainings of a kind, which have labels already or are not needed."""
        self._kinds[kind].expected -= n

    def begin(self, kind: str, macs: Sequence[float]) -> None:
        """Tells that trainings of designs with so many multiply-accumulates were handed to the workers, in order."""
        if self._idle_since is not None:
            self._pauses.append(self.clock() - self._idle_since)
        self._idle_since = None
        self._waiting = [_Waiting(kind=kind, macs=float(one)) for one in macs]
        self._start_next()

    def begin_more(self, kind: str, macs: Sequence[float]) -> None:
        """Likewise for trainings that come to those which workers have."""
        self._idle_since = None
        self._waiting += [_Waiting(kind=kind, macs=float(one)) for one in macs]
        self._start_next()

    def add(self, kind: str, seconds: float, macs: float = 0.0) -> None:
        """Counts a training that ended well."""
        counted = self._kinds[kind]
        counted.done += 1
        if counted.seconds is not None:
            counted.took.append(seconds)
        else:
            self._done.append(Timed(work=counted.work, macs=float(macs), seconds=seconds))
            self._recent = [*self._recent, (counted.images, seconds)][-_RECENT:]
        self.drop(kind, macs)

    def drop(self, kind: str, macs: float) -> None:
        """Takes a training that ended, well or not, off the list of those that workers have."""
        ended = next((one for one in self._waiting if (one.kind, one.macs) == (kind, float(macs))), None)
        if ended is not None:
            self._waiting.remove(ended)
            self._start_next()
        if ended is not None and not self._waiting:
            self._idle_since = self.clock()

    def images_per_s(self, kind: str) -> float | None:
        """Images that all workers together train on in a second, by the last trainings; None before the first one.

        Trainings of a kind with a pace of its own have none: the others' would tell nothing about them.
        """
        if self._kinds[kind].seconds is not None:
            return None
        images, seconds = (sum(column) for column in zip(*self._recent, strict=True)) if self._recent else (0, 0.0)
        return self.n_workers * images / seconds if images and seconds else None

    def left_s(self) -> float | None:
        """Seconds until the run is done; None before the first training has ended.

        Trainings that workers have are weighed by their designs' size, those that nobody has chosen yet count as the
        average; between two batches a search lasts as long as the ones before.
        """
        pace = pace_of(self._done)
        if pace is None and any(kind.seconds is None for kind in self._kinds.values()):
            return None
        left = makespan([self._remaining(one, pace) for one in self._waiting], self.n_workers) if self._waiting else 0.0
        known = [timed.macs for timed in self._done] + [one.macs for one in self._waiting]
        macs = fmean(known) if known else 0.0
        pause = fmean(self._pauses) if self._pauses else 0.0
        for name, kind in self._kinds.items():
            n_left = kind.expected - kind.done - sum(one.kind == name for one in self._waiting)
            while n_left > 0:
                n = min(n_left, kind.batch_size or n_left)
                left += pause + makespan([_seconds(kind, macs, pace)] * n, self.n_workers)
                n_left -= n
        return left

    def _start_next(self) -> None:
        """The first of the waiting trainings are the ones that workers are at."""
        for one in self._waiting[: self.n_workers]:
            if one.since is None:
                one.since = self.clock()

    def _remaining(self, one: _Waiting, pace: Pace | None) -> float:
        whole = _seconds(self._kinds[one.kind], one.macs, pace)
        gone = 0.0 if one.since is None else self.clock() - one.since
        return max(_LEAST_LEFT * whole, whole - gone)


def _seconds(kind: _Kind, macs: float, pace: Pace | None) -> float:
    """Seconds of a whole training: by its own kind's, or by the pace of all."""
    if kind.seconds is not None:
        return fmean(kind.took) if kind.took else kind.seconds
    assert pace is not None
    return pace.seconds(kind.work, macs)
