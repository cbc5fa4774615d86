"""Lines on a refinement that found nothing cheaper, and on designs that are dearer than the baseline."""

from dataclasses import replace
from pathlib import Path

from tests.refinable import design
from xpert_evo.orchestration.refining import Refined, Refinement
from xpert_evo.orchestration.refining.settings import front_of
from xpert_evo.orchestration.refining.telling import best_words, edap_words, span_words
from xpert_evo.report.refining.pictures import rows_of

TRAINED = Refined(
    design=design(),
    weights=Path("trained.safetensors"),
    round=0,
    is_tuned=False,
    edap=10.0,
    edap_ratio=4.0,
    area_mm2=1.0,
    latency_us=1.0,
    energy_uj=10.0,
    expected=None,
    divergence=0.0,
    judged=0.8,
    n_judged=100,
    validation=0.8,
)
CHEAPER = replace(TRAINED, weights=Path("other.safetensors"), edap=5.0, edap_ratio=8.0, validation=0.795)
DEARER = replace(CHEAPER, edap=80.0, edap_ratio=0.5, validation=0.9)


def _result(*front: Refined) -> Refinement:
    return Refinement(trained=TRAINED, front=front, others=(), predictions=(), seconds=0.0, devices="ideal devices")


def test_the_trained_network_is_no_choice_of_its_own() -> None:
    alone = _result(TRAINED)
    assert alone.chosen == ()
    assert best_words(alone, 0.007) == "within 0.7 points of the trained network: nothing cheaper was found"
    assert best_words(_result(DEARER), 0.007).endswith(": nothing cheaper was found")
    found = _result(DEARER, TRAINED, CHEAPER)
    assert found.chosen == (DEARER, CHEAPER)
    assert best_words(found, 0.007).endswith(f"{CHEAPER.design.digest[:8]}, EDAP 8 x below the baseline's")
    assert best_words(found, 0.001).endswith(": nothing cheaper was found")


def test_ratios_below_one_are_told_the_other_way_round() -> None:
    assert edap_words(DEARER) == "2 x above the baseline's"
    assert [row[1] for row in rows_of([DEARER, CHEAPER])] == ["2 x higher", "8 x"]
    assert span_words([3.754, 3.746]) == "3.75"
    assert span_words([0.5, 2.0]) == "0.50 to 2.00"


def test_a_front_is_that_of_all_images_where_all_have_judged() -> None:
    misjudged = replace(DEARER, judged=0.9, validation=0.7)
    assert front_of([misjudged, TRAINED, CHEAPER]) == [TRAINED, CHEAPER]
