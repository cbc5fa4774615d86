"""`xpert-evo show`, `compare` and `export`: show, compare and export the results of runs."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from xpert_evo.cli.against_baseline import against_baseline
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.cost_tables import print_cost
from xpert_evo.errors import UsageError
from xpert_evo.files import write_atomically
from xpert_evo.orchestration.chip_noise import noise_words
from xpert_evo.orchestration.chips import IDEAL_DEVICES
from xpert_evo.report.around import around_candidate, around_line
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.comparison import Comparison, compare, draw_comparison
from xpert_evo.report.exports.formats import export
from xpert_evo.report.pick import by_id, native_front, of_accuracy, the_knee
from xpert_evo.report.pictures import house_style
from xpert_evo.report.pictures.costs import report_of
from xpert_evo.report.recosting import cost_words, under_model
from xpert_evo.report.result import RunResult, load_result
from xpert_evo.store import Store
from xpert_evo.words import edap_text, lower_by_models, times_by_models

_LONGEST_NAME = 120


def read_result(folder: Path) -> RunResult:
    """The result of the run in `folder`; raises StoreError."""
    with Store.open_readonly(folder) as store:
        return load_result(store)


def show(
    folder: Path, *, knee: bool, accuracy: float | None, id_: str | None, model: str | None, as_json: bool
) -> None:
    """Prints one design of a run layer by layer, or as a design file; `model` overrides the run's cost model."""
    if sum((knee, accuracy is not None, id_ is not None)) > 1:
        raise UsageError("show takes one of --knee, --accuracy and --id, got several; keep one of them.")
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
    console = PlainConsole()
    if model is not None:
        result, candidate = _under(result, candidate, model)
    print_cost(console, candidate.design, report_of(result, candidate), result.task.hardware)
    console.lines(
        [cost_words(result), around_line(around_candidate(result, candidate)), *_accuracy_lines(result, candidate)]
    )


def _under(result: RunResult, candidate: Candidate, model: str) -> tuple[RunResult, Candidate]:
    """A result and one of its designs, costed under another model."""
    recosted = under_model(result, model)
    native = [] if recosted.native is None else [one.candidate for one in recosted.native.designs]
    known = [*recosted.front, *recosted.finalists, *recosted.measured, *native]
    return recosted, next(c for c in known if (c.digest, c.protocol) == (candidate.digest, candidate.protocol))


def _accuracy_lines(result: RunResult, candidate: Candidate) -> list[str]:
    """Measured and predicted accuracies, each with its training protocol, and the devices that they hold for."""
    own = "as a finalist: " if candidate.is_finalist else ""
    lines = [f"{own}validation accuracy {100 * candidate.validation:.2f} % (protocol {candidate.protocol})"]
    if candidate.test is not None:
        images = f"{candidate.n_test_images} images, {candidate.emulation}{_chips_words(candidate)}"
        lines.append(f"test accuracy {candidate.measured_words(1, ' %')} of {images} (protocol {candidate.protocol})")
    lines.append(f"accuracies measured on {candidate.devices}")
    if candidate.robustness is not None:
        lines.append(
            f"validation accuracy under noise {100 * candidate.robustness:.2f} % ({noise_words(result.config)}, "
            f"protocol {candidate.protocol})"
        )
    if candidate.reused:
        lines.append("trained by another run, whose measured accuracy is reused here")
    lines += [*_label_lines(candidate), *_native_lines(result, candidate)]
    if result.baseline is not None and result.baseline.digest == candidate.digest:
        lines.append("this is the homogeneous baseline that other designs are compared with")
    else:
        ratios = against_baseline(result.task.hardware, result.task.space, candidate.design).ratios
        gained = "" if result.baseline is None else _gained(candidate, result.baseline)
        lines.append(f"against the homogeneous baseline: EDAP {lower_by_models([*ratios.values()])}{gained}")
    return lines


