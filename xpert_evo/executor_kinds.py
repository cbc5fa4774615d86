"""Where trainings may run: what settings, commands and a run must know of each kind of executor, one record each.

A new kind is a member of `ExecutorKind` with its record here, a class that keeps the contract of `executors.Executor`,
and its maker in `executors/__init__.py`. The module imports nothing heavy, for `--help` reads it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorRecord:
    """What the program knows of a kind of executor.

    Attributes:
        has_workers: Whether trainings run in processes of their own, which can be counted, given GPUs and stopped at a
            time limit; else one training after another runs in this process.
        joins_cluster: Whether it can use a cluster that exists, whose scheduler has an address.
    """

    has_workers: bool
    joins_cluster: bool = False


class ExecutorKind(StrEnum):
    """Where trainings run."""

    SERIAL = "serial"
    PROCESSES = "processes"
    DASK = "dask"

    @property
    def record(self) -> ExecutorRecord:
        """What the program knows of it."""
        return EXECUTORS[self]


EXECUTORS: Mapping[ExecutorKind, ExecutorRecord] = {
    ExecutorKind.SERIAL: ExecutorRecord(has_workers=False),
    ExecutorKind.PROCESSES: ExecutorRecord(has_workers=True),
    ExecutorKind.DASK: ExecutorRecord(has_workers=True, joins_cluster=True),
}


def kinds_that(fits: Callable[[ExecutorRecord], bool]) -> str:
    """The kinds whose record fits, in words for messages: `"processes" or "dask"`."""
    return " or ".join(f'"{kind}"' for kind, record in EXECUTORS.items() if fits(record))
