"""The contract of executors, and shared code: how a worker carries out a job and describes its failure."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from joblib import cpu_count

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDone(Generic[Result]):
    """A job that returned; `worker` names the worker unless it is this process."""

    position: int
    result: Result
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """A job that did not return; `reason` is one sentence, `worker` names the last worker that ran it."""

    position: int
    reason: str
    worker: str | None = None


More: TypeAlias = Callable[[], Sequence[Job]]
"""Returns any number of further jobs to add to the running ones."""


def nothing_more() -> Sequence[Any]:
    """Returns no further jobs."""
    return ()


class Executor(Protocol):
    """Runs jobs, and frees its workers when closed."""

    @property
    def n_workers(self) -> int:
        """Number of jobs that run in parallel, at least 1; on a cluster, it changes as workers join and leave."""
        ...

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """Calls `function` on each job and yields outcomes as jobs end.

        Args:
            function: A module-level function, so that workers can import it.
            jobs: Arguments of the function; they must be picklable.
            more: Called after each outcome to get further jobs, whose positions continue the numbering.

        Raises:
            ExecutorError: None of the workers can be reached; the loss of single workers raises nothing.
        """
        ...

    def close(self) -> None:
        """Stops running jobs and frees the workers."""
        ...


def carry_out(
    function: Callable[[Job], Result], position: int, job: Job, worker: str | None = None
) -> JobDone[Result] | JobFailed:
    """Calls `function` on the worker and describes failures there, so that no exception has to be transferred."""
    try:
        return JobDone(position=position, result=function(job), worker=worker)
    except (Exception, SystemExit) as failure:  # of the user's own code, such as a function that reads images
        return JobFailed(position=position, reason=_worded(failure), worker=worker)


def _worded(failure: BaseException) -> str:
    """A failure in one sentence, with its place of origin, which helps to find bugs."""
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" (at {frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    text = str(failure).strip().splitlines()
    return f"{type(failure).__name__}: {text[0] if text else 'no message'}{place}"


def usable_cores() -> int:
    """Number of cores that this process may use, given its affinity and the limits of its container."""
    return int(cpu_count())