def _chips_words(candidate: Candidate) -> str:
    """How many chips a test accuracy is the mean of; empty for one and for ideal devices."""
    chips = candidate.on_chips
    is_mean = chips is not None and chips.n_chips > 1 and candidate.devices != IDEAL_DEVICES
    return f", mean of {chips.n_chips} chips" if chips is not None and is_mean else ""


def _label_lines(candidate: Candidate) -> list[str]:
    """The search's own label and its prediction, which share a protocol even if the design was trained again later."""
    lines = []
    if candidate.label is not None and candidate.is_finalist:
        name = f"protocol {candidate.label_protocol}"
        lines.append(f"in the search: validation accuracy {100 * candidate.label:.2f} % ({name})")
    if candidate.predicted is not None and candidate.std is not None:
        shown = f"{100 * candidate.predicted:.2f} ± {100 * candidate.std:.2f} %"
        lines.append(f"predicted before that training: {shown} (validation, protocol {candidate.label_protocol})")
    return lines


def _native_lines(result: RunResult, candidate: Candidate) -> list[str]:
    """Accuracies at native size of a design whose other accuracies are those of a proxy."""
    native = None if result.native is None else result.native.of(candidate.digest)
    if result.native is None or native is None or native.candidate is candidate:
        return []
    trained = native.candidate
    return [
        f"{result.native.size_words}: validation accuracy {100 * trained.validation:.2f} %, test accuracy "
        f"{trained.measured_words(1, ' %')} of {trained.n_test_images} images{_chips_words(trained)} "
        f"({trained.protocol}, on {trained.devices})"
    ]


def _gained(candidate: Candidate, baseline: Candidate) -> str:
    """The difference of two accuracies of the same protocol and split, if there are such."""
    if (candidate.protocol, candidate.split) == (baseline.protocol, baseline.split):
        return f", accuracy {100 * (candidate.measured - baseline.measured):+.2f} points ({candidate.split})"
    own, other, protocol = candidate.label, baseline.label, candidate.label_protocol
    if own is not None and other is not None and protocol == baseline.label_protocol:
        return f", accuracy {100 * (own - other):+.2f} points (validation, {protocol})"
    return f" (accuracies not comparable: the baseline's is from {baseline.split}, {baseline.protocol})"


def compare_runs(folders: Sequence[Path], *, picture: Path | None, model: str | None, as_json: bool) -> None:
    """Prints several runs side by side and draws their fronts, by default beside the first run's folder.

    Args:
        folders: Folders of the runs.
        picture: Picture file to draw; None for the default.
        model: Cost model to use for all runs; None for each run's own.
        as_json: Whether to print JSON.
    """
    real = [folder.resolve() for folder in folders]
    twice = next((folder for i, folder in enumerate(folders) if real[i] in real[:i]), None)
    if twice is not None:
        raise UsageError(f"compare needs different runs, got {twice} twice; leave one out.")
    results = [read_result(folder) for folder in folders]
    comparison = compare(results if model is None else [under_model(result, model) for result in results])
    if picture is None:
        picture = real[0].parent / f"compare-{'-'.join(folder.name for folder in real)[:_LONGEST_NAME]}.png"
    suffix = picture.suffix.removeprefix(".")
    if suffix not in {"png", "svg", "pdf"}:
        raise UsageError(f"--picture must end in .png, .svg or .pdf, got '{picture}'.")
    if not picture.parent.is_dir():
        raise UsageError(f"--picture: the folder {picture.parent} does not exist; create it or choose another.")
    console = PlainConsole()
    if as_json:
        print(json.dumps(plain_comparison(comparison), indent=1))  # noqa: T201
    else:
        console.warnings(comparison.warnings)
        console.table(_comparison_table(comparison))
    try:
        with house_style():
            figure = draw_comparison(comparison)
            write_atomically(picture, partial(figure.savefig, format=suffix))
    except OSError as failure:
        raise UsageError(
            f"the picture {picture} cannot be written ({failure.strerror}); choose another --picture."
        ) from None
    if not as_json:
        console.lines([f"picture of the fronts: {picture}"])


