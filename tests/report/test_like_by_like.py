"""Like stands by like: labels beside predictions, areas with what they leave out, and what a protocol is good for."""

from pathlib import Path

import pytest

from xpert_evo.cli.app import app
from xpert_evo.report.around import around_candidate
from xpert_evo.report.files import front_row
from xpert_evo.report.page import page
from xpert_evo.report.scene import Scene


def test_finalists_keep_the_label_that_their_prediction_was_of(scene: Scene) -> None:
    trained = {candidate.digest: candidate for candidate in scene.result.measured}
    finalists = [candidate for candidate in scene.result.front if candidate.digest in trained]
    assert finalists
    for candidate in finalists:
        assert candidate.label == trained[candidate.digest].validation != candidate.validation
        assert (candidate.protocol, candidate.label_protocol) == ("laptop-finalist", "laptop")
        assert front_row(candidate)["label"] == candidate.to_plain()["accuracy"]["label"] == candidate.label
    for candidate in scene.result.measured:
        assert (candidate.label, candidate.label_protocol) == (candidate.validation, candidate.protocol)


def test_show_prints_the_label_beside_its_prediction(
    scene: Scene, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predicted = [candidate for candidate in scene.result.front if candidate.predicted is not None]
    app(["show", str(finished), "--id", predicted[0].digest], standalone_mode=False)
    shown = capsys.readouterr().out
    assert predicted[0].label is not None
    label, around = 100 * predicted[0].label, sum(around_candidate(scene.result, predicted[0]).values())
    assert f"in the search: validation accuracy {label:.2f} % (protocol laptop)" in shown
    assert "predicted before that training" in shown
    assert f"around the tiles: {around:.3g} mm²" in shown


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
