"""The page's leading section of a run `--to native`: the native front, with confidence intervals and rivals."""

from html import escape

from xpert_evo.report.native import NativeDesign, NativeResult, by_accuracy, ratio_words
from xpert_evo.report.page.answer import design_cells
from xpert_evo.report.pictures.common import number
from xpert_evo.report.result import RunResult
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
        body = f"<p>{escape(_summary(native))}</p>{_table(result, native)}{_note(native)}"
    return f'<section id="native">\n<h2>Which design to build: {native.size_words}</h2>\n{body}\n</section>'


def _summary(native: NativeResult) -> str:
    state = "" if native.is_final else f" ({native.n_planned - len(native.designs)} trainings are missing)"
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
        against = "none trained"
    else:
        other = rival.candidate.hardware["edap"]
        against = f"{number(other)} ({times(other / candidate.hardware['edap'])} x)"
    cells = [f"{100 * candidate.validation:.2f}", ratio_words(candidate, result.baseline_hardware), against]
    cells.append("yes" if is_on_front else "no")
    name = {"searched": "found by the search"}.get(one.role, one.role)
    return design_cells(name, candidate) + "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _note(native: NativeResult) -> str:
    tau = native.tau
    ranking = (
        ""
        if tau is None
        else (
            f" Kendall's τ between what the search expected of the proxies and the validation accuracy "
            f"{native.size_words} is {tau:.2f} ({len(native.designs)} designs)."
        )
    )
    note = (
        f"All designs were trained alike, by {native.recipe_words}, and judged once on test images by the exact "
        "emulation on ideal devices; ± is the 95 % interval for this number of images, one seed each. The native front "
        "and its comparisons use validation images. It is not the search front below, whose accuracies are of proxies."
        f"{ranking}"
    )
    return f'<p class="note">{escape(note)}</p>'
