"""Connection to a Dask scheduler, or start of a small cluster of local processes.

Only this module and `dask_batch` import `distributed`, which is an optional dependency.
"""

import logging
from typing import Any, TypeAlias

import dask
import distributed

from xpert_evo.errors import ExecutorError
from xpert_evo.executors.gpus import VARIABLE, device_of

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0

ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that limit the libraries of a worker to one thread."""

_TRIES_OF_A_LOST_JOB = 2

# distributed is annotated in part only; calls of the other part are not checked.
Client: TypeAlias = Any
Cluster: TypeAlias = Any
_Client: Any = distributed.Client
_SpecCluster: Any = distributed.SpecCluster


def connect(scheduler: str | Cluster) -> Client:
    """A client of a scheduler, given by its address or local cluster; raises ExecutorError if it does not answer."""
    _log_less()
    try:
        return _Client(scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError, ImportError) as failure:
        text = str(failure).strip().splitlines()
        raise ExecutorError(
            f"no Dask scheduler answers at {scheduler} ({text[0] if text else type(failure).__name__}); start one "
            "with `dask scheduler`, or correct executor.dask_scheduler (--dask-scheduler tcp://HOST:PORT)."
        ) from None


def start_local(n_workers: int, n_gpus: int | None) -> Cluster:
    """Starts a scheduler in this process and single-threaded worker processes, on the loopback interface only.

    Args:
        n_workers: Number of worker processes.
        n_gpus: Number of GPUs that the workers share evenly; None to leave the devices to CUDA.
    """
    _log_less()
    options = {
        "host": "127.0.0.1",
        "nthreads": 1,
        "dashboard": False,
        "memory_limit": 0,  # a limit would pause or kill workers on a rule that the other executors do not have
        "preload": ["xpert_evo.executors.dask_preload"],
        "silence_logs": logging.CRITICAL,
    }
    environments = [{} if n_gpus is None else {VARIABLE: device_of(i, n_gpus)} for i in range(n_workers)]
    workers = {i: {"cls": distributed.Nanny, "options": {**options, "env": env}} for i, env in enumerate(environments)}
    # Ports are left to the system: the usual ones may be taken by another run on this machine.
    ports = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    scheduler = {"cls": distributed.Scheduler, "options": ports}
    rules = {
        "distributed.scheduler.allowed-failures": _TRIES_OF_A_LOST_JOB - 1,
        # Jobs wait at the scheduler: one that waits at a worker would be blamed for that worker's death too.
        "distributed.scheduler.worker-saturation": 1.0,
        # Dask's own setting also makes malloc give all memory back at once (MALLOC_TRIM_THRESHOLD_), which costs a
        # training half of its time in page faults.
        "distributed.nanny.pre-spawn-environ": dict.fromkeys(ONE_THREAD, 1),
    }
    with dask.config.set(rules):
        return _SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL)


def _log_less() -> None:
    """Silences Dask's own log, because the executor reports what happens to workers in one sentence each."""
    for name in ("distributed", "distributed.client", "distributed.gc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
