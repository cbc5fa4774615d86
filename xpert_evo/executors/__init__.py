"""Executors, which run many independent jobs: in this process, in local processes, or on a Dask cluster.

An executor does not depend on what it runs. Jobs and results are plain values; results are returned in order of
completion with the position of their job, so that the caller can restore the order. A job that raises, exceeds its
time limit or loses its worker is returned as `JobFailed`; it never stops other jobs.

A new executor is a class that fulfils the contract of `Executor` (tested by `tests/executors/test_contract.py`), a
record in `executor_kinds.py`, and a maker here.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from xpert_evo.config import ExecutorConfig
from xpert_evo.errors import ExecutorError
from xpert_evo.executor_kinds import ExecutorKind
from xpert_evo.executors.base import Executor, JobDone, JobFailed, usable_cores
from xpert_evo.executors.processes import ProcessExecutor
from xpert_evo.executors.serial import SerialExecutor

if TYPE_CHECKING:
    from xpert_evo.executors.dask_executor import DaskExecutor

Tell: TypeAlias = Callable[[str], None]
"""Receives messages for the user, such as differing versions or missing workers."""


def load_dask_executor() -> "type[DaskExecutor]":
    """The class `DaskExecutor`, which takes a second to import; raises ExecutorError if the extra is not installed."""
    try:
        from xpert_evo.executors.dask_executor import DaskExecutor  # noqa: PLC0415
    except ImportError as failure:
        raise ExecutorError(
            f"the executor 'dask' needs the package {failure.name}, which is not installed; install it with "
            "`pip install 'xpert-evo[dask]'`, or choose --executor processes."
        ) from None
    return DaskExecutor


def _serial(settings: ExecutorConfig, time_limit_s: float | None, tell: Tell) -> Executor:
    return SerialExecutor()


def _processes(settings: ExecutorConfig, time_limit_s: float | None, tell: Tell) -> Executor:
    return ProcessExecutor(settings.workers, time_limit_s, settings.gpus)


def _dask(settings: ExecutorConfig, time_limit_s: float | None, tell: Tell) -> Executor:
    return load_dask_executor()(
        settings.workers,
        scheduler=settings.dask_scheduler,
        time_limit_s=time_limit_s,
        n_gpus=settings.gpus,
        tell=tell,
    )


MAKERS: Mapping[ExecutorKind, Callable[[ExecutorConfig, float | None, Tell], Executor]] = {
    ExecutorKind.SERIAL: _serial,
    ExecutorKind.PROCESSES: _processes,
    ExecutorKind.DASK: _dask,
}
"""Functions that create an executor from its settings, the time limit of a job [s] and a receiver of messages."""

__all__ = [
    "MAKERS",
    "Executor",
    "JobDone",
    "JobFailed",
    "ProcessExecutor",
    "SerialExecutor",
    "load_dask_executor",
    "usable_cores",
]
