"""Layers beyond the reference: stride, kernels, non-square maps, linear, grouped and depthwise; codings and cells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hw_models import (
    AdcModel,
    AdcType,
    CrossbarSpec,
    HardwareModelError,
    LayerShapes,
    Peripherals,
    WeightCoding,
    chip_level,
    evaluate,
    explain,
    load_device,
    load_model,
    model_names,
)
from hw_models.adc_library import published_figures
from hw_models.adc_survey import schreier_pj, survey_pj, walden_pj
from hw_models.adder_tree import adder_tree
from hw_models.chip_tree import tree_length
from hw_models.converter_energy import conversion_energy
from hw_models.weight_matrix import weight_matrix
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY, cost, peripherals, shapes


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
def test_a_kernel_of_any_size_takes_its_inputs_times_its_area(kernel_size: int) -> None:
    report = cost(shapes(kernel_size=kernel_size, in_channels=64, out_channels=256))
    assert report.n_tiles.item() == -(-64 * kernel_size**2 // 512)
    assert report.operations.item() == 2 * 64 * 64 * kernel_size**2 * 256


def test_a_map_costs_by_its_positions_whatever_its_form() -> None:
    square, flat = cost(shapes(output_size=8)), cost(shapes(output_size=4, output_width=16))
    np.testing.assert_array_equal(square.area_um2, flat.area_um2)
    np.testing.assert_array_equal(square.energy_pj, flat.energy_pj)


def test_a_stride_enlarges_the_buffered_input_only() -> None:
    one, two = cost(shapes(stride=1, output_size=16)), cost(shapes(stride=2, output_size=16))
    np.testing.assert_array_equal(one.energy_pj, two.energy_pj)
    assert two.breakdown["latency_ns"]["buffers"].item() <= one.breakdown["latency_ns"]["buffers"].item()


def test_a_linear_layer_is_a_convolution_at_one_position() -> None:
    report = cost(shapes(output_size=1, kernel_size=1, in_channels=512, out_channels=10))
    assert report.operations.item() == 2 * 512 * 10
    assert report.n_tiles.item() == 1


def test_depthwise_convolutions_use_a_crossbar_poorly_and_it_shows() -> None:
    full = cost(shapes(in_channels=64, out_channels=64))
    depthwise = cost(shapes(in_channels=64, out_channels=64, groups=64))
    assert depthwise.operations.item() == full.operations.item() / 64
    assert depthwise.utilization.item() < 0.1 * full.utilization.item()
    assert depthwise.tops_per_w.item() < 0.1 * full.tops_per_w.item()


def test_two_groups_cost_no_more_cells_than_one_layer_of_half_the_inputs_twice() -> None:
    grouped = cost(shapes(in_channels=128, out_channels=128, groups=2))
    whole = cost(shapes(in_channels=128, out_channels=128))
    assert grouped.operations.item() == whole.operations.item() / 2
    assert grouped.energy_pj.item() < whole.energy_pj.item()


@pytest.mark.parametrize("model", ["published", "xpertsim", "neurosim"])
def test_groups_pay_only_for_the_columns_that_they_use(model: str) -> None:
    # 7 groups of 9 x 2 cells on the diagonal of one crossbar have the rows and columns of one layer 7 -> 7.
    alone, together = (
        evaluate(
            shapes(in_channels=7, out_channels=7, groups=groups),
            peripherals(),
            crossbar=CrossbarSpec(),
            device=DEVICE,
            technology=TECHNOLOGY,
            model=load_model(model),
        )
        for groups in (7, 1)
    )
    for quantity in ("energy_pj", "latency_ns", "area_um2"):
        for component, values in together.breakdown[quantity].items():
            assert alone.breakdown[quantity][component].item() == pytest.approx(values.item()), component


def test_groups_in_several_crossbars_convert_their_own_columns() -> None:
    # Three blocks of 7 groups: per block of 63 rows as many conversions as a layer 7 -> 7.
    layer, one = (shapes(in_channels=n, out_channels=n, groups=n) for n in (21, 7))
    counts = [weight_matrix(each.arrays(), CrossbarSpec()) for each in (layer, one)]
    assert [each.columns.item() for each in counts] == [3 * 64, 64], "each block begins with a crossbar of its own"
    assert [each.used_columns.item() for each in counts] == [42, 14]
    assert counts[0].used_within(np.array([[14, 64, 70, 128, 500]])).tolist() == [[14, 14, 20, 28, 42]]
    energies = [_conversion_pj(each, peripherals(), "offset-analog") for each in (layer, one)]
    assert energies[0] == pytest.approx(3 * energies[1])


def test_differential_coding_doubles_the_columns() -> None:
    offset, differential = cost(shapes(out_channels=512)), cost(shapes(out_channels=512), coding="differential")
    assert CrossbarSpec(coding="differential").columns_per_weight == 4
    assert differential.n_tiles.item() == 2 * offset.n_tiles.item()
    assert differential.energy_pj.item() > offset.energy_pj.item()


@pytest.mark.parametrize("adc_type", list(AdcType))
def test_a_differential_pair_of_columns_is_one_conversion(adc_type: AdcType) -> None:
    # 512 rows and 512 columns of cells fill one tile; the pairs fill two. No copies in either.
    layer, choice = shapes(in_channels=512, kernel_size=1, out_channels=256), peripherals(adc_type=adc_type.code)
    offset, differential = cost(layer, choice), cost(layer, choice, coding="differential")
    assert [offset.n_tiles.item(), differential.n_tiles.item()] == [1, 2]
    fixed = [_conversion_pj(layer, choice, coding) for coding in ("offset-analog", "differential")]
    assert fixed[1] == pytest.approx(fixed[0])
    by_part = [report.breakdown["area_um2"] for report in (offset, differential)]
    assert by_part[1]["array"].item() == pytest.approx(2 * by_part[0]["array"].item())
    assert by_part[1]["adc"].item() == pytest.approx(by_part[0]["adc"].item(), rel=0.2), "encoders come in whole rows"
    cycles = [report.breakdown["latency_ns"]["adc"] / report.clock_ns for report in (offset, differential)]
    assert cycles[1].item() == pytest.approx(cycles[0].item()), "as many conversions one after another"


def _conversion_pj(layer: LayerShapes, choice: Peripherals, coding: str) -> float:
    """Energy of all conversions [pJ] but for what their columns' currents add."""
    spec = CrossbarSpec(coding=WeightCoding(coding))
    energy = explain(layer, choice, layer=0, crossbar=spec, device=DEVICE, technology=TECHNOLOGY)[2]
    adc = next(part for part in energy.parts if part.name == "adc")
    return next(part.value for part in adc.parts if part.name.startswith("conversion of a column"))


