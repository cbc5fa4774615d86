"""Every executor keeps the same contract; workers may die, hang or raise without hurting the others."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from xpert_evo.config import ExecutorConfig
from xpert_evo.executor_kinds import ExecutorKind
from xpert_evo.executors import MAKERS, Executor, JobDone, JobFailed, usable_cores

LIMIT_S = 3.0


def square(n: int) -> int:
    return n * n


class UnfitToTravelError(Exception):
    """Takes two arguments and tells its base of one, so that it cannot be rebuilt in another process."""

    def __init__(self, taste: str, n: int) -> None:
        super().__init__(f"{n} is not to my {taste}")


def fail_on_three(n: int) -> int:
    if n == 3:
        raise UnfitToTravelError("taste", n)
    return n


def leave_on_three(n: int) -> int:
    if n == 3:
        sys.exit("no images here")
    return n


def die_on_three(n: int) -> int:
    if n == 3:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def hang_on_three(n: int) -> int:
    if n == 3:
        time.sleep(600)
    return n


def threads_of_numpy(n: int) -> int:
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    return max((int(pool["num_threads"]) for pool in threadpool_info()), default=1)


def made_by_settings(kind: ExecutorKind) -> Executor:
    n_workers = 2 if kind.record.has_workers else None
    return MAKERS[kind](ExecutorConfig(kind=kind, workers=n_workers), LIMIT_S, lambda text: None)


@pytest.fixture(scope="module", params=ExecutorKind)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made = made_by_settings(request.param)
    yield made
    made.close()


in_other_processes = pytest.mark.parametrize(
    "executor", [kind for kind in ExecutorKind if kind.record.has_workers], indirect=True
)


def test_jobs_may_be_added_while_others_run(executor: Executor) -> None:
    later = [[7, 8], [], [9]]
    outcomes = {o.position: o for o in executor.run(square, [5, 6], lambda: later.pop(0) if later else [])}
    assert [outcomes[i].result for i in range(5)] == [25, 36, 49, 64, 81]
    assert len(outcomes) == 5


def _by_position(
    executor: Executor, function: Callable[[int], int], jobs: list[int]
) -> dict[int, JobDone[int] | JobFailed]:
    return {outcome.position: outcome for outcome in executor.run(function, jobs)}


def test_every_job_comes_back_once_with_its_position(executor: Executor) -> None:
    outcomes = list(executor.run(square, list(range(7))))
    assert sorted(outcome.position for outcome in outcomes) == list(range(7))
    assert all(isinstance(outcome, JobDone) and outcome.result == outcome.position**2 for outcome in outcomes)
    assert list(executor.run(square, [])) == []


def test_a_job_that_raises_is_a_failure_with_its_reason_and_the_others_go_on(executor: Executor) -> None:
    outcomes = _by_position(executor, fail_on_three, list(range(6)))
    assert isinstance(outcomes[3], JobFailed)
    assert "UnfitToTravelError: 3 is not to my taste (at fail_on_three" in outcomes[3].reason
    assert all(isinstance(outcomes[n], JobDone) for n in (0, 1, 2, 4, 5))


def test_a_job_that_exits_is_a_failure_like_any_other(executor: Executor) -> None:
    outcomes = _by_position(executor, leave_on_three, list(range(5)))
    assert isinstance(outcomes[3], JobFailed)
    assert "SystemExit: no images here (at leave_on_three" in outcomes[3].reason
    assert all(isinstance(outcomes[n], JobDone) for n in (0, 1, 2, 4))


def test_an_executor_can_be_used_again_after_a_batch_that_was_left(executor: Executor) -> None:
    for outcome in executor.run(square, [1, 2, 3]):
        assert isinstance(outcome, JobDone)
        break
    assert {n: outcome.position for n, outcome in _by_position(executor, square, [3]).items()} == {0: 0}


def test_there_is_at_least_one_worker(executor: Executor) -> None:
    assert executor.n_workers in {1, 2}


@in_other_processes
def test_workers_are_named_and_have_one_thread(executor: Executor) -> None:
    outcomes = _by_position(executor, threads_of_numpy, list(range(4)))
    for outcome in outcomes.values():
        assert isinstance(outcome, JobDone)
        assert outcome.result == 1
        assert outcome.worker


@in_other_processes
def test_a_worker_that_dies_costs_its_own_job_only(executor: Executor) -> None:
    outcomes = _by_position(executor, die_on_three, list(range(6)))
    failed = outcomes[3]
    assert isinstance(failed, JobFailed)
    assert "its worker died" in failed.reason
    assert sum(isinstance(outcome, JobDone) for outcome in outcomes.values()) == 5


@in_other_processes
def test_a_worker_that_hangs_is_stopped_after_the_time_limit(executor: Executor) -> None:
    outcomes = _by_position(executor, hang_on_three, list(range(6)))
    failed = outcomes[3]
    assert isinstance(failed, JobFailed)
    assert "time limit of 3 s" in failed.reason
    assert sum(isinstance(outcome, JobDone) for outcome in outcomes.values()) == 5


def test_there_is_at_least_one_usable_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
