"""Traces a number down to its constants: area, latency and energy of a layer as trees of products and sums.

Every node has a value, a unit and the formula that combines its children; leaves list the constants that they use, each
with its unit and source. The children of a sum add up to it, so a reader can follow any part to the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hw_models import digital_unit, energy
from hw_models.adc_library import AdcTable
from hw_models.arrays import check_count, check_shape
from hw_models.constants import Constant
from hw_models.cost_model import CostModel, RowDrivers, Schedule
from hw_models.crossbar import CrossbarSpec
from hw_models.crossbar_groups import by_crossbar
from hw_models.distinct import Pairing
from hw_models.distinct_parts import DistinctParts, distinct_parts
from hw_models.explain_latency import latency_trace
from hw_models.model import REFERENCE_ACTIVITY, checked_setting, report_of
from hw_models.node_scaling import factor_text
from hw_models.periphery import Peripherals
from hw_models.schedule import leaks
from hw_models.setting import Setting
from hw_models.technology import Device, Technology
from hw_models.trace import TraceNode, node
from hw_models.workload import LayerShapes

_CIRCUIT_FORMULAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ADCs": (
        "ADCs of a crossbar x (base + bit AP) for SAR; x (comparator + its NMOS transistors if counted) "
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

_OWN_ADC = (
    "ADCs of a crossbar x (sar_bit AP + sar_step 2^AP for SAR; comparator (2^AP - 1) 4^(AP - matched_bits) + "
    "encoder_step 2^AP for Flash; sample_hold CS)",
    (
        "converters.sar_bit_um2",
        "converters.sar_step_um2",
        "converters.comparator_um2",
        "converters.encoder_step_um2",
        "converters.matched_bits",
        "reading.sample_hold_um2",
    ),
)
_SINGLE = Pairing(shape_index=np.zeros((1, 1), dtype=np.int64), periphery_index=np.zeros((1, 1), dtype=np.int64))


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
    schedule: Schedule | None = None,
    adc: AdcTable | None = None,
) -> tuple[TraceNode, TraceNode, TraceNode]:
    """Traces area, latency and energy of one layer of one design, each as a tree down to constants.

    Args:
        shapes: See `evaluate`.
        peripherals: See `evaluate`.
        layer: Index of the layer, from 0.
        crossbar: See `evaluate`.
        device: See `evaluate`.
        technology: See `evaluate`.
        design: Index of the design, from 0.
        activity: See `evaluate`.
        model: See `evaluate`.
        schedule: See `evaluate`.
        adc: See `evaluate`.

    Raises:
        HardwareModelError: If `evaluate` would refuse the arguments, or the design or layer does not exist.
    """
    setting = checked_setting(
        peripherals,
        crossbar=crossbar,
        device=device,
        technology=technology,
        activity=activity,
        model=model,
        schedule=schedule,
        adc=adc,
    )
    n_designs, n_layers = check_shape(shapes.arrays() | peripherals.arrays())
    check_count("design", design, low=0, high=n_designs - 1)
    check_count("layer", layer, low=0, high=n_layers - 1)
    (group,) = by_crossbar(*_one(shapes, peripherals, (n_designs, n_layers), design, layer), crossbar)
    of_chip, setting = setting, replace(setting, crossbar=group.crossbar)
    found = distinct_parts(group.shapes, group.peripherals, setting)
    # Of constants with one name the later holds: the technology's node, the device's own row driver.
    known = {} if adc is None else dict(adc.constants)
    known |= dict(technology.constants) | dict(setting.model.constants) | dict(device.constants)
    latency = latency_trace(found, setting, known)
    leaked = None
    if leaks(setting):
        whole = report_of(shapes, peripherals, of_chip)
        leaked = _leakage(whole.leakage_uw[design, layer], whole.interval_us[design], known)
    return (_area(found, setting, known), latency, _energy(found, setting, known, leaked))


def _leakage(power_uw: float, interval_us: float, known: Mapping[str, Constant]) -> TraceNode:
    """Leakage energy of the layer's tiles until the next image."""
    return node(
        "leakage",
        "pJ",
        f"power {power_uw:.6g} uW of the layer's tiles x {interval_us:.6g} us from one image to the next",
        power_uw * interval_us,
        constants=[constant for key, constant in known.items() if key.startswith("leakage.")],
    )


