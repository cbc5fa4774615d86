"""The result of a run as a short table for the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from xpert_evo.orchestration.chips import IDEAL_DEVICES
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.native import by_accuracy
from xpert_evo.report.recommend import Recommendation, Rival, times_better
from xpert_evo.report.recosting import cost_words
from xpert_evo.report.result import RunResult
from xpert_evo.report.words import baseline_words, worth_of
from xpert_evo.words import counted, edap_text, lower, times


def result_table(result: RunResult) -> Table:
    """Returns the table of recommended designs with their ratios to the baseline; fits 80 columns.

    If some of them were not finalists, the accuracies of the search are shown beside those of the finalists.
    """
    table = Table(
        title=_title(result),
        title_justify="left",
        caption=_caption(result),
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("design")
    table.add_column("id", no_wrap=True)
    shown = picks(result)
    accuracies = ["search\n%", "test\n%"] if _mixed(shown) else ["accuracy\n%"]
    other = _other_devices(shown)
    accuracies += [f"{other}\n%"] if other is not None else []
    rate = ("images\n/s",) if result.task.table.pipelined else ()
    for name in (*accuracies, "EDAP\nmm² µs µJ", "EDAP\nlower", "area\nmm²", "latency\nµs", "energy\nµJ", *rate):
        table.add_column(name, justify="right", no_wrap=True)
    for name, candidate in shown:
        measured = _both(candidate) if _mixed(shown) else [f"{100 * candidate.measured:.2f}"]
        if other is not None:
            measured.append(_on_others(candidate))
        cells = _cells(candidate, result.baseline_hardware)
        if rate:
            cells.append(f"{candidate.hardware['throughput_fps']:.4g}")
        table.add_row(name, candidate.digest[:8], *measured, *cells)
    return table


def limits_table(result: RunResult) -> Table | None:
    """Returns a table with one row per area limit; None if there is only one limit."""
    if len(result.fronts) < 2:
        return None
    table = Table(
        title="Fronts by area limit",
        title_justify="left",
        caption=f"EDAP computed with {result.task.hardware.words}.",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in (
        "area limit\nmm²",
        "designs",
        "most accurate\n%",
        "at EDAP\nmm² µs µJ",
        "lowest EDAP\nmm² µs µJ",
        "at\n%",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for limit, front in result.fronts.items():
        name = "none" if limit is None else f"{limit:g}"
        if not front:
            table.add_row(name, "0")
            continue
        best = max(front, key=lambda candidate: candidate.validation)
        cheapest = min(front, key=lambda candidate: candidate.hardware["edap"])
        table.add_row(
            name,
            str(len(front)),
            f"{100 * best.measured:.2f}",
            f"{best.hardware['edap']:.3g}",
            f"{cheapest.hardware['edap']:.3g}",
            f"{100 * cheapest.measured:.2f}",
        )
    return table


def native_table(result: RunResult) -> Table | None:
    """Returns the table of the designs trained at native size, the most accurate first; None before there are any."""
    native = result.native
    if native is None or not native.designs:
        return None
    front, n_images = {one.candidate.digest for one in native.front}, native.designs[0].candidate.n_test_images
    so_far = "" if native.is_final else f" so far ({native.missing_words})"
    of = f"{len(front)} of {len(native.designs)} designs on the native front{so_far}"
    table = Table(
        title=f"{result.name} {native.size_words}: {of}",
        title_justify="left",
        caption=f"Trained by {native.recipe_words}. Accuracy: {n_images:,} test images by the exact emulation "
        f"{devices_of([one.candidate for one in native.designs])}, judged once, with 95 % "
        "intervals; the front (*) is by validation accuracy (valid.). "
        f"EDAP and its ratio to the baseline: {result.task.hardware.words}.",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("design")
    table.add_column("id", no_wrap=True)
    other = _other_devices([(one.role, one.candidate) for one in native.designs])
    several = any(one.candidate.on_chips is not None and one.candidate.on_chips.n_chips > 1 for one in native.designs)
    over_chips = ("worst chip\n%", "std.\npoints") if several else ()
    chips = () if other is None else (f"{other}\n%", *over_chips)
    for name in (
        "valid.\n%",
        "test\n%",
        *chips,
        "EDAP\nmm² µs µJ",
        "EDAP\nlower",
        "area\nmm²",
        "latency\nµs",
        "energy\nµJ",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for one in by_accuracy(native.designs):
        candidate, star = one.candidate, "*" if one.candidate.digest in front else ""
        accuracy = [candidate.measured_words(2), *_chip_cells(candidate)[: len(chips)]]
        valid = f"{100 * candidate.validation:.2f}"
        table.add_row(
            one.role + star, candidate.digest[:8], valid, *accuracy, *_cells(candidate, result.baseline_hardware)
        )
    return table


def _chip_cells(candidate: Candidate) -> list[str]:
    """Accuracy on the other devices, and the worst accuracy and the standard deviation over chips, as texts."""
    chips = candidate.on_chips
    of_chips = ["-", "-"] if chips is None else [f"{100 * chips.worst:.2f}", f"{100 * chips.spread:.2f}"]
    return [_on_others(candidate), *of_chips]


def rival_line(recommended: Sequence[Recommendation], protocol: str) -> str | None:
    """Compares the knee with (b), the best homogeneous design at least as accurate, measured and predicted.

    Both are shown because few homogeneous designs are trained, so that the measured one alone flatters the search.

    Args:
        recommended: Recommended designs of the scene.
        protocol: Name of the protocol of the search, with which the accuracies were measured.

    Returns:
        A line to print below the table; None if there is no front.
    """
    knee = next((one for one in recommended if "knee" in one.roles), None)
    if knee is None:
        return None
    rivals = [rival for rival in (knee.rival_measured, knee.rival_predicted) if rival is not None]
    others = [rival for rival in rivals if rival.design.digest != knee.candidate.digest]
    itself = ["the knee is itself homogeneous"] if len(others) < len(rivals) else []
    found = "; ".join([*itself, *(_against(knee.candidate, rival) for rival in others)]) or "none found"
    return f"Knee against the best homogeneous design at least as accurate (validation, {protocol}): {found}."


def _against(candidate: Candidate, rival: Rival) -> str:
    ratio = times_better(candidate.hardware, rival.hardware, "edap")
    words = f"EDAP {lower(ratio)}" + ("" if ratio >= 1 else ", so the homogeneous design is better")
    how = "measured" if rival.measured else "predicted by the surrogate"
    own, its = 100 * rival.own_accuracy, 100 * rival.accuracy
    return f"{words} ({how}: {own:.2f} % against its {its:.2f} %)"


def picks(result: RunResult) -> list[tuple[str, Candidate]]:
    """Returns the recommended designs by name, one row per design; names of the same design are joined."""
    rows: dict[str, tuple[list[str], Candidate]] = {}
    for name, candidate in result.shortlist.named().items():
        rows.setdefault(candidate.digest, ([], candidate))[0].append(name)
    chosen = [(", ".join(names), candidate) for names, candidate in rows.values()]
    return [*chosen, ("baseline", result.baseline)] if result.baseline else chosen


def _mixed(shown: Sequence[tuple[str, Candidate]]) -> bool:
    """Whether the table contains both finalists and other designs."""
    return len({candidate.split for _, candidate in shown}) > 1


def _both(candidate: Candidate) -> list[str]:
    """Returns the accuracy in the search and the test accuracy of a finalist, as text."""
    label = candidate.validation if candidate.test is None else candidate.label
    return [f"{100 * value:.2f}" if value is not None else "-" for value in (label, candidate.test)]


def _other_devices(shown: Sequence[tuple[str, Candidate]]) -> str | None:
    """The devices that finalists were measured on besides those of their accuracy; None for no others."""
    if all(candidate.ideal is None for _, candidate in shown):
        return None
    return "chips" if shown[0][1].devices == IDEAL_DEVICES else "ideal"


def _on_others(candidate: Candidate) -> str:
    """A finalist's test accuracy on these devices, as text."""
    if candidate.ideal is None or candidate.on_chips is None:
        return "-"
    return f"{100 * (candidate.on_chips.mean if candidate.devices == IDEAL_DEVICES else candidate.ideal):.2f}"


