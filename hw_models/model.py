"""The model's entry point: shapes and peripherals in, a report by layer and component out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hw_models import digital_unit
from hw_models.adc_library import AdcTable
from hw_models.adc_survey import AdcModel
from hw_models.arrays import FloatArray, check_number, check_shape
from hw_models.cost_model import CostModel, Schedule, load_model
from hw_models.crossbar import CrossbarSpec
from hw_models.crossbar_groups import CrossbarGroup, by_crossbar, joined, layer_crossbars
from hw_models.distinct import Pairing
from hw_models.distinct_parts import DistinctParts, breakdown_of, distinct_parts
from hw_models.errors import HardwareModelError, suggestion
from hw_models.leakage import layer_leakage_uw
from hw_models.notes import notes
from hw_models.periphery import Peripherals
from hw_models.report import HardwareReport
from hw_models.schedule import leakage_pj, leaks
from hw_models.setting import Setting
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

REFERENCE_ACTIVITY = 0.25
"""Fraction of the input bits that are 1 in the main sets of the reference data."""


def evaluate(
    shapes: LayerShapes,
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    activity: float = REFERENCE_ACTIVITY,
    model: CostModel | None = None,
    schedule: Schedule | None = None,
    adc: AdcTable | None = None,
    adc_model: AdcModel = AdcModel.CIRCUIT,
) -> HardwareReport:
    """Computes area, latency, energy and leakage of designs.

    Args:
        shapes: The layers; fields broadcast to (designs, layers).
        peripherals: Their peripheral circuits; fields broadcast with the shapes.
        crossbar: Crossbars and their grouping.
        device: The memory cell.
        technology: The circuits of the node.
        activity: Fraction of the input bits that are 1, above 0 and at most 1.
        model: The cost model; by default `load_model("xpertsim")`, which reproduces the reference data.
        schedule: Which parts work at the same time; by default the model's choice.
        adc: Converters that replace the model's, from `load_adc`.
        adc_model: Whether to use the converters as they are, or the limit of the published ADC survey where it is lower
            than their energy (the column's current stays).

    Returns:
        The report; its arrays have the shape (designs, layers).

    Raises:
        HardwareModelError: If arguments contradict each other; the message names them and says what to do.
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
        adc_model=adc_model,
    )
    return report_of(shapes, peripherals, setting)


