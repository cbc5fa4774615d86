"""The worst case of several cost models: never better than any of them, and the baseline costs what it always costs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_models import model_names
from xpert_evo.config import parse_config
from xpert_evo.cost_models import CostModels, name_of
from xpert_evo.errors import ConfigError, InfeasibleError
from xpert_evo.orchestration.task import Task, build_task


def task_of(search: dict[str, object], **tables: dict[str, object]) -> Task:
    space = {"backbone": "vgg8", "adc_precision": [3, 6, 8], "input_precision": [2, 8]}
    config = parse_config({"space": space, "search": search, **tables})
    return build_task(config, n_classes=10, image_channels=3)


WORST = task_of({"costs": "worst-case", "cost_models": model_names()})
MODELS = CostModels.of(WORST.hardware, WORST.space)


@given(st.integers(0, 2**32 - 1))
def test_the_worst_case_is_the_least_ratio_of_all_models(seed: int) -> None:
    genomes = WORST.space.random(np.random.default_rng(seed), 4)
    ratios = MODELS.ratios(WORST.space, genomes)
    worst = WORST.costs(WORST.baseline)["edap"] / WORST.costs(genomes)["edap"]
    assert (worst <= ratios * (1 + 1e-9)).all()
    np.testing.assert_allclose(worst, ratios.min(axis=0), rtol=1e-9)


def test_limits_and_the_baseline_are_those_of_the_runs_own_model() -> None:
    alone = task_of({})
    genomes = WORST.space.random(np.random.default_rng(0), 500)
    for name in ("area", "latency", "energy"):
        np.testing.assert_array_equal(WORST.costs(genomes)[name], alone.costs(genomes)[name])
    np.testing.assert_array_equal(WORST.feasible(genomes), alone.feasible(genomes))
    np.testing.assert_array_equal(WORST.reference_point, alone.reference_point)
    np.testing.assert_array_equal(WORST.own_costs(genomes)["edap"], alone.costs(genomes)["edap"])
    assert (WORST.costs(genomes)["edap"] > alone.costs(genomes)["edap"] * 1.01).any()


def test_the_default_worst_case_leaves_the_discredited_model_out_unless_it_is_the_runs_own() -> None:
    default = task_of({"costs": "worst-case"}).worst_case
    assert default is not None
    assert default.names[0] == "published"
    assert {"optimistic", "pessimistic"} <= set(default.names)
    assert "xpertsim" not in default.names
    own = task_of({"costs": "worst-case"}, hardware={"model": "xpertsim"}).worst_case
    assert own is not None
    assert own.names == ("xpertsim", *default.names)


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"costs": "worst-case", "cost_models": ["pesimistic"]}, r"search\.cost_models: 'pesimistic' .*'pessimistic'"),
        ({"costs": "worst-case", "objectives": ["accuracy", "latency"]}, 'needs "edap" in search.objectives'),
        ({"costs": "worst-case", "cost_models": []}, r"search\.cost_models"),
    ],
)
def test_a_worst_case_that_cannot_be_is_told(search: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        task_of(search)


def test_a_schedule_of_ones_own_is_part_of_the_name() -> None:
    pipelined = task_of({}, hardware={"schedule": "pipelined"})
    assert name_of(pipelined.hardware) == "published (pipelined)"
    names = CostModels.of(pipelined.hardware, pipelined.space).names
    assert names[0] == "published (pipelined)"
    assert set(names[1:]) == set(model_names())
    assert name_of(task_of({}).hardware) == "published"


def test_limits_are_checked_as_without_a_worst_case() -> None:
    with pytest.raises(InfeasibleError, match="smallest reachable area"):
        task_of({"costs": "worst-case"}, hardware={"area_limit_mm2": 1})