def _cells(candidate: Candidate, baseline: dict[str, float]) -> list[str]:
    hardware = candidate.hardware
    return [
        edap_text(hardware["edap"]),
        f"{times(baseline['edap'] / hardware['edap'])} x",
        f"{hardware['area_mm2']:.2f}",
        f"{hardware['latency_us']:.4g}",
        f"{hardware['energy_uj']:.3g}",
    ]


def devices_of(shown: Sequence[Candidate]) -> str:
    """The devices of accuracies, with the number of chips and what these calibrate on, in words."""
    judged = [candidate for candidate in shown if candidate.test is not None] or shown
    if not judged:
        return "on no devices"
    chips = judged[0].on_chips
    if chips is None or judged[0].devices == IDEAL_DEVICES:
        return f"on {judged[0].devices}"
    calibrated = f", batch norm of each calibrated on {chips.norm_images} training images" if chips.norm_images else ""
    return f"on {counted(chips.n_chips, 'chip')} ({judged[0].devices}{calibrated})"


def _title(result: RunResult) -> str:
    return f"run {result.name}: {result.front_words}, {result.trained_words}"


def _caption(result: RunResult) -> str:
    shown = picks(result)
    judged = next((candidate for _, candidate in shown if candidate.test is not None), None)
    split, protocol = (judged.split, judged.protocol) if judged else ("validation", result.config.training.protocol)
    emulation = f" with {judged.emulation}" if judged and judged.emulation else ""
    chosen = "designs were selected by validation accuracy"
    if _mixed(shown):
        chosen = (
            f"'search' is the validation accuracy after '{result.config.training.protocol}', by which designs were "
            "selected. Designs without a test accuracy were not finalists"
        )
    return (
        f"{'Test accuracy' if _mixed(shown) else 'Accuracy'}: measured on {split} data{emulation} after training "
        f"protocol '{protocol}', {devices_of([candidate for _, candidate in shown])}; {chosen}. {worth_of(protocol)} "
        f"Baseline: {baseline_words(result.task)}; 'EDAP lower' is the baseline's EDAP over the "
        f"design's{_higher(result, shown)}. "
        f"EDAP is the product of {result.task.hardware.edap_words}; {cost_words(result)}.{reversal_words(shown)}"
    )


def _higher(result: RunResult, shown: Sequence[tuple[str, Candidate]]) -> str:
    """What a ratio below 1 means, where there is one."""
    most = result.baseline_hardware["edap"]
    return ", below 1 x where it is higher" if any(one.hardware["edap"] > most for _, one in shown) else ""


def reversal_words(shown: Sequence[tuple[str, Candidate]]) -> str:
    """A sentence if the most accurate design on validation images is not that on test images; else empty."""
    judged = [candidate for name, candidate in shown if candidate.test is not None and name != "baseline"]
    chosen = next((candidate for name, candidate in shown if "most accurate" in name.split(", ")), None)
    if chosen is None or chosen.test is None:
        return ""
    best = max(judged, key=lambda candidate: candidate.measured)
    if best.measured <= chosen.measured:
        return ""
    return (
        f" {chosen.digest[:8]} is the most accurate design on validation images; on the test images "
        f"{best.digest[:8]} is more accurate."
    )
