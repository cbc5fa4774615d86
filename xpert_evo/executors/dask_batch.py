"""One batch of jobs on a Dask cluster: submits them, follows where they run, and detects jobs that kill workers.

Dask itself reruns the jobs of a dead worker on other workers. This module adds a time limit, distinguishes a job that
kills workers from one that only waited beside it, and stops waiting when the scheduler is gone.
"""

import queue
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from distributed import Future, KilledWorker, get_worker
from distributed.protocol import pickle

from xpert_evo.errors import ExecutorError
from xpert_evo.executors.base import Job, JobDone, JobFailed, More, Result, carry_out
from xpert_evo.executors.dask_cluster import Client

POLL_S = 0.25
_FETCH_TIMEOUT_S = 15.0
_RESTART_TIMEOUT_S = 30.0

Tell = Callable[[str], None]

_pickle: Any = pickle  # how Dask sends everything between its own processes; annotated in part only


@dataclass(frozen=True, slots=True)
class _Running:
    """Address and name of the worker that runs a job, and its start by this process's monotonic clock [s]."""

    address: str
    worker: str
    since: float


class DaskBatch(Generic[Job, Result]):
    """The jobs of one call of `DaskExecutor.run`.

    Args:
        client: Client of the cluster.
        function: Function to call on each job.
        jobs: Arguments of the function.
        time_limit_s: Time after which a running job is stopped with its worker [s]; None for no limit.
        resources: Resources that a worker must offer to get a job, such as `{"GPU": 1}`.
        most_losses: Number of times that Dask may give up a job that was not seen running twice. It is 1 if jobs never
            wait at a worker; otherwise, a job can be blamed for the death of a worker that it only waited for.
        tell: Receives messages for the user.
    """

    def __init__(
        self,
        client: Client,
        function: Callable[[Job], Result],
        jobs: Sequence[Job],
        *,
        time_limit_s: float | None,
        resources: dict[str, float] | None,
        most_losses: int,
        tell: Tell,
    ) -> None:
        self._client = client
        self._function = function
        self._jobs = list(jobs)
        self._time_limit_s = time_limit_s
        self._resources = resources
        self._most_losses = most_losses
        self._tell = tell
        self._topic = f"xpert-evo-{uuid.uuid4()}"
        self._news: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pending: dict[int, Any] = {}
        self._running: dict[int, _Running] = {}
        self._n_starts: Counter[int] = Counter()
        self._n_losses: Counter[int] = Counter()

    def outcomes(self, look: Callable[[], None], more: More[Job]) -> Iterator[JobDone[Result] | JobFailed]:
        """Submits the jobs, and `more` after each outcome; yields outcomes, and calls `look` regularly meanwhile.

        Raises:
            ExecutorError: The scheduler is gone.
        """
        self._client.subscribe_topic(self._topic, lambda event: self._news.put(event[1]))
        for position in range(len(self._jobs)):
            self._submit(position)
        while self._pending:
            for outcome in self._arrived():
                yield outcome
                for job in more():
                    self._jobs.append(job)
                    self._submit(len(self._jobs) - 1)
            look()

    def _arrived(self) -> Iterator[JobDone[Result] | JobFailed]:
        """Outcomes since the last call, including jobs stopped by the time limit."""
        for news in self._waited():
            if not isinstance(news, Future):
                self._started(news)
            elif (outcome := self._ended(news)) is not None:
                yield outcome
        yield from self._overdue()

    def cancel(self) -> None:
        """Cancels unfinished jobs; a job that is running continues to its end, and its result is dropped."""
        if self._client.status == "running":
            self._client.unsubscribe_topic(self._topic)
            self._client.cancel(list(self._pending.values()))
        self._pending.clear()

    def _submit(self, position: int) -> None:
        future = self._client.submit(
            _on_worker,
            _pickle.dumps((self._function, self._jobs[position])),  # sealed, or the scheduler would import all of torch
            position,
            self._topic,
            key=f"{self._topic}-{position}-{self._n_losses[position]}",
            resources=self._resources,
            pure=False,
        )
        self._pending[position] = future
        future.add_done_callback(self._news.put)

    def _waited(self) -> list[Any]:
        """News since the last call, after a short wait if there are none."""
        try:
            news = [self._news.get(timeout=POLL_S)]
            while not self._news.empty():
                news.append(self._news.get())
        except queue.Empty:
            news = []
        if self._client.status != "running":
            raise vanished(self._client)
        return news

    def _started(self, news: dict[str, Any]) -> None:
        position = news["position"]
        if position in self._pending:
            self._n_starts[position] += 1
            self._running[position] = _Running(news["address"], news["name"], time.monotonic())

    def _ended(self, future: Any) -> JobDone[Result] | JobFailed | None:
        """The outcome of a finished future; None if its job continues elsewhere."""
        position = next((p for p, pending in self._pending.items() if pending is future), None)
        if position is None:
            return None  # stopped by the time limit
        if future.status == "cancelled":
            raise vanished(self._client)
        if future.status == "error":
            return self._erred(position, future.exception())
        try:
            outcome: JobDone[Result] | JobFailed = future.result(timeout=_FETCH_TIMEOUT_S)
        except TimeoutError:  # its worker died with the result, and the job runs again
            future.add_done_callback(self._news.put)
            return None
        self._forget(position)
        return outcome

    def _erred(self, position: int, failure: BaseException) -> JobFailed | None:
        """Gives up a job, or submits it again if other jobs are to blame for its losses."""
        where = self._running.get(position)
        worker = where.worker if where else None
        if not isinstance(failure, KilledWorker):
            self._forget(position)
            return JobFailed(position=position, reason=f"{type(failure).__name__}: {failure}", worker=worker)
        self._n_losses[position] += 1
        if self._n_starts[position] < 2 and self._n_losses[position] < self._most_losses:
            self._submit(position)
            return None
        self._forget(position)
        reason = f"its worker died {failure.allowed_failures + 1} times while it ran; no other worker is risked"
        return JobFailed(position=position, reason=reason, worker=worker)

    def _overdue(self) -> list[JobFailed]:
        """Stops jobs that exceed the time limit by restarting their workers."""
        if self._time_limit_s is None:
            return []
        latest = time.monotonic() - self._time_limit_s
        late = {position: running for position, running in self._running.items() if running.since < latest}
        if not late:
            return []
        alive = threads(self._client)
        for position in [position for position, running in late.items() if running.address not in alive]:
            del late[position], self._running[position]  # lost with its worker: it waits for another one
        reason = f"stopped after the time limit of {self._time_limit_s:g} s"
        self._client.cancel([self._pending[position] for position in late])
        for position in late:
            self._forget(position)
        self._restart({running.address: running.worker for running in late.values()})
        return [
            JobFailed(position=position, reason=reason, worker=running.worker) for position, running in late.items()
        ]

    def _restart(self, workers: dict[str, str]) -> None:
        for address, worker in workers.items():
            try:
                self._client.restart_workers([address], timeout=_RESTART_TIMEOUT_S, raise_for_error=False)
            except KeyError:
                continue  # it has left by itself
            except ValueError:
                self._tell(f"{worker} hangs and has no nanny that could restart it; start workers without --no-nanny.")
            except OSError:
                raise vanished(self._client) from None

    def _forget(self, position: int) -> None:
        del self._pending[position]
        self._running.pop(position, None)


def threads(client: Client) -> dict[str, int]:
    """Worker address -> number of threads; raises ExecutorError if the scheduler is gone."""
    try:
        return dict(client.nthreads())
    except (OSError, TimeoutError):
        raise vanished(client) from None


def vanished(client: Client) -> ExecutorError:
    """The error for a scheduler that is gone."""
    address = client.scheduler.address if client.scheduler is not None else "its address"
    return ExecutorError(
        f"the Dask scheduler at {address} has vanished; nothing committed is lost. Start it and its workers again."
    )


def _on_worker(sealed: bytes, position: int, topic: str) -> JobDone[Any] | JobFailed:
    """Reports the worker on which the job begins, then carries it out."""
    me = get_worker()
    host = me.address.rpartition("/")[2].rpartition(":")[0]
    worker = f"worker {me.name}" if host in str(me.name) else f"worker {me.name} on {host}"
    me.log_event(topic, {"position": position, "address": me.address, "name": worker})
    return carry_out(_unsealed, position, sealed, worker)


def _unsealed(sealed: bytes) -> Any:
    """Unpickles and carries out the job; import errors are failures like any other."""
    function, job = _pickle.loads(sealed)
    return function(job)
