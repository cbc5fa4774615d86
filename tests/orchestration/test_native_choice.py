"""Which designs go on to native size: the front of expected values without useless ends, and rivals that match."""

import numpy as np
import pytest

from tests.orchestration.conftest import Runs
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.config import load_config
from xpert_evo.orchestration import native_plan
from xpert_evo.orchestration.effort import images_trained, makespan
from xpert_evo.orchestration.finalists import LEAST_SHARE
from xpert_evo.orchestration.knowledge import look
from xpert_evo.orchestration.names import NATIVE
from xpert_evo.orchestration.native_choice import promising, rivals
from xpert_evo.orchestration.native_plan import at_a_time, seconds_each, within
from xpert_evo.orchestration.stage_times import LEAST_RATIO, StageTimes
from xpert_evo.orchestration.surrogates import fit_round
from xpert_evo.orchestration.tally import Tally
from xpert_evo.search.seeding import DEPTH_FACTORS, homogeneous_designs


def test_designs_and_rivals_are_promising_distinct_and_comparable(runs: Runs) -> None:
    config = runs.settings()
    runs.go("ended", config)
    with runs.context("ended", config) as run:
        known = look(run)
        surrogates = fit_round(run, 9, known)
        designs = promising(run.task, known, surrogates, 3)
        opponents = rivals(run.task, surrogates, designs, 2)
    homogeneous = {row.tobytes() for row in homogeneous_designs(run.task.space, DEPTH_FACTORS)}
    labelled = {row.tobytes() for row in known.genomes}
    assert 1 <= len(designs) <= 3
    assert {row.tobytes() for row in designs} <= labelled - homogeneous
    assert {row.tobytes() for row in opponents} <= homogeneous
    assert len({row.tobytes() for row in np.concatenate([designs, opponents])}) == len(designs) + len(opponents)
    assert run.task.feasible(designs).all()
    expected = surrogates.accuracy(known.genomes)[0]
    within = (run.task.constraints.violations(known.values) <= 0).all(axis=1)
    own = [i for i, row in enumerate(known.genomes) if within[i] and row.tobytes() not in homogeneous]
    best = max(expected[i] for i in own)
    chance = 1 / run.task.backbone.n_classes
    assert (surrogates.accuracy(designs)[0] - chance >= LEAST_SHARE * (best - chance) - 1e-9).all()
    assert max(surrogates.accuracy(designs)[0]) == pytest.approx(best), "the most accurate one goes on"
    best_design = designs[[np.argmax(surrogates.accuracy(designs)[0])]]
    matching = rivals(run.task, surrogates, best_design, 1)
    pool = homogeneous_designs(run.task.space, DEPTH_FACTORS)
    pool = pool[run.task.feasible(pool)]
    good = surrogates.accuracy(pool)[0] >= surrogates.accuracy(best_design)[0]
    if good.any():
        cheapest = run.task.own_costs(pool[good])["edap"].min()
        assert run.task.own_costs(matching)["edap"][0] == pytest.approx(cheapest)
    assert len(rivals(run.task, surrogates, designs, 0)) == 0


@pytest.mark.parametrize("name", ["quick", "hour", "night"])
@pytest.mark.parametrize("n_workers", [1, 4])
def test_a_scaled_recipe_fills_the_time_with_all_workers(name: str, n_workers: int) -> None:
    recipe, dataset = load_recipe(name), load_dataset("fashion-mnist")
    n = len(recipe.stages)
    low = StageTimes(training_s=(60.0,) * n, measuring_s=(5.0,) * n, judging_s=10.0)
    high = StageTimes(training_s=(120.0,) * n, measuring_s=(5.0,) * n, judging_s=10.0)
    places = np.array([0.0, 0.5, 1.0, 1.0])
    whole_s = makespan(seconds_each([low, high], places), n_workers)
    for wanted_s in (0.4 * whole_s, whole_s, 3 * whole_s):
        scaled, times = within([low, high], places, recipe, dataset, 1.0, seconds=wanted_s, n_workers=n_workers)
        took_s = makespan(seconds_each(times, places), n_workers)
        assert 0.6 * wanted_s < took_s <= wanted_s, "epochs are whole"
        for own, whole, share in zip(scaled.stages, recipe.stages, times[0].training_s, strict=True):
            trained = [images_trained(stage.protocol, len(dataset.train)) for stage in (own, whole)]
            assert share == pytest.approx(60.0 * trained[0] / trained[1]), "what is told is what is carried out"
    shortest, _ = within([low, high], places, recipe, dataset, 1.0, seconds=1.0, n_workers=n_workers)
    assert shortest == recipe.scaled(LEAST_RATIO, dataset.name, len(dataset.train), 1.0)


def test_stages_of_several_threads_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_plan, "usable_cores", lambda: 4)
    kinds = {"executor.kind": "processes"}
    config = load_config(None, kinds)
    assert [at_a_time(config, load_recipe(name), 4) for name in ("hour", "night")] == [4, 2]
    assert at_a_time(config, load_recipe("night"), 1) == 1


def test_trainings_at_native_size_have_a_pace_of_their_own() -> None:
    tally = Tally(2)
    tally.expect(NATIVE, 4, work=0.0, seconds=100.0)
    assert tally.left_s() == 200.0
    tally.begin(NATIVE, [1.0, 1.0])
    tally.add(NATIVE, 300.0, 1.0)
    assert (tally.done, tally.total) == (1, 4)
    assert tally.left_s() == pytest.approx(300.0 + 300.0, abs=1.0), "by those that ended, not by what was expected"
    tally.expect("searched", 3, work=10.0)
    assert tally.left_s() is None, "nothing is known of proxies"
