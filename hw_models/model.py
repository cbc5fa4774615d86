"""The model's one entry: shapes and peripherals in, a report by layer and component out."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from hw_models import area, energy, latency
from hw_models.adc_survey import AdcModel
from hw_models.arrays import FloatArray, IntArray, check_number, check_shape
from hw_models.columns import column_rows
from hw_models.cost_model import CostModel, load_model
from hw_models.crossbar import CrossbarSpec
from hw_models.distinct import Pairing, distinct
from hw_models.energy_term import EnergyTerm
from hw_models.errors import HardwareModelError
from hw_models.leakage import layer_leakage_uw
from hw_models.mapping import Mapping, map_layers
from hw_models.notes import notes
from hw_models.periphery import Peripherals
from hw_models.report import HardwareReport
from hw_models.setting import Setting
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

REFERENCE_ACTIVITY = 0.25
"""Part of the input bits that are 1 in the reference data's main sets."""

COMPONENTS = {"area_um2": area.COMPONENTS, "latency_ns": latency.COMPONENTS, "energy_pj": energy.COMPONENTS}

_ENTRIES_AT_ONCE = 16384
"""Entries (designs x layers) computed at a time: their arrays stay in the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctParts:
    """What depends on the shape or on the peripherals alone, computed once for each distinct one.

    Attributes:
        shapes, choices: fields of the distinct shapes and of the distinct peripherals.
        mapping: of the distinct shapes, (1, distinct shapes).
        periphery, tile, clock: of the distinct peripherals, (1, distinct peripherals).
        cycle_terms, energy_terms: pairs of a count and a cost.
        pairing: which of them each entry of (designs, layers) has.
    """

    shapes: dict[str, IntArray]
    choices: dict[str, IntArray]
    mapping: Mapping
    periphery: area.Periphery
    tile: area.TileArea
    clock: FloatArray
    cycle_terms: list[latency.CycleTerm]
    energy_terms: list[EnergyTerm]
    pairing: Pairing


def evaluate(
    shapes: LayerShapes,
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    activity: float = REFERENCE_ACTIVITY,
    model: CostModel | None = None,
    adc_model: AdcModel = AdcModel.CIRCUIT,
) -> HardwareReport:
    """Area, latency, energy and leakage of designs.

    Args:
        shapes: the layers; fields broadcast to (designs, layers).
        peripherals: their peripheral circuits; fields broadcast with the shapes.
        crossbar: crossbars and their grouping.
        device: the memory cell.
        technology: the circuits of the node.
        activity: part of the input bits that are 1, above 0 and at most 1.
        model: the cost model; `load_model("xpertsim")`, which reproduces the reference data, if not given.
        adc_model: the reference's circuits, or the limit of the published ADC survey in place of their energy.

    Returns:
        the report; its arrays have the shape (designs, layers).

    Raises:
        HardwareModelError: for arguments that do not fit together; the message says which and what to do.
    """
    setting = checked_setting(
        peripherals,
        crossbar=crossbar,
        device=device,
        technology=technology,
        activity=activity,
        model=model,
        adc_model=adc_model,
    )
    shape = check_shape(shapes.arrays() | peripherals.arrays())
    found = distinct_parts(shapes, peripherals, setting)
    pairing = found.pairing.broadcast(shape)
    breakdown = breakdown_of(found, setting, pairing, shape)
    totals = {quantity: _total(parts) for quantity, parts in breakdown.items()}
    return HardwareReport(
        area_um2=totals["area_um2"],
        latency_ns=totals["latency_ns"],
        energy_pj=totals["energy_pj"],
        leakage_uw=layer_leakage_uw(found.mapping, found.periphery, setting, pairing),
        breakdown=MappingProxyType({quantity: MappingProxyType(parts) for quantity, parts in breakdown.items()}),
        clock_ns=pairing.by_periphery(found.clock),
        n_tiles=pairing.by_shape(found.mapping.n_tiles).astype(np.int64),
        copies=pairing.by_shape(found.mapping.copies).astype(np.int64),
        utilization=pairing.by_shape(found.mapping.utilization),
        operations=np.broadcast_to(shapes.operations(), shape),
        notes=notes(setting, found.shapes, found.choices),
    )


def checked_setting(
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    activity: float,
    model: CostModel | None = None,
    adc_model: AdcModel = AdcModel.CIRCUIT,
) -> Setting:
    """The setting after the checks that need more than one argument.

    Raises:
        HardwareModelError: for more sharing than columns, more bits than the cell stores, or a wrong activity.
    """
    check_number("activity", activity, low=1e-3, high=1.0)
    most = int(np.max(peripherals.column_sharing))
    if most > crossbar.converted_columns:
        what = "columns" if crossbar.columns_per_conversion == 1 else "pairs of columns"
        raise HardwareModelError(
            f"column_sharing must be at most the crossbar's {crossbar.converted_columns} {what}, got {most}; "
            "share less or give the crossbar more columns."
        )
    if crossbar.cell_bits > device.cell.max_cell_bits:
        raise HardwareModelError(
            f"a cell of {device.name!r} stores at most {device.cell.max_cell_bits:g} bits, got crossbar.cell_bits = "
            f"{crossbar.cell_bits}; set crossbar.cell_bits={device.cell.max_cell_bits:g} or choose another device."
        )
    return Setting(
        crossbar=crossbar,
        device=device,
        technology=technology,
        activity=activity,
        model=load_model("xpertsim") if model is None else model,
        adc_model=AdcModel(adc_model),
    )


def distinct_parts(shapes: LayerShapes, peripherals: Peripherals, setting: Setting) -> DistinctParts:
    """Compute the distinct shapes and the distinct peripherals."""
    shape_values, shape_index = distinct(shapes.arrays())
    choices, periphery_index = distinct(peripherals.arrays() | column_rows(shapes, setting))
    m = map_layers(LayerShapes(**shape_values), setting.crossbar, setting.activity)
    p = area.periphery_of(choices, setting.crossbar)
    tile = area.tile_area(p, setting.crossbar, setting.device, setting.technology, setting.model)
    clock = latency.clock_ns(p, setting)
    return DistinctParts(
        shapes=shape_values,
        choices=choices,
        mapping=m,
        periphery=p,
        tile=tile,
        clock=clock,
        cycle_terms=latency.cycle_terms(m, p, tile, clock, setting),
        energy_terms=energy.energy_terms(m, p, tile, setting),
        pairing=Pairing(shape_index=shape_index, periphery_index=periphery_index),
    )


def breakdown_of(
    found: DistinctParts, setting: Setting, pairing: Pairing, shape: tuple[int, int]
) -> dict[str, dict[str, FloatArray]]:
    """Costs by component, (designs, layers): from a grid of all shapes by all peripherals where that is the smaller."""
    n_shapes, n_peripherals = found.mapping.n_tiles.size, found.clock.size
    if n_shapes * n_peripherals >= shape[0] * shape[1]:
        return _in_blocks(found, setting, pairing, shape)
    grid = Pairing(
        shape_index=np.arange(n_shapes)[:, np.newaxis], periphery_index=np.arange(n_peripherals)[np.newaxis, :]
    ).broadcast((n_shapes, n_peripherals))
    costs = _in_blocks(found, setting, grid, (n_shapes, n_peripherals))
    position = pairing.shape_index * n_peripherals + pairing.periphery_index
    return {
        quantity: {name: values.ravel().take(position, mode="clip") for name, values in parts.items()}
        for quantity, parts in costs.items()
    }


def _in_blocks(
    found: DistinctParts, setting: Setting, pairing: Pairing, shape: tuple[int, int]
) -> dict[str, dict[str, FloatArray]]:
    """Costs by component of every entry of a pairing, a cacheful of rows at a time."""
    breakdown: dict[str, dict[str, FloatArray]] = {
        quantity: {name: np.empty(shape, dtype=np.float64) for name in names} for quantity, names in COMPONENTS.items()
    }
    rows = max(1, _ENTRIES_AT_ONCE // shape[1])
    for start in range(0, shape[0], rows):
        part = slice(start, start + rows)
        for quantity, components in component_costs(found, setting, pairing.rows(part)).items():
            for name, values in components.items():
                breakdown[quantity][name][part] = values
    return breakdown


def component_costs(found: DistinctParts, setting: Setting, pairing: Pairing) -> dict[str, dict[str, FloatArray]]:
    """Area, latency and energy by component for a block of designs, each (designs, layers)."""
    m, p, tile = found.mapping, found.periphery, found.tile
    n_tiles = pairing.by_shape(m.n_tiles)
    return {
        "area_um2": {name: n_tiles * pairing.by_periphery(value) for name, value in tile.components.items()},
        "latency_ns": latency.latency_components(
            found.cycle_terms, m=m, p=p, tile=tile, clock=found.clock, setting=setting, pairing=pairing
        ),
        "energy_pj": energy.energy_components(
            found.energy_terms, m=m, p=p, tile=tile, setting=setting, pairing=pairing
        ),
    }


def _total(parts: dict[str, FloatArray]) -> FloatArray:
    """Sum over components, (designs, layers)."""
    first, *others = parts.values()
    total = first.copy()
    for values in others:
        total += values
    return total
