"""Workers are spread over graphics processors, and the one that replaces a dead worker gets its device."""

import os
import signal
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from xpert_evo.config import parse_config
from xpert_evo.executors import JobDone, JobFailed, ProcessExecutor, load_dask_executor
from xpert_evo.executors.gpus import VARIABLE, device_of
from xpert_evo.orchestration.start import build_executor
from xpert_evo.progress import Event, describe

PATIENCE_S = 120.0
"""Time after which a test gives up on a worker that does not start [s]."""


def visible_devices(meeting: Path) -> str | None:
    """Returns the devices that this worker sees, once two workers have come to the meeting."""
    (meeting / str(os.getpid())).touch()
    end = time.monotonic() + PATIENCE_S
    while len(list(meeting.iterdir())) < 2:
        if time.monotonic() > end:
            raise TimeoutError(f"no second worker came within {PATIENCE_S} s")
        time.sleep(0.01)
    return os.environ.get(VARIABLE)


def die(n: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return n


@pytest.mark.parametrize("n_workers", [3, 4])
def test_slots_go_round_the_devices(n_workers: int) -> None:
    devices = Counter(device_of(slot, 2) for slot in range(n_workers))
    assert set(devices) == {"0", "1"}
    assert max(devices.values()) - min(devices.values()) <= 1


def test_no_devices_hide_all_of_them() -> None:
    assert not device_of(3, 0)


@pytest.mark.parametrize(
    ("allowed", "expected"), [("2,3,5", ["2", "3", "2"]), ("MIG-a", ["MIG-a"] * 3), ("-1", [""] * 3), ("", [""] * 3)]
)
def test_only_devices_that_this_process_may_use_are_shared(
    allowed: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, allowed)
    assert [device_of(slot, 2) for slot in range(3)] == expected


@pytest.mark.parametrize(("n_gpus", "n_warnings"), [(2, 1), (1, 0), (0, 0)])
def test_a_run_with_fewer_devices_than_asked_for_is_told(
    n_gpus: int, n_warnings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    heard: list[Event] = []
    listener = SimpleNamespace(tell=heard.append, close=lambda: None)
    build_executor(parse_config({"executor": {"gpus": n_gpus}}), listener).close()
    assert len(heard) == n_warnings
    assert all("executor.gpus = 2, but this process can use 1 CUDA device;" in describe(event) for event in heard)


def _devices(executor: ProcessExecutor, meeting: Path) -> Counter[str | None]:
    meeting.mkdir()
    outcomes = list(executor.run(visible_devices, [meeting] * 8))
    by_worker = {o.worker: o.result for o in outcomes if isinstance(o, JobDone)}
    return Counter(by_worker.values())


def test_processes_share_devices_evenly_also_after_one_has_died(tmp_path: Path) -> None:
    executor = ProcessExecutor(2, n_gpus=2)
    try:
        assert _devices(executor, tmp_path / "before") == {"0": 1, "1": 1}
        assert all(isinstance(outcome, JobFailed) for outcome in executor.run(die, [0]))
        assert _devices(executor, tmp_path / "after") == {"0": 1, "1": 1}
    finally:
        executor.close()


def test_local_dask_workers_have_a_device_each_by_default(tmp_path: Path) -> None:
    executor = load_dask_executor()(n_gpus=2)
    try:
        assert executor.n_workers == 2
        outcomes = list(executor.run(visible_devices, [tmp_path] * 8))
        assert {outcome.result for outcome in outcomes if isinstance(outcome, JobDone)} == {"0", "1"}
    finally:
        executor.close()
