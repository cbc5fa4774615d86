"""The fronts of a run with several area limits, one below the other."""

from html import escape

from xpert_evo.report.candidates import Candidate
from xpert_evo.report.page.answer import design_cells
from xpert_evo.report.result import RunResult

_HEAD = (
    '<tr><th class="text">area limit</th><th>id</th><th>accuracy<br>%</th><th>EDAP<br>mm² µs µJ</th>'
    "<th>area<br>mm²</th><th>TOPS<br>/W</th><th>TOPS<br>/mm²</th></tr>"
)


def fronts_table(result: RunResult) -> str:
    """Returns a table of the fronts of all limits, the tightest first, sorted by EDAP; empty for a single limit."""
    if len(result.fronts) < 2:
        return ""
    body = "".join(_rows(limit, front) for limit, front in result.fronts.items())
    table = f'<table class="fronts"><thead>{_HEAD}</thead><tbody>{body}</tbody></table>'
    title = f"<h3>Fronts by area limit ({escape(result.accuracy_words)}; EDAP computed with "
    title += f"{escape(result.task.hardware.words)})</h3>"
    return f'{title}<div class="wide">{table}</div>'


def _rows(limit: float | None, front: list[Candidate]) -> str:
    name = "none" if limit is None else f"{limit:g} mm²"
    if not front:
        return f'<tr><td class="text">{name}</td><td class="text" colspan="6">no trained design satisfies it</td></tr>'
    names = [name, *[""] * (len(front) - 1)]
    return "".join(f"<tr>{design_cells(*row)}</tr>" for row in zip(names, front, strict=True))
