"""One number followed down to its constants: area, latency and energy of a layer as a tree of products and sums.

Every node has a value, a unit and the formula that joins its children; leaves name the constants that they use, each
with its unit and source. The children of a sum add up to it, so a reader can follow any part to the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from hw_models import energy, latency
from hw_models.area import TileArea
from hw_models.arrays import FloatArray, check_count, check_shape
from hw_models.constants import Constant
from hw_models.cost_model import CostModel
from hw_models.crossbar import CrossbarSpec
from hw_models.digital_cycles import global_sum_cycles, pe_output_cycles
from hw_models.distinct import Pairing
from hw_models.model import REFERENCE_ACTIVITY, DistinctParts, checked_setting, distinct_parts
from hw_models.periphery import Peripherals
from hw_models.setting import Setting
from hw_models.simulator_choices import ColumnModel, GlobalSum
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

_CIRCUIT_FORMULAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ADCs": (
        "ADCs of a crossbar x (base + bit AP) for SAR; x (comparator + its NMOS transistors where the model has them) "
        "(2^AP - 1), and encoders in whole rows, for Flash",
        (
            "sar.base_um2",
            "sar.bit_um2",
            "flash.comparator_um2",
            "flash.comparator_nmos_um2",
            "flash.encoder_base_um",
            "flash.encoder_input_um",
        ),
    ),
    "cells": (
        "rows x columns x cell width x cell height",
        ("cell.cell_width_f", "cell.cell_height_f", "node.feature_nm"),
    ),
    "shift-adders": (
        "ADCs x full_adder x bits, flip-flops and control in whole rows of layout",
        ("area.full_adder_um2", "layout.flipflop_width_um", "layout.row_height_um"),
    ),
    "PE adder trees": ("trees x adders x bits x full_adder", ("area.full_adder_um2",)),
    "tile accumulator": ("adders x bits x full_adder", ("area.full_adder_um2",)),
    "level shifters": (
        "rows x level_shifter, for cells written above the limit of thin oxide",
        ("area.level_shifter_um2", "cell.write_v", "node.level_shifter_above_v"),
    ),
    "row switches": ("rows x row_switch", ("area.row_switch_um2",)),
    "column switches": ("columns x column_switch", ("area.column_switch_um2",)),
    "multiplexers": (
        "CS rows of layout; for CS = 2 one, or pass gates alone by the model",
        ("layout.row_height_um", "area.mux_pair_um2"),
    ),
    "multiplexer decoders": ("table over CS", ("area.mux_decoder_um2", "area.mux_decoder_sharing")),
    "PE buffers": (
        "flip-flops in whole rows and columns along the PE's sides",
        ("layout.flipflop_width_um", "layout.row_height_um"),
    ),
    "tile buffers": ("bits x flipflop + decoder of the entries", ("area.flipflop_um2", "area.register_decoder_um2")),
    "tile wires": ("bus width x wire_pitch x length of the tree", ("layout.wire_pitch_um", "area.tree_growth")),
}

_CLOCK_CONSTANTS = {
    "multiplexer": ("timing.mux_decoder_ns", "timing.mux_drive_ns", "timing.mux_sharing"),
    "column": ("timing.column_base_ns", "timing.column_ns_per_ohm", "cell.settling_ohm"),
    "sensing": ("sar.cycle_ns", "flash.sense_ns", "flash.sense_ns_per_octave", "flash.sense_onset_ohm"),
    "encoder": ("flash.encoder_base_ns", "flash.encoder_level_ns"),
}
_CELL_CLOCK_CONSTANTS = {
    "column": ("column.settle_ns_per_ohm", "column.settle_access_ns", "cell.on_ohm", "cell.on_off_ratio"),
    "sensing": ("sar.cycle_ns", "column.sense_ohm", "column.sense_ns"),
}
"""Where the column follows from the resistances of its cells."""

_SINGLE = Pairing(shape_index=np.zeros((1, 1), dtype=np.int64), periphery_index=np.zeros((1, 1), dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceNode:
    """A number and where it comes from.

    Attributes:
        name: what it is.
        value: the number.
        unit: its unit.
        formula: how it follows from its parts or constants.
        constants: the constants in the formula.
        parts: the numbers in the formula.
    """

    name: str
    value: float
    unit: str
    formula: str
    constants: tuple[Constant, ...] = ()
    parts: tuple[TraceNode, ...] = field(default=())

    def lines(self, depth: int = 0) -> Iterator[str]:
        """The tree as indented text."""
        indent = "  " * depth
        yield f"{indent}{self.name}: {self.value:.6g} {self.unit} = {self.formula}"
        for constant in self.constants:
            yield f"{indent}    {constant.name} = {_shown(constant.value)} {constant.unit}  [{constant.source}]"
        for part in self.parts:
            yield from part.lines(depth + 1)


def explain(
    shapes: LayerShapes,
    peripherals: Peripherals,
    *,
    layer: int,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    design: int = 0,
    activity: float = REFERENCE_ACTIVITY,
    model: CostModel | None = None,
) -> tuple[TraceNode, TraceNode, TraceNode]:
    """Area, latency and energy of one layer of one design, each as a tree down to constants.

    Args:
        shapes: as in `evaluate`.
        peripherals: as in `evaluate`.
        layer: which layer, from 0.
        crossbar: as in `evaluate`.
        device: as in `evaluate`.
        technology: as in `evaluate`.
        design: which design, from 0.
        activity: as in `evaluate`.
        model: as in `evaluate`.

    Raises:
        HardwareModelError: for arguments that `evaluate` refuses, and for a design or layer that is not there.
    """
    setting = checked_setting(
        peripherals, crossbar=crossbar, device=device, technology=technology, activity=activity, model=model
    )
    shape = check_shape(shapes.arrays() | peripherals.arrays())
    for name, value, n in (("design", design, shape[0]), ("layer", layer, shape[1])):
        check_count(name, value, low=0, high=n - 1)
    one = _one(shapes, peripherals, shape, design, layer)
    found = distinct_parts(*one, setting)
    known = dict(technology.constants) | dict(device.constants) | dict(setting.model.constants)
    return (
        _area(found.tile, float(found.mapping.n_tiles.item()), known),
        _latency(found, setting, known),
        _energy(found, setting, known),
    )


def _one(
    shapes: LayerShapes, peripherals: Peripherals, shape: tuple[int, int], design: int, layer: int
) -> tuple[LayerShapes, Peripherals]:
    """The arguments of one layer alone."""
    chosen = {name: np.broadcast_to(values, shape)[design, layer] for name, values in shapes.arrays().items()}
    choices = {name: np.broadcast_to(values, shape)[design, layer] for name, values in peripherals.arrays().items()}
    return LayerShapes(**chosen), Peripherals(**choices)


def _node(
    name: str,
    unit: str,
    formula: str,
    value: FloatArray | float,
    parts: Sequence[TraceNode] = (),
    *,
    constants: Sequence[Constant] = (),
) -> TraceNode:
    return TraceNode(
        name=name,
        value=float(np.asarray(value).item()),
        unit=unit,
        formula=formula,
        parts=tuple(parts),
        constants=tuple(constants),
    )


def _area(tile: TileArea, n_tiles: float, known: dict[str, Constant]) -> TraceNode:
    """The layer's area: tiles x circuits."""
    components = []
    for component, circuits in tile.circuits.items():
        parts = [
            _node(
                f"{name} of one tile",
                "um2",
                _CIRCUIT_FORMULAS[name][0],
                value,
                constants=[known[key] for key in _CIRCUIT_FORMULAS[name][1]],
            )
            for name, value in circuits.items()
        ]
        components.append(
            _node(component, "um2", f"{n_tiles:g} tiles x sum", n_tiles * tile.components[component], parts)
        )
    return _node("area", "um2", "sum of components", sum(part.value for part in components), components)


