"""Sets the cost models against published chips, as the UIUC in-memory-computing benchmark tabulates them.

FILE has the columns of that table (N. R. Shanbhag, S. K. Roy; MIT licence): node, cell, rows, ADC bits, columns an ADC,
energy of a column's conversion, time of an invocation, throughput by area. One line a chip gives model over silicon for
energy, time and, for macros, area; then medians of the factor max(r, 1/r) and the shares within 2 x and 4 x, by kind of
cell and by node. The last line is `summary {json}`. Digital chips and rows without an ADC precision, rows or an energy
or time are left out and counted. Every constant of a model is the same for all chips.

Rules, for want of columns in the table: a converter of up to 4 bits is a Flash ADC, one of more a SAR ADC; a converter
has no more bits than the sum that it reads ("B_pre-ADC"); resistive cells are taken as `rram-6k`; a supply above 1.5
times the node's nominal one is that of the pads. Times are compared where converters sense (2 bits or more).

Usage: python benchmarks/silicon.py --data FILE.csv [--model NAME] [--split N]
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hw_models import AdcType, HardwareModelError, load_device, load_model, load_technology
from hw_models.cost_model import CostModel
from hw_models.macro import CellKind, Macro, MacroCosts, macro_costs

FLASH_BITS = 4
SENSED_BITS = 2
DIGITAL = ("digital", "dimc")
MOST_ROWS = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A row of the table: what it is, and what was measured (None where the table has nothing)."""

    name: str
    paper: str
    macro: Macro
    table_bits: float
    energy_fj: float | None
    time_ns: float | None
    area_um2: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A chip with model over silicon."""

    chip: Chip
    energy: float | None
    time: float | None
    area: float | None


def number(row: dict[str, str], *names: str) -> float | None:
    """The first positive number of the named columns; None for blanks and words."""
    for name in names:
        try:
            value = float(row.get(name, "") or "nan")
        except ValueError:
            continue
        if math.isfinite(value) and value > 0:
            return value
    return None


def cell_kind(row: dict[str, str]) -> CellKind:
    """How the cells of a row add up, by its architecture, its cell and its way to compute."""
    architecture, cell = row.get("Architecture", "").strip().lower(), row.get("Cell Type", "").lower()
    if "nvm" in architecture or any(word in cell for word in ("rram", "reram", "pcm", "mram", "1t1r", "nor", "fefet")):
        return CellKind.RESISTIVE
    if row.get("Compute Model", "").strip().upper() == "QR" or cell.endswith("1c"):
        return CellKind.CHARGE
    return CellKind.CURRENT


def chip_of(row: dict[str, str]) -> Chip | None:
    """A chip of the table; None for a digital one and for one without node, rows or ADC precision."""
    row = {key.strip(): (value or "").strip() for key, value in row.items() if key}
    digital = f"{row.get('Architecture', '')} {row.get('Compute Model', '')}".lower()
    if any(word in digital for word in DIGITAL) or "+d" in row.get("Cell Type", "").lower():
        return None
    feature_nm, bits = number(row, "Tech (nm)", "Tech"), number(row, "B_ADC")
    rows = number(row, "N", "R_C", "R")
    if feature_nm is None or bits is None or rows is None:
        return None
    whole = round(min(bits, number(row, "B_pre-ADC", "B_pre_ADC") or bits))
    energy_fj, time_ns = number(row, "E_col (fJ)", "E_col_fJ"), number(row, "T_core(ns)", "T_core_ns")
    if energy_fj is None and time_ns is None:
        return None
    kind = cell_kind(row)
    authors = row.get("Authors", "?").split(" et al")[0].split(",")[0].split(" and ")[0]
    return Chip(
        name=f"{authors} {row.get('Year', '')}".strip(),
        paper=row.get("Index", "") + row.get("Paper Title", ""),
        macro=Macro(
            feature_nm=feature_nm,
            supply_v=number(row, "Supply V(V)", "Vdd"),
            cell=kind,
            rows=int(min(max(1, round(rows)), MOST_ROWS)),
            sharing=max(1, round(number(row, "C") or 1)),
            adc_type=AdcType.FLASH if whole <= FLASH_BITS else AdcType.SAR,
            adc_precision=max(1, whole),
            input_bits=number(row, "B_x") or 1.0,
            weight_bits=number(row, "B_w") or 1.0,
        ),
        table_bits=bits,
        energy_fj=energy_fj,
        time_ns=time_ns,
        area_um2=macro_area_um2(row),
    )


def macro_area_um2(row: dict[str, str]) -> float | None:
    """Area that an ADC has with everything around it [um2], from throughput and throughput by area; macros only."""
    tops, density = number(row, "TOPS_a"), number(row, "TOPS/mm2", "TOPS_mm2")
    cores, adcs = number(row, "N_core"), number(row, "N_ADC")
    if tops is None or density is None or cores is None or adcs is None or row.get("IMC_Processor", "") == "Y":
        return None
    return 1e6 * tops / density / cores / adcs


def chips_of(path: Path) -> tuple[list[Chip], int]:
    """The chips of a table that can be compared, and how many rows it has."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [chip for chip in map(chip_of, rows) if chip is not None], len(rows)


