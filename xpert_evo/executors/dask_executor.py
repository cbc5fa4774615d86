"""Jobs on a Dask cluster: one that exists, or a small one of local processes that is started for the occasion."""

import time
from collections.abc import Callable, Iterator, Sequence

from xpert_evo.executors import dask_batch, dask_cluster
from xpert_evo.executors.base import Job, JobDone, JobFailed, More, Result, nothing_more, usable_cores
from xpert_evo.executors.dask_cluster import Client, Cluster
from xpert_evo.executors.dask_versions import PACKAGES, differences

LOOK_EVERY_S = 2.0
PATIENCE_S = 10.0
MOST_LOSSES = 3


class DaskExecutor:
    """Runs jobs on the workers of a Dask scheduler, which may join and leave at any time.

    Args:
        n_workers: Local workers where no scheduler is given; None for one a usable core.
        scheduler: Address of an existing scheduler, such as `tcp://host:8786`.
        time_limit_s: Seconds after which a job is stopped, and its worker restarted through its nanny.
        n_gpus: Local workers are spread over so many graphics processors; on an existing cluster, any number asks
            for workers that offer the resource GPU. None leaves devices alone.
        tell: Is given sentences for the user: versions that differ, workers that are missing.

    Raises:
        ExecutorError: No scheduler answers.
    """

    def __init__(
        self,
        n_workers: int | None = None,
        *,
        scheduler: str | None = None,
        time_limit_s: float | None = None,
        n_gpus: int | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._n_local = n_workers or n_gpus or usable_cores()
        self._scheduler = scheduler
        self._time_limit_s = time_limit_s
        self._n_gpus = n_gpus
        self._tell = tell
        self._client: Client | None = None
        self._local: Cluster | None = None
        self._threads: dict[str, int] = {}
        self._compared: frozenset[str] = frozenset()
        self._said = ""
        self._last_look = 0.0
        self._last_worker = time.monotonic()
        if scheduler is not None:
            self._look(self._connected())

    @property
    def n_workers(self) -> int:
        """Jobs at a time: local workers, or threads of those that were there at the last look."""
        return max(1, sum(self._threads.values()) if self._scheduler is not None else self._n_local)

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`; raises ExecutorError where the scheduler vanishes."""
        client = self._connected()
        self._last_worker = time.monotonic()
        self._look(client)
        batch = dask_batch.DaskBatch(
            client,
            function,
            jobs,
            time_limit_s=self._time_limit_s,
            resources={"GPU": 1} if self._n_gpus and self._scheduler is not None else None,
            most_losses=1 if self._scheduler is None else MOST_LOSSES,
            tell=self._tell,
        )
        try:
            yield from batch.outcomes(lambda: self._look_again(client), more)
        finally:
            batch.cancel()

    def close(self) -> None:
        """Leaves the cluster; a local one is stopped, with what runs there."""
        timeout = dask_cluster.CLOSE_TIMEOUT_S
        if self._local is not None:
            self._local.close(timeout=timeout)
            self._local = None
        if self._client is not None:
            self._client.close(timeout=timeout)
            self._client = None

    def _connected(self) -> Client:
        if self._client is None:
            if self._scheduler is None:
                self._local = dask_cluster.start_local(self._n_local, self._n_gpus)
            self._client = dask_cluster.connect(self._scheduler or self._local)
        return self._client

    def _look_again(self, client: Client) -> None:
        if time.monotonic() - self._last_look > LOOK_EVERY_S:
            self._look(client)

    def _look(self, client: Client) -> None:
        """Counts the workers, and tells what a person should know about them, once."""
        self._threads = dask_batch.threads(client)
        new = frozenset(self._threads) - self._compared
        if new:
            self._compare(client)
        self._last_look = time.monotonic()
        if self._threads:
            self._last_worker = self._last_look
            self._compared |= new
        elif self._last_look - self._last_worker > PATIENCE_S:
            self._tell_once(f"no worker is connected to {client.scheduler.address}; trainings wait until one joins.")

    def _compare(self, client: Client) -> None:
        """Tells how versions differ between this process, the scheduler and the workers."""
        try:
            found = client.get_versions(packages=PACKAGES)
        except (OSError, TimeoutError):
            raise dask_batch.vanished(client) from None
        sentence = differences(found["client"], found["scheduler"], found["workers"])
        if sentence is not None:
            self._tell_once(sentence)
        many = [address for address, n_threads in self._threads.items() if n_threads > 1]
        if many:
            self._tell_once(
                f"{len(many)} workers have several threads (first {many[0]}), whose trainings share one process and "
                "its fate; start workers with --nthreads 1."
            )

    def _tell_once(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._tell(sentence)
