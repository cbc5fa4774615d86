"""The page's main table: recommended designs compared with the baseline and the best homogeneous design."""

from collections.abc import Sequence
from html import escape

from xpert_evo.orchestration.chips import IDEAL_DEVICES
from xpert_evo.report.around import around_candidate
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.pictures.common import number
from xpert_evo.report.recommend import Recommendation, Rival, times_better
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene
from xpert_evo.report.table import devices_of
from xpert_evo.report.unmet import unmet_limits
from xpert_evo.report.words import baseline_words, worth_of
from xpert_evo.words import times

_RATIOS = ("edap", "tops_per_w", "tops_per_mm2")


def answer(scene: Scene) -> str:
    """Returns the recommended designs with their figures and their ratios to the baseline and the best rivals."""
    result = scene.result
    if not scene.recommended:
        unmet = unmet_limits(result) if result.final else None
        said = unmet[:1].upper() + unmet[1:] if unmet else "No trained design satisfies the limits yet."
        return f'<p class="warning">{escape(said)} There is nothing to recommend.</p>'
    split, label = result.source_words, escape(f"validation, {result.config.training.protocol}")
    head = (
        '<tr><th class="text" rowspan="2">design</th><th rowspan="2">id</th><th rowspan="2">accuracy<br>%<br>'
        f"<small>{escape(split)}</small></th>"
        '<th rowspan="2">EDAP<br>mm² µs µJ</th><th rowspan="2">area<br>of tiles<br>mm²</th>'
        '<th rowspan="2">TOPS<br>/W</th><th rowspan="2">TOPS<br>/mm²</th>'
        '<th class="group" colspan="3">times better than<br>(a) the baseline</th>'
        '<th class="group" colspan="4">times better than (b) the best homogeneous<br>design '
        "at least as accurate</th></tr>"
        '<tr><th class="first">EDAP</th><th>TOPS<br>/W</th><th>TOPS<br>/mm²</th><th class="first">its accuracy'
        f" / this design's<br><small>{label}</small></th><th>EDAP</th><th>TOPS<br>/W</th><th>TOPS<br>/mm²</th></tr>"
    )
    rows = "".join(_row(recommendation, scene) for recommendation in scene.recommended)
    baseline = _baseline_row(result.baseline) if result.baseline else ""
    table = f'<table class="answer"><thead>{head}</thead><tbody>{rows}{baseline}</tbody></table>'
    return f'<div class="wide">{table}</div>{_reading(result)}{_area_note(scene)}'


def _row(recommendation: Recommendation, scene: Scene) -> str:
    candidate, result = recommendation.candidate, scene.result
    cells = [design_cells(", ".join(recommendation.roles), candidate, note=_unjudged(candidate, result))]
    cells.append(_ratio_cells(candidate, result.baseline_hardware, _by_models(scene, candidate)))
    rivals = [r for r in (recommendation.rival_measured, recommendation.rival_predicted) if r is not None]
    cells.append(_rival_cells(candidate, rivals))
    return f"<tr>{''.join(cells)}</tr>"


def _unjudged(candidate: Candidate, result: RunResult) -> str:
    """Describes an accuracy that differs in split or protocol from the one in the table's head."""
    return f"not a finalist: {candidate.split}, {candidate.protocol}" if result.final and candidate.test is None else ""


def design_cells(name: str, candidate: Candidate, note: str = "") -> str:
    """Returns the cells of a design: name, id, accuracy with a note, EDAP, area, TOPS/W and TOPS/mm2."""
    hardware = candidate.hardware
    below = "".join(f"<br><small>{escape(text)}</small>" for text in (note, _chip_note(candidate)) if text)
    return (
        f'<td class="text">{escape(name)}</td>'
        f'<td><button class="link" data-id="{escape(candidate.digest)}">{escape(candidate.digest[:8])}</button></td>'
        f"<td>{candidate.measured_words(1)}{below}</td>"
        + "".join(f"<td>{number(hardware[f])}</td>" for f in ("edap", "area_mm2", "tops_per_w", "tops_per_mm2"))
    )


def _chip_note(candidate: Candidate) -> str:
    """The accuracies of a judged design on ideal devices and on the worst chip, where both were measured."""
    if candidate.ideal is None or candidate.on_chips is None:
        return ""
    chips = candidate.on_chips
    mean = "" if candidate.measured == chips.mean else f", on chips {100 * chips.mean:.2f}"
    ideal = "" if candidate.measured == candidate.ideal else f"ideal devices {100 * candidate.ideal:.2f}"
    worst = (
        f"worst of {chips.n_chips} chips {100 * chips.worst:.2f}, standard deviation {100 * chips.spread:.2f}"
        if chips.n_chips > 1
        else ""
    )
    return ", ".join(text for text in (ideal, mean.removeprefix(", "), worst) if text)


