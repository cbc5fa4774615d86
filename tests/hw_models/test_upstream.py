"""The model `neurosim` against results of DNN+NeuroSim V1.3 that no constant was fitted to.

scripts/take_golden_hardware.py takes the rows: every fifth of each node's, and some with larger cores of the tiles'
buffers (Peng, Huang, Luo, Sun, Yu, IEDM 2019; commit 388f421).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hw_models import (
    CostModel,
    CrossbarSpec,
    HardwareModelError,
    Schedule,
    WeightCoding,
    chip_level,
    evaluate,
    explain,
    load_device,
    load_model,
    sources,
)
from hw_models.cost_model import DigitalClock
from hw_models.mapping import map_layers
from hw_models.upstream_network import upstream_network
from scripts.reference import (
    evaluate_rows,
    model_columns,
    node_technology,
    read_rows,
    reference_columns,
    select,
    upstream_report,
)
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY, peripherals, shapes

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MODEL = load_model("neurosim")
ROWS = read_rows(GOLDEN / "upstream.csv")
FOUND = model_columns(ROWS, MODEL)
FOUND["energy_pj/adc+array"] = FOUND["energy_pj/adc"] + FOUND["energy_pj/array"]
REFERENCE = reference_columns(ROWS)
NETWORKS = read_rows(GOLDEN / "upstream_networks.csv")
NODES = sorted({int(node) for node in ROWS["node_nm"]})
TARGETS = {32: (0.002, 0.04), 22: (0.002, 0.02)}
OTHER_TARGET = (0.005, 0.10)
"""Median and 99th percentile of the error of latency and energy; areas and leakage are exact to a part in 10,000."""
RUNAWAY = (
    (ROWS["node_nm"] == 65)
    & (ROWS["AT"] == "Flash")
    & (ROWS["ron_ohm"] == 6000)
    & (ROWS["Cin"] * ROWS["k"] ** 2 < ROWS["xbar"])
)
"""At 65 nm the polynomial of Flash sensing that V1.3 has runs away on columns of low resistance; see the docs."""


def errors(name: str, mask: np.ndarray) -> np.ndarray:
    chosen = mask & (REFERENCE[name] != 0)
    return np.abs(FOUND[name][chosen] / REFERENCE[name][chosen] - 1)


def test_all_nodes_and_both_kinds_of_buffers_are_there() -> None:
    assert NODES == [7, 10, 14, 22, 32, 45, 65, 90, 130]
    assert set(ROWS["tilebuf_core_bits"]) == {1024.0, 1048576.0}


@pytest.mark.parametrize("name", ["area_um2", "leakage_uw"])
@pytest.mark.parametrize("node", NODES)
def test_area_and_leakage_are_exact(node: int, name: str) -> None:
    assert errors(name, ROWS["node_nm"] == node).max() < 1e-4


@pytest.mark.parametrize("name", ["latency_ns", "energy_pj"])
@pytest.mark.parametrize("node", NODES)
def test_latency_and_energy_of_a_node_are_within_its_target(node: int, name: str) -> None:
    median, most = TARGETS.get(node, OTHER_TARGET)
    found = errors(name, (ROWS["node_nm"] == node) & ~RUNAWAY)
    assert np.median(found) < median
    assert np.quantile(found, 0.99) < most


def test_sensing_that_runs_away_is_within_a_third() -> None:
    for name in ("latency_ns", "energy_pj"):
        assert errors(name, RUNAWAY).max() < 1 / 3


def test_sensing_at_65_nm_stands_at_its_cap_on_full_columns_of_6_kohm() -> None:
    """V1.3's clock there is 16.8 ns, four times that of other nodes."""
    common = {"crossbar": CrossbarSpec(), "device": DEVICE, "model": MODEL}
    layers, choices = shapes(in_channels=256), peripherals(adc_type=1)
    clock = {
        node: evaluate(layers, choices, technology=node_technology(node), **common).clock_ns.item() for node in NODES
    }
    assert clock[65] == pytest.approx(16.8, abs=0.1)
    assert all(clock[node] < 7 for node in NODES if node != 65)


