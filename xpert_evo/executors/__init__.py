"""Ways to run many independent jobs: in this process, in local processes, or on a Dask cluster.

An executor knows nothing of what it runs. Jobs and results are plain values; results come back in the order in which
they are done, each with its job's position, so that the caller can restore the order. A job that raises, outlives its
time limit or loses its worker comes back as `JobFailed`; it never stops the others.

A new way to run jobs is a class that keeps the contract of `Executor`; `tests/executors/test_contract.py` states it.
"""

from xpert_evo.executors.base import Executor, JobDone, JobFailed, usable_cores
from xpert_evo.executors.dask_extra import load_dask_executor
from xpert_evo.executors.processes import ProcessExecutor
from xpert_evo.executors.serial import SerialExecutor

__all__ = [
    "Executor",
    "JobDone",
    "JobFailed",
    "ProcessExecutor",
    "SerialExecutor",
    "load_dask_executor",
    "usable_cores",
]
