"""A real Dask cluster of separate processes on loopback, and a short real search to run on it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from tests.small_runs import SMOKE_SEARCH, with_changes
from xpert_evo.config import RunConfig, parse_config
from xpert_evo.orchestration.start import begin
from xpert_evo.progress import Silent
from xpert_evo.store import Store

ROOT = Path(__file__).parents[2]


class DaskProcesses:
    """A scheduler and workers as a person starts them by hand."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "scheduler.json"
        self._log = (folder / "dask.log").open("wb")
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(self._file))
        self._workers: list[subprocess.Popen[bytes]] = []
        deadline = time.monotonic() + 60
        while not self._file.exists():
            assert time.monotonic() < deadline, "the scheduler did not start"
            time.sleep(0.05)
        self.address: str = json.loads(self._file.read_text())["address"]

    def add_workers(self, n: int) -> None:
        """Starts workers; they join when they are ready."""
        for _ in range(n):
            self._workers.append(self._start("worker", self.address, "--nthreads", "1"))

    def worker_pids(self) -> dict[str, int]:
        """Address -> process of every worker (not of its nanny) that is connected."""
        with Client(self.address, set_as_default=False) as client:
            return dict(client.run(os.getpid))

    def busy(self) -> list[str]:
        """Addresses of workers that have a job."""
        with Client(self.address, set_as_default=False) as client:
            return [address for address, jobs in client.processing().items() if jobs]

    def close(self) -> None:
        """Ends all processes."""
        for process in (*self._workers, self.scheduler):  # workers first, while they can say goodbye
            process.terminate()
        for process in (*self._workers, self.scheduler):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:  # a worker that was still starting may miss its SIGTERM
                process.kill()
                process.wait()
        self._log.close()

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", kind, "--host", "127.0.0.1", "--no-dashboard", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, stdout=self._log, stderr=self._log, env=environment)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskProcesses]:
    """A scheduler without workers."""
    processes = DaskProcesses(tmp_path)
    yield processes
    processes.close()


def search_settings(**executor: object) -> RunConfig:
    """A search of seven real trainings of about a second."""
    fewer = {"designs_per_round": 1, "probes_per_round": 0, "finalists": 1}
    return parse_config(with_changes(SMOKE_SEARCH, {"training": fewer, "executor": executor}))


def computed(folder: Path) -> dict[str, Any]:
    """What a run computed: everything in its store but clocks, durations and the order of events."""
    with Store.open_readonly(folder) as store:
        last = store.last_generation()
        assert last is not None
        return {
            "plans": store.plans(),
            "labels": {(label.digest, label.context): (label.accuracy, label.seed) for label in store.all_labels()},
            "summaries": store.summaries(),
            "state": {name: array.tobytes() for name, array in last.arrays.items()},
            "surrogates": store.notes("surrogate"),
        }


@pytest.fixture(scope="session")
def serial_result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the search computes in one process."""
    folder = tmp_path_factory.mktemp("serial") / "run"
    begin(search_settings(kind="serial"), folder, Silent())
    return computed(folder)
