"""Local worker processes, started afresh (spawn) so that no state leaks into them."""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from xpert_evo.executors.base import Job, JobDone, JobFailed, Result, carry_out, usable_cores
from xpert_evo.executors.gpus import take_gpu


class ProcessExecutor:
    """Runs jobs in local processes of one thread each.

    Args:
        n_workers: Processes; None for one a core that this process may use (containers' limits included).
        time_limit_s: Seconds after which a job is stopped together with its worker; None for no limit.
        n_gpus: Graphics processors of this machine that the workers are spread over; None leaves devices alone.
    """

    def __init__(
        self, n_workers: int | None = None, time_limit_s: float | None = None, n_gpus: int | None = None
    ) -> None:
        self.n_workers = n_workers or n_gpus or usable_cores()
        self._time_limit_s = time_limit_s
        self._n_gpus = n_gpus
        self._pool: Any = None  # pebble is annotated in part only
        self._slots: tempfile.TemporaryDirectory[str] | None = None

    def run(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`."""
        pool = self._started()
        pending: dict[Future[JobDone[Result] | JobFailed], int] = {
            pool.schedule(_in_process, args=(function, position, job), timeout=self._time_limit_s): position
            for position, job in enumerate(jobs)
        }
        try:
            while pending:
                done, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    yield self._outcome(future, pending.pop(future))
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Stops the workers at once."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None
        if self._slots is not None:
            self._slots.cleanup()
            self._slots = None

    def _started(self) -> Any:
        if self._pool is None:
            self._slots = tempfile.TemporaryDirectory(prefix="xpert-evo-")
            self._pool = ProcessPool(
                max_workers=self.n_workers,
                context=multiprocessing.get_context("spawn"),
                initializer=_prepare,
                initargs=(Path(self._slots.name), self.n_workers, self._n_gpus),
            )
        return self._pool

    def _outcome(self, future: Future[JobDone[Result] | JobFailed], position: int) -> JobDone[Result] | JobFailed:
        try:
            return future.result()
        except TimeoutError:
            return JobFailed(position=position, reason=f"stopped after the time limit of {self._time_limit_s:g} s")
        except ProcessExpired as failure:
            worker = f"process {failure.pid}"
            return JobFailed(position=position, reason=f"its worker died (exit code {failure.exitcode})", worker=worker)


def _in_process(function: Callable[[Job], Result], position: int, job: Job) -> JobDone[Result] | JobFailed:
    return carry_out(function, position, job, f"process {os.getpid()}")


def _prepare(slots: Path, n_workers: int, n_gpus: int | None) -> None:
    """Makes a fresh process a worker: deaf to Ctrl-C, one thread, one graphics processor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches all of a terminal; the main process alone decides
    threadpool_limits(1)
    if n_gpus is not None:
        take_gpu(slots, n_workers, n_gpus)
