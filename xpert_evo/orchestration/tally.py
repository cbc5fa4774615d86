"""Counts trainings and estimates the time left, for progress only: no result depends on it."""

from statistics import fmean

from xpert_evo.accuracy.protocols import TrainingProtocol


class Tally:
    """How many trainings have ended and how long they took.

    Args:
        totals: Trainings that the run does with each protocol, in the order in which they are done.
        n_workers: Trainings at a time.
    """

    def __init__(self, totals: list[tuple[TrainingProtocol, int]], n_workers: int) -> None:
        self._totals = totals
        self._n_workers = n_workers
        self._done = {protocol.name: 0 for protocol, _ in totals}
        self._seconds: dict[str, list[float]] = {protocol.name: [] for protocol, _ in totals}

    @property
    def done(self) -> int:
        """Trainings that have ended for good."""
        return sum(self._done.values())

    @property
    def total(self) -> int:
        """Trainings of the whole run."""
        return max(self.done, sum(n for _, n in self._totals))

    def add(self, protocol: str, seconds: float | None) -> None:
        """Counts a training; `seconds` is None for one that was given up."""
        self._done[protocol] = self._done.get(protocol, 0) + 1
        if seconds is not None:
            self._seconds.setdefault(protocol, []).append(seconds)

    def left_s(self) -> float | None:
        """Seconds until all trainings are done; None before the first one has ended."""
        left = 0.0
        for protocol, n in self._totals:
            each = self._each(protocol)
            if each is None:
                return None
            left += max(0, n - self._done[protocol.name]) * each
        return left / self._n_workers

    def _each(self, protocol: TrainingProtocol) -> float | None:
        """Mean seconds of a training: measured, or scaled from another protocol's by the images visited."""
        if self._seconds[protocol.name]:
            return fmean(self._seconds[protocol.name])
        for other, _ in self._totals:
            if self._seconds[other.name]:
                return fmean(self._seconds[other.name]) * protocol.image_visits / other.image_visits
        return None
