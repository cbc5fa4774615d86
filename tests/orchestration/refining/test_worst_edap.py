"""The worst case of EDAP over several cost models in a refinement: its costs, its choice and its bound."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.refinable import design, settings
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.config import RunConfig
from xpert_evo.orchestration.refining.options import Offered, Options
from xpert_evo.orchestration.refining.worst_edap import best_offered
from xpert_evo.orchestration.trainings import cached_dataset

SPACE = {"space.adc_precision": [4, 6], "space.input_precision": [5], "space.column_sharing": [4, 8]}
MODELS = ("xpertsim", "published", "optimistic")


def _options(tmp_path: Path, **more: object) -> Options:
    dataset: Dataset = cached_dataset(RunConfig().dataset)
    worst = {"search.costs": "worst-case", "search.cost_models": list(MODELS)}
    config = settings(tmp_path, **{**SPACE, **worst, "hardware.model": "xpertsim", **more})
    return Options.of(config, design(), dataset, image_size=(16, 16))


def _offered(options: Options, rng: np.random.Generator) -> Offered:
    layers = range(len(design().layers))
    damages = [{bits: float(rng.uniform(0, 0.02)) for bits in set(options.rows(layer).precisions)} for layer in layers]
    return options.layers(damages)


def test_costs_of_layers_add_up_to_the_worst_edap_of_the_design(tmp_path: Path) -> None:
    options = _options(tmp_path)
    offered = _offered(options, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for _ in range(10):
        choices = np.array([rng.integers(len(rows)) for rows in offered.kept])
        chosen = offered.design(choices)
        edap = options.costs(chosen)["edap"]
        assert float(np.exp(offered.log_edaps(choices[None])[0])) == pytest.approx(edap, rel=1e-9)
        ratios = dict(options.edap_ratios(chosen))
        assert set(ratios) == set(MODELS)
        assert options.baseline_edap / edap == pytest.approx(min(ratios.values()), rel=1e-9)


def test_ratios_are_to_the_baseline_of_the_whole_space(tmp_path: Path) -> None:
    alone = Options.of(
        settings(tmp_path, **SPACE, **{"hardware.model": "published"}),
        design(),
        cached_dataset(RunConfig().dataset),
        image_size=(16, 16),
    )
    own = alone.baseline_edap / alone.costs(design())["edap"]
    assert dict(_options(tmp_path).edap_ratios(design()))["published"] == pytest.approx(own, rel=1e-9)
    assert alone.edap_ratios(design()) == ()


@pytest.mark.parametrize("price", [0.0, 3.0, 60.0])
def test_no_choice_is_better_than_the_bound_and_the_choice_is_near_the_best(tmp_path: Path, price: float) -> None:
    options = _options(tmp_path)
    for seed in range(4):
        offered = _offered(options, np.random.default_rng(seed))
        found = best_offered(offered, price, design())
        assert found is not None
        choices = offered.choices(found[0])
        assert choices is not None
        every = np.array(list(product(*(range(len(rows)) for rows in offered.kept))))
        worths = offered.log_edaps(every) + price * offered.layers.totals(every)[:, 3]
        own = offered.log_edaps(choices[None])[0] + price * offered.layers.totals(choices[None])[0, 3]
        assert own - found[1] <= worths.min() + 1e-9
        assert own <= worths.min() + 0.01


def test_limits_are_those_of_the_own_model(tmp_path: Path) -> None:
    free = _offered(_options(tmp_path), np.random.default_rng(0))
    every = np.array(list(product(*(range(len(rows)) for rows in free.kept))))
    energy = float(np.quantile(free.layers.totals(every)[:, 2], 0.1))
    options = _options(tmp_path, **{"hardware.energy_limit_uj": energy})
    offered = _offered(options, np.random.default_rng(0))
    found = best_offered(offered, 1.0, design())
    assert found is not None
    assert options.costs(found[0])["energy"] <= energy


def test_costs_of_a_layer_do_not_depend_on_the_others(tmp_path: Path) -> None:
    offered = _offered(_options(tmp_path), np.random.default_rng(0))
    rng = np.random.default_rng(2)
    choices = np.array([rng.integers(len(rows)) for rows in offered.kept])
    for layer in range(len(choices)):
        changed = np.repeat(choices[None], len(offered.kept[layer]), axis=0)
        changed[:, layer] = np.arange(len(changed))
        totals, log_edaps = offered.changed(choices, layer)
        assert log_edaps == pytest.approx(offered.log_edaps(changed), rel=1e-9)
        edaps = [offered.options.costs(offered.design(row))["edap"] for row in changed[:3]]
        assert np.exp(log_edaps[:3]) == pytest.approx(edaps, rel=1e-9)
        assert totals[:3, 0] == pytest.approx(
            [offered.options.costs(offered.design(row))["area"] for row in changed[:3]]
        )
