"""The contract of executors, and what all of them share: how a worker carries out a job and words its failure."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from joblib import cpu_count

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDone(Generic[Result]):
    """A job that returned; `worker` names who did it, where that is somebody else."""

    position: int
    result: Result
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """A job that did not return; `reason` is one sentence, `worker` names who had it last."""

    position: int
    reason: str
    worker: str | None = None


More: TypeAlias = Callable[[], Sequence[Job]]
"""Gives jobs that are to be added to those which run, as many as it likes."""


def nothing_more() -> Sequence[Any]:
    """No further jobs: the ones given are all."""
    return ()


class Executor(Protocol):
    """Runs jobs; frees its workers when closed."""

    @property
    def n_workers(self) -> int:
        """Jobs at a time, at least 1; on a cluster it changes as workers join and leave."""
        ...

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """Calls `function` on each job; yields as jobs end.

        Args:
            function: A function of a module, so that workers can import it.
            jobs: Its arguments, which can be pickled between our own processes.
            more: Asked for further jobs each time after an outcome was taken; their positions count on.

        Raises:
            ExecutorError: The workers as a whole cannot be reached; single ones that die are no reason.
        """
        ...

    def close(self) -> None:
        """Frees the workers; running jobs are stopped."""
        ...


def carry_out(
    function: Callable[[Job], Result], position: int, job: Job, worker: str | None = None
) -> JobDone[Result] | JobFailed:
    """Calls `function` where the job is done, so that a failure is worded there and no exception has to travel."""
    try:
        return JobDone(position=position, result=function(job), worker=worker)
    except Exception as failure:
        return JobFailed(position=position, reason=_worded(failure), worker=worker)


def _worded(failure: BaseException) -> str:
    """A failure in one sentence; the place of origin helps where it is a bug."""
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" (at {frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    text = str(failure).strip().splitlines()
    return f"{type(failure).__name__}: {text[0] if text else 'no message'}{place}"


def usable_cores() -> int:
    """Cores that this process may use; affinity and containers' limits count."""
    return int(cpu_count())
