"""The model's one entry: shapes and peripherals in, a report by layer and component out."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from hw_models import area, energy, latency
from hw_models.arrays import FloatArray, IntArray, check_number, check_shape
from hw_models.crossbar import CrossbarSpec
from hw_models.errors import HardwareModelError
from hw_models.leakage import tile_leakage_uw
from hw_models.mapping import map_layers
from hw_models.periphery import Peripherals
from hw_models.report import HardwareReport
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

REFERENCE_ACTIVITY = 0.25
"""Part of the input bits that are 1 in the reference data's main sets."""


def evaluate(
    shapes: LayerShapes,
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    activity: float = REFERENCE_ACTIVITY,
) -> HardwareReport:
    """Area, latency, energy and leakage of designs.

    Args:
        shapes: the layers; fields broadcast to (designs, layers).
        peripherals: their peripheral circuits; fields broadcast with the shapes.
        crossbar: crossbars and their grouping.
        device: the memory cell.
        technology: the circuits of the node.
        activity: part of the input bits that are 1, above 0 and at most 1.

    Returns:
        the report; its arrays have the shape (designs, layers).

    Raises:
        HardwareModelError: for arguments that do not fit together; the message says which and what to do.
    """
    check_number("activity", activity, low=1e-3, high=1.0)
    choices = peripherals.arrays()
    shape = check_shape(shapes.arrays() | choices)
    check_fit(choices, crossbar, device)
    p = area.periphery_of(choices, crossbar)
    m = map_layers(shapes, crossbar, activity)
    tile = area.tile_area(p, crossbar, device, technology)
    clock = latency.clock_ns(p, crossbar, device, technology)
    cycles = latency.latency_cycles(m, p, tile, clock, crossbar, technology)
    breakdown = {
        "area_um2": {name: m.n_tiles * value for name, value in tile.components.items()},
        "latency_ns": {name: clock * value for name, value in cycles.items()},
        "energy_pj": energy.energy_components(m, p, tile, crossbar, device, technology, activity),
    }
    full = {
        quantity: MappingProxyType({name: _full(value, shape) for name, value in parts.items()})
        for quantity, parts in breakdown.items()
    }
    return HardwareReport(
        area_um2=_total(full["area_um2"]),
        latency_ns=_total(full["latency_ns"]),
        energy_pj=_total(full["energy_pj"]),
        leakage_uw=_full(m.n_tiles * tile_leakage_uw(m, p, crossbar, device, technology), shape),
        breakdown=MappingProxyType(full),
        clock_ns=_full(clock, shape),
        n_tiles=_full_int(m.n_tiles, shape),
        copies=_full_int(m.copies, shape),
        utilization=_full(m.utilization, shape),
        operations=_full_int(shapes.operations(), shape),
        notes=notes(crossbar, device, choices),
    )


def check_fit(choices: dict[str, IntArray], crossbar: CrossbarSpec, device: Device) -> None:
    """Refuse choices that this crossbar or this cell cannot have.

    Raises:
        HardwareModelError: for more sharing than columns, or more bits than the cell stores.
    """
    most = int(choices["column_sharing"].max())
    if most > crossbar.columns:
        raise HardwareModelError(
            f"column_sharing must be at most the crossbar's {crossbar.columns} columns, got {most}; "
            "share less or give the crossbar more columns."
        )
    if crossbar.cell_bits > device.cell.max_cell_bits:
        raise HardwareModelError(
            f"a cell of {device.name!r} stores at most {device.cell.max_cell_bits:g} bits, got crossbar.cell_bits = "
            f"{crossbar.cell_bits}; set crossbar.cell_bits={device.cell.max_cell_bits:g} or choose another device."
        )


def notes(crossbar: CrossbarSpec, device: Device, choices: dict[str, IntArray]) -> tuple[str, ...]:
    """One sentence for each way in which the designs lie outside the reference data."""
    found = []
    if device.extrapolated:
        found.append(f"Device {device.name!r} is extrapolated: the reference data have rram-6k and rram-100k only.")
    if crossbar.coding.value != "offset-analog" or crossbar.reference_columns:
        found.append("Weight coding or reference columns are extrapolated: the reference subtracts offsets at no cost.")
    if crossbar.rows != crossbar.columns or crossbar.rows not in {32, 64, 128}:
        found.append("The crossbar is extrapolated: the reference data have sides of 32, 64 and 128.")
    if choices["adc_precision"].min() < 3 or choices["adc_precision"].max() > 8:
        found.append("The ADC precision is extrapolated: the reference data have 3 to 8 bits.")
    if choices["input_precision"].max() > 8:
        found.append("The input precision is extrapolated: the reference data have 1 to 8 bits.")
    return tuple(found)


def _full(value: FloatArray | float, shape: tuple[int, int]) -> FloatArray:
    """Broadcast to (designs, layers) as floating-point numbers."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), shape)


def _full_int(value: IntArray, shape: tuple[int, int]) -> IntArray:
    return np.broadcast_to(value, shape)


def _total(parts: MappingProxyType[str, FloatArray]) -> FloatArray:
    """Sum over components, (designs, layers)."""
    return np.sum(list(parts.values()), axis=0)
