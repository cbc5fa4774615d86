"""Traces a layer's time down to its constants: clocks, cycles of each component, and the effect of the schedule."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hw_models import digital_unit, latency
from hw_models.arrays import FloatArray
from hw_models.constants import Constant
from hw_models.copies import copy_share
from hw_models.cost_model import Schedule
from hw_models.digital_cycles import global_sum_cycles, pe_output_cycles
from hw_models.distinct import Pairing
from hw_models.distinct_parts import DistinctParts, latency_alone, latency_of_one_copy
from hw_models.node_scaling import factor_text
from hw_models.schedule import exposed_ns
from hw_models.setting import Setting
from hw_models.simulator_choices import ColumnModel, GlobalSum
from hw_models.trace import TraceNode, node

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
"""Constants of a column whose behaviour follows from the resistances of its cells."""
_OWN_CONVERTERS = {
    "multiplexer": ("timing.mux_decoder_ns", "timing.mux_drive_ns", "timing.mux_sharing"),
    "sampling": ("reading.sample_ns",),
    "conversion": ("converters.sar_bit_ns", "converters.flash_ns"),
}

_GLOBAL_BUFFER = "global buffer"
_CHIP_TREE = "chip's tree, in whole words"
_SHARED = frozenset({_GLOBAL_BUFFER, _CHIP_TREE})
"""Components that serve all copies of a layer's weights."""


def latency_trace(found: DistinctParts, setting: Setting, known: Mapping[str, Constant]) -> TraceNode:
    """The layer's time: cycles by component x period, combined by the schedule."""
    single = Pairing(shape_index=np.zeros((1, 1), dtype=np.int64), periphery_index=np.zeros((1, 1), dtype=np.int64))
    m, p = found.mapping, found.periphery
    alone_ns, works = latency_alone(found, setting, single), _works(found, setting, single)
    if setting.schedule is Schedule.SEQUENTIAL:
        components = [node(name, "ns", "sum", alone_ns[name], works[name]) for name in latency.COMPONENTS]
        joined = "sum of components, each in cycles of the clock"
    else:
        positions, one_copy_ns = float(m.positions.item()), latency_of_one_copy(found, setting, single)
        exposed = exposed_ns(alone_ns, one_copy_ns, np.array([[positions]]))
        components = [
            _overlapped(name, float(alone_ns[name].item()), works[name], float(exposed[name].item()))
            for name in latency.COMPONENTS
        ]
        in_full = [name for name in latency.COMPONENTS if exposed[name].item() == alone_ns[name].item()]
        slowest = max(in_full, key=lambda name: float(alone_ns[name].item()))
        joined = f"the slowest component, {slowest}, plus the others for one of {positions:g} positions"
    if digital_unit.has_work(found.shapes):
        time = digital_unit.digital_ns(found.shapes, p, found.clocks.digital, setting, single)
        formula = "additions and multiplications / columns at once, in whole cycles x period, in every schedule in full"
        components.append(node(digital_unit.COMPONENT, "ns", formula, time))
    total = sum(part.value for part in components)
    return node("latency", "ns", joined, total, [*_clock_nodes(found, setting, known), *components])


def _overlapped(name: str, alone_ns: float, works: list[TraceNode], shown_ns: float) -> TraceNode:
    """A component that overlaps with others: its full time, or that of one position in one copy of the weights."""
    how = "the slowest of its buffers, each written and read at the same time" if name == "buffers" else "sum"
    share = "its own time in full" if shown_ns == alone_ns else "its time for one position in one copy of the weights"
    return node(name, "ns", share, shown_ns, [node(f"{name} alone", "ns", how, alone_ns, works)])


def _clock_nodes(found: DistinctParts, setting: Setting, known: Mapping[str, Constant]) -> list[TraceNode]:
    """The clock periods of the layer."""
    by_cells = setting.choices.column_model is ColumnModel.CELLS
    constants = _CLOCK_CONSTANTS | (_CELL_CLOCK_CONSTANTS if by_cells else {})
    formula, formulas = "layout_ratio x sum", {}
    if setting.own_converters:
        constants = dict(_OWN_CONVERTERS)
        formula = "layout_ratio x multiplexer + sampling beyond the conversion + conversion"
        factor = factor_text(setting.ratios.delay)
        hidden = "" if setting.schedule is Schedule.SEQUENTIAL else ", as far as it exceeds the conversion"
        formulas = {
            "sampling": f"sample_ns{factor}{hidden}",
            "conversion": f"sar_bit_ns x AP for SAR, flash_ns for Flash{factor}",
        }
        if setting.adc is not None:
            formulas["conversion"] = f"the table {setting.adc.name!r} at AP bits x the factor from its node"
            constants["conversion"] = tuple(f"{kind}.time_ns" for kind in setting.adc.points)
    clock = node(
        "clock",
        "ns",
        formula,
        found.clocks.conversion,
        [
            node(name, "ns", formulas.get(name, "delay"), value, constants=[known[key] for key in constants[name]])
            for name, value in latency.clock_parts(found.periphery, setting).items()
        ],
        constants=[known["timing.layout_ratio"]],
    )
    if setting.digital_ns is None:
        return [clock]
    keys = ("digital.period_ns", "scaling.delay_exponent")
    digital = node(
        "digital clock",
        "ns",
        f"period_ns{factor_text(setting.ratios.delay)}",
        found.clocks.digital,
        constants=[known[key] for key in keys],
    )
    return [clock, digital]


def _works(found: DistinctParts, setting: Setting, single: Pairing) -> dict[str, list[TraceNode]]:
    """Every kind of work with its cycles, by component."""
    m, p, digital = found.mapping, found.periphery, float(found.clocks.digital.item())
    whole: tuple[tuple[str, str, FloatArray], ...] = (
        ("buffers", "PE output buffers, in whole words", pe_output_cycles(m, p, setting, single)),
        ("buffers", _GLOBAL_BUFFER, latency.global_buffer_cycles(m, p, setting, single)),
        (
            "interconnect",
            _CHIP_TREE,
            latency.chip_wire_cycles(m, p, found.tile, clock=found.clocks.digital, setting=setting, pairing=single),
        ),
        ("activation", "ReLU units, in whole calls", latency.activation_cycles(m, p, setting, single)),
    )
    if setting.choices.global_sum is GlobalSum.TWO_COLUMNS:
        sums = global_sum_cycles(m, p, clock=found.clocks.digital, setting=setting, pairing=single)
        whole = (*whole, ("accumulation", "the sum over tiles, in whole calls", sums))
    found_share = copy_share(m, p, single)
    share = 1.0 if found_share is None else float(found_share.item())
    shared = "" if share == 1 else f" x {share:g} by copies"
    by_component: dict[str, list[TraceNode]] = {name: [] for name in latency.COMPONENTS}
    for term in found.cycle_terms:
        count, each = np.asarray(term.count).item(), np.asarray(term.cycles).item()
        period = float(found.clocks.of(term.component).item())
        formula = f"{count:g} x {each:g} cycles ({term.formula}) x clock {period:.6g} ns{shared}"
        by_component[term.component].append(node(term.work, "ns", formula, count * each * period * share))
    for component, work, cycles in whole:
        n_cycles, local = float(cycles.item()), work not in _SHARED
        by_component[component].append(
            node(
                work,
                "ns",
                f"{n_cycles:g} cycles x clock {digital:.6g} ns{shared if local else ''}",
                n_cycles * digital * (share if local else 1.0),
            )
        )
    return by_component
