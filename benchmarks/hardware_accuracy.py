"""How close the hardware model is to the reference data: tables on the terminal, plots by component in a folder.

The model `xpertsim` is compared with the results of the simulator published with XPert; `--model neurosim` compares the
model of that name with the results of DNN+NeuroSim V1.3 in the folder `upstream` beside them, node by node.

Usage: python benchmarks/hardware_accuracy.py [--model xpertsim|neurosim] [--reference FOLDER] [--out FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from hw_models import CrossbarSpec, HardwareModelError, evaluate, load_device, load_model, load_technology
from scripts.networks import reference_network
from scripts.reference import (
    Rows,
    model_columns,
    read_rows,
    reference_columns,
    select,
    upstream_folds,
    upstream_report,
)

DEFAULT_REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
TOTALS = ("area_um2", "latency_ns", "energy_pj")
TARGETS = {"main": (1.0, 5.0, 0.999), "main_ron6k_150": (1.0, 5.0, 0.999)}
OTHER_TARGET = (2.0, 10.0, 0.998)
JUDGED = ("main", "main_ron6k_150", "pe4", "xbar128", "xbar32", "cellbit2", "cellbit1")
UPSTREAM_TARGETS = {32: (1.0, 5.0), 22: (1.0, 5.0)}
OTHER_UPSTREAM_TARGET = (2.0, 10.0)
HELD_OUT_EVERY = 5
"""Every fifth row is held out by scripts/fit_hardware.py, too."""


def main() -> None:
    """Print all tables and draw the plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path, default=DEFAULT_REFERENCE, help="folder of the reference data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out", help="folder for the plots")
    parser.add_argument("--model", choices=("xpertsim", "neurosim"), default="xpertsim", help="cost model to compare")
    arguments = parser.parse_args()
    try:
        if arguments.model == "neurosim":
            print_upstream(upstream_folder(arguments.reference))
            return
        rows = read_rows(arguments.reference / "layers.csv.gz")
        networks = read_rows(arguments.reference / "networks.csv")
    except HardwareModelError as error:
        raise SystemExit(str(error)) from None
    held_out = np.arange(len(rows["F"])) % HELD_OUT_EVERY == 0
    legal = rows["cs_legal"] == 1
    held_out, rows = held_out[legal], select(rows, legal)
    model, reference = model_columns(rows), reference_columns(rows)
    model["energy_pj/adc+array"] = model["energy_pj/adc"] + model["energy_pj/array"]
    errors = {
        name: np.abs(model[name] / np.where(values == 0, np.nan, values) - 1) for name, values in reference.items()
    }
    print_sets(rows, model, reference, errors, held_out)
    print_components(rows, errors)
    print_networks(networks)
    print_worst(rows, model, reference, errors)
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(rows, model, reference, arguments.out)


def print_sets(
    rows: Rows,
    model: dict[str, Any],
    reference: dict[str, Any],
    errors: dict[str, npt.NDArray[np.float64]],
    held_out: npt.NDArray[np.bool_],
) -> None:
    """Errors of the totals by set, for the rows that constants were fitted to and for those held out."""
    print("Relative error of one layer: median / 99th percentile [%], Spearman; targets in brackets")
    print(f"{'set':15s} {'part':9s} {'rows':>5s}  " + "  ".join(f"{name:>26s}" for name in TOTALS))
    for name in [*JUDGED, *sorted(set(rows["set"]) - set(JUDGED))]:
        for part, mask in (("fitted", ~held_out), ("held out", held_out)):
            chosen = (rows["set"] == name) & mask
            cells = []
            for total in TOTALS:
                error = 100 * errors[total][chosen]
                rank = spearmanr(model[total][chosen], reference[total][chosen]).statistic
                cells.append(f"{np.median(error):7.3f} / {np.quantile(error, 0.99):6.2f} {rank:8.5f}  ")
            target = TARGETS.get(name, OTHER_TARGET) if name in JUDGED else None
            note = f"[{target[0]:g} / {target[1]:g} / {target[2]:g}]" if target else "(not judged)"
            print(f"{name:15s} {part:9s} {int(chosen.sum()):5d}  " + "  ".join(cells) + note)


def print_components(rows: Rows, errors: dict[str, npt.NDArray[np.float64]]) -> None:
    """Errors by component over the judged sets."""
    judged = np.isin(rows["set"], JUDGED)
    print("\nComponents over the judged sets: median / 90th / 99th percentile [%] (target: median 5)")
    for name, error in errors.items():
        found = 100 * error[judged]
        found = found[np.isfinite(found)]
        print(f"{name:28s} {np.median(found):8.3f} {np.quantile(found, 0.9):8.3f} {np.quantile(found, 0.99):8.3f}")


def print_networks(networks: Rows) -> None:
    """Errors of whole networks."""
    technology = load_technology("cmos-32nm-lstp")
    print("\nWhole networks: model / reference - 1 [%] (target: 2)")
    print(f"{'network':34s} {'tiles':>6s} {'area':>8s} {'latency':>8s} {'energy':>8s} {'EDAP':>8s} {'leakage':>8s}")
    worst = np.zeros(5)
    for i, name in enumerate(networks["name"]):
        shapes, peripherals, pe_side, device = reference_network(str(name))
        report = evaluate(
            shapes,
            peripherals,
            crossbar=CrossbarSpec(pe_side=pe_side),
            device=load_device(device),
            technology=technology,
        )
        found = [report.area_mm2, report.latency_us, report.energy_uj, report.edap, report.leakage_uw.sum(axis=1)]
        keys = ("area_tiles_mm2", "latency_us", "energy_uJ", "EDAP_mm2_us_uJ", "leak_power_uW")
        error = [100 * (float(value[0]) / networks[key][i] - 1) for value, key in zip(found, keys, strict=True)]
        worst = np.maximum(worst, np.abs(error))
        tiles = f"{int(report.n_tiles.sum())}/{int(networks['n_tiles'][i])}"
        print(f"{name:34s} {tiles:>6s} " + " ".join(f"{value:8.3f}" for value in error))
    print(f"{'largest':34s} {'':6s} " + " ".join(f"{value:8.3f}" for value in worst))


