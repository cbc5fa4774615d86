"""Pruning chosen by cost: every step is the one that saves most for its damage, and the loss stays within the limit."""

import itertools
import math
from pathlib import Path

import pytest

from tests.refinable import refinable
from xpert_evo.cli.against_baseline import against_baseline
from xpert_evo.design import Design
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.pruning import _LEAST_DAMAGE, Pruned, _Bench, prune_channels
from xpert_evo.orchestration.refining import Refinable, Refining
from xpert_evo.orchestration.refining.spaces import baseline_task
from xpert_evo.progress import Silent

REFINING = Refining(n_images=100, n_judged=100)
CHOICES = "space.channel_depth"
LOSS = 0.3


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Refinable:
    """A trained network with a residual connection and depths of 8 and 12, and a space that offers fewer."""
    place = tmp_path_factory.mktemp("pruned")
    more = {CHOICES: [4, 5, 6, 7, 8, 9, 10, 11, 12], "hardware.crossbar.rows": 16, "hardware.crossbar.columns": 32}
    return refinable(place, REFINING, **more).on_own_chip()


@pytest.fixture(scope="module")
def steps(network: Refinable) -> list[Pruned]:
    """The steps of its pruning."""
    return prune_channels(network, Silent(), loss=LOSS)


def _depths(design: Design) -> list[int | None]:
    return [layer.channel_depth for layer in design.layers]


def test_steps_narrow_one_layer_each_and_lose_at_most_the_limit(steps: list[Pruned], network: Refinable) -> None:
    assert len(steps) > 2
    assert steps[0].layer is None
    assert _depths(steps[0].design) == _depths(network.design)
    assert steps[0].divergence == pytest.approx(0.0, abs=1e-9)
    for before, after in itertools.pairwise(steps):
        assert after.edap_ratio > before.edap_ratio
        assert after.accuracy >= steps[0].accuracy - LOSS
        depths = zip(_depths(before.design), _depths(after.design), strict=True)
        changed = [place for place, (old, new) in enumerate(depths) if old != new]
        names = [layer.name for layer in after.design.layers]
        assert [names[i] for i in changed] in (["wide"], ["stem", "join"]), "layers that are added stay equally wide"
        assert after.before > after.after == after.design.layers[changed[0]].channel_depth


def test_each_step_is_the_best_of_all_measured_anew(steps: list[Pruned], network: Refinable) -> None:
    bench = _Bench.of(network)
    anchor, chosen = steps[0], steps[1]

    def worth(design: Design) -> float:
        saved = math.log(bench.edap(anchor.design) / bench.edap(design))
        return saved / max(bench.divergence(bench.pruned(design)), _LEAST_DAMAGE)

    designs = [bench.after(anchor.design, step) for step in bench.steps(anchor.design)]
    assert len(designs) == 4, "two smaller depths of each of two groups"
    assert max(designs, key=worth) == chosen.design


def test_peripherals_stay(steps: list[Pruned], network: Refinable) -> None:
    for before, after in zip(network.design.layers, steps[-1].design.layers, strict=True):
        assert before.model_copy(update={"channel_depth": None}) == after.model_copy(update={"channel_depth": None})


def test_without_smaller_depths_in_the_space_there_is_nothing_to_prune(tmp_path: Path) -> None:
    network = refinable(tmp_path, REFINING, **{CHOICES: [12, 16]}).on_own_chip()
    with pytest.raises(UsageError, match=r"no channel depth below .* --set space.channel_depth=\["):
        prune_channels(network, Silent(), loss=LOSS)


def test_steps_that_gain_little_are_not_made(network: Refinable, steps: list[Pruned]) -> None:
    least = 0.15
    gains = [1 - before.edap_ratio / after.edap_ratio for before, after in itertools.pairwise(steps)]
    assert min(gains) < least, "the limit is one that counts here"
    found = prune_channels(network, Silent(), loss=LOSS, least_gain=least)
    assert len(found) > 1
    for before, after in itertools.pairwise(found):
        assert 1 - before.edap_ratio / after.edap_ratio >= least


def test_with_worst_case_costs_the_ratio_is_the_least_of_all_models(tmp_path: Path) -> None:
    names = ["xpertsim", "pessimistic"]
    worst = {"search.costs": "worst-case", "search.cost_models": names, CHOICES: [6, 8, 10, 12]}
    network = refinable(tmp_path, REFINING, **worst).on_own_chip()
    task = baseline_task(network.config, network.dataset)
    for step in prune_channels(network, Silent(), loss=LOSS):
        ratios = against_baseline(task.hardware, task.space, step.design).ratios
        assert len(ratios) == 5
        assert step.edap_ratio == pytest.approx(min(ratios[name] for name in ("published", *names)))
