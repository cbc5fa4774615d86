"""The page's leading section of a run `--to native`: the native front, with confidence intervals and rivals."""

from html import escape

import numpy as np

from xpert_evo.accuracy.surrogate.second_fidelity import LEAST_NATIVE, fit_second_fidelity
from xpert_evo.report.native import NativeDesign, NativeResult, by_accuracy, ratio_words
from xpert_evo.report.page.answer import design_cells
from xpert_evo.report.pictures.common import number
from xpert_evo.report.result import RunResult
from xpert_evo.report.table import devices_of
from xpert_evo.words import times

_HEAD = (
    '<tr><th class="text">design</th><th>id</th><th>accuracy<br>%<br><small>test, {n_images} images</small></th>'
    "<th>EDAP<br>mm² µs µJ</th><th>area<br>of tiles<br>mm²</th><th>TOPS<br>/W</th><th>TOPS<br>/mm²</th>"
    "<th>validation<br>%</th><th>EDAP<br>lower than<br>the baseline's</th><th>best homogeneous<br>at least as accurate:"
    "<br>its EDAP</th><th>on the<br>native front</th></tr>"
)


def native_section(result: RunResult) -> str:
    """Returns the whole section; empty for a run that ends with the search."""
    native = result.native
    if native is None:
        return ""
    if not native.designs:
        body = f"<p>None of the {native.n_planned} trainings {native.size_words} has ended yet.</p>"
    else:
        body = f"<p>{escape(_summary(native))}</p>{_table(result, native)}{_note(result, native)}"
    return f'<section id="native">\n<h2>Which design to build: {native.size_words}</h2>\n{body}\n</section>'


def _summary(native: NativeResult) -> str:
    state = "" if native.is_final else f" so far ({native.missing_words})"
    return (
        f"{len(native.front)} of {len(native.designs)} designs trained {native.size_words} are on the native "
        f"front{state}. {native.line}"
    )


def _table(result: RunResult, native: NativeResult) -> str:
    front = {one.candidate.digest for one in native.front}
    rows = "".join(
        f"<tr>{_row(result, native, one, is_on_front=one.candidate.digest in front)}</tr>"
        for one in by_accuracy(native.designs)
    )
    n_images = native.designs[0].candidate.n_test_images
    head = _HEAD.format(n_images=f"{n_images:,}" if n_images else "")
    return f'<div class="wide"><table class="answer"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _row(result: RunResult, native: NativeResult, one: NativeDesign, *, is_on_front: bool) -> str:
    candidate, rival = one.candidate, native.rival_of(one)
    if one.is_homogeneous:
        against = "is homogeneous itself"
    elif rival is None:
        against = "none as accurate" if native.has_rivals else "none trained"
    else:
        other = rival.candidate.hardware["edap"]
        against = f"{number(other)} ({times(other / candidate.hardware['edap'])} x)"
    cells = [f"{100 * candidate.validation:.2f}", ratio_words(candidate, result.baseline_hardware), against]
    cells.append("yes" if is_on_front else "no")
    name = {"searched": "found by the search"}.get(one.role, one.role)
    return design_cells(name, candidate) + "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _note(result: RunResult, native: NativeResult) -> str:
    shown = [one.candidate for one in native.designs]
    note = (
        f"All designs were trained alike, by {native.recipe_words}, and judged once on test images by the exact "
        f"emulation {devices_of(shown)}; ± is the 95 % interval for this number of images and of chips, one seed each. "
        "The native front "
        "and its comparisons use validation images. It is not the search front below, whose accuracies are of proxies."
        f"{_ranking(result, native)}"
    )
    return f'<p class="note">{escape(note)}</p>'


def _ranking(result: RunResult, native: NativeResult) -> str:
    """How well the search ranks designs at native size, alone and corrected by native trainings."""
    if native.tau is None:
        return ""
    told = (
        " Kendall's τ between what the search expected of the proxies and the validation accuracy "
        f"{native.size_words} is {native.tau:.2f}"
    )
    known = [one for one in native.designs if one.expected is not None]
    if len(known) < LEAST_NATIVE:
        return f"{told} ({len(known)} designs)."
    report = fit_second_fidelity(
        result.task.space,
        result.task.space.encode([one.candidate.design for one in known]),
        np.array([one.expected for one in known], dtype=np.float64),
        np.array([one.candidate.validation for one in known]),
        crossbar=result.task.hardware.crossbar,
    ).report
    verdict = "ranks them better" if report.helps else "does not rank them better, so it is not used"
    return (
        f"{told} ({report.n} designs). Corrected by the other designs' accuracies at this size (a slope for each third "
        f"of the layers, one design left out at a time) it is {report.tau_corrected:.2f}: the correction {verdict}."
    )
