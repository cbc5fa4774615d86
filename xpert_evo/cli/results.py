"""`xpert-evo show`, `compare` and `export`: work with what runs have found."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from xpert_evo.cli.costs import print_cost
from xpert_evo.errors import UsageError
from xpert_evo.files import write_atomically
from xpert_evo.report.comparison import Comparison, compare, draw_comparison
from xpert_evo.report.exports import export
from xpert_evo.report.pick import by_id, of_accuracy, the_knee
from xpert_evo.report.pictures import house_style
from xpert_evo.report.pictures.common import number
from xpert_evo.report.pictures.costs import report_of
from xpert_evo.report.result import Candidate, RunResult, load_result
from xpert_evo.report.table import times
from xpert_evo.store import Store


def read_result(folder: Path) -> RunResult:
    """The result of the run in `folder`; raises StoreError."""
    with Store.open_readonly(folder) as store:
        return load_result(store)


def show(folder: Path, *, knee: bool, accuracy: float | None, id_: str | None, as_json: bool) -> None:
    """Prints one design of a run layer by layer, or as a design file."""
    if sum((knee, accuracy is not None, id_ is not None)) > 1:
        raise UsageError("show takes one of --knee, --accuracy and --id, got several.")
    result = read_result(folder)
    if id_ is not None:
        candidate = by_id(result, id_)
    elif accuracy is not None:
        candidate = of_accuracy(result, accuracy)
    else:
        candidate = the_knee(result)
    if as_json:
        print(candidate.design.to_json())  # noqa: T201
        return
    console = Console()
    print_cost(console, candidate.design, report_of(result, candidate))
    for line in _accuracy_lines(result, candidate):
        console.print(line, highlight=False)


def _accuracy_lines(result: RunResult, candidate: Candidate) -> list[str]:
    lines = [f"validation accuracy {100 * candidate.validation:.2f} % (protocol {candidate.protocol})"]
    if candidate.test is not None:
        spread = f" ± {196 * candidate.measured_std:.1f}" if candidate.measured_std is not None else ""
        images = f"{candidate.n_test_images} images, {candidate.emulation}"
        lines.append(f"test accuracy {100 * candidate.test:.2f}{spread} % of {images}")
    if candidate.predicted is not None and candidate.std is not None:
        lines.append(f"predicted before {100 * candidate.predicted:.2f} ± {100 * candidate.std:.2f} %")
    if result.baseline is not None:
        ratio = result.baseline.hardware["edap"] / candidate.hardware["edap"]
        difference = 100 * (candidate.measured - result.baseline.measured)
        lines.append(
            f"against the homogeneous baseline: EDAP {times(ratio)} times lower, accuracy {difference:+.2f} points"
        )
    return lines


def compare_runs(folders: Sequence[Path], *, picture: Path, as_json: bool) -> None:
    """Prints several runs side by side and draws their fronts."""
    comparison = compare([read_result(folder) for folder in folders])
    suffix = picture.suffix.removeprefix(".")
    if suffix not in {"png", "svg", "pdf"}:
        raise UsageError(f"--picture must end in .png, .svg or .pdf, got '{picture}'.")
    if not picture.parent.is_dir():
        raise UsageError(f"--picture: the folder {picture.parent} does not exist; make it or choose another.")
    with house_style():
        figure = draw_comparison(comparison)
        write_atomically(picture, partial(figure.savefig, format=suffix))
    if as_json:
        print(json.dumps(plain_comparison(comparison), indent=1))  # noqa: T201
        return
    console = Console()
    console.print(_comparison_table(comparison))
    for warning in comparison.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False)
    console.print(f"fronts: {picture}", highlight=False)


def plain_comparison(comparison: Comparison) -> dict[str, object]:
    """The comparison as plain values, for machines."""
    return {
        "accuracy": comparison.how,
        "reference_point": {
            "accuracy": 1 - float(comparison.reference_point[0]),
            "edap": float(10 ** comparison.reference_point[1]),
        },
        "runs": [
            {
                "name": name,
                "hypervolume": comparison.hypervolumes[i],
                "n_front": len(comparison.fronts[i]),
                "survivors": comparison.survivors[i],
                "edap_at_accuracy": {
                    f"{step:g}": float(edap)
                    for step, edap in zip(comparison.steps, comparison.edap_at[i], strict=True)
                    if np.isfinite(edap)
                },
            }
            for i, name in enumerate(comparison.names)
        ],
        "warnings": comparison.warnings,
    }


def _comparison_table(comparison: Comparison) -> Table:
    table = Table(
        title="fronts side by side",
        title_justify="left",
        caption=f"Accuracies {comparison.how}. Hypervolume in decades of EDAP times accuracy, on one reference: "
        "guessing at the dearest of the runs' baselines. A survivor is dominated by no design of all runs.",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("")
    for name in comparison.names:
        table.add_column(name, justify="right")
    table.add_row("hypervolume", *(f"{volume:.4f}" for volume in comparison.hypervolumes))
    table.add_row("designs on the front", *(str(len(front)) for front in comparison.fronts))
    table.add_row("of these survive the union", *(str(len(survivors)) for survivors in comparison.survivors))
    for i, step in enumerate(comparison.steps):
        edaps = comparison.edap_at[:, i]
        table.add_row(f"EDAP at {100 * step:g} %", *("-" if np.isnan(edap) else number(edap) for edap in edaps))
    return table


def export_designs(folder: Path, *, formats: str, id_: str | None, out: Path | None) -> None:
    """Writes the front of a run, or one of its designs, in the formats of other tools."""
    result = read_result(folder)
    designs = result.front if id_ is None else [by_id(result, id_)]
    target = out or folder / "export"
    names = [name.strip() for name in formats.split(",") if name.strip()]
    if not names:
        raise UsageError("--format names no format; give some, such as --format json,csv.")
    console = Console()
    for sentence in export(names, target, folder, result, designs):
        console.print(sentence, highlight=False)
    console.print(f"written to {target}", highlight=False)