def _latency(found: DistinctParts, setting: Setting, known: dict[str, Constant]) -> TraceNode:
    """The layer's time: cycles by component x clock."""
    m, p, clock = found.mapping, found.periphery, found.clock
    period = float(clock.item())
    clock_node = _node(
        "clock",
        "ns",
        "layout_ratio x sum",
        clock,
        [
            _node(name, "ns", "delay", value, constants=[known[key] for key in _clock_constants(name, setting)])
            for name, value in latency.clock_parts(p, setting).items()
        ],
        constants=[known["timing.layout_ratio"]],
    )
    whole: tuple[tuple[str, str, FloatArray], ...] = (
        ("buffers", "PE output buffers, in whole words", pe_output_cycles(m, p, setting, _SINGLE)),
        ("buffers", "global buffer", latency.global_buffer_cycles(m, p, setting, _SINGLE)),
        (
            "interconnect",
            "chip's tree, in whole words",
            latency.chip_wire_cycles(m, p, found.tile, clock=clock, setting=setting, pairing=_SINGLE),
        ),
        ("activation", "ReLU units, in whole calls", latency.activation_cycles(m, p, setting, _SINGLE)),
    )
    if setting.model.choices.global_sum is GlobalSum.TWO_COLUMNS:
        sums = global_sum_cycles(m, p, clock=clock, setting=setting, pairing=_SINGLE)
        whole = (*whole, ("accumulation", "the sum over tiles, in whole calls", sums))
    by_component: dict[str, list[TraceNode]] = {name: [] for name in latency.COMPONENTS}
    for term in found.cycle_terms:
        count, each = np.asarray(term.count).item(), np.asarray(term.cycles).item()
        formula = f"{count:g} x {each:g} cycles ({term.formula}) x clock {period:.6g} ns"
        by_component[term.component].append(_node(term.work, "ns", formula, count * each * period))
    for component, work, cycles in whole:
        n_cycles = float(cycles.item())
        by_component[component].append(
            _node(work, "ns", f"{n_cycles:g} cycles x clock {period:.6g} ns", n_cycles * period)
        )
    components = [
        _node(name, "ns", "sum", sum(part.value for part in parts), parts) for name, parts in by_component.items()
    ]
    total, formula = sum(part.value for part in components), "sum of components, each in cycles of the clock"
    return _node("latency", "ns", formula, total, [clock_node, *components])


