"""Work and duration of trainings, used only for progress and estimates; no result depends on them."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from xpert_evo.accuracy.training.protocols import TrainingProtocol

JUDGED_IMAGE = 2.5
"""Work of one image in the exact emulation, in training images (checked by `benchmarks/running/time_left.py`)."""

_LEAST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A finished training.

    Attributes:
        work: Work of the training, in training images.
        macs: Multiply-accumulates per image of the full-size design.
        seconds: Duration of the training [s].
    """

    work: float
    macs: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Duration model of trainings: each unit of work takes a fixed time plus a time proportional to design size."""

    fixed_s: float
    per_mac_s: float

    def seconds(self, work: float, macs: float) -> float:
        """Returns the expected duration of a training [s]."""
        return work * (self.fixed_s + self.per_mac_s * macs)


def images_trained(protocol: TrainingProtocol, n_train: int) -> int:
    """Returns the number of image passes of a training on `n_train` images, weighted by relative image area."""
    return round(protocol.epochs_by_area() * min(protocol.n_train or n_train, n_train))


def work_of(protocol: TrainingProtocol, n_train: int, n_judged: int) -> float:
    """Returns the work of a training including judging, in training images.

    Args:
        protocol: Training protocol.
        n_train: Number of training images in the data set.
        n_judged: Number of images judged with the exact emulation.
    """
    step_image = 1 + (JUDGED_IMAGE if protocol.exact else 0)
    return step_image * images_trained(protocol, n_train) + JUDGED_IMAGE * n_judged


def pace_of(done: Sequence[Timed]) -> Pace | None:
    """Fits the pace to finished trainings by relative errors; returns None before the first one."""
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
    """Returns the time until `n_workers` have finished jobs of the given durations, in order [s]."""
    free_at = [0.0] * max(1, min(n_workers, len(seconds)))
    for one in seconds:
        heapq.heappush(free_at, heapq.heappop(free_at) + one)
    return max(free_at)