def scored(chips: Iterable[Chip], model: CostModel) -> list[Scored]:
    """Model over silicon of every chip."""
    device, technology = load_device("rram-6k"), load_technology("cmos-32nm-lstp")
    found = []
    for chip in chips:
        costs: MacroCosts = macro_costs(chip.macro, model=model, device=device, technology=technology)
        sensed = chip.time_ns if chip.table_bits >= SENSED_BITS else None
        found.append(
            Scored(
                chip=chip,
                energy=costs.energy_fj / chip.energy_fj if chip.energy_fj else None,
                time=costs.time_ns / sensed if sensed else None,
                area=costs.area_um2 / chip.area_um2 if chip.area_um2 else None,
            )
        )
    return found


def factors(ratios: Iterable[float | None]) -> list[float]:
    """max(r, 1/r) of the ratios that are there."""
    return sorted(max(ratio, 1 / ratio) for ratio in ratios if ratio is not None)


def median(values: Sequence[float]) -> float:
    """The middle of sorted values."""
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def within(values: Sequence[float], limit: float) -> float:
    """The share of values up to a limit."""
    return sum(value <= limit for value in values) / len(values)


def described(ratios: Iterable[float | None]) -> str:
    """Median factor and shares in words."""
    found = factors(ratios)
    if not found:
        return "none"
    shares = f"{within(found, 2):4.0%} within 2 x, {within(found, 4):4.0%} within 4 x"
    return f"n {len(found):3d}, median factor {median(found):5.2f}, {shares}"


def by(found: Sequence[Scored], key: Callable[[Scored], object]) -> dict[str, list[Scored]]:
    """Chips in groups, in the order of their names."""
    groups: dict[str, list[Scored]] = {}
    for each in sorted(found, key=lambda one: (str(type(key(one))), key(one))):
        groups.setdefault(f"{key(each)}", []).append(each)
    return groups


def summary(found: Sequence[Scored]) -> dict[str, float | int | None]:
    """The machine-readable verdict."""
    result: dict[str, float | int | None] = {"n": len(found)}
    for name, ratios in (("energy", [each.energy for each in found]), ("time", [each.time for each in found])):
        values = factors(ratios)
        result[f"{name}_n"] = len(values)
        result[f"{name}_median_factor"] = round(median(values), 3) if values else None
        result[f"{name}_within_2x"] = round(within(values, 2), 3) if values else None
        result[f"{name}_within_4x"] = round(within(values, 4), 3) if values else None
    return result


def shown(ratio: float | None) -> str:
    """A ratio in a column of eight, or a dash."""
    return f"{ratio:8.2f}" if ratio is not None else "       -"


def main() -> None:
    """Print the scoreboard."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Table of chips in the format of the UIUC benchmark.")
    parser.add_argument("--model", default="published", help="Name of a cost model, or the path of its file.")
    arguments = parser.parse_args()
    try:
        chips, n_rows = chips_of(arguments.data)
        model = load_model(arguments.model)
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"--data {arguments.data} cannot be read: {error}.")
    except HardwareModelError as error:
        parser.error(str(error))
    if not chips:
        parser.error(f"--data {arguments.data} has no analog chip with node, rows, ADC precision, and energy or time.")
    found = scored(chips, model)
    print(f"{model.name}: model over silicon, {len(found)} of {n_rows} rows")
    print(f"{'chip':24s} {'nm':>4s} {'cell':9s} {'rows':>5s} {'ADC':>9s}   energy     time     area")
    for each in sorted(found, key=lambda one: (one.chip.macro.cell, one.chip.macro.feature_nm)):
        m = each.chip.macro
        adc = f"{m.adc_type} {m.adc_precision}"
        print(
            f"{each.chip.name[:24]:24s} {m.feature_nm:4g} {m.cell:9s} {m.rows:5d} {adc:>9s} "
            f"{shown(each.energy)} {shown(each.time)} {shown(each.area)}"
        )
    groups = {"all": list(found)}
    groups |= by(found, lambda one: str(one.chip.macro.cell))
    groups |= {f"{name} nm": part for name, part in by(found, lambda one: int(one.chip.macro.feature_nm)).items()}
    for name, part in groups.items():
        print(f"{name:10s} energy: {described(each.energy for each in part)}")
        print(f"{name:10s} time:   {described(each.time for each in part)}")
        if name == "all":
            print(f"{name:10s} area:   {described(each.area for each in part)}")
    print("summary " + json.dumps(summary(found)))


if __name__ == "__main__":
    main()
