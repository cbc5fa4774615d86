"""Counts trainings and estimates the time left, for progress only: no result depends on it."""

from dataclasses import dataclass, field
from statistics import fmean


@dataclass(slots=True)
class _Kind:
    """Trainings that take about equally long."""

    expected: int = 0
    work: float = 1.0
    done: int = 0
    seconds: list[float] = field(default_factory=list)


class Tally:
    """How many trainings have ended and how long they took.

    Args:
        n_workers: Trainings at a time.
    """

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers
        self._kinds: dict[str, _Kind] = {}

    @property
    def done(self) -> int:
        """Trainings that have ended well."""
        return sum(kind.done for kind in self._kinds.values())

    @property
    def total(self) -> int:
        """Trainings of the whole run."""
        return sum(max(kind.done, kind.expected) for kind in self._kinds.values())

    def expect(self, kind: str, n: int, *, work: float) -> None:
        """Announces `n` trainings of a kind, each of so much work (images visited, in any unit)."""
        self._kinds[kind] = _Kind(expected=n, work=work)

    def add(self, kind: str, seconds: float) -> None:
        """Counts a training that ended well."""
        self._kinds[kind].done += 1
        self._kinds[kind].seconds.append(seconds)

    def left_s(self) -> float | None:
        """Seconds until all trainings are done; None before the first one has ended."""
        rates = [fmean(kind.seconds) / kind.work for kind in self._kinds.values() if kind.seconds]
        if not rates:
            return None
        left = 0.0
        for kind in self._kinds.values():
            each = fmean(kind.seconds) if kind.seconds else rates[0] * kind.work
            left += max(0, kind.expected - kind.done) * each
        return left / self._n_workers
