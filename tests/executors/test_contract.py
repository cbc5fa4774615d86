"""Every executor keeps the same contract; workers may die, hang or raise without hurting the others."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from xpert_evo.executors import Executor, JobDone, JobFailed, ProcessExecutor, SerialExecutor, usable_cores


def square(n: int) -> int:
    return n * n


def fail_on_three(n: int) -> int:
    if n == 3:
        raise ValueError("three is not to my taste")
    return n


def die_on_three(n: int) -> int:
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def hang_on_three(n: int) -> int:
    if n == 3:
        time.sleep(600)
    return n


@pytest.fixture(params=["serial", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: Executor = SerialExecutor() if request.param == "serial" else ProcessExecutor(2)
    yield made
    made.close()


def _by_position(
    executor: Executor, function: Callable[[int], int], jobs: list[int]
) -> dict[int, JobDone[int] | JobFailed]:
    return {outcome.position: outcome for outcome in executor.run(function, jobs)}


def test_every_job_comes_back_once_with_its_position(executor: Executor) -> None:
    outcomes = _by_position(executor, square, list(range(7)))
    assert {n: outcome.result for n, outcome in outcomes.items() if isinstance(outcome, JobDone)} == {
        n: n * n for n in range(7)
    }
    assert list(executor.run(square, [])) == []


def test_a_job_that_raises_is_a_failure_with_its_reason_and_the_others_go_on(executor: Executor) -> None:
    outcomes = _by_position(executor, fail_on_three, list(range(6)))
    assert isinstance(outcomes[3], JobFailed)
    assert "ValueError: three is not to my taste" in outcomes[3].reason
    assert all(isinstance(outcomes[n], JobDone) for n in (0, 1, 2, 4, 5))


def test_an_executor_can_be_used_again_after_a_batch(executor: Executor) -> None:
    assert len(_by_position(executor, square, [1, 2])) == 2
    assert len(_by_position(executor, square, [3])) == 1


def test_a_worker_that_dies_costs_its_own_job_only() -> None:
    executor = ProcessExecutor(2)
    try:
        outcomes = _by_position(executor, die_on_three, list(range(6)))
        failed = outcomes[3]
        assert isinstance(failed, JobFailed)
        assert "worker died" in failed.reason
        assert sum(isinstance(outcome, JobDone) for outcome in outcomes.values()) == 5
    finally:
        executor.close()


def test_a_worker_that_hangs_is_stopped_after_the_time_limit() -> None:
    executor = ProcessExecutor(2, time_limit_s=2.0)
    try:
        outcomes = _by_position(executor, hang_on_three, list(range(6)))
        failed = outcomes[3]
        assert isinstance(failed, JobFailed)
        assert "time limit of 2 s" in failed.reason
        assert sum(isinstance(outcome, JobDone) for outcome in outcomes.values()) == 5
    finally:
        executor.close()


def test_there_is_at_least_one_usable_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
