"""Ways to run many independent jobs: in this process, in local processes, or on a Dask cluster.

An executor knows nothing of what it runs. Jobs and results are plain values; results come back in the order in which
they are done, each with its job's position, so that the caller can restore the order. A job that raises, outlives its
time limit or loses its worker comes back as `JobFailed`; it never stops the others.

A new way to run jobs is a class that keeps the contract of `Executor` (`tests/executors/test_contract.py` states it),
a record in `executor_kinds.py`, and a maker here.
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
"""Is given sentences for the user: versions that differ, workers that are missing."""


def load_dask_executor() -> "type[DaskExecutor]":
    """The class `DaskExecutor`, an extra that takes a second to import; raises ExecutorError where it is missing."""
    try:
        from xpert_evo.executors.dask_executor import DaskExecutor  # noqa: PLC0415
    except ImportError as failure:
        raise ExecutorError(
            f"the executor 'dask' needs the package {failure.name}, which is missing; install it with "
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
"""What makes an executor of settings, of the time limit of a job [s], and of who is told about workers."""

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
