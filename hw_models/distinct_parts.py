"""Costs of layers by component, computed once for each distinct shape and peripherals and then looked up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw_models import area, energy, latency
from hw_models.arrays import FloatArray, IntArray
from hw_models.columns import column_rows
from hw_models.copies import without_copies
from hw_models.cost_model import Schedule, WorkingCopies
from hw_models.distinct import Pairing, distinct
from hw_models.energy_term import EnergyTerm
from hw_models.mapping import Mapping, map_layers
from hw_models.periphery import Peripherals
from hw_models.schedule import exposed_ns
from hw_models.setting import Setting
from hw_models.workload import LayerShapes

COMPONENTS = {"area_um2": area.COMPONENTS, "latency_ns": latency.COMPONENTS, "energy_pj": energy.COMPONENTS}

_ENTRIES_AT_ONCE = 16384
"""Entries (designs x layers) computed at a time, so that their arrays fit into the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCopy:
    """The same layers with a single copy of their weights at work; see `schedule.exposed_ns`."""

    mapping: Mapping
    periphery: area.Periphery
    cycle_terms: list[latency.CycleTerm]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctParts:
    """Quantities that depend only on the shape or only on the peripherals, computed once for each distinct one.

    Attributes:
        shapes, choices: Fields of the distinct shapes and of the distinct peripherals.
        mapping: Mapping of the distinct shapes, (1, distinct shapes).
        periphery, tile, clocks: Derived from the distinct peripherals, (1, distinct peripherals).
        cycle_terms, energy_terms: Pairs of a count and a cost.
        one_copy: The layers with a single copy of their weights, for schedules that overlap; None if none has more.
        pairing: The distinct shape and peripherals of each entry of (designs, layers).
    """

    shapes: dict[str, IntArray]
    choices: dict[str, IntArray]
    mapping: Mapping
    periphery: area.Periphery
    tile: area.TileArea
    clocks: latency.Clocks
    cycle_terms: list[latency.CycleTerm]
    energy_terms: list[EnergyTerm]
    one_copy: OneCopy | None
    pairing: Pairing


def distinct_parts(shapes: LayerShapes, peripherals: Peripherals, setting: Setting) -> DistinctParts:
    """Computes the distinct shapes and the distinct peripherals of layers that share the crossbar of the setting."""
    shape_values, shape_index = distinct(shapes.arrays())
    choices, periphery_index = distinct(peripherals.arrays() | column_rows(shapes, setting))
    whole = setting.choices.working_copies is WorkingCopies.POSITIONS
    m = map_layers(LayerShapes(**shape_values), setting.crossbar, setting.activity, whole_positions=whole)
    p = area.periphery_of(choices, setting.crossbar)
    parts = setting.tile_parts(p)
    tile = area.tile_area(p, setting.crossbar, setting.device, setting.technology, setting.model, parts=parts)
    clocks = latency.clocks_of(p, setting)
    return DistinctParts(
        shapes=shape_values,
        choices=choices,
        mapping=m,
        periphery=p,
        tile=tile,
        clocks=clocks,
        cycle_terms=latency.cycle_terms(m, p, tile, clocks, setting),
        energy_terms=energy.energy_terms(m, p, tile, setting),
        one_copy=_one_copy(m, p, tile, clocks, setting),
        pairing=Pairing(shape_index=shape_index, periphery_index=periphery_index),
    )


def _one_copy(
    m: Mapping, p: area.Periphery, tile: area.TileArea, clocks: latency.Clocks, setting: Setting
) -> OneCopy | None:
    has_copies = (m.working_copies > 1).any() or (p.copies > 1).any()
    if setting.schedule is Schedule.SEQUENTIAL or not has_copies:
        return None
    mapping, periphery = without_copies(m, p)
    terms = latency.cycle_terms(mapping, periphery, tile, clocks, setting)
    return OneCopy(mapping=mapping, periphery=periphery, cycle_terms=terms)


def latency_alone(found: DistinctParts, setting: Setting, pairing: Pairing) -> dict[str, FloatArray]:
    """Time of each component alone [ns], (designs, layers)."""
    return _components(found, found, setting, pairing)


def latency_of_one_copy(found: DistinctParts, setting: Setting, pairing: Pairing) -> dict[str, FloatArray]:
    """The same with a single copy of the weights at work [ns]."""
    return _components(found, found.one_copy or found, setting, pairing)


def _components(
    found: DistinctParts, at_work: DistinctParts | OneCopy, setting: Setting, pairing: Pairing
) -> dict[str, FloatArray]:
    return latency.latency_components(
        at_work.cycle_terms,
        m=at_work.mapping,
        p=at_work.periphery,
        tile=found.tile,
        clocks=found.clocks,
        setting=setting,
        pairing=pairing,
    )


def _latency_ns(found: DistinctParts, setting: Setting, pairing: Pairing) -> dict[str, FloatArray]:
    """Contribution of each component to the time of its layer [ns], (designs, layers)."""
    alone = latency_alone(found, setting, pairing)
    if setting.schedule is Schedule.SEQUENTIAL:
        return alone
    one_copy = alone if found.one_copy is None else latency_of_one_copy(found, setting, pairing)
    return exposed_ns(alone, one_copy, pairing.by_shape(found.mapping.positions))


def breakdown_of(
    found: DistinctParts, setting: Setting, pairing: Pairing, shape: tuple[int, int]
) -> dict[str, dict[str, FloatArray]]:
    """Costs by component, (designs, layers): from a grid of all shapes by all peripherals where that is smaller."""
    n_shapes, n_peripherals = found.mapping.n_tiles.size, found.periphery.n_adcs.size
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
    """Costs by component for every entry of a pairing, in blocks of rows that fit into the cache."""
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
    if (p.copies > 1).any():
        n_tiles = n_tiles * pairing.by_periphery(p.copies)
    return {
        "area_um2": {name: n_tiles * pairing.by_periphery(value) for name, value in tile.components.items()},
        "latency_ns": _latency_ns(found, setting, pairing),
        "energy_pj": energy.energy_components(
            found.energy_terms, m=m, p=p, tile=tile, setting=setting, pairing=pairing
        ),
    }