def test_column_sharing_counts_pairs_where_weights_are_differential() -> None:
    assert cost(None, peripherals(column_sharing=32), coding="differential").area_um2.item() > 0
    with pytest.raises(HardwareModelError, match="at most the crossbar's 32 pairs of columns, got 64"):
        cost(None, peripherals(column_sharing=64), coding="differential")


@pytest.mark.parametrize(("coding", "converted"), [("offset-analog", False), ("offset-digital", True)])
def test_reference_columns_are_built_and_driven_and_converted_only_where_the_subtraction_is_digital(
    coding: str, converted: bool
) -> None:
    layer = shapes(out_channels=256)
    plain, referenced = cost(layer, coding=coding), cost(layer, coding=coding, reference_columns=1)
    assert referenced.n_tiles.item() == plain.n_tiles.item(), "weights keep all their columns"
    for quantity in ("area_um2", "energy_pj"):
        cells = [report.breakdown[quantity]["array"].item() for report in (plain, referenced)]
        assert cells[1] == pytest.approx(cells[0] * 65 / 64)
        adcs = [report.breakdown[quantity]["adc"].item() for report in (plain, referenced)]
        assert (adcs[1] > adcs[0]) == converted
    assert 1 < referenced.area_um2.item() / plain.area_um2.item() < 1.15