def _baseline_row(baseline: Candidate) -> str:
    name = "baseline (a)"
    return (
        f'<tr>{design_cells(name, baseline)}<td class="first" colspan="3"></td><td class="first" colspan="4"></td></tr>'
    )


def _ratio_cells(candidate: Candidate, other: dict[str, float], by_models: str) -> str:
    edap, *others = (times(times_better(candidate.hardware, other, figure)) for figure in _RATIOS)
    return _cells([f"{edap}{by_models}", *others])


def _by_models(scene: Scene, candidate: Candidate) -> str:
    """Returns the range of the EDAP ratio to the baseline over all cost models."""
    ratios = None if scene.verdict is None else scene.verdict.ratios_of(candidate.digest)
    if ratios is None or len(ratios) == 1:
        return ""
    return f"<br><small>{times(ratios.min())} to {times(ratios.max())}<br>by cost model</small>"


def _rival_cells(candidate: Candidate, rivals: Sequence[Rival]) -> str:
    if not rivals:
        return '<td class="first" colspan="4">none found at this accuracy</td>'
    lines: list[list[str]] = [[], [], [], []]
    for rival in rivals:
        kind = "measured" if rival.measured else "predicted"
        both = f"{100 * rival.accuracy:.2f} % / {100 * rival.own_accuracy:.2f} %"
        lines[0].append(f'{both} <span class="badge {kind}">{kind}</span>')
        for column, figure in zip(lines[1:], _RATIOS, strict=True):
            told = f" <small>{kind}</small>" if len(rivals) > 1 else ""
            column.append(times(times_better(candidate.hardware, rival.hardware, figure)) + told)
    return _cells(["<br>".join(line) for line in lines])


def _cells(contents: Sequence[str]) -> str:
    """Returns the cells of a group of columns; the first one has the group's border."""
    first, *others = contents
    return f'<td class="first">{first}</td>' + "".join(f"<td>{content}</td>" for content in others)


def _reading(result: RunResult) -> str:
    hardware = result.task.hardware
    judged, protocol = "", result.config.training.protocol
    if result.final and result.front:
        first = result.front[0]
        protocol = first.protocol
        judged = (
            f" The accuracies in the table were measured on {first.n_test_images} test images after training protocol "
            f"{first.protocol}, with {first.emulation}, {devices_of([first])}; ± is the 95 % interval for this number "
            f"of images{_and_of_chips(first)}."
        )
    selected = (
        "Designs were selected by validation accuracy after short trainings "
        f"(protocol {result.config.training.protocol})."
        f"{judged} {worth_of(protocol)} EDAP is the product of {hardware.edap_words}, computed with {hardware.words}; "
        "TOPS counts two operations per multiply-accumulate. "
        f"The baseline is {baseline_words(result.task)}. A ratio below 1 means that the other design is better."
    )
    return f'<p class="note">{escape(selected)}</p>{_RIVALS}'


def _and_of_chips(candidate: Candidate) -> str:
    """What the interval covers besides images: the chips, if the accuracy is a mean over several."""
    chips = candidate.on_chips
    is_mean = chips is not None and chips.n_chips > 1 and candidate.devices != IDEAL_DEVICES
    return " and of chips" if is_mean else ""


def _area_note(scene: Scene) -> str:
    """Explains what the area excludes, with the figures of the first design in the table."""
    first = scene.recommended[0]
    tiles, around = first.candidate.hardware["area_mm2"], sum(around_candidate(scene.result, first.candidate).values())
    return (
        f'<p class="note">Area, EDAP and the area limit count all tiles, as the reference simulator does. They '
        "exclude the global buffer, H-tree, accumulation, activation and pooling units around the tiles: for design '"
        f"{escape(first.roles[0])}' {number(around)} mm² around {number(tiles)} mm² of tiles.</p>"
    )


_RIVALS = """\
<p class="note">(b) ignores the chip limits and compares both designs by their accuracies in the search, after the
same short training, not after the longer training of finalists.
<span class="badge measured">measured</span>: the design of lowest EDAP among the homogeneous designs that the search
trained and that reached at least this design's validation accuracy.
<span class="badge predicted">predicted</span>: the same among all homogeneous designs, trained or not, with
both accuracies predicted by the surrogate. Homogeneous designs have the same peripherals in all layers and one eighth
to twice the backbone's channel depths.</p>
"""
