"""Laws that the model must keep everywhere, checked on random layers and peripherals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models import (
    AdcType,
    CrossbarSpec,
    LayerShapes,
    Peripherals,
    WeightCoding,
    device_names,
    evaluate,
    load_device,
    load_model,
    load_technology,
)
from hw_models.coverage import NODES_NM
from tests.hw_models.hardware_settings import cost, peripherals, shapes

NEUROSIM = load_model("neurosim")
QUANTITIES = ("area_um2", "latency_ns", "energy_pj")

paper_layers = st.fixed_dictionaries(
    {
        "output_size": st.sampled_from([1, 2, 4, 8, 16, 32]),
        "in_channels": st.sampled_from([3, 16, 64, 96, 128, 256, 384, 512]),
        "kernel_size": st.sampled_from([1, 3]),
        "out_channels": st.sampled_from([10, 16, 64, 96, 128, 256, 384, 512]),
    }
)
paper_choices = st.fixed_dictionaries(
    {
        "column_sharing": st.sampled_from([2, 4, 8, 16, 32]),
        "adc_type": st.sampled_from([AdcType.SAR.code, AdcType.FLASH.code]),
        "adc_precision": st.integers(3, 8),
        "input_precision": st.integers(1, 8),
    }
)
devices = st.sampled_from(["rram-6k", "rram-100k"])


def value(quantity: str, layer: dict[str, int], choice: dict[str, int], device: str, **crossbar: Any) -> float:
    return float(getattr(cost(LayerShapes(**layer), Peripherals(**choice), device=device, **crossbar), quantity).item())


@pytest.mark.parametrize("quantity", QUANTITIES)
@given(layer=paper_layers, choice=paper_choices, device=devices)
def test_nothing_gets_cheaper_when_an_adc_gains_a_bit(
    quantity: str, layer: dict[str, int], choice: dict[str, int], device: str
) -> None:
    fewer = choice | {"adc_precision": min(choice["adc_precision"], 7)}
    more = fewer | {"adc_precision": fewer["adc_precision"] + 1}
    assert value(quantity, layer, more, device) > value(quantity, layer, fewer, device)


@pytest.mark.parametrize("quantity", ["area_um2", "energy_pj"])
@given(layer=paper_layers, choice=paper_choices, device=devices)
def test_area_and_energy_rise_when_inputs_gain_a_bit(
    quantity: str, layer: dict[str, int], choice: dict[str, int], device: str
) -> None:
    fewer = choice | {"input_precision": min(choice["input_precision"], 7)}
    more = fewer | {"input_precision": fewer["input_precision"] + 1}
    assert value(quantity, layer, more, device) > value(quantity, layer, fewer, device)


def test_latency_and_area_have_the_exceptions_of_the_reference() -> None:
    sharing = np.array([[2], [4], [8], [16], [32]])
    report = cost(shapes(out_channels=512), peripherals(column_sharing=sharing, adc_type=AdcType.FLASH.code))
    latency, area = report.latency_ns[:, 0], report.area_um2[:, 0]
    assert latency[1] < latency[0], "at first the multiplexer gets faster with sharing"
    assert latency[-1] > latency[1]
    assert area[0] > area[1] > area[2]


def test_a_flash_adc_doubles_with_each_bit_and_a_sar_adc_grows_evenly() -> None:
    bits = np.arange(3, 9)[:, np.newaxis]
    sar = cost(choices=peripherals(adc_precision=bits)).breakdown["area_um2"]["adc"][:, 0]
    flash = cost(choices=peripherals(adc_precision=bits, adc_type=AdcType.FLASH.code)).breakdown["area_um2"]["adc"][
        :, 0
    ]
    np.testing.assert_allclose(np.diff(sar, n=2), 0, atol=1e-6 * sar[0])
    assert np.all(flash[1:] / flash[:-1] > 1.9)
    assert np.all(flash[1:] / flash[:-1] < 2.6)


@given(times=st.integers(1, 12), choice=paper_choices)
def test_area_follows_the_number_of_tiles(times: int, choice: dict[str, int]) -> None:
    one = cost(shapes(in_channels=512, kernel_size=1, out_channels=256), Peripherals(**choice))
    many = cost(shapes(in_channels=512 * times, kernel_size=1, out_channels=256), Peripherals(**choice))
    assert many.n_tiles.item() == times * one.n_tiles.item()
    assert many.area_um2.item() == pytest.approx(times * one.area_um2.item())


def test_a_copy_that_no_longer_fits_makes_a_layer_slower_by_a_step() -> None:
    report = cost(shapes(in_channels=np.array([96, 128, 144]), kernel_size=1, out_channels=64))
    assert report.copies[0].tolist() == [16, 16, 8]
    converting = report.breakdown["latency_ns"]["adc"][0]
    assert converting[1] == pytest.approx(converting[0])
    assert converting[2] == pytest.approx(2 * converting[1])


@given(data=st.data(), n_designs=st.integers(1, 4), n_layers=st.integers(1, 3))
def test_a_batch_equals_its_members(data: st.DataObject, n_designs: int, n_layers: int) -> None:
    layers = [[data.draw(paper_layers) for _ in range(n_layers)] for _ in range(n_designs)]
    choices = [[data.draw(paper_choices) for _ in range(n_layers)] for _ in range(n_designs)]

    def stacked(rows: list[list[dict[str, int]]]) -> dict[str, np.ndarray]:
        return {key: np.array([[entry[key] for entry in row] for row in rows]) for key in rows[0][0]}

    batch = cost(LayerShapes(**stacked(layers)), Peripherals(**stacked(choices)))
    for d in range(n_designs):
        for i in range(n_layers):
            alone = cost(LayerShapes(**layers[d][i]), Peripherals(**choices[d][i]))
            for quantity in (*QUANTITIES, "leakage_uw", "clock_ns", "utilization"):
                assert getattr(batch, quantity)[d, i] == pytest.approx(getattr(alone, quantity).item(), rel=1e-12)
    assert batch.edap.shape == (n_designs,)


@settings(max_examples=60)
@given(data=st.data())
def test_no_combination_inside_the_ranges_gives_nan_zero_or_less(data: st.DataObject) -> None:
    device = data.draw(st.sampled_from(device_names()))
    pe_side = data.draw(st.sampled_from([1, 2, 3, 4]))
    spec = {
        "rows": data.draw(st.integers(4, 300)),
        "columns": data.draw(st.integers(36, 300)),
        "cell_bits": data.draw(st.integers(1, int(load_device(device).cell.max_cell_bits))),
        "weight_bits": data.draw(st.integers(2, 16)),
        "pe_side": pe_side,
        "tile_side": pe_side * data.draw(st.integers(1, 3)),
        "coding": data.draw(st.sampled_from(list(WeightCoding))),
        "reference_columns": data.draw(st.integers(0, 4)),
    }
    groups = data.draw(st.sampled_from([1, 2, 32]))
    layer = LayerShapes(
        output_size=data.draw(st.integers(1, 64)),
        output_width=data.draw(st.integers(1, 64)),
        in_channels=groups * data.draw(st.integers(1, 40)),
        kernel_size=data.draw(st.sampled_from([1, 3, 5, 7])),
        out_channels=groups * data.draw(st.integers(1, 40)),
        stride=data.draw(st.integers(1, 3)),
        groups=groups,
    )
    choice = Peripherals(
        column_sharing=data.draw(st.integers(1, CrossbarSpec(**spec).converted_columns)),
        adc_type=data.draw(st.integers(0, 1)),
        adc_precision=data.draw(st.integers(1, 12)),
        input_precision=data.draw(st.integers(1, 16)),
    )
    report = cost(layer, choice, device=device, **spec)
    for quantity in (*QUANTITIES, "leakage_uw", "clock_ns", "utilization", "edap", "tops_per_w", "tops_per_mm2"):
        found = getattr(report, quantity)
        assert np.isfinite(found).all(), quantity
        assert (found > 0).all(), quantity
    assert (report.utilization <= 1).all()
    for parts in report.breakdown.values():
        assert all(np.isfinite(part).all() and (part >= 0).all() for part in parts.values())


@given(layer=paper_layers, choice=paper_choices, device=devices)
def test_components_add_up_to_their_quantity(layer: dict[str, int], choice: dict[str, int], device: str) -> None:
    report = cost(LayerShapes(**layer), Peripherals(**choice), device=device)
    for quantity, parts in report.breakdown.items():
        np.testing.assert_allclose(sum(parts.values()), getattr(report, quantity), rtol=1e-12)


def test_the_default_crossbar_is_the_references() -> None:
    spec = CrossbarSpec()
    assert (spec.cells_per_weight, spec.n_crossbars, spec.n_pes, spec.built_columns) == (2, 64, 4, 64)


NODES = {node: load_technology(f"cmos-{node}nm-lstp") for node in NODES_NM}
nodes = st.sampled_from(NODES_NM)


def upstream_value(quantity: str, layer: dict[str, int], choice: dict[str, int], device: str, node: int) -> float:
    """A total by the model `neurosim`."""
    report = evaluate(
        LayerShapes(**layer),
        Peripherals(**choice),
        crossbar=CrossbarSpec(),
        device=load_device(device),
        technology=NODES[node],
        model=NEUROSIM,
    )
    return float(getattr(report, quantity).item())


@pytest.mark.parametrize("quantity", ["area_um2", "energy_pj", "leakage_uw"])
@given(layer=paper_layers, choice=paper_choices, device=devices, node=nodes)
def test_nothing_gets_cheaper_when_an_adc_gains_a_bit_by_neurosim(
    quantity: str, layer: dict[str, int], choice: dict[str, int], device: str, node: int
) -> None:
    """Latency has the exception below; leakage of SAR ADCs follows the widths of sums alone."""
    fewer = choice | {"adc_precision": min(choice["adc_precision"], 7)}
    more = fewer | {"adc_precision": fewer["adc_precision"] + 1}
    assert upstream_value(quantity, layer, more, device, node) > upstream_value(quantity, layer, fewer, device, node)


def test_neurosims_latency_falls_when_a_tiles_output_buffer_gets_a_second_core() -> None:
    """As in its data: two cores of 32 x 32 bits take twice what one takes."""
    layer = {"output_size": 16, "in_channels": 256, "kernel_size": 3, "out_channels": 256}
    choice = {"column_sharing": 2, "adc_type": AdcType.FLASH.code, "input_precision": 8}
    one, two = (
        upstream_value("latency_ns", layer, choice | {"adc_precision": bits}, "rram-100k", 32) for bits in (3, 4)
    )
    assert two < one
