"""What a round chooses is what promises a gain over what counts, by expected values."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from xpert_evo.objectives import FloatArray, Objectives
from xpert_evo.orchestration.candidates import N_DRAWS, DrawnTruths, Searched
from xpert_evo.orchestration.choosing import Chooser
from xpert_evo.orchestration.goals import Goal, first_phase, joint_goals
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.search import SearchState
from xpert_evo.search.seeding import homogeneous_designs
from xpert_evo.space import Genomes


@dataclass
class Expected:
    """Surrogates without doubt, which expect what a table says."""

    task: Task
    accuracies: dict[bytes, float]

    def values(self, genomes: Genomes) -> dict[str, FloatArray]:
        return self.task.values(genomes, {"accuracy": np.array([self.accuracies[row.tobytes()] for row in genomes])})

    def doubt(self, genomes: Genomes, objectives: Objectives) -> FloatArray:
        return np.zeros((len(genomes), len(objectives.names)))


@pytest.fixture
def goal(runs: Any) -> Goal:
    return joint_goals(build_task(runs.settings(), n_classes=10, image_channels=1))[-1]


@pytest.fixture
def three(goal: Goal) -> Genomes:
    """Homogeneous designs by rising EDAP, far apart."""
    drawn = homogeneous_designs(goal.space)
    edaps = np.log10(goal.task.costs(drawn)["edap"])
    order = np.argsort(edaps)
    return drawn[order[[0, len(order) // 2, -1]]]


def chooser(goal: Goal, three: Genomes, accuracies: list[float], tried: Genomes, counted: Genomes) -> Chooser:
    table = {row.tobytes(): accuracy for row, accuracy in zip(three, accuracies, strict=True)}

    def drawn(genomes: Genomes) -> FloatArray:
        return np.tile([table[row.tobytes()] for row in genomes], (N_DRAWS, 1))

    surrogates = cast(Surrogates, Expected(goal.task, table))
    truths = DrawnTruths(task=goal.task, functions={"accuracy": drawn})
    return Chooser(surrogates=surrogates, truths=truths, tried=tried, counted=counted, rng=np.random.default_rng(0))


def choose(chooser: Chooser, goal: Goal, candidates: Genomes, n: int = 1) -> Genomes:
    state = cast(SearchState, None)  # choices look at the candidates alone
    return chooser.members(Searched(goal=goal, state=state, candidates=candidates), n)


def test_a_design_gains_nothing_beside_a_cheaper_one_that_is_expected_to_be_better(goal: Goal, three: Genomes) -> None:
    cheap, middle, dear = three
    one = chooser(goal, three, [0.5, 0.45, 0.6], three[:1], three[:1])
    assert np.array_equal(choose(one, goal, np.stack([middle, dear])), dear[None])
    assert np.array_equal(one.tried, np.stack([cheap, dear])), "what is chosen is tried"
    assert np.array_equal(choose(one, goal, np.stack([middle, dear]), 2), middle[None]), "and not chosen again"


def test_a_design_that_failed_is_not_tried_again_and_takes_no_gain_from_others(goal: Goal, three: Genomes) -> None:
    cheap, middle, dear = three
    for counted, wanted in ((three[:0], middle), (three[:1], dear)):
        one = chooser(goal, three, [0.59, 0.58, 0.6], three[:1], counted)
        assert np.array_equal(choose(one, goal, np.stack([cheap, middle, dear])), wanted[None])


def test_only_goals_with_frozen_genes_translate_genomes(goal: Goal) -> None:
    genomes = goal.task.space.random(np.random.default_rng(0), 20)
    assert goal.whole(genomes) is genomes
    assert goal.own(genomes) is genomes
    assert goal.holds(genomes).all()
    frozen = first_phase(goal.task)
    assert not frozen.holds(genomes).any()
    assert frozen.holds(frozen.whole(frozen.own(genomes))).all()
