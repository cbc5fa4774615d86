"""The native front and its comparisons, from accuracies and costs alone."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hw_models import AdcType
from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.backbones import load_backbone
from xpert_evo.report.candidates import HARDWARE_FIELDS, Candidate
from xpert_evo.report.native import NativeDesign, NativeResult, native_json
from xpert_evo.space import SearchSpace


def design(role: str, validation: float, edap: float, expected: float | None = 0.5) -> NativeDesign:
    space = SearchSpace(load_backbone("vgg8"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=5, input_precision=4)
    candidate = Candidate(
        design=space.decode(genome)[0],
        digest=f"{int(edap):016x}",
        genome=genome[0],
        protocol="recipe hour",
        validation=validation,
        robustness=None,
        test=validation - 0.01,
        emulation="exact crossbar emulation",
        n_test_images=10_000,
        label=None,
        label_protocol="laptop",
        predicted=None,
        std=None,
        hardware={**dict.fromkeys(HARDWARE_FIELDS, 1.0), "edap": edap},
        cost_model="published",
        batch="native",
        reused=False,
        seconds=1.0,
        devices="ideal devices",
        ideal=None,
        on_chips=None,
    )
    return NativeDesign(candidate=candidate, role=role, expected=expected)


def native(*designs: NativeDesign) -> NativeResult:
    by_edap = sorted(designs, key=lambda one: one.candidate.hardware["edap"])
    return NativeResult(recipe=load_recipe("hour"), designs=by_edap, n_planned=len(designs), failed=[], is_refined=True)


def test_the_front_has_those_that_no_other_beats() -> None:
    cheap, dominated = design("homogeneous", 0.64, 17_700), design("searched", 0.58, 25_100)
    middle, best = design("searched", 0.70, 30_000), design("searched", 0.80, 65_000)
    dear = design("homogeneous", 0.80, 70_000)
    result = native(best, dominated, cheap, dear, middle)
    assert result.front == [cheap, middle, best]
    assert result.rival_of(middle) == dear
    assert result.rival_of(dominated) == cheap
    entries = json.loads(native_json(result))
    assert [entry["on_native_front"] for entry in entries] == [True, True, True, False, False]
    low, high = entries[0]["accuracy"]["interval"]
    assert high - 0.63 == pytest.approx(0.63 - low) == pytest.approx(1.96 * np.sqrt(0.63 * 0.37 / 10_000))
    assert entries[0]["accuracy"]["std"] == pytest.approx(np.sqrt(0.63 * 0.37 / 10_000))


def test_fronts_of_random_designs_are_pareto_sets() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = int(rng.integers(1, 9))
        drawn = [design("searched", a, 1_000 * e) for a, e in zip(rng.random(n), 1 + rng.permutation(n), strict=True)]
        front = {one.candidate.digest for one in native(*drawn).front}
        for one in drawn:
            beaten = any(
                other.candidate.validation >= one.candidate.validation
                and other.candidate.hardware["edap"] < one.candidate.hardware["edap"]
                for other in drawn
            )
            assert (one.candidate.digest in front) != beaten


def test_the_line_compares_with_rivals_that_are_at_least_as_accurate() -> None:
    own, rival = design("searched", 0.90, 10_000), design("homogeneous", 0.91, 25_000)
    assert "has 2.5 x lower EDAP than" in native(own, rival).line
    assert "is more accurate than every homogeneous design" in native(own, design("homogeneous", 0.8, 9_000)).line
    assert "the rivals are better" in native(own, design("homogeneous", 0.95, 5_000)).line
    alone = native(own, design("searched", 0.95, 20_000)).line
    assert "No homogeneous design was trained at native size" in alone
    assert "more accurate than every" not in alone
    missing = replace(native(own, rival), n_planned=3)
    assert not missing.is_final
    assert replace(missing, failed=["x"]).is_final


def test_ranking_is_told_from_four_designs_on() -> None:
    designs = [design("searched", 0.5 + 0.1 * i, 1_000 + i, expected=0.3 + 0.1 * i) for i in range(4)]
    assert native(*designs).tau == pytest.approx(1.0)
    assert native(*designs[:3], replace(designs[3], role="refined", expected=None)).tau is None
