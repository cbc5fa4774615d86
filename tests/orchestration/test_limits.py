"""Limits on the chip, alone and together, are told to be out of reach before anything is trained or written."""

import numpy as np
import pytest

from tests.orchestration.conftest import Runs
from tests.tasks import task_of
from xpert_evo.errors import ConfigError, InfeasibleError
from xpert_evo.objectives import Constraints
from xpert_evo.orchestration.choosing import check_first_batch, first_batch
from xpert_evo.orchestration.goals import first_phase, joint_goals
from xpert_evo.orchestration.limits import check_limits, reach
from xpert_evo.orchestration.task import Task

TINY = {"backbone": "vgg8", "layers": {}, "channel_depth": [64], "adc_type": ["sar", "flash"], "input_precision": [8]}
COLUMNS = ("area", "latency", "energy")


MODELS = ("xpertsim", "published")
"""One whose costs are sums over layers, and one in which tiles leak while other layers work."""


@pytest.fixture(scope="module")
def open_task() -> Task:
    return task_of(space={"backbone": "vgg8"}, hardware={"model": "xpertsim", "area_limit_mm2": None})


@pytest.mark.parametrize("cost", COLUMNS)
def test_the_least_of_each_cost_is_exact(open_task: Task, cost: str) -> None:
    weights = [float(name == cost) for name in COLUMNS]
    least, genome = open_task.table.extreme(weights)
    assert open_task.costs(genome[None])[cost][0] == pytest.approx(least)
    assert sum(costs[COLUMNS.index(cost)] for costs in open_task.table.by_layer(genome).values()) == pytest.approx(
        least
    )
    drawn = open_task.costs(open_task.space.random(np.random.default_rng(0), 3000))[cost]
    assert least < drawn.min()
    low, high = reach(open_task.table)[cost]
    assert float(low) == pytest.approx(least, rel=1e-3)
    assert float(high.replace(",", "")) > drawn.max()


def test_what_leaks_raises_the_least_energy_above_its_bound() -> None:
    task = task_of(space={"backbone": "vgg8"}, hardware={"area_limit_mm2": None})
    bound, genome = task.table.extreme([0, 0, 1])
    least = float(reach(task.table)["energy"][0])
    # The reachable value is rounded up to be told.
    assert bound < least <= 1.001 * task.costs(genome[None])["energy"][0]
    assert least < task.costs(task.space.random(np.random.default_rng(0), 3000))["energy"].min()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            {"latency_limit_us": 0.001},
            r"keeps hardware\.latency_limit_us = 0\.001: the smallest reachable latency is \d",
        ),
        (
            {"energy_limit_uj": 1e-6},
            r"keeps hardware\.energy_limit_uj = 1e-06: the smallest reachable energy is \d\.\d",
        ),
        ({"area_limit_mm2": 0.5}, r"keeps hardware\.area_limit_mm2 = 0\.5: the smallest reachable area is \d"),
        (
            {"area_limit_mm2": 0.5, "energy_limit_uj": 1e-6},
            r"area is .*, nor hardware\.energy_limit_uj = 1e-06: .*Raise hardware\.area_limit_mm2 and hardware\.energy",
        ),
    ],
)
def test_a_limit_out_of_reach_is_named_with_what_is_reachable(limits: dict[str, float], words: str) -> None:
    with pytest.raises(InfeasibleError, match=words):
        task_of(space={"backbone": "vgg8"}, hardware=limits)


@pytest.mark.parametrize("model", MODELS)
def test_a_limit_of_what_is_told_to_be_reachable_can_be_kept(model: str) -> None:
    task = task_of(space={"backbone": "vgg8"}, hardware={"model": model, "area_limit_mm2": None})
    low = {cost: float(words) for cost, (words, _) in reach(task.table).items()}
    for name, cost in (("area_limit_mm2", "area"), ("latency_limit_us", "latency"), ("energy_limit_uj", "energy")):
        limits = {"model": model, "area_limit_mm2": None, name: low[cost]}
        task = task_of(space={"backbone": "vgg8"}, hardware=limits)
        assert task.feasible(first_batch(task)).any()


def test_a_run_that_could_not_learn_for_want_of_designs_is_refused(open_task: Task) -> None:
    least, _ = open_task.table.extreme([0, 1, 0])
    limits = {"model": "xpertsim", "area_limit_mm2": None, "latency_limit_us": least * (1 + 1e-12)}
    with pytest.raises(InfeasibleError, match=r"hardly any design keeps hardware\.latency_limit_us = \d"):
        check_first_batch(task_of(space={"backbone": "vgg8"}, hardware=limits))