def test_reference_columns_are_converted_for_every_group_of_rows() -> None:
    def extra_pj(rows_read: int) -> float:
        array: dict[str, Any] = {"rows_read": rows_read, "coding": "offset-digital"}
        plain, referenced = cost(**array), cost(**array, reference_columns=1)
        return float((referenced.breakdown["energy_pj"]["adc"] - plain.breakdown["energy_pj"]["adc"]).item())

    assert extra_pj(16) == pytest.approx(4 * extra_pj(64))


def test_a_digital_offset_costs_a_counter() -> None:
    analog, digital = cost(), cost(coding="offset-digital")
    for quantity in ("area_um2", "energy_pj"):
        parts = [report.breakdown[quantity]["accumulation"].item() for report in (analog, digital)]
        assert parts[1] > parts[0]


def test_a_cell_written_at_the_supply_needs_no_level_shifters_but_leaks() -> None:
    sram, rram = cost(device="sram", cell_bits=1), cost(cell_bits=1)
    assert sram.breakdown["area_um2"]["periphery"].item() < rram.breakdown["area_um2"]["periphery"].item()
    assert sram.leakage_uw.item() > rram.leakage_uw.item()
    assert sram.leakage_uj[0] == pytest.approx(1e-6 * sram.leakage_uw.item() * sram.latency_us[0])


def test_the_survey_is_the_larger_of_two_limits() -> None:
    bits, survey = np.arange(1, 17), TECHNOLOGY.survey
    walden, schreier = walden_pj(bits, survey), schreier_pj(bits, survey)
    np.testing.assert_array_equal(survey_pj(bits, survey), np.maximum(walden, schreier))
    np.testing.assert_allclose(walden[1:] / walden[:-1], 2)
    np.testing.assert_allclose(schreier[1:] / schreier[:-1], 10**0.602)


@pytest.mark.parametrize("model", model_names())
@pytest.mark.parametrize("kind", AdcType)
def test_the_survey_is_a_lower_bound_that_keeps_the_columns_current(model: str, kind: AdcType) -> None:
    choices = peripherals(adc_type=kind.code, adc_precision=np.arange(3, 9)[:, np.newaxis])
    setting = {"crossbar": CrossbarSpec(), "technology": TECHNOLOGY, "model": load_model(model)}
    circuit, limit = (
        evaluate(shapes(), choices, device=DEVICE, adc_model=source, **setting)
        for source in (AdcModel.CIRCUIT, "survey")
    )
    adc_pj = limit.breakdown["energy_pj"]["adc"]
    assert (adc_pj <= circuit.breakdown["energy_pj"]["adc"]).all()
    np.testing.assert_array_equal(limit.latency_ns, circuit.latency_ns)
    resistive = evaluate(shapes(), choices, device=load_device("rram-100k"), adc_model=AdcModel.SURVEY, **setting)
    assert (resistive.breakdown["energy_pj"]["adc"] < adc_pj).all(), "less current, less energy"


@pytest.mark.parametrize("kind", list(AdcType))
@pytest.mark.parametrize("model", model_names())
def test_a_columns_current_takes_energy_with_the_square_of_the_read_voltage(model: str, kind: AdcType) -> None:
    def adc_pj(read_v: float) -> float:
        device = replace(DEVICE, cell=replace(DEVICE.cell, read_v=read_v))
        setting = {"crossbar": CrossbarSpec(), "technology": TECHNOLOGY, "model": load_model(model)}
        report = evaluate(shapes(), peripherals(adc_type=kind.code, adc_precision=4), device=device, **setting)
        return float(report.breakdown["energy_pj"]["adc"].item())

    none, low, usual = adc_pj(1e-9), adc_pj(0.25), adc_pj(0.5)
    assert usual - none == pytest.approx(4 * (low - none))
    assert usual > 1.1 * none, "6 kohm cells"


