"""What several cost models say of a run: ranges, fronts, rank agreement and preferred choices."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from hw_models import AdcType, HardwareModelError, model_names
from tests.report.conftest import make_run, read_scene, settings
from tests.report.page_reader import Page
from xpert_evo.cost_models import CostModels
from xpert_evo.genes import GeneKind
from xpert_evo.hardware import Hardware
from xpert_evo.report.files import write_front
from xpert_evo.report.page.document import page
from xpert_evo.report.preferences import Preference, adc_preferences, layer_groups
from xpert_evo.report.scene import Scene
from xpert_evo.report.table import picks
from xpert_evo.report.verdict import Verdict, fronts, give_verdict, taus
from xpert_evo.space import Genomes, SearchSpace
from xpert_evo.store import FILE_NAME
from xpert_evo.store.rows import checksum
from xpert_evo.words import times


@pytest.fixture(scope="module")
def verdict(scene: Scene) -> Verdict:
    assert scene.verdict is not None
    return scene.verdict


def with_fronts(verdict: Verdict, on_front: list[list[bool]]) -> Verdict:
    return replace(
        verdict, models=("own", "other"), designs=verdict.designs[: len(on_front[0])], on_front=np.array(on_front)
    )


def test_a_front_holds_what_no_other_beats_under_its_model_and_within_the_limits() -> None:
    ratios = np.array([[1.0, 10.0, 5.0, 90.0], [1.0, 2.0, 5.0, 90.0]])
    accuracies = np.array([0.9, 0.8, 0.8, 0.7])
    every = np.array([True, True, True, True])
    np.testing.assert_array_equal(
        fronts(ratios, accuracies, every), [[True, True, False, True], [True, False, True, True]]
    )
    within = np.array([True, False, True, False])
    np.testing.assert_array_equal(fronts(ratios, accuracies, within), [[True, False, True, False]] * 2)
    assert not fronts(ratios, accuracies, ~every).any()


def test_tau_is_one_where_models_rank_alike_and_minus_one_where_they_rank_the_other_way_round() -> None:
    table = taus(np.array([[1.0, 2.0, 3.0], [10.0, 40.0, 90.0], [3.0, 2.0, 1.0]]))
    np.testing.assert_allclose(table, [[1, 1, -1], [1, 1, -1], [-1, -1, 1]])


def test_designs_of_the_front_are_told_apart_by_the_models_that_keep_them(verdict: Verdict) -> None:
    told = with_fronts(verdict, [[True, True, False, False], [True, False, True, False]])
    digests = [candidate.digest for candidate in verdict.designs]
    assert [c.digest for c in told.always] == [digests[0]]
    assert [c.digest for c in told.own_only] == [digests[1]]
    assert [c.digest for c in told.sometimes] == [digests[2]]


def test_the_ratios_are_those_of_the_full_model_under_each_cost_model(scene: Scene, verdict: Verdict) -> None:
    task = scene.result.task
    assert verdict.models[0] == "published"
    assert set(verdict.models) == set(model_names())
    genomes = task.space.encode([c.design for c in verdict.designs])
    for name, ratios in zip(verdict.models, verdict.ratios, strict=True):
        chip = task.hardware.under(name)
        baseline = chip.report_of(task.space, task.baseline).edap
        np.testing.assert_allclose(ratios, baseline / chip.report_of(task.space, genomes).edap)
    own = [scene.result.baseline_hardware["edap"] / c.hardware["edap"] for c in verdict.designs]
    np.testing.assert_allclose(verdict.ratios[0], own)


def preference(ratios: list[list[float]]) -> Preference:
    return Preference(
        kind=GeneKind.COLUMN_SHARING, group="all", choices=(2, 4, 8), edap_ratios=np.array(ratios, dtype=float)
    )


def test_models_agree_where_one_choice_is_best_to_a_per_cent_under_all() -> None:
    agreed = preference([[2, 1.0, 1.5], [3, 1.005, 1.0]])
    assert (agreed.agreed, agreed.dissenter) == (4, None)
    assert [agreed.told(i) for i in range(2)] == [(4, 2, 2.0), (8, 2, 3.0)]
    alone = preference([[2, 1.0, 1.5], [1.0, 1.2, 3], [3, 1.0, 1.2]])
    assert (alone.agreed, alone.dissenter) == (None, (1, 4))
    at_odds = preference([[2, 1.0, 1.5], [1.0, 1.2, 3], [3, 1.3, 1.0]])
    assert (at_odds.agreed, at_odds.dissenter) == (None, None)
    nan = float("nan")
    silent = preference([[2, 1.0, 1.5], [nan, nan, nan]])
    assert (silent.agreed, silent.told(1)) == (4, None)


def test_a_preferred_choice_is_the_one_that_lowers_edap_in_its_layers(scene: Scene, verdict: Verdict) -> None:
    task = scene.result.task
    space = task.space
    front = space.encode([c.design for c, on in zip(verdict.designs, verdict.on_front[0], strict=True) if on])
    [late] = [p for p in verdict.preferences if (p.kind, p.group) == (GeneKind.COLUMN_SHARING, "late")]

    def mean_log_edap(model: str, value: int) -> float:
        changed = front.copy()
        for layer in layer_groups(space)["late"]:
            column = space.column(layer, GeneKind.COLUMN_SHARING)
            assert column is not None
            changed[:, column] = space.genes[column].choices.index(value)
        return float(np.log(task.hardware.under(model).report_of(space, changed).edap).mean())

    for i, model in enumerate(verdict.models):
        means = {value: mean_log_edap(model, int(value)) for value in late.choices}
        told = late.told(i)
        assert told is not None
        assert told[0] == min(means, key=means.__getitem__)
        assert told[2] == pytest.approx(np.exp(max(means.values()) - min(means.values())))


def test_every_layer_is_in_one_group(scene: Scene, own: Path) -> None:
    for space in (scene.result.task.space, read_scene(own).result.task.space):
        assert sorted(chain(*layer_groups(space).values())) == list(range(space.n_layers))


def test_only_xpertsim_prefers_flash_from_five_bits_on(verdict: Verdict) -> None:
    [five] = [p for p in verdict.adc_types if p.group == "5 bits"]
    told = {model: five.told(i) for i, model in enumerate(verdict.models)}
    xpertsim = told.pop("xpertsim")
    assert xpertsim is not None
    assert xpertsim[0] is AdcType.FLASH
    assert {one[0] for name, one in told.items() if one is not None and name != "neurosim"} == {AdcType.SAR}


def refuse(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Hardware.report_of

    def report_of(self: Hardware, space: SearchSpace, genomes: Genomes) -> object:
        if self.model.name == model:
            raise HardwareModelError("it knows no such node.")
        return real(self, space, genomes)

    monkeypatch.setattr(Hardware, "report_of", report_of)


def test_a_model_that_refuses_the_chip_is_told_with_its_reason_and_the_others_go_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse("optimistic", monkeypatch)
    verdict = give_verdict(scene.result)
    assert verdict is not None
    assert set(verdict.models) == set(model_names()) - {"optimistic"}
    assert verdict.refused == {"optimistic": "it knows no such node."}
    assert verdict.line.endswith("Excluded: optimistic, which cannot cost this chip.")
    assert "optimistic cannot cost this chip: it knows no such node." in page(replace(scene, verdict=verdict), [])


def test_converters_that_a_model_lacks_leave_its_cell_empty(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    models = CostModels.of(scene.result.task.hardware, scene.result.task.space)
    refuse("pessimistic", monkeypatch)
    place = models.names.index("pessimistic")
    found = adc_preferences(models, scene.result.task.space)
    assert all(one.told(place) is None for one in found)
    assert all(one.told(0) is not None for one in found)


def test_the_page_and_the_terminal_give_the_range_of_the_knee(scene: Scene, verdict: Verdict) -> None:
    text = page(scene, [])
    section = text.split('<section id="cost-models">')[1].split("</section>")[0]
    assert "Does it hold under other cost models?" in section
    knee = verdict.ratios_of(scene.result.knee.digest)
    assert knee is not None
    ends = f"{times(float(knee.min()))} to {times(float(knee.max()))}"
    assert f"the EDAP of the knee is {ends} x lower than the baseline's" in verdict.line
    assert f"{ends}<br>by cost model" in text.split('<table class="answer">')[1].split("</table>")[0]
    members = [c.digest for c in (*verdict.always, *verdict.sometimes, *verdict.own_only)]
    assert Page(f"<div>{section}</div>").values("button", "data-id") == members
    assert all(f">{name}<" in section for name in verdict.models)
    assert set(verdict.named) <= {name for names, _ in picks(scene.result) for name in names.split(", ")}


def test_front_json_has_the_ratios_of_every_model(scene: Scene, tmp_path: Path) -> None:
    write_front(tmp_path, scene.result)
    entries = json.loads((tmp_path / "front.json").read_text())
    assert entries
    for entry, candidate in zip(entries, scene.result.front, strict=True):
        ratios = entry.pop("edap_ratios")
        assert set(ratios) == set(model_names())
        expected = scene.result.baseline_hardware["edap"] / candidate.hardware["edap"]
        assert ratios["published"] == pytest.approx(expected)
        assert entry == json.loads(json.dumps(candidate.to_plain()))


def test_a_run_before_its_first_training_has_no_verdict(scene: Scene) -> None:
    nothing = replace(scene.result, measured=[], front=[], finalists=[])
    assert give_verdict(nothing) is None
    text = page(replace(scene, result=nothing, verdict=None, recommended=[], surrogate=None), [])
    assert "No design has been trained yet." in text


def test_a_worst_case_run_selects_by_the_worst_model_and_says_so(tmp_path: Path) -> None:
    search = {"generations": 3, "population_size": 16, "offspring_size": 8, "costs": "worst-case"}
    scene = read_scene(make_run(tmp_path / "worst", settings(space={"backbone": "vgg8"}, search=search)))
    task = scene.result.task
    assert task.worst_case is not None
    assert "The search minimised EDAP in the worst case of the cost models published" in page(scene, [])
    genomes = task.space.encode([c.design for c in scene.result.front])
    errors = np.array([1 - c.validation for c in scene.result.front])
    worst = task.costs(genomes)["edap"]
    beaten = (errors[:, None] >= errors) & (worst[:, None] > worst)
    assert not beaten.any()


def test_a_run_that_was_stored_without_a_model_has_a_verdict_as_well(tmp_path: Path) -> None:
    search = {"generations": 3, "population_size": 16, "offspring_size": 8}
    folder = make_run(tmp_path / "old", settings(space={"backbone": "vgg8"}, search=search))
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection, connection:
        [(text,)] = connection.execute("SELECT value FROM meta WHERE key = 'settings'")
        stored = json.loads(text)
        for name in ("model", "schedule", "adc"):
            del stored["hardware"][name]
        for name in ("costs", "cost_models"):
            del stored["search"][name]
        row = {"key": "settings", "value": json.dumps(stored)}
        connection.execute(
            "UPDATE meta SET value = ?, checksum = ? WHERE key = 'settings'", (row["value"], checksum(row))
        )
    old = read_scene(folder)
    assert old.verdict is not None
    assert old.verdict.models[0] == "xpertsim"
    assert "published" in old.verdict.models
    assert "xpertsim (this run&#x27;s)" in page(old, [])
