"""Ways to run many independent jobs: in this process, in local processes, or on a Dask cluster.

An executor knows nothing of what it runs. Jobs and results are plain values; results come back in the order in which
they are done, each with its job's position, so that the caller can restore the order. A job that raises, outlives its
time limit or loses its worker comes back as `JobFailed`; it never stops the others.
"""

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from joblib import cpu_count
from pebble import ProcessExpired, ProcessPool

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDone(Generic[Result]):
    """A job that returned."""

    position: int
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """A job that did not return; `reason` is one sentence."""

    position: int
    reason: str


class Executor(Protocol):
    """Runs jobs; a context manager that frees its workers on leaving."""

    n_workers: int

    def run(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[JobDone[Result] | JobFailed]:
        """Calls `function` on each job; yields as jobs end.

        Args:
            function: A function of a module, so that workers can import it.
            jobs: Its arguments, which can be pickled between our own processes.
        """
        ...

    def close(self) -> None:
        """Frees the workers; running jobs are stopped."""
        ...


class SerialExecutor:
    """One job after another in this process; the reference that the others must match."""

    n_workers = 1

    def run(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`. A time limit cannot be kept here."""
        for position, job in enumerate(jobs):
            try:
                yield JobDone(position=position, result=function(job))
            except Exception as failure:
                yield JobFailed(position=position, reason=_reason(failure))

    def close(self) -> None:
        """Nothing to free."""


class ProcessExecutor:
    """Local worker processes, started afresh (spawn) so that no state leaks into them.

    Args:
        n_workers: Processes; None for one a core that this process may use (containers' limits included).
        time_limit_s: Seconds after which a job is stopped together with its worker; None for no limit.
    """

    def __init__(self, n_workers: int | None = None, time_limit_s: float | None = None) -> None:
        self.n_workers = n_workers or usable_cores()
        self._time_limit_s = time_limit_s
        self._pool: ProcessPool | None = None

    def run(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(max_workers=self.n_workers, context=context, initializer=_ignore_interrupts)
        pending: dict[Future[Result], int] = {
            self._pool.schedule(function, args=(job,), timeout=self._time_limit_s): position
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

    def _outcome(self, future: Future[Result], position: int) -> JobDone[Result] | JobFailed:
        try:
            return JobDone(position=position, result=future.result())
        except TimeoutError:
            return JobFailed(position=position, reason=f"stopped after the time limit of {self._time_limit_s:g} s")
        except ProcessExpired as failure:
            return JobFailed(position=position, reason=f"its worker died (exit code {failure.exitcode})")
        except Exception as failure:
            return JobFailed(position=position, reason=_reason(failure))

    def close(self) -> None:
        """Stops the workers at once."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None


def usable_cores() -> int:
    """Cores that this process may use; affinity and containers' limits count."""
    return int(cpu_count())


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the main one alone decides what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _reason(failure: BaseException) -> str:
    """One sentence; the place of origin helps where the failure is a bug."""
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" (at {frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    text = str(failure).strip().splitlines()
    return f"{type(failure).__name__}: {text[0] if text else 'no message'}{place}"
