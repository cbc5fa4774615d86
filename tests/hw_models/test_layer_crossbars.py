"""Layers that choose the bits of their weights: costs are those of a chip of their own, and a sign takes no cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose

from hw_models import (
    AdcType,
    CostTable,
    CrossbarSpec,
    HardwareModelError,
    LayerChoices,
    LayerShapes,
    Peripherals,
    WeightCoding,
    chip_level,
    evaluate,
    explain,
    load_model,
    model_names,
    upstream_network,
)
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY

BITS = (3, 8, 5)
SHAPES = LayerShapes(
    output_size=[16, 8, 1], in_channels=[3, 64, 200], kernel_size=[3, 3, 1], out_channels=[64, 200, 10]
)
CHIP = {"device": DEVICE, "technology": TECHNOLOGY}


def choices(weight_bits: npt.ArrayLike | None = None, sharing: int = 8) -> Peripherals:
    return Peripherals(
        column_sharing=sharing,
        adc_type=AdcType.SAR.code,
        adc_precision=[6, 5, 4],
        input_precision=4,
        weight_bits=weight_bits,
    )


@pytest.mark.parametrize(("bits", "cells"), [(2, 1), (5, 1), (6, 2), (8, 2), (9, 2), (10, 3)])
def test_a_differential_weight_needs_cells_for_its_magnitude_alone(bits: int, cells: int) -> None:
    crossbar = CrossbarSpec(weight_bits=bits, coding=WeightCoding.DIFFERENTIAL)
    assert (crossbar.cells_per_weight, crossbar.columns_per_weight) == (cells, 2 * cells)
    assert CrossbarSpec(weight_bits=bits).cells_per_weight == -(-bits // 4)


def test_a_differential_weight_of_one_bit_has_no_magnitude() -> None:
    with pytest.raises(HardwareModelError, match="must be at least 2 for differential weights"):
        CrossbarSpec(weight_bits=1, coding=WeightCoding.DIFFERENTIAL)


@pytest.mark.parametrize("coding", list(WeightCoding))
@pytest.mark.parametrize("name", model_names())
def test_each_layer_costs_what_it_costs_on_a_chip_with_its_weight_bits(name: str, coding: WeightCoding) -> None:
    given = {**CHIP, "model": load_model(name)}
    mixed = evaluate(SHAPES, choices([[*BITS], [8, 8, 8]]), crossbar=CrossbarSpec(coding=coding), **given)
    for layer, bits in enumerate(BITS):
        own = evaluate(SHAPES, choices(), crossbar=CrossbarSpec(coding=coding, weight_bits=bits), **given)
        for field in ("area_um2", "latency_ns", "leakage_uw", "clock_ns", "n_tiles", "copies", "utilization"):
            assert_allclose(getattr(mixed, field)[0, layer], getattr(own, field)[0, layer], rtol=1e-12, err_msg=field)
        for part, values in own.breakdown["energy_pj"].items():
            if part != "leakage":
                assert_allclose(mixed.breakdown["energy_pj"][part][0, layer], values[0, layer], rtol=1e-12)
    same = evaluate(SHAPES, choices(), crossbar=CrossbarSpec(coding=coding), **given)
    for field in ("area_mm2", "latency_us", "energy_uj", "edap"):
        assert getattr(mixed, field)[1] == pytest.approx(getattr(same, field)[0], rel=1e-12)
        assert getattr(mixed, field)[0] != getattr(same, field)[0]


def test_leakage_of_a_layer_lasts_until_the_whole_network_is_done() -> None:
    given = {"crossbar": CrossbarSpec(), **CHIP, "model": load_model("published"), "schedule": "sequential"}
    report = evaluate(SHAPES, choices(BITS), **given)
    waited = 1e-3 * report.leakage_uw * report.latency_ns.sum(axis=1, keepdims=True)
    assert_allclose(report.breakdown["energy_pj"]["leakage"], waited, rtol=1e-12)


def test_a_trace_ends_at_the_cost_of_the_layer_with_its_own_bits() -> None:
    given = {"crossbar": CrossbarSpec(), **CHIP, "model": load_model("published")}
    report = evaluate(SHAPES, choices(BITS), **given)
    for layer in range(3):
        traced = [node.value for node in explain(SHAPES, choices(BITS), layer=layer, **given)]
        found = [report.area_um2, report.latency_ns, report.energy_pj]
        assert_allclose(traced, [values[0, layer] for values in found], rtol=1e-9)


def test_the_chip_around_the_tiles_serves_layers_of_different_weight_bits() -> None:
    mixed, narrow, wide = (
        chip_level(SHAPES, choices(bits), crossbar=CrossbarSpec(), **CHIP).area_um2 for bits in (BITS, 3, 8)
    )
    for unit in mixed:
        assert min(narrow[unit][0], wide[unit][0]) <= mixed[unit][0] <= max(narrow[unit][0], wide[unit][0])
    assert narrow["tiles"][0] < mixed["tiles"][0] < wide["tiles"][0]


def test_a_table_with_weight_bits_gives_the_numbers_of_the_model() -> None:
    layers = [
        LayerChoices(
            name=f"conv{i}",
            output_size=int(SHAPES.arrays()["output_size"][0, i]),
            kernel_size=int(SHAPES.arrays()["kernel_size"][0, i]),
            in_channels=(int(SHAPES.arrays()["in_channels"][0, i]),),
            out_channels=(int(SHAPES.arrays()["out_channels"][0, i]),),
            column_sharing=(8,),
            adc_type=(AdcType.SAR,),
            adc_precision=(int(choices().arrays()["adc_precision"][0, i]),),
            input_precision=(4,),
            weight_bits=(2, 4, 5, 8),
            weight_bits_column=i,
        )
        for i in range(3)
    ]
    given = {"crossbar": CrossbarSpec(), **CHIP, "model": load_model("published")}
    genomes = np.array(np.meshgrid(*[range(4)] * 3)).reshape(3, -1).T
    scored = CostTable.build(layers, **given).score(genomes)
    report = evaluate(SHAPES, choices(np.array([2, 4, 5, 8])[genomes]), **given)
    for field in ("area_mm2", "latency_us", "energy_uj", "edap"):
        assert_allclose(getattr(scored, field), getattr(report, field), rtol=1e-12)
    assert scored.edap[0] < scored.edap[-1], "fewer weight bits take fewer columns"


def test_sharing_is_checked_against_each_layers_own_columns() -> None:
    with pytest.raises(HardwareModelError, match="a weight needs 16 columns, but the crossbar has only 8"):
        evaluate(SHAPES, choices([3, 16, 8], sharing=4), crossbar=CrossbarSpec(columns=8, cell_bits=1), **CHIP)


def test_networks_under_upstream_accounting_have_one_crossbar() -> None:
    given = {"crossbar": CrossbarSpec(), **CHIP, "model": load_model("neurosim"), "pipelined": False}
    with pytest.raises(HardwareModelError, match="give all layers the same weight_bits"):
        upstream_network(SHAPES, choices(BITS), **given)
    own = upstream_network(SHAPES, choices(), **{**given, "crossbar": CrossbarSpec(weight_bits=4)})
    assert_allclose(upstream_network(SHAPES, choices(4), **given).energy_pj, own.energy_pj)
