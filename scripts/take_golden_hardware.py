"""Takes the rows of the reference data that the tests compare with, and writes them to tests/golden.

hardware.csv and hardware_networks.csv hold results of the simulator published with XPert (Moitra, Bhattacharjee, Kim,
Panda, DAC 2023, arXiv 2303.17646), drawn evenly from every judged set with a fixed seed. upstream.csv and
upstream_networks.csv hold results of DNN+NeuroSim V1.3 (Peng, Huang, Luo, Sun, Yu, IEDM 2019; commit 388f421): the rows
of each node that no constant was fitted to, a few of those with other buffers, and the networks.

Usage: python scripts/take_golden_hardware.py [--reference FOLDER]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from reference import Rows, read_rows, upstream_folds

from hw_models import HardwareModelError

ROOT = Path(__file__).resolve().parents[1]
SETS = ("main", "main_ron6k_150", "pe4", "xbar128", "xbar32", "cellbit2", "cellbit1", "sens_act0.5")
ROWS_PER_SET = 40
ROWS_OF_OTHER_BUFFERS = 24
UNUSED = ("_pair_um2", "_cold_ns", "_pair_ns", "_pair_pJ", "note")
"""Endings of columns that no test reads."""
UNUSED_UPSTREAM = (*UNUSED, "half", "row_id", "_warm_ns", "_ohm_min", "_ohm_max")


def main() -> None:
    """Write the golden rows and networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, default=ROOT.parent / "shared" / "reference")
    folder = parser.parse_args().reference
    try:
        rows = read_rows(folder / "layers.csv.gz")
        networks = read_rows(folder / "networks.csv")
        upstream = read_rows(folder / "upstream" / "layers.csv.gz")
        upstream_networks = read_rows(folder / "upstream" / "networks.csv")
    except HardwareModelError as error:
        raise SystemExit(str(error)) from None
    generator = np.random.default_rng(0)
    chosen: list[int] = []
    for name in SETS:
        candidates = np.flatnonzero((rows["set"] == name) & (rows["cs_legal"] == 1))
        chosen += sorted(generator.choice(candidates, size=ROWS_PER_SET, replace=False).tolist())
    write("hardware.csv", rows, np.array(chosen), UNUSED)
    write("hardware_networks.csv", networks, np.arange(len(networks["name"])), UNUSED)
    _, held_out = upstream_folds(upstream)
    other = upstream["tilebuf_core_bits"] != 1024
    of_other = generator.choice(np.flatnonzero(held_out & other), size=ROWS_OF_OTHER_BUFFERS, replace=False)
    picked = np.concatenate([np.flatnonzero(held_out & ~other), np.sort(of_other)])
    write("upstream.csv", upstream, picked, UNUSED_UPSTREAM)
    write("upstream_networks.csv", upstream_networks, np.arange(len(upstream_networks["network"])), UNUSED_UPSTREAM)


def write(file: str, table: Rows, picked: npt.NDArray[np.int64], unused: tuple[str, ...]) -> None:
    """Write some rows of a table, without the columns of these endings."""
    names = [name for name in table if not name.endswith(unused)]
    with (ROOT / "tests" / "golden" / file).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        for i in picked:
            cells = (table[name][i] for name in names)
            writer.writerow([f"{cell:.12g}" if isinstance(cell, np.floating) else str(cell) for cell in cells])
    print(f"{len(picked)} rows -> tests/golden/{file}")


if __name__ == "__main__":
    main()