@pytest.mark.parametrize("model", model_names())
@pytest.mark.parametrize("device", ["rram-6k", "rram-100k"])
def test_conversions_are_compared_with_the_survey_without_their_columns_currents(model: str, device: str) -> None:
    choices = peripherals(adc_type=[0, 1], weight_bits=[8, 4], adc_precision=[6, 4])
    setting = {"crossbar": CrossbarSpec(), "technology": TECHNOLOGY, "model": load_model(model)}
    found = conversion_energy(shapes(), choices, device=load_device(device), **setting)
    both = evaluate(shapes(), choices, device=load_device(device), **setting).breakdown["energy_pj"]["adc"]
    assert (found.own < both).all()
    precision, limit = np.array([6, 4]), survey_pj(np.array([6, 4]), TECHNOLOGY.survey)
    other = conversion_energy(shapes(), choices, device=load_device("rram-6k"), **setting)
    if load_model(model).assumptions is not None:
        expected = published_figures(precision, np.array([False, True]), 32.0, load_model(model).assumed).energy_pj
        held = 1e-3 * load_model(model).assumed.reading.sample_hold_fj
        np.testing.assert_allclose(found.own / found.survey, [(expected + held) / limit])
        np.testing.assert_allclose(other.own, found.own)


@pytest.mark.parametrize(("n", "length"), [(1, 0), (2, 0.5), (4, 1), (5, 2), (12, 2), (16, 2.5), (20, 4.5), (72, 9)])
def test_the_tree_has_the_lengths_of_the_reference(n: int, length: float) -> None:
    assert float(tree_length(np.array(n))) == length


@pytest.mark.parametrize(("n", "adders", "growth"), [(1, 0, 0), (2, 1, 0), (3, 1, 0), (4, 3, 1), (9, 7, 4)])
def test_an_adder_tree_halves_its_inputs(n: int, adders: int, growth: int) -> None:
    found = adder_tree(np.array([n]))
    assert (int(found[0][0]), int(found[1][0])) == (adders, growth)


def test_residual_additions_cost_energy_on_the_chip() -> None:
    setting = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": TECHNOLOGY}
    without = chip_level(shapes(), peripherals(), **setting)
    added = chip_level(shapes(), peripherals(), **setting, residual_elements=8 * 8 * 128)
    assert without.residual_pj[0] == 0
    assert added.residual_pj[0] > 0
    assert added.area_mm2[0] == without.area_mm2[0]
    assert added.area_um2["tiles"][0] == pytest.approx(cost().area_um2.item())


@pytest.mark.parametrize("layer", range(4))
def test_an_explanation_ends_in_the_reported_number_and_names_its_constants(layer: int) -> None:
    layers = LayerShapes(
        output_size=[32, 8, 4, 1],
        in_channels=[3, 256, 512, 512],
        kernel_size=[3, 3, 3, 1],
        out_channels=[64, 512, 512, 10],
    )
    choices = peripherals(adc_type=[0, 1, 1, 0], input_precision=[8, 1, 4, 4])
    report = cost(layers, choices)
    found = explain(layers, choices, layer=layer, crossbar=CrossbarSpec(), device=DEVICE, technology=TECHNOLOGY)
    for node, values in zip(found, (report.area_um2, report.latency_ns, report.energy_pj), strict=True):
        assert node.value == pytest.approx(values[0, layer], rel=1e-12)
        components = [part for part in node.parts if part.name != "clock"]
        assert sum(part.value for part in components) == pytest.approx(node.value, rel=1e-12)
        text = "\n".join(node.lines())
        assert "fit_hardware.py" in text
        for part in components:
            assert sum(leaf.value for leaf in part.parts) == pytest.approx(
                part.value / (report.n_tiles[0, layer] if node.unit == "um2" else 1), rel=1e-9
            )