@pytest.mark.parametrize("name", [name for name in REFERENCE if "/" in name])
def test_every_component_is_within_two_percent(name: str) -> None:
    assert np.median(errors(name, ~RUNAWAY)) < 0.02


def test_mapping_is_exact_and_nothing_is_extrapolated() -> None:
    for mask, report in evaluate_rows(ROWS, MODEL):
        np.testing.assert_array_equal(report.n_tiles[:, 0], ROWS["n_tiles"][mask])
        np.testing.assert_array_equal(report.copies[:, 0], ROWS["speedup"][mask])
        assert report.notes == ()


@pytest.mark.parametrize(
    ("choice", "value", "name", "at_least"),
    [
        ("comparator_area", "without-nmos", "area_um2", 0.05),
        ("tile_buffers", "whole", "latency_ns", 0.05),
        ("delay_cycles", "layer-clock", "latency_ns", 0.02),
        ("global_sum", "tile-columns", "latency_ns", 0.0005),
        ("row_activity", "used-rows", "energy_pj", 0.01),
        ("column_model", "device", "energy_pj", 0.003),
        ("leakage_count", "fitted", "leakage_uw", 0.02),
        ("pair_mux", "row", "area_um2", 0.00004),
    ],
)
def test_every_choice_is_needed(choice: str, value: str, name: str, at_least: float) -> None:
    """With the answer of XPertSim to one question the mean error grows by at least so much."""
    other = changed(choice, value)
    rows = select(ROWS, ~RUNAWAY)
    reference = reference_columns(rows)[name]
    mean = [np.abs(model_columns(rows, model)[name] / reference - 1).mean() for model in (MODEL, other)]
    assert mean[1] > mean[0] + at_least


def changed(choice: str, value: str) -> CostModel:
    """`neurosim` with another answer to one question."""
    kind = type(getattr(MODEL.choices, choice))
    return replace(MODEL, choices=replace(MODEL.choices, **{choice: kind(value)}))


def ratio(found: np.ndarray, reference: float) -> float:
    return float(found[0]) / reference


@pytest.mark.parametrize("i", range(len(NETWORKS["network"])))
def test_whole_networks_follow_v13s_accounting(i: int) -> None:
    report = upstream_report(NETWORKS, i, MODEL)
    assert report.n_tiles.sum() == NETWORKS["n_tiles"][i]
    assert ratio(report.clock_ns, NETWORKS["clk_ns"][i]) == pytest.approx(1, abs=0.004)
    assert ratio(report.interval_ns, NETWORKS["interval_ns"][i]) == pytest.approx(1, abs=0.01)
    assert ratio(report.latency_ns, NETWORKS["latency_image_ns"][i]) == pytest.approx(1, abs=0.01)
    assert ratio(report.throughput_fps, NETWORKS["fps"][i]) == pytest.approx(1, abs=0.01)
    assert ratio(report.leakage_uw, NETWORKS["leakage_power_uW"][i]) == pytest.approx(1, abs=0.001)
    assert ratio(report.idle_leakage_pj, NETWORKS["leakage_energy_pJ"][i]) == pytest.approx(1, abs=0.01)
    energy = ratio(report.energy_pj.sum(axis=1), NETWORKS["dynamic_energy_pJ"][i])
    assert energy == pytest.approx(1, abs=0.005)


@settings(max_examples=40, deadline=None)
@given(
    repeats=st.lists(st.sampled_from([1, 2, 4, 8]), min_size=3, max_size=3),
    adc=st.sampled_from([0, 1]),
    sharing=st.sampled_from([2, 8, 32]),
)
def test_a_pipeline_is_never_slower_and_repeats_shorten_conversions(repeats: list[int], adc: int, sharing: int) -> None:
    layers = shapes(output_size=[32, 16, 8], in_channels=[3, 64, 128], out_channels=[64, 128, 256])
    choices = peripherals(adc_type=adc, column_sharing=sharing)
    common = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": node_technology(22), "model": MODEL}
    one_by_one = upstream_network(layers, choices, pipelined=False, **common)
    pipeline = upstream_network(layers, choices, pipelined=True, **common)
    copied = peripherals(adc_type=adc, column_sharing=sharing, copies=[repeats])
    repeated = upstream_network(layers, copied, pipelined=True, **common)
    assert pipeline.throughput_fps[0] >= one_by_one.throughput_fps[0]
    assert pipeline.interval_ns[0] == pipeline.layer_latency_ns.max()
    assert (repeated.n_tiles == pipeline.n_tiles * np.array([repeats])).all()
    assert repeated.clock_ns[0] == pipeline.clock_ns[0]