def _circuits(setting: Setting) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Formula and constants of every circuit, under the cost model."""
    found = dict(_CIRCUIT_FORMULAS)
    if setting.own_converters:
        formula, own = _OWN_ADC
        found["ADCs"] = (formula + factor_text(setting.ratios.area), own)
        if setting.adc is not None:
            keys = tuple(f"{kind}.area_um2" for kind in setting.adc.points)
            found["ADCs"] = (
                f"ADCs of a crossbar x the table {setting.adc.name!r} at AP bits x the factor from its node",
                keys,
            )
    if setting.choices.row_drivers is RowDrivers.DEVICE:
        key = "write.row_driver_um2"
        factor = "" if setting.device.write is not None else factor_text(setting.ratios.area)
        formula = f"rows x row_driver{factor}, for cells written above the limit of thin oxide"
        found["level shifters"] = (formula, (key,))
    return found


def _one(
    shapes: LayerShapes, peripherals: Peripherals, shape: tuple[int, int], design: int, layer: int
) -> tuple[LayerShapes, Peripherals]:
    """Returns the arguments of one layer alone."""
    chosen = {name: np.broadcast_to(values, shape)[design, layer] for name, values in shapes.arrays().items()}
    choices = {name: np.broadcast_to(values, shape)[design, layer] for name, values in peripherals.arrays().items()}
    return LayerShapes(**chosen), Peripherals(**choices)


def _area(found: DistinctParts, setting: Setting, known: Mapping[str, Constant]) -> TraceNode:
    """The layer's area: tiles x circuits."""
    tile, formulas = found.tile, _circuits(setting)
    n_tiles = float((found.mapping.n_tiles * found.periphery.copies).item())
    components = []
    for component, circuits in tile.circuits.items():
        parts = [
            node(
                f"{name} of one tile",
                "um2",
                formulas[name][0],
                value,
                constants=[known[key] for key in formulas[name][1]],
            )
            for name, value in circuits.items()
        ]
        components.append(
            node(component, "um2", f"{n_tiles:g} tiles x sum", n_tiles * tile.components[component], parts)
        )
    return node("area", "um2", "sum of components", sum(part.value for part in components), components)


def _energy(
    found: DistinctParts, setting: Setting, known: Mapping[str, Constant], leaked: TraceNode | None
) -> TraceNode:
    """The layer's energy: events x energy per event, plus leakage if the model counts it."""
    ratio = energy.layout_ratio(setting)
    times, layout = ("", []) if ratio == 1 else (" x layout_energy_ratio", [known[energy.LAYOUT_CONSTANT]])
    m, p = found.mapping, found.periphery
    by_component: dict[str, list[TraceNode]] = {name: [] for name in energy.COMPONENTS}
    for term in found.energy_terms:
        count, each = np.asarray(term.count).item(), np.asarray(term.energy_pj).item()
        by_component[term.component].append(
            node(
                term.event,
                "pJ",
                f"{count:g} x {each:.6g} pJ, each {term.formula}",
                count * each,
                constants=[known[key] for key in term.constants],
            )
        )
    by_component["interconnect"].append(
        node(
            "chip's tree",
            "pJ",
            f"whole words x bus width x length x wire_pj_per_um{times}",
            ratio * energy.chip_wires_pj(m, p, found.tile, setting, _SINGLE),
            constants=[known["energy.wire_pj_per_um"], *layout],
        )
    )
    by_component["activation"].append(
        node(
            "ReLU units",
            "pJ",
            f"whole calls x columns at once x IP x activation_bit{times}",
            ratio * energy.activation_pj(m, p, setting, _SINGLE),
            constants=[known["energy.activation_bit_pj"], *layout],
        )
    )
    components = [
        node(name, "pJ", "sum", sum(part.value for part in parts), parts) for name, parts in by_component.items()
    ]
    if digital_unit.has_work(found.shapes):
        components.append(digital_unit.energy_trace(found.shapes, setting, known))
    components += [] if leaked is None else [replace(leaked, parts=(leaked,))]
    return node("energy", "pJ", "sum of components", sum(part.value for part in components), components)
