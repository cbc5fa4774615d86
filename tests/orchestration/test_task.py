"""A task is checked before any work, and its table costs designs as the full model does."""

import numpy as np
import pytest

from tests.tasks import task_of
from xpert_evo.backbones import BACKBONES
from xpert_evo.errors import ConfigError, InfeasibleError
from xpert_evo.report.candidates import hardware_figures


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_table_and_the_full_model_agree(backbone: str) -> None:
    task = task_of(space={"backbone": backbone, "adc_precision": [3, 6], "column_sharing": [4, 8]})
    genomes = np.concatenate([task.space.random(np.random.default_rng(0), 50), task.baseline])
    costs, figures = task.costs(genomes), hardware_figures(task, genomes)
    for name, field in (("area", "area_mm2"), ("latency", "latency_us"), ("energy", "energy_uj"), ("edap", "edap")):
        np.testing.assert_allclose(costs[name], [figure[field] for figure in figures], rtol=1e-9)


def test_an_impossible_area_limit_is_told_with_the_smallest_area_and_its_layers() -> None:
    with pytest.raises(InfeasibleError, match=r"smallest reachable area is \d+\.\d\d mm² \(most of it in conv"):
        task_of(hardware={"area_limit_mm2": 1})


def test_the_smallest_area_is_reached_by_a_design() -> None:
    task = task_of(space={"backbone": "vgg8"})
    bounds = task.table.bounds()
    assert task.costs(bounds.smallest_genome[None])["area"][0] == pytest.approx(bounds.smallest_mm2)
    areas = task.costs(task.space.random(np.random.default_rng(1), 2000))["area"]
    assert bounds.smallest_mm2 <= areas.min()
    assert areas.max() <= bounds.largest_mm2
    exactly = task_of(space={"backbone": "vgg8"}, hardware={"area_limit_mm2": bounds.smallest_mm2 * 1.0001})
    assert exactly.feasible(bounds.smallest_genome[None]).all()


def test_hypervolumes_are_measured_from_guessing_at_the_baselines_cost() -> None:
    task = task_of(space={"backbone": "vgg8"})
    error, log_edap = task.reference_point
    assert error == pytest.approx(0.9)
    assert 10**log_edap == pytest.approx(task.costs(task.baseline)["edap"][0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"search": {"objectives": ["accuracy", "edp"]}}, "did you mean 'edap'"),
        ({"space": {"backbone": "vgg61"}}, "vgg16"),
        ({"space": {"layers": {"conv99": {"adc_precision": [4]}}}}, "no layer 'conv99'"),
        ({"space": {"adc_precision": [6, 4]}}, "ascending order"),
    ],
)
def test_settings_that_contradict_the_task_are_told(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        task_of(**settings)
