"""One crossbar as reported in chip papers: energy, time and area of a conversion, with all surrounding circuits.

It uses the formulas of a cost model, so that published chips can be compared with any model. It covers features of real
chips that the model of whole networks lacks: memory cells that add up as currents or as charges on capacitors in SRAM,
several input bits or columns at once, and non-nominal supply voltages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hw_models import area, energy, latency
from hw_models.adc import AdcType
from hw_models.adc_library import scaled_figures
from hw_models.arrays import IntArray
from hw_models.cost_model import ColumnCurrent, CostModel, Schedule
from hw_models.crossbar import CrossbarSpec
from hw_models.mapping import map_layers
from hw_models.node_scaling import core_v, node_ratios, nominal_v
from hw_models.setting import Setting
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

_ACTIVITY = 0.25
_MOST_ROWS = 4096


class CellKind(StrEnum):
    """How the cells of a column add up."""

    RESISTIVE = "resistive"
    """Currents of resistive cells; inputs of several bits come one after another or as longer pulses."""
    CURRENT = "current"
    """Currents of SRAM cells discharge a line."""
    CHARGE = "charge"
    """Charges of a capacitor in every cell are shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A crossbar and its conversion.

    Attributes:
        feature_nm: Node.
        supply_v: Supply voltage; None for the node's nominal one.
        cell: How the cells of a column add up.
        rows: Rows summed by one conversion.
        sharing: Columns that share an ADC.
        adc_type, adc_precision: Type and precision of the converter.
        input_bits, weight_bits: Bits of the inputs and weights processed by one conversion.
    """

    feature_nm: float
    supply_v: float | None
    cell: CellKind
    rows: int
    sharing: int
    adc_type: AdcType
    adc_precision: int
    input_bits: float = 1.0
    weight_bits: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroCosts:
    """Costs of one conversion.

    Attributes:
        energy_fj: Energy, including a share of all surrounding circuits.
        time_ns: Time of one operation of the array, in which each ADC converts once.
        area_um2: Area of an ADC with its columns and a share of all surrounding circuits.
    """

    energy_fj: float
    time_ns: float
    area_um2: float


def macro_costs(macro: Macro, *, model: CostModel, device: Device, technology: Technology) -> MacroCosts:
    """Computes the costs of one conversion under a cost model.

    Args:
        macro: The crossbar.
        model: The cost model.
        device: Resistive cell assumed for resistive crossbars, and for models without other cells.
        technology: Circuits, scaled from their node to the macro's by the rules of `node_scaling`.
    """
    spec, p = _crossbar(macro)
    setting = Setting(
        crossbar=spec,
        device=device,
        technology=technology,
        activity=_ACTIVITY,
        model=model,
        schedule=Schedule.SEQUENTIAL,
    )
    shapes = LayerShapes(output_size=1, in_channels=spec.rows, kernel_size=1, out_channels=spec.columns)
    mapped = map_layers(shapes, spec, _ACTIVITY)
    tile = area.tile_area(p, spec, device, technology, model, parts=setting.tile_parts(p))
    around_um2 = sum(float(tile.components[name].item()) for name in ("adc", "array", "accumulation", "periphery"))
    n_conversions = spec.columns
    by_event = {
        term.event: float((np.asarray(term.count) * np.asarray(term.energy_pj)).item())
        for term in energy.energy_terms(mapped, p, tile, setting)
        if term.component in {"adc", "array", "periphery"} or term.event.startswith("shift-adders")
    }
    circuits_fj = 1e3 * sum(by_event.values()) / n_conversions
    times_ns = {name: float(part.item()) for name, part in latency.clock_parts(p, setting).items()}
    if model.choices.column_current is not ColumnCurrent.SAMPLED:
        base_nm = technology.node.feature_nm
        length, squared = macro.feature_nm / base_nm, _squared(macro, base_nm)
        return MacroCosts(
            energy_fj=length * squared * circuits_fj,
            time_ns=technology.timing.layout_ratio * sum(times_ns.values()) * _bits_in_turn(macro),
            area_um2=length**2 * around_um2 / int(p.n_adcs.item()),
        )
    return _published(
        macro, setting, p, by_event=by_event, multiplexer_ns=times_ns["multiplexer"], around_um2=around_um2
    )


def _published(
    macro: Macro,
    setting: Setting,
    p: area.Periphery,
    *,
    by_event: dict[str, float],
    multiplexer_ns: float,
    around_um2: float,
) -> MacroCosts:
    """Costs under a model that samples columns: converter, column and surroundings each scale by their own law."""
    assumed = setting.assumed
    ratios, base = node_ratios(macro.feature_nm, assumed.scaling, macro.supply_v), setting.ratios
    n_conversions = setting.crossbar.columns
    current = next(event for event in by_event if event.startswith("current of a cell"))
    around_fj = 1e3 * sum(value for event, value in by_event.items() if event != current) / n_conversions
    # The table does not say whether the bits of an operation switch one after another and column by column, or as a
    # single amplitude: take the geometric mean of the two.
    levels = float(np.sqrt(macro.input_bits * macro.weight_bits))
    if macro.cell is CellKind.RESISTIVE:
        column_fj = (
            1e3 * by_event[current] / n_conversions * (ratios.delay / base.delay) * macro.rows / setting.crossbar.rows
        )
    else:
        row_fj = assumed.reading.charge_cell_fj if macro.cell is CellKind.CHARGE else assumed.reading.current_cell_fj
        column_fj = row_fj * ratios.column * macro.rows
    figures = scaled_figures(p.precision, p.flash, assumed.converters, ratios)
    time_ns = assumed.reading.sample_ns * ratios.delay + float(figures.time_ns.item())
    if macro.cell is CellKind.CHARGE:
        time_ns += assumed.reading.charge_row_ns * ratios.delay * macro.rows
    return MacroCosts(
        energy_fj=ratios.energy / base.energy * around_fj + levels * column_fj,
        time_ns=(time_ns + setting.technology.timing.layout_ratio * (ratios.delay / base.delay) * multiplexer_ns)
        * _bits_in_turn(macro),
        area_um2=ratios.area / base.area * around_um2 / int(p.n_adcs.item()),
    )


def _bits_in_turn(macro: Macro) -> float:
    """Reads per operation: resistive cells are driven with one bit at a time."""
    return macro.input_bits if macro.cell is CellKind.RESISTIVE else 1.0


def _squared(macro: Macro, base_nm: float) -> float:
    """Square of the supply voltage relative to the nominal one at the technology's node."""
    return float((core_v(macro.feature_nm, macro.supply_v) / nominal_v(base_nm)) ** 2)


def _crossbar(macro: Macro) -> tuple[CrossbarSpec, area.Periphery]:
    """The macro as a tile of one crossbar."""
    rows = int(np.clip(macro.rows, 4, _MOST_ROWS))
    sharing = int(np.clip(macro.sharing, 1, 256))
    columns = int(max(4, sharing, sharing * (64 // sharing)))
    spec = CrossbarSpec(rows=rows, columns=columns, cell_bits=1, weight_bits=1, pe_side=1, tile_side=1)

    def one(value: int) -> IntArray:
        return np.array([[value]], dtype=np.int64)

    arrays = {
        "column_sharing": one(sharing),
        "adc_type": one(macro.adc_type.code),
        "adc_precision": one(macro.adc_precision),
        "input_precision": one(1),
        "copies": one(1),
    }
    return spec, area.periphery_of(arrays, spec)
