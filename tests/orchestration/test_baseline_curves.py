"""Baselines on request: scored as often as the search, stored once, drawn in the report; none is trained."""

from typing import Any

import numpy as np
import pytest

from xpert_evo.config import Baseline, parse_config
from xpert_evo.errors import ConfigError
from xpert_evo.objectives import OBJECTIVES
from xpert_evo.orchestration import surrogates
from xpert_evo.orchestration.baselines import baseline_designs, check_baselines, topic_of
from xpert_evo.orchestration.layer_grid import layer_grid
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.report.pictures.progress import draw_hypervolume
from xpert_evo.report.scene import build_scene

ALL = tuple(map(str, Baseline))


def task_of(**settings: object) -> Task:
    return build_task(parse_config(settings), n_classes=10, image_channels=1)


def test_the_grids_layers_add_up_to_what_the_table_says_of_whole_designs() -> None:
    task = task_of()
    grid, rng = layer_grid(task), np.random.default_rng(0)
    n_layers, _, n_depths, n_settings = grid.area_mm2.shape
    depth, setting = rng.integers(n_depths, size=(20, n_layers)), rng.integers(n_settings, size=(20, n_layers))
    costs = task.costs(grid.genomes(depth, setting))
    before = np.concatenate([np.zeros((20, 1), dtype=np.int64), depth[:, :-1]], axis=1)
    at = np.arange(n_layers), before, depth, setting
    np.testing.assert_allclose(grid.area_mm2[at].sum(axis=1), costs["area"], rtol=1e-9)
    np.testing.assert_allclose(grid.latency_us[at].sum(axis=1), costs["latency"], rtol=1e-9)


def test_the_corrected_gradient_comes_down_in_latency_near_the_area_limit_and_the_published_one_stays() -> None:
    task = task_of(space={"backbone": "vgg8"}, hardware={"model": "xpertsim", "area_limit_mm2": 12.0})
    corrected, published = (
        task.costs(baseline_designs(task, baseline, 600, np.random.default_rng(0)))
        for baseline in (Baseline.GRADIENT_CORRECTED, Baseline.GRADIENT_PUBLISHED)
    )
    near = np.abs(corrected["area"] / 12.0 - 1) < 0.1
    assert near.any()
    assert corrected["latency"][near].min() < corrected["latency"][0]
    assert len(np.unique(published["latency"])) <= 3


def test_baselines_are_scored_as_often_as_the_search_and_stored_once(runs: Any, same_content: Any) -> None:
    config = runs.settings(search={"baselines": ALL})
    whole, stopped = runs.go("whole", config), runs.killed_and_resumed("stopped", config, every=7)
    assert same_content(whole, stopped)
    result = runs.result("whole")
    assert tuple(result.baselines) == ALL
    last = {row["round"]: row["n_evaluated"] for row in result.generations}
    for curves in result.baselines.values():
        assert set(curves) == {"1", "2"}
        for round_, curve in curves.items():
            assert curve["evaluations"][-1] == last[int(round_)]
            assert curve["hypervolume"] == sorted(curve["hypervolume"])
    assert len(result.measured) == config.training.n_labels, "baselines are not trained"
    figure = draw_hypervolume(build_scene(result))
    assert figure is not None
    labels = {line.get_label() for line in figure.axes[2].lines}
    assert {f"{name}, predicted" for name in ALL} <= labels


def test_the_first_of_two_phases_is_not_compared(runs: Any) -> None:
    runs.go("run", runs.settings(search={"baselines": ["random"], "mode": "two-phase"}))
    assert set(runs.notes("run", "baseline random")) == {"2"}


def test_networks_that_branch_have_no_gradient_baseline_and_are_told_before_any_work() -> None:
    with pytest.raises(ConfigError, match="follow one another"):
        check_baselines(task_of(space={"backbone": "resnet20"}, search={"baselines": ["gradient-corrected"]}))
    check_baselines(task_of(space={"backbone": "resnet20"}, search={"baselines": ["random"]}))


def test_every_baseline_and_every_surrogate_has_a_topic_of_its_own() -> None:
    measured = [name for name, objective in OBJECTIVES.items() if objective.is_accuracy]
    topics = [*map(topic_of, Baseline), *map(surrogates.topic_of, measured)]
    assert len(set(topics)) == len(Baseline) + len(measured)
    assert {"surrogate", "surrogate of robustness", "baseline gradient-corrected"} <= {str(topic) for topic in topics}
