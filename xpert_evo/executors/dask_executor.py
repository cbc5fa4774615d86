"""Executor for a Dask cluster: an existing one, or local processes started for the run."""

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
        n_workers: Number of local workers if no scheduler is given; None for one per usable core.
        scheduler: Address of an existing scheduler, such as `tcp://host:8786`.
        time_limit_s: Time after which a job is stopped and its worker restarted by its nanny [s]; None for no limit.
        n_gpus: Number of GPUs that local workers share evenly; on an existing cluster, any number above 0 requires
            workers that offer the resource GPU. None leaves the devices to CUDA.
        tell: Receives messages for the user, such as differing versions or missing workers.

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
        """Number of parallel jobs: local workers, or threads of the workers seen at the last look."""
        return max(1, sum(self._threads.values()) if self._scheduler is not None else self._n_local)

    def run(
        self, function: Callable[[Job], Result], jobs: Sequence[Job], more: More[Job] = nothing_more
    ) -> Iterator[JobDone[Result] | JobFailed]:
        """See `Executor.run`; raises ExecutorError if the scheduler disappears."""
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
        """Disconnects from the cluster; a local one is stopped together with its jobs."""
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
        """Counts the workers, and reports problems with them once."""
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
        """Reports differing versions of this process, the scheduler and the workers."""
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
