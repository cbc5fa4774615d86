"""Executor that runs one job after another in this process; the reference that the other executors must match."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from xpert_evo.executors.base import Job, JobDone, JobFailed, More, Result, carry_out, nothing_more


class SerialExecutor:
    """Runs jobs in the calling process; it cannot enforce a time limit."""

    n_workers = 1

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`."""
        waiting = deque(jobs)
        position = 0
        while waiting:
            yield carry_out(function, position, waiting.popleft())
            waiting.extend(more())
            position += 1

    def close(self) -> None:
        """Nothing to free."""