@pytest.mark.parametrize(
    ("name", "changes"),
    [("xpertsim", {}), ("published", {}), ("neurosim", {"digital_clock": DigitalClock.OWN})],
)
def test_a_model_that_counts_otherwise_is_refused(name: str, changes: dict[str, DigitalClock]) -> None:
    model = load_model(name)
    model = replace(model, choices=replace(model.choices, **changes), assumptions=load_model("published").assumptions)
    with pytest.raises(HardwareModelError, match=rf"which model '{name}' does not have; use 'neurosim'\."):
        upstream_network(
            shapes(),
            peripherals(),
            crossbar=CrossbarSpec(),
            device=DEVICE,
            technology=TECHNOLOGY,
            model=model,
            pipelined=True,
        )


@pytest.mark.parametrize("adc", [0, 1])
@pytest.mark.parametrize("node", [130, 32, 7])
def test_every_number_is_explained(node: int, adc: int) -> None:
    layers, choices = shapes(in_channels=256, out_channels=512), peripherals(adc_type=adc, input_precision=8)
    common = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": node_technology(node), "model": MODEL}
    report = evaluate(layers, choices, **common)
    trees = explain(layers, choices, layer=0, **common)
    for tree, total in zip(trees, (report.area_um2, report.latency_ns, report.energy_pj), strict=True):
        assert tree.value == pytest.approx(total.item(), rel=1e-9)