def report_of(shapes: LayerShapes, peripherals: Peripherals, setting: Setting) -> HardwareReport:
    """Reports on designs in a checked setting.

    Raises:
        HardwareModelError: If shapes do not broadcast, or a table does not contain the converters.
    """
    shape = check_shape(shapes.arrays() | peripherals.arrays())
    groups = by_crossbar(shapes, peripherals, setting.crossbar)
    parts = [_part_of(group, setting, shape) for group in groups]
    whole = parts[0] if len(parts) == 1 else _joined(parts, groups, shape)
    breakdown = whole.breakdown
    totals = {quantity: _total(parts) for quantity, parts in breakdown.items()}
    leakage_uw = whole.figures["leakage_uw"]
    if leaks(setting):
        leaked = leakage_pj(leakage_uw, totals["latency_ns"], setting.schedule)
        breakdown["energy_pj"]["leakage"] = leaked
        totals["energy_pj"] += leaked
    return HardwareReport(
        area_um2=totals["area_um2"],
        latency_ns=totals["latency_ns"],
        energy_pj=totals["energy_pj"],
        leakage_uw=leakage_uw,
        breakdown=MappingProxyType({quantity: MappingProxyType(parts) for quantity, parts in breakdown.items()}),
        clock_ns=whole.figures["clock_ns"],
        n_tiles=whole.figures["n_tiles"].astype(np.int64),
        copies=whole.figures["copies"].astype(np.int64),
        utilization=whole.figures["utilization"],
        operations=np.broadcast_to(shapes.operations(), shape),
        schedule=setting.schedule,
        notes=tuple(dict.fromkeys(sentence for part in parts for sentence in part.notes)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Costs of the layers that share a crossbar, (designs, layers), or (1, layers) of a group.

    Attributes:
        breakdown: Costs by quantity and component, without leakage.
        figures: Other figures of `HardwareReport`.
        notes: What lies outside the reference data.
    """

    breakdown: dict[str, dict[str, FloatArray]]
    figures: dict[str, FloatArray]
    notes: tuple[str, ...]


def _part_of(group: CrossbarGroup, of_chip: Setting, whole: tuple[int, int]) -> _Part:
    """Computes the costs of a group; `whole` is the shape (designs, layers)."""
    setting = replace(of_chip, crossbar=group.crossbar)
    shape = whole if group.places is None else (1, len(group.places))
    found = distinct_parts(group.shapes, group.peripherals, setting)
    pairing = found.pairing.broadcast(shape)
    copies = pairing.by_periphery(found.periphery.copies)
    figures = {
        "leakage_uw": layer_leakage_uw(found.mapping, found.periphery, setting, pairing),
        "clock_ns": pairing.by_periphery(found.clocks.conversion),
        "n_tiles": pairing.by_shape(found.mapping.n_tiles) * copies,
        "copies": pairing.by_shape(found.mapping.copies) * copies,
        "utilization": pairing.by_shape(found.mapping.utilization),
    }
    breakdown = breakdown_of(found, setting, pairing, shape)
    if digital_unit.has_work(found.shapes):
        for quantity, values in digital_costs(found, setting, pairing).items():
            breakdown[quantity][digital_unit.COMPONENT] = np.broadcast_to(values, shape)
    return _Part(
        breakdown=breakdown,
        figures=figures,
        notes=notes(setting, found.shapes, found.choices),
    )


def _joined(parts: list[_Part], groups: list[CrossbarGroup], shape: tuple[int, int]) -> _Part:
    """Costs of all layers from those of the groups; a component that a group lacks costs nothing there."""
    breakdown = {}
    for quantity in parts[0].breakdown:
        names = dict.fromkeys(name for part in parts for name in part.breakdown[quantity])
        nothing = [np.zeros_like(next(iter(part.breakdown[quantity].values()))) for part in parts]
        breakdown[quantity] = {
            name: joined(
                [part.breakdown[quantity].get(name, zero) for part, zero in zip(parts, nothing, strict=True)],
                groups,
                shape,
            )
            for name in names
        }
    figures = {name: joined([part.figures[name] for part in parts], groups, shape) for name in parts[0].figures}
    return _Part(breakdown=breakdown, figures=figures, notes=())


def digital_costs(found: DistinctParts, setting: Setting, pairing: Pairing) -> dict[str, FloatArray]:
    """Time and energy of the digital unit, (designs, layers); it works before and after a layer's own circuits."""
    return {
        "latency_ns": digital_unit.digital_ns(found.shapes, found.periphery, found.clocks.digital, setting, pairing),
        "energy_pj": digital_unit.digital_pj(found.shapes, setting, pairing),
    }


def checked_setting(
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    activity: float,
    model: CostModel | None = None,
    schedule: Schedule | None = None,
    adc: AdcTable | None = None,
    adc_model: AdcModel = AdcModel.CIRCUIT,
) -> Setting:
    """Builds the setting after the checks that involve more than one argument.

    Raises:
        HardwareModelError: If the column sharing exceeds the columns, the bits exceed the cell's capacity, the activity
            or schedule is invalid, or a table of converters is used with a model that cannot scale it to the
            technology's node.
    """
    check_number("activity", activity, low=1e-3, high=1.0)
    crossbars, which = layer_crossbars(peripherals, crossbar)
    sharing = peripherals.arrays()["column_sharing"]
    if len(crossbars) > 1:
        sharing, which = np.broadcast_arrays(sharing, which)
    for number, own in enumerate(crossbars):
        its = sharing if len(crossbars) == 1 else sharing[which == number]
        _check_crossbar(own, device, most_sharing=int(its.max()))
    chosen = load_model("xpertsim") if model is None else model
    if adc is not None and chosen.assumptions is None:
        raise HardwareModelError(
            f"the cost model {chosen.name!r} has converters of its own; use the ADC table {adc.name!r} with another "
            "model, such as 'published'."
        )
    if schedule is not None and schedule not in set(Schedule):
        raise HardwareModelError(f"schedule {schedule!r} is unknown; {suggestion(str(schedule), Schedule)}")
    return Setting(
        crossbar=crossbar,
        device=device,
        technology=technology,
        activity=activity,
        model=chosen,
        schedule=chosen.choices.schedule if schedule is None else Schedule(schedule),
        adc=adc,
        adc_model=AdcModel(adc_model),
    )


def _check_crossbar(crossbar: CrossbarSpec, device: Device, *, most_sharing: int) -> None:
    """Raises HardwareModelError if a crossbar has too few columns for an ADC, or more bits than a cell can store."""
    if most_sharing > crossbar.converted_columns:
        what = "columns" if crossbar.columns_per_conversion == 1 else "pairs of columns"
        raise HardwareModelError(
            f"column_sharing must be at most the crossbar's {crossbar.converted_columns} {what}, got {most_sharing}; "
            "reduce the sharing or add columns to the crossbar."
        )
    if crossbar.cell_bits > device.cell.max_cell_bits:
        raise HardwareModelError(
            f"a cell of {device.name!r} stores at most {device.cell.max_cell_bits:g} bits, got crossbar.cell_bits = "
            f"{crossbar.cell_bits}; set hardware.crossbar.cell_bits={device.cell.max_cell_bits:g} or choose another "
            "device."
        )


def _total(parts: dict[str, FloatArray]) -> FloatArray:
    """Sum over components, (designs, layers)."""
    first, *others = parts.values()
    total = first.copy()
    for values in others:
        total += values
    return total
