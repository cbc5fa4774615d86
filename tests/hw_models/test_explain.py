"""Explanations name the constants and factors that a number was computed with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hw_models import CrossbarSpec, Device, explain, load_device, load_model, load_technology
from hw_models.constants import Constant
from hw_models.technology import WriteConstants
from hw_models.trace import TraceNode
from tests.hw_models.hardware_settings import peripherals, shapes


def _explained(device: Device, node_nm: int, **changes: Any) -> list[TraceNode]:
    """Area, latency and energy of a layer by the default model, each with all numbers below it."""
    technology = load_technology(f"cmos-{node_nm}nm-lstp")
    found = explain(
        shapes(**changes),
        peripherals(),
        layer=0,
        crossbar=CrossbarSpec(),
        device=device,
        technology=technology,
        model=load_model("published"),
    )
    return [each for tree in found for each in _below(tree)]


def _below(node: TraceNode) -> list[TraceNode]:
    return [node, *(each for part in node.parts for each in _below(part))]


def test_an_explanation_shows_the_devices_own_constant_where_it_replaces_the_models() -> None:
    device = replace(load_device("rram-100k"), write=WriteConstants(row_driver_um2=31.0))
    own = Constant(name="write.row_driver_um2", value=31.0, unit="um2 per row", source="a chip")
    device = replace(device, constants={**device.constants, own.name: own})
    for node_nm in (32, 22):
        drivers = next(each for each in _explained(device, node_nm) if each.name.startswith("level shifters"))
        assert own in drivers.constants
        assert "factor" not in drivers.formula, "a device's figure holds at its own node"


def test_an_explanation_shows_the_factors_of_layout_and_node() -> None:
    layout = load_model("published").constants["digital.layout_energy_ratio"]
    by_name = {each.name: each for each in _explained(load_device("rram-100k"), 22, additions=100, moved=8)}
    simulated = ("shift-adders of one crossbar for one output position", "chip's tree", "ReLU units", "additions")
    for name in simulated:
        assert layout in by_name[name].constants, name
        assert "layout_energy_ratio" in by_name[name].formula, name
    energy, delay, area = (22 / 32 * (0.85 / 0.9) ** 2, (22 / 32) ** 0.5, (22 / 32) ** 2)
    for name, factor in (
        ("input of a tile, written and read", energy),
        ("moved", energy),
        ("conversion of a column, part independent of the column", energy),
        ("conversion", delay),
        ("digital clock", delay),
        ("ADCs of one tile", area),
    ):
        assert f" x {factor:.4g}, the node's factor" in by_name[name].formula, name
    assert not any("the node's factor" in each.formula for each in _explained(load_device("rram-100k"), 32))
