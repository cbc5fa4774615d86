"""The model against rows of the reference data; scripts/take_golden_hardware.py takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hw_models import CrossbarSpec, LayerShapes, Peripherals, chip_level, evaluate, load_device, load_technology
from scripts.networks import reference_network
from scripts.reference import Rows, evaluate_rows, model_columns, read_rows, reference_columns, select

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
ROWS = read_rows(GOLDEN / "hardware.csv")
NETWORKS = read_rows(GOLDEN / "hardware_networks.csv")
MODEL = model_columns(ROWS)
REFERENCE = reference_columns(ROWS)
TOTALS = ("area_um2", "latency_ns", "energy_pj")


def errors(name: str, mask: np.ndarray | None = None) -> np.ndarray:
    model = MODEL["energy_pj/adc"] + MODEL["energy_pj/array"] if name == "energy_pj/adc+array" else MODEL[name]
    reference = REFERENCE[name]
    chosen = (reference != 0) if mask is None else mask & (reference != 0)
    return np.abs(model[chosen] / reference[chosen] - 1)


@pytest.mark.parametrize("name", TOTALS)
@pytest.mark.parametrize("group", ["main", "main_ron6k_150"])
def test_the_papers_setting_is_within_one_percent(name: str, group: str) -> None:
    found = errors(name, ROWS["set"] == group)
    assert np.median(found) < 0.01
    assert np.quantile(found, 0.99) < 0.05


@pytest.mark.parametrize("name", TOTALS)
@pytest.mark.parametrize("group", ["pe4", "xbar128", "xbar32", "cellbit2", "cellbit1", "sens_act0.5"])
def test_other_arrays_are_within_two_percent(name: str, group: str) -> None:
    found = errors(name, ROWS["set"] == group)
    assert np.median(found) < 0.02
    assert np.quantile(found, 0.99) < 0.10


@pytest.mark.parametrize("name", [name for name in REFERENCE if name not in TOTALS])
def test_every_component_is_within_five_percent(name: str) -> None:
    assert np.median(errors(name)) < 0.05


def test_mapping_is_exact() -> None:
    for mask, report in evaluate_rows(ROWS):
        np.testing.assert_array_equal(report.n_tiles[:, 0], ROWS["n_tiles"][mask])
        np.testing.assert_array_equal(report.copies[:, 0], ROWS["speedup"][mask])
        np.testing.assert_allclose(report.utilization[:, 0], ROWS["utilization"][mask], rtol=1e-5)
        np.testing.assert_array_equal(report.operations[:, 0], ROWS["ops"][mask])


@pytest.mark.parametrize("name", [str(name) for name in NETWORKS["name"]])
def test_whole_networks_are_within_two_percent(name: str) -> None:
    i = list(NETWORKS["name"]).index(name)
    layers, choices, pe_side, device = reference_network(name)
    report = evaluate(
        layers,
        choices,
        crossbar=CrossbarSpec(pe_side=pe_side),
        device=load_device(device),
        technology=load_technology("cmos-32nm-lstp"),
    )
    assert report.n_tiles.sum() == NETWORKS["n_tiles"][i]
    assert report.area_mm2[0] == pytest.approx(NETWORKS["area_tiles_mm2"][i], rel=0.02)
    assert report.latency_us[0] == pytest.approx(NETWORKS["latency_us"][i], rel=0.02)
    assert report.energy_uj[0] == pytest.approx(NETWORKS["energy_uJ"][i], rel=0.02)
    assert report.tops_per_w[0] / 1.22 == pytest.approx(NETWORKS["TOPS_W"][i], rel=0.02)
    assert report.tops_per_mm2[0] == pytest.approx(NETWORKS["TOPS_mm2"][i], rel=0.02)


def chip_rows() -> Rows:
    return select(ROWS, np.isin(ROWS["set"], ["main"]))


@pytest.mark.parametrize("i", range(0, 40, 4))
def test_the_chip_around_one_layer_is_the_references(i: int) -> None:
    rows = chip_rows()
    value = {name: int(rows[name][i]) for name in ("F", "Cin", "k", "Cout", "CS", "AP", "IP")}
    chip = chip_level(
        LayerShapes(
            output_size=value["F"], in_channels=value["Cin"], kernel_size=value["k"], out_channels=value["Cout"]
        ),
        Peripherals(
            column_sharing=value["CS"],
            adc_type=0 if rows["AT"][i] == "SAR" else 1,
            adc_precision=value["AP"],
            input_precision=value["IP"],
        ),
        crossbar=CrossbarSpec(),
        device=load_device("rram-100k"),
        technology=load_technology("cmos-32nm-lstp"),
    )
    assert chip.area_mm2[0] == pytest.approx(1e-6 * rows["chip_area_um2"][i], rel=0.02)
    for unit, column in (("global_buffer", "gbuf"), ("tree", "gic"), ("activation", "relu")):
        assert chip.area_um2[unit][0] == pytest.approx(rows[f"chip_area_{column}_um2"][i], rel=0.01)