@pytest.mark.parametrize("rows_read", [9, 16, 64])
@pytest.mark.parametrize("schedule", list(Schedule))
def test_rows_read_in_groups_are_counted_by_v13s_formulas_as_well(rows_read: int, schedule: Schedule) -> None:
    """SAR ADCs pay in full for each group of rows, whether or not a row of it is active."""
    layers, choices = shapes(in_channels=64, kernel_size=1), peripherals(adc_type=0, input_precision=8)
    common = {"device": DEVICE, "technology": TECHNOLOGY, "model": MODEL, "schedule": schedule, "activity": 0.01}
    every, some = (evaluate(layers, choices, crossbar=CrossbarSpec(rows_read=n), **common) for n in (None, rows_read))
    groups = -(-64 // rows_read)
    adc = [report.breakdown["energy_pj"]["adc"].item() for report in (every, some)]
    assert adc[1] >= adc[0] * (1 - 1e-12)
    mapped = map_layers(layers, CrossbarSpec(rows_read=rows_read), 0.01)
    assert mapped.conversions.item() == groups * map_layers(layers, CrossbarSpec(), 0.01).conversions.item()
    assert mapped.conversions.item() >= mapped.column_reads.item()
    nodes = explain(layers, choices, layer=0, crossbar=CrossbarSpec(rows_read=rows_read), **common)
    assert nodes[2].value == pytest.approx(some.energy_pj.item(), rel=1e-9)
    assert nodes[1].value == pytest.approx(some.latency_ns.item(), rel=1e-9)


def test_constants_of_a_simulator_belong_to_models_that_use_them() -> None:
    assert MODEL.simulator.buffers.tile_core_bits == 1024
    with pytest.raises(HardwareModelError, match=r"'published' has no simulator constants; choose 'neurosim'"):
        _ = load_model("published").simulator


@pytest.mark.parametrize("node", NODES)
def test_what_a_node_does_not_tell_is_said_to_be_taken_over(node: int) -> None:
    constants = node_technology(node).constants
    assert all(constant.source for constant in constants.values())
    if node != 32:
        assert "32nm" in constants["energy.one_bit_level_ratio"].source
        assert f"at {node} nm" in constants["area.full_adder_um2"].source


@pytest.mark.parametrize("name", ["area_um2", "energy_pj"])
def test_a_smaller_node_costs_less(name: str) -> None:
    common = {"crossbar": CrossbarSpec(), "device": DEVICE, "model": MODEL}
    costs = [
        getattr(evaluate(shapes(), peripherals(), technology=node_technology(node), **common), name).item()
        for node in NODES
    ]
    assert costs == sorted(costs)


def test_the_chip_around_a_layer_is_v13s() -> None:
    rows = select(ROWS, (ROWS["node_nm"] == 32) & (ROWS["ron_ohm"] == 6000) & (ROWS["tilebuf_core_bits"] == 1024))
    for i in range(0, len(rows["F"]), 4):
        value = {name: int(rows[name][i]) for name in ("F", "Cin", "k", "Cout", "CS", "AP", "IP")}
        layers = shapes(
            output_size=value["F"], in_channels=value["Cin"], kernel_size=value["k"], out_channels=value["Cout"]
        )
        choices = peripherals(
            column_sharing=value["CS"],
            adc_type=int(rows["AT"][i] == "Flash"),
            adc_precision=value["AP"],
            input_precision=value["IP"],
        )
        chip = chip_level(layers, choices, crossbar=CrossbarSpec(), device=DEVICE, technology=TECHNOLOGY, model=MODEL)
        assert chip.area_mm2[0] == pytest.approx(1e-6 * rows["chip_area_um2"][i], rel=0.002)


def test_sources_of_a_model_stand_among_the_others() -> None:
    found = {name for source in sources(device=DEVICE, technology=TECHNOLOGY, model=MODEL) for name in source.constants}
    assert {"neurosim: choices.tile_buffers", "neurosim: buffers.tile_core_bits"} <= found


@settings(max_examples=60, deadline=None)
@given(
    crossbar=st.builds(
        CrossbarSpec,
        rows=st.sampled_from([4, 48, 64, 256]),
        columns=st.sampled_from([16, 64, 128]),
        cell_bits=st.sampled_from([1, 2, 4]),
        pe_side=st.sampled_from([1, 2, 4, 8]),
        tile_side=st.just(8),
        coding=st.sampled_from(list(WeightCoding)),
    ),
    layer=st.fixed_dictionaries(
        {
            "output_size": st.sampled_from([1, 7, 56]),
            "in_channels": st.sampled_from([4, 64, 2048]),
            "kernel_size": st.sampled_from([1, 3, 7]),
            "out_channels": st.sampled_from([4, 64, 1000]),
            "stride": st.sampled_from([1, 2]),
            "groups": st.sampled_from([1, 4]),
        }
    ),
    choice=st.fixed_dictionaries(
        {
            "column_sharing": st.sampled_from([1, 2, 8]),
            "adc_type": st.sampled_from([0, 1]),
            "adc_precision": st.sampled_from([1, 2, 6, 12]),
            "input_precision": st.sampled_from([1, 3, 16]),
        }
    ),
    device=st.sampled_from(["rram-6k", "pcm", "sram", "fefet"]),
    node=st.sampled_from(NODES),
)
def test_any_accepted_setting_gives_positive_costs(
    crossbar: CrossbarSpec, layer: dict[str, int], choice: dict[str, int], device: str, node: int
) -> None:
    assume(crossbar.cell_bits <= load_device(device).cell.max_cell_bits)
    report = evaluate(
        shapes(**layer),
        peripherals(**choice),
        crossbar=crossbar,
        device=load_device(device),
        technology=node_technology(node),
        model=MODEL,
    )
    for total in (report.area_um2, report.latency_ns, report.energy_pj, report.leakage_uw):
        assert np.isfinite(total).all()
        assert (total > 0).all()
    for parts in report.breakdown.values():
        assert all((part >= 0).all() for part in parts.values())
