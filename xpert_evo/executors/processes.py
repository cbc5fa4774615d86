"""Local worker processes, started afresh (spawn) so that no state leaks into them."""

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from xpert_evo.errors import ExecutorError
from xpert_evo.executors.base import Job, JobDone, JobFailed, More, Result, carry_out, nothing_more, usable_cores
from xpert_evo.executors.gpus import take_gpu

LOOK_EVERY_S = 1.0
MOST_BREAKDOWNS = 3

Pending: TypeAlias = dict[Future[Any], int]
"""Positions of the jobs that have not ended, by their futures."""


class ProcessExecutor:
    """Runs jobs in local processes of one thread each, which end when this process does.

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

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`."""
        pool = self._started()
        pending: dict[Future[JobDone[Result] | JobFailed], int] = {}
        position = count()

        def schedule(added: Sequence[Job]) -> None:
            for job in added:
                place = next(position)
                pending[pool.schedule(_in_process, args=(function, place, job), timeout=self._time_limit_s)] = place

        schedule(jobs)
        try:
            while pending:
                done, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    yield self._outcome(future, pending.pop(future))
                    schedule(more())
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
        if self._pool is not None and not self._pool.active:
            self.close()  # its last idle worker was killed since the last batch
        if self._pool is None:
            self._slots = tempfile.TemporaryDirectory(prefix="xpert-evo-")
            self._pool = ProcessPool(
                max_workers=self.n_workers,
                context=multiprocessing.get_context("spawn"),
                initializer=_prepare,
                initargs=(Path(self._slots.name), self.n_workers, self._n_gpus),
            )
        return self._pool

    def _scheduled(self, function: Callable[[Job], Result], jobs: Iterable[tuple[int, Job]]) -> Pending:
        pool = self._started()
        return {pool.schedule(_in_process, args=(function, position, job)): position for position, job in jobs}

    def _restarted(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], pending: Pending, n_breakdowns: int
    ) -> Pending:
        """Schedules what is pending anew after the pool broke down: a worker was killed while nobody had a job."""
        if n_breakdowns >= MOST_BREAKDOWNS:
            raise ExecutorError(
                f"worker processes died {n_breakdowns} times in a row before they began a training; is there enough "
                "memory? Try fewer with --workers."
            )
        return self._scheduled(function, [(position, jobs[position]) for position in pending.values()])

    def _overdue(self, pending: Pending, since: dict[Future[Any], float]) -> list[JobFailed]:
        """Stops what has run for too long; the pool's own limit would go by the wall clock, which may jump."""
        if self._time_limit_s is None:
            return []
        now, late = time.monotonic(), []
        for future, position in list(pending.items()):
            if future.running() and now - since.setdefault(future, now) > self._time_limit_s and future.cancel():
                del pending[future]
                reason = f"stopped after the time limit of {self._time_limit_s:g} s"
                late.append(JobFailed(position=position, reason=reason))
        return late

    def _outcome(self, future: Future[JobDone[Result] | JobFailed], position: int) -> JobDone[Result] | JobFailed:
        try:
            return future.result()
        except ProcessExpired as failure:
            worker = f"process {failure.pid}"
            return JobFailed(position=position, reason=f"its worker died (exit code {failure.exitcode})", worker=worker)


def _in_process(function: Callable[[Job], Result], position: int, job: Job) -> JobDone[Result] | JobFailed:
    return carry_out(function, position, job, f"process {os.getpid()}")


def _prepare(slots: Path, n_workers: int, n_gpus: int | None) -> None:
    """Makes a fresh process a worker: deaf to Ctrl-C, mortal with its parent, one thread, one graphics processor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches all of a terminal; the main process alone decides
    threading.Thread(target=_follow_parent, daemon=True).start()
    threadpool_limits(1)
    if n_gpus is not None:
        take_gpu(slots, n_workers, n_gpus)


def _follow_parent() -> None:
    """Ends this process when its parent is killed: nobody wants the result, and a resumed run needs the core."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