def plain_comparison(comparison: Comparison) -> dict[str, object]:
    """The comparison as plain values for JSON."""
    return {
        "accuracy": comparison.how,
        "reference_point": {
            "accuracy": 1 - float(comparison.reference_point[0]),
            "edap": float(10 ** comparison.reference_point[1]),
        },
        "runs": [
            {
                "name": name,
                "data": comparison.data[i],
                "costs": comparison.costs[i],
                "n_trained": comparison.n_trained[i],
                "n_reused": comparison.n_reused[i],
                "hypervolume": comparison.hypervolumes[i] if comparison.hypervolumes is not None else None,
                "n_front": len(comparison.fronts[i]),
                "survivors": comparison.survivors[i] if comparison.survivors is not None else None,
                "edap_at_accuracy": {
                    f"{step:g}": float(edap)
                    for step, edap in zip(comparison.steps, comparison.edap_at[i], strict=True)
                    if np.isfinite(edap)
                },
                "edap_ratios_at_accuracy": {
                    f"{step:g}": ratios
                    for step, ratios in zip(comparison.steps, comparison.ratios_at[i], strict=True)
                    if ratios
                },
            }
            for i, name in enumerate(comparison.names)
        ],
        "warnings": comparison.warnings,
    }


_UNION = (
    "Hypervolume is in decades of EDAP times accuracy; all runs share one reference point: random guessing at the "
    "largest EDAP of the runs' baselines. A survivor is dominated by no design of any run."
)
_NO_UNION = (
    "The runs used different images, so their accuracies cannot be compared: there is no common hypervolume and no "
    "union of the fronts."
)

_BY_MODEL = (
    "'lower' is relative to the run's baseline under its own cost model; the range over all models is in brackets."
)


def _costs(comparison: Comparison) -> str:
    """The cost model shared by all runs; if they differ, a row of the table lists the models instead."""
    return f"EDAP by {comparison.costs[0]}. " if len(set(comparison.costs)) == 1 else ""


def _comparison_table(comparison: Comparison) -> Table:
    union = _UNION if comparison.survivors is not None else _NO_UNION
    table = Table(
        title="fronts side by side",
        title_justify="left",
        caption=f"{_costs(comparison)}Accuracies {comparison.how}. {union} {_BY_MODEL}",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("")
    for name in comparison.names:
        table.add_column(name, justify="right")
    table.add_row("images, protocol", *comparison.data)
    if len(set(comparison.costs)) > 1:
        table.add_row("costs by", *comparison.costs)
    table.add_row("trained in the search", *map(str, comparison.n_trained))
    if any(comparison.n_reused):
        table.add_row("labels reused", *map(str, comparison.n_reused))
    if comparison.hypervolumes is not None:
        table.add_row("hypervolume", *(f"{volume:.4f}" for volume in comparison.hypervolumes))
    table.add_row("designs on the front", *(str(len(front)) for front in comparison.fronts))
    if comparison.survivors is not None:
        table.add_row("of these survive the union", *(str(len(survivors)) for survivors in comparison.survivors))
    for i, step in enumerate(comparison.steps):
        edaps = ["-" if np.isnan(edap) else edap_text(edap) for edap in comparison.edap_at[:, i]]
        table.add_row(f"EDAP at {100 * step:g} %, mm² µs µJ", *edaps)
        ratios = [times_by_models(list(at[i].values())) if at[i] else "-" for at in comparison.ratios_at]
        table.add_row("  lower, by model", *ratios)
    return table


def export_designs(folder: Path, *, formats: str, id_: str | None, out: Path | None, proxies: bool = False) -> None:
    """Exports the front of a run, or one of its designs, to the formats of other tools."""
    result = read_result(folder)
    designs, natives = (result.front, native_front(result)) if id_ is None else ([by_id(result, id_)], [])
    target = out or folder / "export"
    names = [name.strip() for name in formats.split(",") if name.strip()]
    if not names:
        raise UsageError("--format names no format; give at least one, such as --format json,csv.")
    console = PlainConsole()
    written = export(names, target, folder, result, designs, proxies=proxies, trained=natives)
    console.lines([*written, f"written to {target}"])
