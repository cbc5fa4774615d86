"""A search on an existing Dask cluster: workers are killed, the scheduler too; the result is the serial one."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.executors.conftest import DaskProcesses, computed, search_settings
from tests.executors.test_contract import square
from xpert_evo.errors import ExecutorError
from xpert_evo.executors import JobDone, dask_cluster, dask_executor, load_dask_executor
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.progress import Event, Message, Silent, TrainingEnded


class Saboteur(Silent):
    """Listens to a run, and does harm once when so many trainings have ended."""

    def __init__(self, n_trainings: int) -> None:
        self._n_trainings = n_trainings
        self.trained: list[TrainingEnded] = []
        self.messages: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Message):
            self.messages.append(event.text)
        if isinstance(event, TrainingEnded):
            self.trained.append(event)
            if len(self.trained) == self._n_trainings:
                self.harm()

    def harm(self) -> None:
        """What goes wrong."""


class KillsWorker(Saboteur):
    """SIGKILL for a worker in the middle of its training."""

    def __init__(self, cluster: DaskProcesses) -> None:
        super().__init__(n_trainings=1)
        self._cluster = cluster
        self.killed: int | None = None

    def harm(self) -> None:
        pids = self._cluster.worker_pids()
        self.killed = pids[self._cluster.busy()[0]]
        os.kill(self.killed, signal.SIGKILL)


class KillsScheduler(Saboteur):
    """SIGKILL for the scheduler while workers train."""

    def __init__(self, cluster: DaskProcesses) -> None:
        super().__init__(n_trainings=2)
        self._cluster = cluster

    def harm(self) -> None:
        assert self._cluster.busy()
        self._cluster.scheduler.kill()


def test_a_worker_killed_in_the_middle_of_a_training_changes_nothing(
    cluster: DaskProcesses, tmp_path: Path, serial_result: dict[str, Any]
) -> None:
    cluster.add_workers(2)
    saboteur = KillsWorker(cluster)
    begin(search_settings(kind="dask", dask_scheduler=cluster.address), tmp_path / "run", saboteur)
    assert saboteur.killed is not None
    assert saboteur.killed not in cluster.worker_pids().values()
    assert computed(tmp_path / "run") == serial_result
    assert all(event.accuracy is not None and event.worker for event in saboteur.trained)
    assert saboteur.messages
    assert not any("versions differ" in text for text in saboteur.messages)


def test_a_scheduler_that_vanishes_stops_the_run_which_resumes_elsewhere(
    cluster: DaskProcesses, tmp_path: Path, serial_result: dict[str, Any]
) -> None:
    cluster.add_workers(1)
    folder = tmp_path / "run"
    saboteur = KillsScheduler(cluster)
    settings = search_settings(kind="dask", dask_scheduler=cluster.address)
    with pytest.raises(ExecutorError, match=f"{cluster.address} has vanished.*`xpert-evo resume {folder}`"):
        begin(settings, folder, saboteur)
    assert 2 <= len(saboteur.trained) < len(serial_result["labels"])
    go_on(folder, {"executor.kind": "serial"}, Silent())
    assert computed(folder) == serial_result


def test_jobs_wait_for_workers_that_join_later(cluster: DaskProcesses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "PATIENCE_S", 0.0)
    monkeypatch.setattr(dask_executor, "LOOK_EVERY_S", 0.1)
    told: list[str] = []
    executor = load_dask_executor()(scheduler=cluster.address, tell=told.append)
    assert executor.n_workers == 1
    cluster.add_workers(2)
    outcomes = list(executor.run(square, list(range(20))))
    executor.close()
    assert all(isinstance(outcome, JobDone) for outcome in outcomes)
    assert len(outcomes) == 20
    assert [text for text in told if f"no worker is connected to {cluster.address}" in text]


def test_an_address_where_no_scheduler_answers_is_told_before_a_run_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_TIMEOUT_S", 1.0)
    settings = search_settings(kind="dask", dask_scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ExecutorError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 .*`dask scheduler`"):
        begin(settings, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()
