"""One job after another in this process: the reference that the other executors must match."""

from collections.abc import Callable, Iterator, Sequence

from xpert_evo.executors.base import Job, JobDone, JobFailed, Result, carry_out


class SerialExecutor:
    """Runs jobs in the calling process; a time limit cannot be kept here."""

    n_workers = 1

    def run(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`."""
        for position, job in enumerate(jobs):
            yield carry_out(function, position, job)

    def close(self) -> None:
        """Nothing to free."""
