"""How much work a training is and how long it takes, for progress and plans alone: no result depends on it."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from xpert_evo.accuracy.training.protocols import TrainingProtocol

JUDGED_IMAGE = 2.5
"""Work of one image in the exact emulation, in training images; `benchmarks/running/time_left.py` shows how well."""

_LEAST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A training that ended.

    Attributes:
        work: In training images.
        macs: Multiply-accumulates of one image through the full-size design.
        seconds: It took.
    """

    work: float
    macs: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of a training: each unit of work costs a fixed part and a part that grows with the design."""

    fixed_s: float
    per_mac_s: float

    def seconds(self, work: float, macs: float) -> float:
        """Expected of a training."""
        return work * (self.fixed_s + self.per_mac_s * macs)


def images_trained(protocol: TrainingProtocol, n_train: int) -> int:
    """Images that a training visits of `n_train`, repeats counted, and smaller ones by their area."""
    return round(protocol.epochs_by_area() * min(protocol.n_train or n_train, n_train))


def work_of(protocol: TrainingProtocol, n_train: int, n_judged: int) -> float:
    """Work of a training with its judging, in training images.

    Args:
        protocol: How it is trained.
        n_train: Training images of the data set.
        n_judged: Images that judge it in the exact emulation.
    """
    step_image = 1 + (JUDGED_IMAGE if protocol.exact else 0)
    return step_image * images_trained(protocol, n_train) + JUDGED_IMAGE * n_judged


def pace_of(done: Sequence[Timed]) -> Pace | None:
    """The pace that fits ended trainings best, relative errors weighed alike; None before the first one."""
    if not done:
        return None
    work = np.array([timed.work for timed in done])
    macs = np.array([timed.macs for timed in done])
    seconds = np.array([timed.seconds for timed in done])
    if len(done) < _LEAST or np.ptp(macs) == 0:
        return Pace(fixed_s=float(seconds.sum() / work.sum()), per_mac_s=0.0)
    scale = macs.max()
    rows = np.stack([work, work * macs / scale], axis=1) / seconds[:, None]
    (fixed, growing), _ = nnls(rows, np.ones(len(done)))
    return Pace(fixed_s=float(fixed), per_mac_s=float(growing / scale))


def makespan(seconds: Sequence[float], n_workers: int) -> float:
    """Seconds until jobs of so many seconds each, taken in their order, are done by `n_workers`."""
    free_at = [0.0] * max(1, min(n_workers, len(seconds)))
    for one in seconds:
        heapq.heappush(free_at, heapq.heappop(free_at) + one)
    return max(free_at)
