"""Workers that die at an awkward moment, orphans, memory that runs out, and clocks that jump."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from xpert_evo.errors import ExecutorError
from xpert_evo.executors import JobDone, JobFailed, ProcessExecutor

PATIENCE_S = 60.0


def pid(_: int) -> int:
    return os.getpid()


def blocks_sigint(_: int) -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def take_memory(n_bytes: int) -> int:
    """Asks for more than this process may have, as a training does on a machine that is too small."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + n_bytes // 2, before[1]))
    try:
        return len(bytearray(n_bytes))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def hold(lock: str) -> None:
    """Holds a lock, which the system frees when this process dies, for a long time."""
    with FileLock(lock):
        Path(f"{lock}.held").touch()
        time.sleep(600)


def refuse_to_start(*_: object) -> None:
    """In place of a worker's first steps: what the system's killer does where memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def one_worker() -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(1)
    yield executor
    executor.close()


def _only(executor: ProcessExecutor, outcome: object) -> int:
    assert isinstance(outcome, JobDone)
    return int(outcome.result)


def _gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def _wait_for(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_ctrl_c_never_reaches_a_worker_not_even_while_it_starts(one_worker: ProcessExecutor) -> None:
    for _ in range(2):  # the second time for the one that replaces it
        [outcome] = one_worker.run(blocks_sigint, [0])
        assert isinstance(outcome, JobDone)
        assert outcome.result, "blocked before the worker's first line"
        [died] = one_worker.run(refuse_to_start, [0])
        assert isinstance(died, JobFailed)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_workers_that_are_killed_between_two_batches_are_replaced(one_worker: ProcessExecutor) -> None:
    [first] = one_worker.run(pid, [0])
    idle = _only(one_worker, first)
    os.kill(idle, signal.SIGKILL)
    _wait_for(lambda: _gone(idle))
    [second] = one_worker.run(pid, [0])
    assert _only(one_worker, second) != idle


def test_workers_that_never_come_up_end_the_run_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpert_evo.executors.processes._prepare", refuse_to_start)
    executor = ProcessExecutor(1)
    try:
        with pytest.raises(ExecutorError, match="enough memory"):
            list(executor.run(pid, [0, 1]))
    finally:
        executor.close()


def test_a_job_without_memory_fails_with_that_reason_and_the_next_one_runs(one_worker: ProcessExecutor) -> None:
    failed, done = sorted(one_worker.run(take_memory, [1 << 34, 1 << 10]), key=lambda outcome: outcome.position)
    assert isinstance(failed, JobFailed)
    assert failed.reason.startswith("MemoryError")
    assert isinstance(done, JobDone)
    assert done.result == 1 << 10


@pytest.mark.parametrize("jump_s", [-1e6, 1e6])
def test_time_limits_do_not_go_by_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    executor = ProcessExecutor(2, time_limit_s=100.0)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + (jump_s if real() > jump_at else 0.0))
    jump_at = real() + 1e9
    try:
        outcomes = executor.run(sleep, [0.0, 2.0])
        first = next(outcomes)
        jump_at = real()  # while the other one is at work
        assert all(isinstance(outcome, JobDone) for outcome in (first, *outcomes))
    finally:
        monkeypatch.undo()
        executor.close()


PARENT = """
import sys
from xpert_evo.executors import ProcessExecutor
from tests.faults.test_workers import hold
if __name__ == "__main__":
    list(ProcessExecutor(1).run(hold, [sys.argv[1]]))
"""


def test_workers_die_with_the_run_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    lock = tmp_path / "lock"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, str(script), str(lock)], cwd=root, env=environment) as parent:
        _wait_for(Path(f"{lock}.held").exists)
        with pytest.raises(Timeout):
            FileLock(lock).acquire(timeout=0)
        parent.kill()
    with FileLock(lock, timeout=PATIENCE_S):
        pass  # it is free: its holder is dead