def test_limits_that_only_fail_together_are_told_to(open_task: Task) -> None:
    least = {cost: open_task.table.extreme([float(name == cost) for name in COLUMNS])[0] for cost in COLUMNS}
    both = {"latency_limit_us": least["latency"] * 1.001, "energy_limit_uj": least["energy"] * 1.001}
    for name, limit in both.items():
        task_of(space={"backbone": "vgg8"}, hardware={"model": "xpertsim", name: limit, "area_limit_mm2": None})
    words = r"latency_limit_us = \S+ and hardware\.energy_limit_uj = \S+ together: the one that comes closest takes \d"
    with pytest.raises(InfeasibleError, match=words):
        task_of(space={"backbone": "vgg8"}, hardware={"model": "xpertsim", **both, "area_limit_mm2": None})


@pytest.mark.parametrize("model", MODELS)
def test_what_is_said_of_limits_together_agrees_with_trying_every_design(model: str) -> None:
    layers = {f"conv{i}": {"column_sharing": [8], "adc_precision": [6]} for i in range(1, 5)}
    space = {**TINY, "layers": layers, "column_sharing": [2, 16], "adc_precision": [4, 8]}
    task = task_of(space=space, hardware={"model": model, "area_limit_mm2": None})
    sizes = task.space.n_choices
    genomes = np.stack(np.unravel_index(np.arange(sizes.prod()), sizes), axis=1)
    costs = np.stack([task.costs(genomes)[name] for name in COLUMNS], axis=1)
    rng, found = np.random.default_rng(0), []
    best = np.argsort((costs / costs.min(axis=0)) @ [1.0, 1.0, 1.0])[:50]
    for _ in range(60):
        limits = costs[rng.choice(best)] * rng.uniform(0.95, 1.05, 3)
        constraints = Constraints(area_limit_mm2=limits[0], latency_limit_us=limits[1], energy_limit_uj=limits[2])
        possible = bool((costs <= limits).all(axis=1).any())
        found.append(possible)
        if possible:
            kept = check_limits(task.table, constraints)
            assert (constraints.violations(task.costs(kept)) <= 1e-9).all()
        else:
            with pytest.raises(InfeasibleError, match=r"together|the smallest reachable"):
                check_limits(task.table, constraints)
    assert 5 < sum(found) < 55, "the limits must try both outcomes"


def test_under_tight_limits_a_run_still_begins_with_designs_within_them(open_task: Task) -> None:
    least, _ = open_task.table.extreme([0, 1, 0])
    task = task_of(space={"backbone": "vgg8"}, hardware={"model": "xpertsim", "latency_limit_us": least * 1.01})
    designs = first_batch(task)
    assert len(np.unique(designs, axis=0)) == task.config.training.first_designs
    assert task.feasible(designs).sum() >= len(designs) - 1, "all but the baseline"


def test_a_limit_that_the_first_of_two_phases_cannot_keep_is_told(open_task: Task) -> None:
    least, _ = open_task.table.extreme([0, 1, 0])
    limits = {"model": "xpertsim", "latency_limit_us": least * 1.01, "area_limit_mm2": None}
    task = task_of(space={"backbone": "vgg8"}, hardware=limits, search={"mode": "two-phase"})
    joint_goals(task)[0].within_limits()
    with pytest.raises(InfeasibleError, match=r"with the precisions of the first phase .*latency_limit_us"):
        first_batch(task)
    loose = task_of(space={"backbone": "vgg8"}, hardware={"latency_limit_us": 5000.0}, search={"mode": "two-phase"})
    goal = first_phase(loose)
    assert goal.feasible(goal.within_limits()).all()


def test_a_random_mode_names_the_limits_that_no_drawn_design_keeps(open_task: Task) -> None:
    least, _ = open_task.table.extreme([0, 0, 1])
    limits = {"model": "xpertsim", "energy_limit_uj": least * 1.0001, "area_limit_mm2": None}
    task = task_of(space={"backbone": "vgg8"}, hardware=limits, search={"mode": "random"})
    with pytest.raises(InfeasibleError, match=r"search\.mode = random draws keeps hardware\.energy_limit_uj = "):
        first_batch(task)


def test_every_design_of_a_front_keeps_all_limits(runs: Runs) -> None:
    limits = {"model": "xpertsim", "area_limit_mm2": 12.0, "latency_limit_us": 1500.0, "energy_limit_uj": 6.0}
    runs.go("run", runs.settings(hardware=limits))
    result = runs.result("run")
    assert result.front
    for member in result.front:
        assert member.hardware["area_mm2"] <= 12
        assert member.hardware["latency_us"] <= 1500
        assert member.hardware["energy_uj"] <= 6


def test_limits_are_not_blamed_for_a_space_of_choices_that_only_change_costs() -> None:
    one = {"channel_depth": [64], "adc_type": ["sar"], "adc_precision": [6], "input_precision": [8]}
    for limits in ({}, {"area_limit_mm2": None}):
        with pytest.raises(ConfigError, match=r"only 2 were found: .*column sharing.* offer more choices"):
            check_first_batch(task_of(space={"backbone": "vgg8", **one}, hardware=limits))
