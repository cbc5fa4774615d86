"""Published in-memory-computing chips from the UIUC benchmark, and the prediction of a cost model for each.

The table (N. R. Shanbhag, S. K. Roy; MIT licence) has one row per chip or operating point: node, cell, rows, ADC bits,
columns per ADC, energy of a column conversion including all surrounding circuits, and time of one operation of the
array. Some facts are missing, so these rules apply to all chips alike: a converter of up to 4 bits is a Flash ADC, one
with more bits a SAR ADC; a converter has no more bits than the sum that it reads ("B_pre-ADC"); resistive cells are
taken as `rram-6k`; a supply above 1.5 times the node's nominal one is that of the pads; times are compared for
converters of 2 bits or more. Digital chips, and rows without node, rows or ADC precision, are excluded.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hw_models.adc import AdcType
from hw_models.cost_model import CostModel
from hw_models.macro import CellKind, Macro, macro_costs
from hw_models.technology import load_device, load_technology

_FLASH_BITS = 4
_SENSED_BITS = 2
_DIGITAL = ("digital", "dimc")
_MOST_ROWS = 65536
_LEAST_DENSITY = 0.1
"""The table rounds TOPS/mm2 to two decimals; below this value no digit is reliable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A row of the table: description and measurements (None where the table has no value)."""

    name: str
    paper: str
    macro: Macro
    table_bits: float
    energy_fj: float | None
    time_ns: float | None
    area_um2: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A chip with the ratio of model to silicon."""

    chip: Chip
    energy: float | None
    time: float | None
    area: float | None


def _number(row: dict[str, str], *names: str) -> float | None:
    """The first positive number of the named columns; None for blanks and words."""
    for name in names:
        try:
            value = float(row.get(name, "") or "nan")
        except ValueError:
            continue
        if math.isfinite(value) and value > 0:
            return value
    return None


def _cell_kind(row: dict[str, str]) -> CellKind:
    """Returns how the cells of a row add up, from its architecture, cell and compute model."""
    architecture, cell = row.get("Architecture", "").strip().lower(), row.get("Cell Type", "").lower()
    if "nvm" in architecture or any(
        word in cell for word in ("rram", "reram", "pcm", "mram", "1t1r", "nor-f", "fefet", "sonos")
    ):
        return CellKind.RESISTIVE
    if row.get("Compute Model", "").strip().upper() == "QR" or cell.endswith("1c"):
        return CellKind.CHARGE
    return CellKind.CURRENT


def chip_of(row: dict[str, str]) -> Chip | None:
    """Returns a chip of the table; None for a digital one or one without node, rows or ADC precision."""
    row = {key.strip(): (value or "").strip() for key, value in row.items() if key}
    digital = f"{row.get('Architecture', '')} {row.get('Compute Model', '')}".lower()
    if any(word in digital for word in _DIGITAL) or "+d" in row.get("Cell Type", "").lower():
        return None
    feature_nm, bits = _number(row, "Tech (nm)", "Tech"), _number(row, "B_ADC")
    rows = _number(row, "N", "R_C", "R")
    if feature_nm is None or bits is None or rows is None:
        return None
    whole = round(min(bits, _number(row, "B_pre-ADC", "B_pre_ADC") or bits))
    energy_fj, time_ns = _number(row, "E_col (fJ)", "E_col_fJ"), _number(row, "T_core(ns)", "T_core_ns")
    if energy_fj is None and time_ns is None:
        return None
    kind = _cell_kind(row)
    authors = row.get("Authors", "?").split(" et al")[0].split(",")[0].split(" and ")[0]
    return Chip(
        name=f"{authors} {row.get('Year', '')}".strip(),
        paper=row.get("Index", "") + row.get("Paper Title", ""),
        macro=Macro(
            feature_nm=feature_nm,
            supply_v=_number(row, "Supply V(V)", "Vdd"),
            cell=kind,
            rows=int(min(max(1, round(rows)), _MOST_ROWS)),
            sharing=max(1, round(_number(row, "C") or 1)),
            adc_type=AdcType.FLASH if whole <= _FLASH_BITS else AdcType.SAR,
            adc_precision=max(1, whole),
            input_bits=_number(row, "B_x") or 1.0,
            weight_bits=_number(row, "B_w") or 1.0,
        ),
        table_bits=bits,
        energy_fj=energy_fj,
        time_ns=time_ns,
        area_um2=_area_um2(row),
    )


def _area_um2(row: dict[str, str]) -> float | None:
    """Area of an ADC including all surrounding circuits [um2], from throughput and throughput per area; macros only."""
    tops, density = _number(row, "TOPS_a"), _number(row, "TOPS/mm2", "TOPS_mm2")
    cores, adcs = _number(row, "N_core"), _number(row, "N_ADC")
    if tops is None or density is None or cores is None or adcs is None or row.get("IMC_Processor", "") == "Y":
        return None
    if density < _LEAST_DENSITY:
        return None
    return 1e6 * tops / density / cores / adcs


def chips_of(path: Path) -> tuple[list[Chip], int]:
    """Returns the chips of a table that can be compared, and its number of rows."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [chip for chip in map(chip_of, rows) if chip is not None], len(rows)


def scored(chips: Iterable[Chip], model: CostModel) -> list[Scored]:
    """Computes the ratio of model to silicon for every chip."""
    device, technology = load_device("rram-6k"), load_technology("cmos-32nm-lstp")
    found = []
    for chip in chips:
        costs = macro_costs(chip.macro, model=model, device=device, technology=technology)
        sensed = chip.time_ns if chip.table_bits >= _SENSED_BITS else None
        found.append(
            Scored(
                chip=chip,
                energy=costs.energy_fj / chip.energy_fj if chip.energy_fj else None,
                time=costs.time_ns / sensed if sensed else None,
                area=costs.area_um2 / chip.area_um2 if chip.area_um2 else None,
            )
        )
    return found
