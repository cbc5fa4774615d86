"""Takes the rows of the reference data that the tests compare with, and writes tests/golden/hardware.csv.

The reference data are single-layer results of the simulator published with XPert (Moitra, Bhattacharjee, Kim, Panda,
DAC 2023, arXiv 2303.17646). Rows are drawn evenly from every judged set with a fixed seed.

Usage: python scripts/take_golden_hardware.py [--reference FOLDER]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from hw_models import HardwareModelError
from hw_models.reference import read_rows

ROOT = Path(__file__).resolve().parents[1]
SETS = ("main", "main_ron6k_150", "pe4", "xbar128", "xbar32", "cellbit2", "cellbit1", "sens_act0.5")
ROWS_PER_SET = 40


def main() -> None:
    """Write the golden rows and networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, default=ROOT.parent / "shared" / "reference")
    folder = parser.parse_args().reference
    try:
        rows = read_rows(folder / "layers.csv.gz")
        networks = read_rows(folder / "networks.csv")
    except HardwareModelError as error:
        raise SystemExit(str(error)) from None
    generator = np.random.default_rng(0)
    chosen: list[int] = []
    for name in SETS:
        candidates = np.flatnonzero((rows["set"] == name) & (rows["cs_legal"] == 1))
        chosen += sorted(generator.choice(candidates, size=ROWS_PER_SET, replace=False).tolist())
    for file, table, picked in (
        ("hardware.csv", rows, np.array(chosen)),
        ("hardware_networks.csv", networks, np.arange(len(networks["name"]))),
    ):
        names = [name for name in table if not name.endswith(("_pair_um2", "_cold_ns", "_pair_ns", "_pair_pJ", "note"))]
        with (ROOT / "tests" / "golden" / file).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(names)
            for i in picked:
                cells = (table[name][i] for name in names)
                writer.writerow([f"{cell:.12g}" if isinstance(cell, np.floating) else str(cell) for cell in cells])
        print(f"{len(picked)} rows -> tests/golden/{file}")


if __name__ == "__main__":
    main()