def _clock_constants(name: str, setting: Setting) -> tuple[str, ...]:
    """Constants behind a part of the clock."""
    by_cells = setting.model.choices.column_model is ColumnModel.CELLS
    return (_CELL_CLOCK_CONSTANTS if by_cells else {}).get(name, _CLOCK_CONSTANTS[name])


def _energy(found: DistinctParts, setting: Setting, known: dict[str, Constant]) -> TraceNode:
    """The layer's energy: events x energy of one."""
    m, p = found.mapping, found.periphery
    by_component: dict[str, list[TraceNode]] = {name: [] for name in energy.COMPONENTS}
    for term in found.energy_terms:
        count, each = np.asarray(term.count).item(), np.asarray(term.energy_pj).item()
        by_component[term.component].append(
            _node(
                term.event,
                "pJ",
                f"{count:g} x {each:.6g} pJ, each {term.formula}",
                count * each,
                constants=[known[key] for key in term.constants],
            )
        )
    by_component["interconnect"].append(
        _node(
            "chip's tree",
            "pJ",
            "whole words x bus width x length x wire_pj_per_um",
            energy.chip_wires_pj(m, p, found.tile, setting, _SINGLE),
            constants=[known["energy.wire_pj_per_um"]],
        )
    )
    by_component["activation"].append(
        _node(
            "ReLU units",
            "pJ",
            "whole calls x columns at once x IP x activation_bit",
            energy.activation_pj(m, p, setting, _SINGLE),
            constants=[known["energy.activation_bit_pj"]],
        )
    )
    components = [
        _node(name, "pJ", "sum", sum(part.value for part in parts), parts) for name, parts in by_component.items()
    ]
    return _node("energy", "pJ", "sum of components", sum(part.value for part in components), components)


def _shown(value: float | tuple[float, ...]) -> str:
    """A constant's value as text."""
    return f"{value:g}" if isinstance(value, float) else "(" + ", ".join(f"{item:g}" for item in value) + ")"
