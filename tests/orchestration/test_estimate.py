"""The estimate of a run's time: it counts what the run would count, and follows workers and settings."""

import pytest

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import load_config
from xpert_evo.orchestration.effort import makespan
from xpert_evo.orchestration.estimate import estimate, planned_workers, search_seconds, second_share
from xpert_evo.orchestration.start import prepare
from xpert_evo.orchestration.step_times import Costs

SMALL = {
    "training.protocol": "smoke",
    "training.finalist_protocol": "smoke",
    "training.first_designs": 10,
    "training.rounds": 2,
    "training.designs_per_round": 4,
    "training.finalists": 2,
    "training.judge_images": 64,
    "search.population_size": 20,
    "search.offspring_size": 10,
    "search.generations": 5,
    "search.surrogate": "ridge",
}


@pytest.mark.parametrize("workers", [1, 3])
def test_an_estimate_adds_up_and_follows_the_workers(workers: int) -> None:
    task, dataset = prepare(load_config(None, {**SMALL, "executor.workers": workers}))
    found = estimate(task, dataset, budget_s=0.1)
    assert found.n_workers == workers
    assert found.training_s > 0
    assert found.finalist_s > 0
    assert found.measured_s > 0
    later = 2 * makespan([found.training_s] * 4, workers) + makespan([found.finalist_s] * 3, workers) + found.search_s
    first = found.seconds - later
    assert 10 * found.training_s / workers - 1e-9 <= first <= 10 * found.training_s + 1e-9


@pytest.mark.parametrize(
    ("changes", "n_finalists", "n_second"),
    [
        ({"hardware.area_limit_mm2": 50.0, "hardware.further_area_limits_mm2": [40.0, 30.0]}, 3 * 2 + 1, 0),
        ({"search.mode": "two-phase"}, 2 + 1, 5),
    ],
)
def test_an_estimate_counts_every_limit_and_both_phases(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], n_finalists: int, n_second: int
) -> None:
    costs = Costs(image_s=1e-3, epoch_s=0.5, judged_s=1e-2, judging_s=2.0)
    monkeypatch.setattr("xpert_evo.orchestration.estimate._measured", lambda *_, **__: costs)
    monkeypatch.setattr("xpert_evo.orchestration.estimate._measured_search", lambda *_: (0.0, 0.0))
    task, dataset = prepare(load_config(None, {**SMALL, **changes, "executor.kind": "serial"}))
    found = estimate(task, dataset)
    assert found.seconds == pytest.approx((10 + 2 * 4) * found.training_s + n_finalists * found.finalist_s)
    assert second_share(task.config) == n_second


def test_each_limit_has_its_own_searches_and_random_modes_have_none() -> None:
    limits = {"hardware.area_limit_mm2": 50.0, "hardware.further_area_limits_mm2": [30.0]}
    for changes, seconds in (
        ({}, 3 * 7.0 + 2 * (5 + 2)),
        (limits, 3 * 7.0 + 2 * 2 * (5 + 2)),
        ({"search.mode": "random"}, 7.0),
    ):
        assert search_seconds(load_config(None, {**SMALL, **changes}), fit_s=7.0, generation_s=1.0) == seconds


def test_costs_of_parts_make_the_cost_of_a_training() -> None:
    protocol = load_protocol("laptop")
    costs = Costs(image_s=1e-3, epoch_s=0.5, judged_s=1e-2, judging_s=2.0)
    trained = 3 * 8192 * 1e-3 + 3 * 0.5
    assert costs.seconds(protocol, 10_000, (2_000,)) == pytest.approx(trained + 4048e-3 / 3 + 2.0 + 20.0)
    judged_twice = costs.seconds(protocol, 10_000, (2_000, 500)) - costs.seconds(protocol, 10_000, (2_000,))
    assert judged_twice == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("settings", "workers"),
    [
        ({"executor.kind": "serial"}, 1),
        ({"executor.workers": 7}, 7),
        ({"executor.gpus": 3}, 3),
        ({"executor.kind": "dask", "executor.dask_scheduler": "tcp://host:8786"}, 1),
    ],
)
def test_workers_are_those_that_the_settings_ask_for(settings: dict[str, object], workers: int) -> None:
    assert planned_workers(load_config(None, settings)) == workers