def upstream_folder(reference: Path) -> Path:
    """The folder of V1.3's results: the one beside the reference data, or the one that was given."""
    return reference if reference.name == "upstream" else reference / "upstream"


def print_upstream(folder: Path) -> None:
    """Errors of the model `neurosim` by node, and of whole networks."""
    rows, networks = read_rows(folder / "layers.csv.gz"), read_rows(folder / "networks.csv")
    model = load_model("neurosim")
    fitted, held_out = upstream_folds(rows)
    found, reference = model_columns(rows, model), reference_columns(rows)
    totals = (*TOTALS, "leakage_uw")
    error = {name: 100 * np.abs(found[name] / reference[name] - 1) for name in totals}
    print("Relative error of one layer against DNN+NeuroSim V1.3: median / 99th percentile [%], without capped sensing")
    print(f"{'node':>6s} {'part':9s} {'rows':>5s}  " + "  ".join(f"{name:>17s}" for name in totals) + "  target")
    for node in np.unique(rows["node_nm"])[::-1]:
        for part, mask in (("fitted", fitted), ("held out", held_out)):
            chosen = mask & (rows["node_nm"] == node)
            cells = (f"{np.median(e[chosen]):7.3f} / {np.quantile(e[chosen], 0.99):7.3f}" for e in error.values())
            median, most = UPSTREAM_TARGETS.get(int(node), OTHER_UPSTREAM_TARGET)
            print(f"{node:4.0f}nm {part:9s} {int(chosen.sum()):5d}  {'  '.join(cells)}  {median:g} / {most:g}")
    print("\nWhole networks: model / upstream - 1 [%]; idle leakage is what waits, as V1.3 prints it")
    keys = ("clk_ns", "interval_ns", "dynamic_energy_pJ", "leakage_power_uW", "leakage_energy_pJ")
    print(f"{'network':44s} {'clock':>8s} {'interval':>8s} {'energy':>8s} {'leakage':>8s} {'idle':>8s}")
    for i in range(len(networks["network"])):
        report = upstream_report(networks, i, model)
        energy_pj = report.energy_pj.sum(axis=1)
        values = (report.clock_ns, report.interval_ns, energy_pj, report.leakage_uw, report.idle_leakage_pj)
        ratios = (100 * (value[0] / networks[key][i] - 1) for key, value in zip(keys, values, strict=True))
        what = ("network", "mode", "speedup_degree", "AT", "AP", "IP", "CS")
        name = f"{networks['node_nm'][i]:g}nm " + " ".join(f"{networks[key][i]}".removesuffix(".0") for key in what)
        print(f"{name:44s} " + " ".join(f"{value:8.3f}" for value in ratios))


def print_worst(
    rows: Rows, model: dict[str, Any], reference: dict[str, Any], errors: dict[str, npt.NDArray[np.float64]]
) -> None:
    """The ten worst rows of the judged sets over all three totals."""
    judged = np.isin(rows["set"], JUDGED)
    worst = np.max([np.where(judged, errors[name], 0) for name in TOTALS], axis=0)
    print("\nThe ten worst rows of the judged sets: model / reference")
    keys = ("set", "F", "Cin", "k", "Cout", "CS", "AT", "IP", "AP", "xbar", "cellbit", "pe_xbars")
    for i in np.argsort(-worst)[:10]:
        row = " ".join(f"{key}={rows[key][i]:g}" if rows[key].dtype.kind == "f" else str(rows[key][i]) for key in keys)
        ratios = "  ".join(f"{name} {model[name][i] / reference[name][i]:.3f}" for name in TOTALS)
        print(f"  {ratios}   {row}")


def draw(rows: Rows, model: dict[str, Any], reference: dict[str, Any], out: Path) -> None:
    """Predicted against reference, one picture a quantity, one panel a component."""
    for quantity in TOTALS:
        names = [name for name in reference if name == quantity or name.startswith(f"{quantity}/")]
        figure = Figure(figsize=(16, 8), layout="constrained")
        axes = figure.subplots(2, 4)
        for axis in axes.ravel()[len(names) :]:
            axis.set_visible(False)
        for axis, name in zip(axes.ravel(), names, strict=False):
            for group in JUDGED:
                chosen = (rows["set"] == group) & (reference[name] > 0)
                axis.loglog(reference[name][chosen], model[name][chosen], ".", markersize=3, label=group)
            low, high = axis.get_xlim()
            axis.loglog([low, high], [low, high], color="black", linewidth=0.6)
            axis.set(title=name, xlabel="reference", ylabel="model")
        axes.ravel()[0].legend(fontsize=7, markerscale=3)
        figure.savefig(out / f"hardware_accuracy_{quantity}.png", dpi=110)
    print(f"\nPlots: {out}")


if __name__ == "__main__":
    main()
