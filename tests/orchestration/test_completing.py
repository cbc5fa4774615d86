"""Genes that change only costs are set to their cheapest choices: as cheap as by trying all, within the limits."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from xpert_evo.genes import GeneKind
from xpert_evo.objectives import Objectives
from xpert_evo.orchestration.completing import Completion
from xpert_evo.orchestration.goals import Goal, first_phase, joint_goals
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.space import Genomes

FREE = (GeneKind.COLUMN_SHARING, GeneKind.ADC_TYPE)


@pytest.fixture
def task_of(runs: Any) -> Callable[..., Task]:
    def build(**hardware: object) -> Task:
        space = {"column_sharing": [2, 8, 32], "channel_depth": [64, 128, 256]}
        config = runs.settings(hardware={"model": "xpertsim", **hardware}, space=space, training={"devices": "ideal"})
        return build_task(config, n_classes=10, image_channels=1)

    return build


def variants(goal: Goal, genome: np.ndarray, layers: tuple[int, ...]) -> Genomes:
    """Every choice of the free genes in some layers."""
    space = goal.task.space
    columns = [column for i in layers for kind in FREE if (column := space.column(i, kind)) is not None]
    found = np.tile(genome, (int(np.prod(space.n_choices[columns])), 1))
    found[:, columns] = list(itertools.product(*(range(n) for n in space.n_choices[columns])))
    return found


def cheapest(goal: Goal, genomes: Genomes) -> float:
    within = genomes[goal.feasible(genomes)]
    return float(goal.task.costs(within)["edap"].min()) if len(within) else np.inf


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
def test_no_choice_of_two_layers_is_cheaper(task_of: Callable[..., Task], schedule: str) -> None:
    goal = joint_goals(task_of(schedule=schedule))[-1]
    genomes = goal.task.space.random(np.random.default_rng(0), 6)
    for given, found in zip(genomes, Completion(goal).completed(genomes), strict=True):
        computed = [gene.kind.record.changes_accuracy for gene in goal.task.space.genes]
        assert np.array_equal(given[computed], found[computed])
        edap = float(goal.task.costs(found[None])["edap"][0])
        for layers in itertools.combinations(range(goal.task.space.n_layers), 2):
            assert edap <= cheapest(goal, variants(goal, found, layers)) * (1 + 1e-9)


def test_a_limit_that_binds_is_kept_where_any_choice_keeps_it(task_of: Callable[..., Task]) -> None:
    free = joint_goals(task_of())[-1]
    genomes = free.task.space.random(np.random.default_rng(1), 40)
    areas = free.task.costs(Completion(free).completed(genomes))["area"]
    smallest = Completion(replace(free, traded=Objectives(("accuracy", "area"))))
    least = free.task.costs(smallest.completed(genomes))["area"]
    limit = float(np.median(areas) * 0.9)
    goal = replace(free, constraints=replace(free.constraints, area_limit_mm2=limit))
    found = Completion(goal).completed(genomes)
    assert (areas > limit).any()
    assert np.array_equal(goal.feasible(found), least <= limit)
    assert (free.task.costs(found)["edap"] >= free.task.costs(Completion(free).completed(genomes))["edap"] - 1e-9).all()


def test_designs_are_never_costlier_than_given_and_a_second_time_changes_nothing(task_of: Callable[..., Task]) -> None:
    goal = joint_goals(task_of())[-1]
    genomes = goal.task.space.random(np.random.default_rng(2), 50)
    once = Completion(goal).completed(genomes)
    better = goal.feasible(once) & goal.feasible(genomes)
    assert (goal.task.costs(once)["edap"][better] <= goal.task.costs(genomes)["edap"][better]).all()
    assert np.array_equal(Completion(goal).completed(once), once)


def test_only_genes_that_change_the_accuracy_are_left_to_search(task_of: Callable[..., Task]) -> None:
    goal = joint_goals(task_of())[-1]
    completion = Completion(goal)
    left = {gene.kind for gene in completion.space.genes if len(gene.choices) > 1}
    assert left == {kind for kind in goal.task.space.kinds if kind.record.changes_accuracy}
    genomes = goal.task.space.random(np.random.default_rng(3), 8)
    whole = completion.whole(completion.own(genomes))
    assert np.array_equal(whole, completion.completed(whole))
    assert np.array_equal(completion.own(whole), completion.own(genomes))


def test_column_sharing_is_searched_where_robustness_is_measured_on_devices_with_wires(runs: Any) -> None:
    for noise, searched in (("device", True), ("variation", False)):
        config = runs.settings(search={"least_robustness": 0.3}, training={"noise": noise, "devices": "ideal"})
        goal = joint_goals(build_task(config, n_classes=10, image_channels=1))[-1]
        left = {gene.kind for gene in Completion(goal).space.genes if len(gene.choices) > 1}
        assert (GeneKind.COLUMN_SHARING in left) is searched
        assert GeneKind.ADC_TYPE not in left


def test_every_chip_has_its_own_cheapest_choices(runs: Any) -> None:
    space = {"rows": [64, 128], "column_sharing": [2, 8, 32]}
    goal = joint_goals(
        build_task(runs.settings(space=space, training={"devices": "ideal"}), n_classes=10, image_channels=1)
    )[-1]
    genomes = goal.task.space.random(np.random.default_rng(6), 12)
    found = Completion(goal).completed(genomes)
    assert np.array_equal(goal.task.space.values(found, GeneKind.ROWS), goal.task.space.values(genomes, GeneKind.ROWS))
    for design in found:
        for layer in range(goal.task.space.n_layers):
            least = cheapest(goal, variants(goal, design, (layer,)))
            assert goal.task.costs(design[None])["edap"][0] <= least * (1 + 1e-9)


def test_several_costs_have_no_cheapest_choice(task_of: Callable[..., Task]) -> None:
    goal = joint_goals(task_of())[-1]
    goal = replace(goal, traded=Objectives(("accuracy", "latency", "energy")))
    completion = Completion(goal)
    genomes = goal.task.space.random(np.random.default_rng(4), 5)
    assert completion.space is goal.space
    assert np.array_equal(completion.completed(genomes), genomes)


def test_the_first_phase_keeps_its_precisions(task_of: Callable[..., Task]) -> None:
    goal = first_phase(task_of())
    genomes = goal.whole(goal.space.random(np.random.default_rng(5), 8))
    found = Completion(goal).completed(genomes)
    assert goal.holds(found).all()
    assert (goal.task.costs(found)["latency"] <= goal.task.costs(genomes)["latency"]).all()
