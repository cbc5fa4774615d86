"""The steady state: workers never wait for a batch, and every choice can be made again from the run's log."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from xpert_evo.config import parse_config
from xpert_evo.errors import ConfigError, TrainingError
from xpert_evo.orchestration.names import STEADY
from xpert_evo.orchestration.steady_state import AHEAD, choose, fit_sizes, make_fit
from xpert_evo.store import Topic

SCHEDULE = {"schedule": "steady-state"}


@pytest.fixture(params=[{}, {"hardware": {"area_limit_mm2": 18.0, "further_area_limits_mm2": [9.0]}}])
def shuffled(runs: Any, request: Any) -> tuple[Any, Any, Any]:
    """A run on three workers that end in any order, the makers of runs, and the settings."""
    config = runs.settings(training=SCHEDULE, **request.param)
    executor = runs.executor(n_workers=3, shuffled=np.random.default_rng(0))
    runs.go("run", config, executor)
    return runs, config, executor


def test_every_choice_follows_from_the_log(shuffled: Any) -> None:
    runs, config, _ = shuffled
    log = runs.notes("run", Topic.STEADY_CHOICE)
    assert len(log) == 10
    assert any(note["n_known"] < 8 + int(position) for position, note in log.items()), "trainings overlapped"
    with runs.context("run", config) as run:
        sizes = fit_sizes(run)
        fits = [make_fit(run, number, n) for number, n in enumerate(sizes, 1)]
        for plan in run.store.plans(STEADY):
            note = log[str(plan.position)]
            again = choose(run, fits[note["fit"] - 1], plan.position)
            assert run.task.space.decode(again)[0].digest == plan.digest


def test_no_worker_waits_while_designs_are_left(shuffled: Any) -> None:
    runs, config, executor = shuffled
    n_trained = config.training.n_labels
    assert set(executor.in_flight[: n_trained - 3 - AHEAD]) == {3 + AHEAD}
    result = runs.result("run")
    assert len({candidate.digest for candidate in result.measured}) == n_trained
    assert result.final
    assert result.honesty


def test_surrogates_are_fitted_anew_after_so_many_labels(shuffled: Any) -> None:
    runs, config, _ = shuffled
    sizes = [note["n_known"] for note in runs.notes("run", Topic.STEADY_FIT).values()]
    assert sizes[0] >= config.training.first_designs // 2
    assert all(b - a >= config.training.designs_per_round for a, b in pairwise(sizes))
    assert len(sizes) >= 2


def test_a_run_on_one_worker_that_is_stopped_is_the_same_run(runs: Any, same_content: Any) -> None:
    config = runs.settings(training=SCHEDULE)
    assert same_content(runs.go("whole", config), runs.killed_and_resumed("stopped", config, every=4))


def test_a_stopped_run_goes_on_from_its_log(runs: Any) -> None:
    config = runs.settings(training=SCHEDULE)
    rng = np.random.default_rng(1)
    runs.go("run", config, runs.executor(n_workers=3, shuffled=rng, stop_after=11))
    before = runs.batches("run")[STEADY]
    runs.go("run", config, runs.executor(n_workers=2, shuffled=rng))
    after = runs.batches("run")[STEADY]
    assert after[: len(before)] == before
    assert len(after) == 10
    assert runs.result("run").final


def test_a_failed_training_is_tried_again_and_given_up_and_the_others_go_on(runs: Any) -> None:
    config = runs.settings(training={**SCHEDULE, "retries": 1})
    executor = runs.executor(n_workers=2, poison=lambda job: int(job.design.digest, 16) % 5 == 0)
    runs.go("run", config, executor)
    result, batches = runs.result("run"), runs.batches("run")
    searched = [digest for batch in ("first", STEADY) for digest in batches[batch]]
    poisonous = [digest for digest in searched if int(digest, 16) % 5 == 0]
    assert poisonous
    assert {candidate.digest for candidate in result.measured} == set(searched) - set(poisonous)
    assert result.n_failures >= 2 * len(poisonous)


def test_a_run_whose_trainings_all_fail_says_why(runs: Any) -> None:
    config = runs.settings(training={**SCHEDULE, "retries": 0})
    with pytest.raises(TrainingError, match="because of: poison"):
        runs.go("run", config, runs.executor(poison=lambda job: True))


def test_a_budget_ends_it(runs: Any) -> None:
    config = runs.settings(training={**SCHEDULE, "rounds": 6, "budget_s": 36.0})
    runs.go("run", config)
    assert "budget_s = 36" in runs.notes("run", Topic.STOPPED)["rounds"]["reason"]
    n = len(runs.batches("run")[STEADY])
    assert 4 <= n < 30
    runs.go("run", config)
    assert len(runs.batches("run")[STEADY]) == n


def test_it_needs_a_joint_search() -> None:
    with pytest.raises(ConfigError, match=r"needs search\.mode"):
        parse_config({"search": {"mode": "two-phase"}, "training": SCHEDULE})
