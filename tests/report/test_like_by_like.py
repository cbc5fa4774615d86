"""Like stands by like: labels beside predictions, areas with what they leave out, and what a protocol is good for."""

from dataclasses import replace
from pathlib import Path

import pytest

from xpert_evo.cli import application
from xpert_evo.cli.results import _accuracy_lines, _gained
from xpert_evo.orchestration.chips import IDEAL_DEVICES
from xpert_evo.report.around import around_candidate
from xpert_evo.report.candidates import OnChips
from xpert_evo.report.files import front_row
from xpert_evo.report.page.document import page
from xpert_evo.report.scene import Scene
from xpert_evo.report.table import rival_line
from xpert_evo.report.words import worth_of
from xpert_evo.words import times


def test_finalists_keep_the_label_that_their_prediction_was_of(scene: Scene) -> None:
    trained = {candidate.digest: candidate for candidate in scene.result.measured}
    finalists = [candidate for candidate in scene.result.front if candidate.digest in trained]
    assert finalists
    for candidate in finalists:
        assert candidate.label == trained[candidate.digest].validation != candidate.validation
        assert candidate.predicted == trained[candidate.digest].predicted, "predicted before the label was known"
        assert (candidate.protocol, candidate.label_protocol) == ("laptop-finalist", "laptop")
        assert front_row(candidate)["label"] == candidate.to_plain()["accuracy"]["label"] == candidate.label
    for candidate in scene.result.measured:
        assert (candidate.label, candidate.label_protocol) == (candidate.validation, candidate.protocol)


def test_show_prints_the_label_beside_its_prediction(
    scene: Scene, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predicted = [candidate for candidate in scene.result.front if candidate.predicted is not None]
    application()(["show", str(finished), "--id", predicted[0].digest], standalone_mode=False)
    shown = capsys.readouterr().out
    assert predicted[0].label is not None
    label, around = 100 * predicted[0].label, sum(around_candidate(scene.result, predicted[0]).values())
    assert f"in the search: validation accuracy {label:.2f} % (protocol laptop)" in shown
    assert (
        f"as a finalist: validation accuracy {100 * predicted[0].validation:.2f} % (protocol laptop-finalist)" in shown
    )
    assert "predicted before that training" in shown
    assert f"accuracies measured on {predicted[0].devices}\n" in shown
    assert f"around the tiles: {around:.3g} mm²" in shown


def test_both_accuracies_are_told_where_one_protocol_trained_twice(scene: Scene) -> None:
    finalist = next(candidate for candidate in scene.result.front if candidate.label is not None)
    same = replace(finalist, label_protocol=finalist.protocol)
    assert finalist.label is not None
    assert _accuracy_lines(scene.result, same)[0].startswith("as a finalist: validation accuracy")
    name = f"(protocol {finalist.protocol})"
    assert f"in the search: validation accuracy {100 * finalist.label:.2f} % {name}" in _accuracy_lines(
        scene.result, same
    )


def test_a_test_accuracy_says_over_how_many_chips_it_is_the_mean(scene: Scene) -> None:
    finalist = scene.result.front[0]
    drawn = replace(
        finalist,
        devices="device rram-wan2022, wires of cmos-32nm-lstp",
        on_chips=OnChips(mean=0.8, worst=0.7, n_chips=3, norm_images=512),
    )
    lines = "\n".join(_accuracy_lines(scene.result, drawn))
    assert f"{finalist.emulation}, mean of 3 chips (protocol" in lines
    assert "accuracies measured on device rram-wan2022, wires of cmos-32nm-lstp" in lines
    ideal = replace(drawn, devices=IDEAL_DEVICES)
    assert "chips" not in "\n".join(_accuracy_lines(scene.result, ideal))


def test_a_design_of_the_search_is_compared_with_the_label_of_the_baseline(scene: Scene) -> None:
    baseline, own = scene.result.baseline, scene.result.measured[0]
    assert baseline is not None
    labelled = replace(baseline, label=own.validation - 0.015, label_protocol=own.protocol)
    assert _gained(own, labelled) == f", accuracy +1.50 points (validation, {own.protocol})"
    unlabelled = replace(baseline, label=None)
    assert "not comparable: the baseline's is from test, laptop-finalist" in _gained(own, unlabelled)


def test_the_page_holds_rivals_against_labels_and_names_both_protocols(scene: Scene) -> None:
    trained = {candidate.digest: candidate for candidate in scene.result.measured}
    text = page(scene, [])
    assert "<small>test, laptop-finalist</small>" in text
    assert "<small>validation, laptop</small>" in text
    for recommendation in scene.recommended:
        rival = recommendation.rival_measured
        if rival is not None:
            assert rival.own_accuracy == trained[recommendation.candidate.digest].validation
            assert f"{100 * rival.accuracy:.2f} % / {100 * rival.own_accuracy:.2f} %" in text


def test_the_page_tells_what_surrounds_the_tiles(scene: Scene) -> None:
    first = scene.recommended[0].candidate
    around = sum(around_candidate(scene.result, first).values())
    assert around > 0
    assert f"{around:.3g} mm² around {first.hardware['area_mm2']:.3g} mm² of tiles" in page(scene, [])


def test_only_protocols_that_rank_are_said_to_rank() -> None:
    assert "do not rank designs" in worth_of("smoke")
    assert "not the accuracy at native size" in worth_of("laptop-finalist")
    assert "networks themselves" in worth_of("overnight")


def test_the_line_below_the_table_tells_the_measured_and_the_predicted_rival(scene: Scene) -> None:
    (knee,) = (one for one in scene.recommended if "knee" in one.roles)
    predicted = knee.rival_predicted
    assert predicted is not None
    hardware = {name: 3 * value for name, value in knee.candidate.hardware.items()}
    measured = replace(predicted, measured=True, accuracy=0.81, own_accuracy=0.8, hardware=hardware)
    both, guessed, none = (
        str(rival_line([replace(knee, rival_measured=rival, rival_predicted=other)], "laptop"))
        for rival, other in ((measured, predicted), (None, predicted), (None, None))
    )
    ratio = times(predicted.hardware["edap"] / knee.candidate.hardware["edap"])
    assert "(validation, laptop): EDAP 3 x lower (measured: 80.00 % against its 81.00 %); " in both
    assert f"EDAP {ratio} x lower (predicted by the surrogate: " in both
    assert f"EDAP {ratio} x lower" in guessed
    assert "measured:" not in guessed
    stronger = replace(measured, hardware={name: value / 6 for name, value in hardware.items()})
    lost = str(rival_line([replace(knee, rival_measured=stronger)], "laptop"))
    assert "EDAP 2 x higher, so the homogeneous design is better (measured: " in lost
    assert "none found" in none
    assert rival_line([], "laptop") is None
