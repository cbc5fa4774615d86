"""The estimate of a run's time: it counts what the run would count, and follows workers and settings."""

import pytest

from xpert_evo.accuracy.protocols import load_protocol
from xpert_evo.config import load_config
from xpert_evo.orchestration.effort import makespan
from xpert_evo.orchestration.estimate import Costs, estimate, planned_workers
from xpert_evo.orchestration.start import prepare

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
