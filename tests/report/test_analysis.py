"""Recommendations, rivals, steps of genes and comparisons, each against an independent reckoning."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_models import model_names
from tests.report.conftest import settings
from xpert_evo import load_run
from xpert_evo.cli.results import plain_comparison
from xpert_evo.config import DeviceRule
from xpert_evo.errors import UsageError
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.chips import device_words
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.around import around_candidate
from xpert_evo.report.candidates import hardware_figures, select_front
from xpert_evo.report.comparison import compare, draw_comparison
from xpert_evo.report.influence import importance, one_gene_steps
from xpert_evo.report.pick import by_id, of_accuracy, the_knee
from xpert_evo.report.pictures import draw_pictures
from xpert_evo.report.recommend import accuracy_steps, times_better
from xpert_evo.report.scene import Scene, build_scene
from xpert_evo.space import SearchSpace


def test_the_roles_are_what_they_say(scene: Scene) -> None:
    result = scene.result
    front, labels = result.front, {c.digest: c.validation for c in result.measured}
    finalists = {c.digest for c in result.finalists}
    everyone = [*front, *(c for c in select_front(result.task, result.measured) if c.digest not in finalists)]
    assert len(everyone) > len(front)
    by_role = {role: r.candidate for r in scene.recommended for role in r.roles}
    assert by_role["most accurate"].validation == max(c.validation for c in front)
    assert by_role["lowest EDAP"].hardware["edap"] == min(c.hardware["edap"] for c in front)
    assert by_role["knee"] == scene.result.knee
    steps = [(role, c) for role, c in by_role.items() if role.startswith("at least")]
    assert steps
    for role, candidate in steps:
        least = float(role.split()[2]) / 100
        assert candidate.hardware["edap"] == min(c.hardware["edap"] for c in everyone if labels[c.digest] >= least)


def test_rivals_are_homogeneous_and_at_least_as_accurate(scene: Scene) -> None:
    assert scene.surrogate is not None
    searched = {c.digest: c.validation for c in scene.result.measured}
    for recommendation in scene.recommended:
        for rival in filter(None, (recommendation.rival_measured, recommendation.rival_predicted)):
            peripherals = {
                (g.column_sharing, g.adc_type, g.adc_precision, g.input_precision) for g in rival.design.layers
            }
            assert len(peripherals) == 1
        genome = scene.result.task.space.encode([recommendation.candidate.design])
        if recommendation.rival_measured:
            assert recommendation.rival_measured.accuracy >= searched[recommendation.candidate.digest]
            assert searched[recommendation.rival_measured.design.digest] == recommendation.rival_measured.accuracy
        if recommendation.rival_predicted:
            assert recommendation.rival_predicted.accuracy >= scene.surrogate.predict(genome)[0][0] - 1e-12


def test_a_figure_is_better_where_it_is_smaller_unless_more_of_it_is_wanted() -> None:
    own, other = {"edap": 2.0, "tops_per_w": 8.0}, {"edap": 6.0, "tops_per_w": 4.0}
    assert times_better(own, other, "edap") == 3
    assert times_better(own, other, "tops_per_w") == 2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_accuracy_steps_are_few_rising_and_within(accuracies: list[float]) -> None:
    steps = accuracy_steps(accuracies)
    assert len(steps) <= 6
    assert steps == sorted(set(steps))
    assert all(min(accuracies) - 1e-6 <= step <= max(accuracies) + 1e-6 for step in steps)


def test_a_step_of_a_gene_costs_what_the_changed_design_costs(scene: Scene) -> None:
    task, knee = scene.result.task, scene.result.knee
    assert scene.surrogate is not None
    steps = one_gene_steps(task, scene.surrogate, knee.genome)
    own = task.space.encode([knee.design])
    for (row, kind), layer, side in itertools.product(enumerate(task.space.kinds), (0, 5, 13), (0, 1)):
        column = task.space.column(layer, kind)
        value = np.nan if column is None else own[0, column] + (-1, 1)[side]
        if column is None or not 0 <= value < task.space.n_choices[column]:
            assert np.isnan(steps.edap_ratio[row, layer, side])
            continue
        changed = own.copy()
        changed[0, column] = value
        figures = hardware_figures(task, changed)[0]
        assert steps.edap_ratio[row, layer, side] == pytest.approx(figures["edap"] / knee.hardware["edap"])
        assert bool(steps.feasible[row, layer, side]) == (figures["area_mm2"] <= 50)
        difference = scene.surrogate.predict(changed)[0] - scene.surrogate.predict(own)[0]
        assert steps.accuracy[row, layer, side] == pytest.approx(difference[0])


def test_importance_is_the_range_over_a_genes_choices(scene: Scene) -> None:
    task = scene.result.task
    assert scene.surrogate is not None
    found = importance(task, scene.surrogate, scene.result.knee.genome[None])
    kinds = list(task.space.kinds)
    row, layer = kinds.index(GeneKind.INPUT_PRECISION), 1
    column = task.space.column(layer, GeneKind.INPUT_PRECISION)
    assert column is not None
    genomes = np.repeat(task.space.encode([scene.result.knee.design]), 8, axis=0)
    genomes[:, column] = np.arange(8)
    assert found.accuracy[row, layer] == pytest.approx(np.ptp(scene.surrogate.predict(genomes)[0]))
    assert found.edap[row, layer] == pytest.approx(np.ptp(np.log10(task.costs(genomes)["edap"])))
    assert np.isnan(found.edap[kinds.index(GeneKind.CHANNEL_DEPTH), -1])
    assert np.all(found.accuracy[kinds.index(GeneKind.ADC_TYPE)] == 0)


def test_a_run_compared_with_itself_is_even(scene: Scene) -> None:
    comparison = compare([scene.result, scene.result])
    assert comparison.hypervolumes is not None
    assert comparison.survivors is not None
    assert comparison.hypervolumes[0] == comparison.hypervolumes[1] > 0
    assert comparison.survivors[0] == comparison.survivors[1] != []
    assert comparison.names[0] != comparison.names[1]
    assert comparison.warnings == []
    np.testing.assert_array_equal(comparison.edap_at[0], comparison.edap_at[1])
    baseline = scene.result.baseline_hardware["edap"]
    for own, other, edap in zip(*comparison.ratios_at, comparison.edap_at[0], strict=True):
        assert own == other
        assert set(own) == (set(model_names()) if np.isfinite(edap) else set())
        assert own.get("published", np.nan) == pytest.approx(baseline / edap, nan_ok=True)


def test_two_runs_share_one_reference_and_one_union(scene: Scene, second: Path) -> None:
    other = load_run(second).result
    comparison = compare([scene.result, other])
    assert comparison.survivors is not None
    for edaps in comparison.edap_at:
        reached = edaps[np.isfinite(edaps)]
        assert np.all(np.diff(reached) >= 0)
    points = [
        (c.hardware["edap"], c.measured, c.digest, run)
        for run, result in enumerate((scene.result, other))
        for c in result.front
    ]
    for edap, accuracy, digest, run in points:
        beaten = any(e <= edap and a >= accuracy and (e, a) != (edap, accuracy) for e, a, *_ in points)
        assert beaten != (digest in comparison.survivors[run])
    assert draw_comparison(comparison).axes[0].get_xscale() == "log"


def test_a_comparison_with_an_unfinished_run_falls_back_on_validation(scene: Scene, begun_scene: Scene) -> None:
    assert compare([scene.result, begun_scene.result]).how == "measured on validation data"
    with pytest.raises(UsageError, match="two or more runs, got 1"):
        compare([scene.result])


def test_fronts_on_different_images_share_no_hypervolume_and_no_union(scene: Scene) -> None:
    other = replace(scene.result, dataset={**scene.result.dataset, "name": "digits", "digest": "1" * 16})
    comparison = compare([scene.result, other])
    assert comparison.hypervolumes is comparison.survivors is None
    assert "accuracies are not comparable" in comparison.warnings[0]
    assert comparison.data == ["fashion-mnist, laptop-finalist", "digits, laptop-finalist"]
    axes = draw_comparison(comparison).axes[0]
    assert "Different images" in axes.get_title()
    _, labels = axes.get_legend_handles_labels()
    assert [label.partition(": ")[2] for label in labels] == comparison.data
    shown = plain_comparison(comparison)["runs"]
    assert isinstance(shown, list)
    assert all(run["hypervolume"] is run["survivors"] is None for run in shown)


def test_chips_that_calibrate_on_other_numbers_of_images_are_told(scene: Scene) -> None:
    training = scene.result.config.training.model_copy(update={"devices": DeviceRule.HARDWARE, "norm_images": 512})
    one, other = (
        replace(scene.result, config=scene.result.config.model_copy(update={"training": settings}))
        for settings in (training, training.model_copy(update={"norm_images": 0}))
    )
    assert compare([one, one]).warnings == []
    told = "the runs differ in number of images that calibrate batch norm (training.norm_images): 512, 0"
    assert compare([one, other]).warnings == [told]


def test_descriptions_with_commas_are_told_apart_by_semicolons(scene: Scene) -> None:
    training = scene.result.config.training
    configs = [
        scene.result.config.model_copy(update={"training": training.model_copy(update={"devices": rule})})
        for rule in (DeviceRule.IDEAL, DeviceRule.HARDWARE)
    ]
    ideal, hardware = map(device_words, configs)
    assert ", " in hardware
    told = f"the runs differ in devices, so their accuracies are not comparable: {ideal}; {hardware}"
    assert told in compare([replace(scene.result, config=config) for config in configs]).warnings


def test_picks_find_their_design_or_say_why_not(scene: Scene) -> None:
    result = scene.result
    assert the_knee(result) == result.knee
    least = sorted(c.validation for c in result.front)[1]
    assert of_accuracy(result, least).validation >= least
    assert by_id(result, result.front[0].digest[:10]) == result.front[0]
    assert result.baseline is not None
    assert by_id(result, result.baseline.digest).test is not None
    for pick, words in (
        (lambda: of_accuracy(result, 92), "a fraction such as 0.92"),
        (lambda: of_accuracy(result, 0.9999), "the best one has"),
        (lambda: by_id(result, "xyz"), "no trained design"),
        (lambda: by_id(result, ""), "no trained design"),
    ):
        with pytest.raises(UsageError, match=words):
            pick()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hardware": {"latency_limit_us": 9000.0}}, "latency limit [us] (hardware.latency_limit_us): none, 9000.0"),
        ({"hardware": {"energy_limit_uj": 90.0}}, "energy limit [uJ] (hardware.energy_limit_uj): none, 90.0"),
        ({"hardware": {"area_limit_mm2": None}}, "area limit [mm2]: 50.0, none"),
        ({"search": {"least_accuracy": 0.2}}, "minimum accuracy (search.least_accuracy): none, 0.2"),
        (
            {"search": {"objectives": ["accuracy", "latency"]}},
            "(search.objectives): accuracy against edap, accuracy against latency",
        ),
        ({"training": {"judge_images": 100}}, "number of test images (training.judge_images): all, 100"),
        ({"space": {"column_sharing": [2, 4, 8, 16, 32, 64]}}, "the searched choices ([space]): 10^"),
    ],
)
def test_runs_that_chose_otherwise_are_compared_with_a_warning(
    scene: Scene, changes: dict[str, dict[str, object]], words: str
) -> None:
    result = scene.result
    config = settings(**changes)
    task = build_task(config, n_classes=10, image_channels=1)
    other = replace(result, name="other", config=config, task=task)
    assert compare([result, replace(result, name="same")]).warnings == []
    assert [warning for warning in compare([result, other]).warnings if words in warning]
    assert len(compare([result, other]).warnings) == 1


def test_a_result_s_designs_are_encoded_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    result = scene.result
    for candidate in (*result.measured, *result.finalists):
        assert np.array_equal(candidate.genome, result.task.space.encode([candidate.design])[0])

    def refuse(*_: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(SearchSpace, "encode", refuse)
    again = build_scene(result)
    assert len(again.recommended) == len(scene.recommended) > 0
    drawings, complaints = draw_pictures(again)
    assert drawings
    assert complaints == []
    assert around_candidate(result, result.knee)
