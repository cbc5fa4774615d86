"""Executor for local worker processes, which are spawned so that they inherit no state."""

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from xpert_evo.errors import ExecutorError
from xpert_evo.executors.base import Job, JobDone, JobFailed, More, Result, carry_out, nothing_more, usable_cores
from xpert_evo.executors.gpus import take_gpu

LOOK_EVERY_S = 1.0
MOST_BREAKDOWNS = 3


class ProcessExecutor:
    """Runs jobs in local single-threaded processes, which end when this process does.

    Args:
        n_workers: Number of processes; None for one per core that this process may use.
        time_limit_s: Time after which a job is stopped together with its worker [s]; None for no limit.
        n_gpus: Number of GPUs that the workers share evenly; None to leave the devices to CUDA.
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
        """See `Executor.run`; raises ExecutorError if workers repeatedly die before they begin a job."""
        batch = _Batch(self._started, function, self._time_limit_s)
        batch.add(jobs)
        try:
            while batch.pending:
                for outcome in batch.ended():
                    yield outcome
                    batch.add(more())
        finally:
            batch.cancel()

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
            with _sigint_blocked():
                self._pool = ProcessPool(
                    max_workers=self.n_workers,
                    context=multiprocessing.get_context("spawn"),
                    initializer=_prepare,
                    initargs=(Path(self._slots.name), self.n_workers, self._n_gpus),
                )
                _ = self._pool.active  # starts the workers, and the threads that start others later
        return self._pool


class _Batch:
    """Unfinished jobs of a pool.

    Args:
        pool: Returns the pool, or a new one if the pool is broken.
        function: Function that carries out a job.
        time_limit_s: Time after which a job is stopped [s]; None for no limit.
    """

    def __init__(self, pool: Callable[[], Any], function: Callable[[Any], Any], time_limit_s: float | None) -> None:
        self.pending: dict[Future[Any], int] = {}
        self._pool = pool
        self._used = pool()
        self._function = function
        self._time_limit_s = time_limit_s
        self._jobs: list[Any] = []
        self._since: dict[Future[Any], float] = {}
        self._n_breakdowns = 0

    def add(self, jobs: Sequence[Any]) -> None:
        """Adds further jobs to the pool; their positions continue the numbering."""
        if not jobs:
            return
        self._revive()
        first = len(self._jobs)
        self._jobs += jobs
        self._schedule(range(first, len(self._jobs)))

    def ended(self) -> list[JobDone[Any] | JobFailed]:
        """Outcomes of jobs that have ended since the last call, after a short wait if none has."""
        done, _ = wait(self.pending, timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)
        outcomes = []
        for future in done:
            if isinstance(future.exception(), BrokenExecutor):
                continue  # the pool broke down before anybody had the job
            self._n_breakdowns = 0
            self._since.pop(future, None)
            outcomes.append(_outcome(future, self.pending.pop(future)))
        self._revive()
        return outcomes + self._overdue()

    def cancel(self) -> None:
        """Cancels the unfinished jobs."""
        for future in self.pending:
            future.cancel()

    def _schedule(self, positions: Iterable[int]) -> None:
        self._used = self._pool()
        for position in positions:
            future = self._used.schedule(_in_process, args=(self._function, position, self._jobs[position]))
            self.pending[future] = position

    def _revive(self) -> None:
        """Schedules all jobs again after the pool broke because its last worker was killed while idle."""
        if not self.pending or self._used.active:
            return
        self._n_breakdowns += 1
        if self._n_breakdowns >= MOST_BREAKDOWNS:
            raise ExecutorError(
                f"worker processes died {self._n_breakdowns} times in a row before they began a training; check that "
                "there is enough memory, or use fewer workers with --workers."
            )
        positions = list(self.pending.values())
        self.pending.clear()
        self._since.clear()
        self._schedule(positions)

    def _overdue(self) -> list[JobFailed]:
        """Stops jobs that exceed the time limit; the pool's own limit uses the wall clock, which may jump."""
        if self._time_limit_s is None:
            return []
        now, late = time.monotonic(), []
        for future, position in list(self.pending.items()):
            if not future.running() or now - self._since.setdefault(future, now) <= self._time_limit_s:
                continue
            if future.cancel():
                del self.pending[future], self._since[future]
                reason = f"stopped after the time limit of {self._time_limit_s:g} s"
                late.append(JobFailed(position=position, reason=reason))
        return late


def _outcome(future: Future[Any], position: int) -> JobDone[Any] | JobFailed:
    try:
        outcome: JobDone[Any] | JobFailed = future.result()
    except ProcessExpired as failure:
        worker = f"process {failure.pid}"
        return JobFailed(position=position, reason=f"its worker died (exit code {failure.exitcode})", worker=worker)
    return outcome


def _in_process(function: Callable[[Job], Result], position: int, job: Job) -> JobDone[Result] | JobFailed:
    return carry_out(function, position, job, f"process {os.getpid()}")


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Blocks SIGINT in this thread, and for good in threads and processes that start meanwhile.

    Ctrl-C reaches every process of a terminal. In a worker that is still importing, it would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    resource_tracker.ensure_running()  # its start unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare(slots: Path, n_workers: int, n_gpus: int | None) -> None:
    """Prepares a worker process: it ignores Ctrl-C, ends with its parent, and uses one thread and one GPU."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; only the main one should handle it
    threading.Thread(target=_follow_parent, daemon=True).start()
    threadpool_limits(1)
    if n_gpus is not None:
        take_gpu(slots, n_workers, n_gpus)


def _follow_parent() -> None:
    """Ends this process when its parent is killed: its result would be lost, and a resumed run needs the core."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
