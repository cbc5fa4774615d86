"""Sets the cost models against published chips, as the UIUC in-memory-computing benchmark tabulates them.

FILE has the columns of that table (N. R. Shanbhag, S. K. Roy; MIT licence): node, cell, rows, ADC bits, columns an ADC,
energy of a column's conversion, time of an invocation, throughput by area. One line a chip gives model over silicon for
energy, time and, for macros, area; then medians of the factor max(r, 1/r) and the shares within 2 x and 4 x, by kind of
cell and by node. The last line is `summary {json}`. Digital chips and rows without an ADC precision, rows or an energy
or time are left out and counted. Every constant of a model is the same for all chips.

Rules for what the table does not tell stand in `hw_models/published_chips.py`; `silicon_validation.py` tells whether
the fitted constants hold on chips that had no part in the fit.

Usage: python benchmarks/silicon.py --data FILE.csv [--model NAME]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hw_models import HardwareModelError, load_model
from hw_models.published_chips import Scored, chips_of, scored


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
    print(f"{'chip':26s} {'nm':>4s} {'cell':9s} {'rows':>5s} {'ADC':>9s}   energy     time     area")
    for each in sorted(found, key=lambda one: (one.chip.macro.cell, one.chip.macro.feature_nm)):
        m = each.chip.macro
        adc = f"{m.adc_type} {m.adc_precision}"
        print(
            f"{each.chip.name[:26]:26s} {m.feature_nm:4g} {m.cell:9s} {m.rows:5d} {adc:>9s} "
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
