"""Terminal tables of judgements of drawn chips."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from xpert_evo.accuracy.training.results import JudgementResult
from xpert_evo.accuracy.training.yields import yield_of
from xpert_evo.words import age_text


def over_time_table(result: JudgementResult) -> Table:
    """Returns a table of the accuracies at each time after programming."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    least = None if result.yields is None else result.yields.least_accuracy
    share = () if least is None else (f"at least {100 * least:g} %\n% of chips",)
    table.add_column("time after\nprogramming")
    for name in ("mean\n%", "worst\n%", "standard deviation\npoints", "chips", *share):
        table.add_column(name, justify="right", no_wrap=True)
    for aged in result.over_time:
        found = aged.judgement
        cells = [f"{100 * found.mean:.2f}", f"{100 * found.worst:.2f}"]
        cells += [f"{100 * found.spread:.2f}" if found.n_draws > 1 else "", str(found.n_draws)]
        if least is not None:
            cells.append(f"{100 * yield_of(found.accuracies, least).ratio:.0f}")
        table.add_row(age_text(aged.time_s), *cells)
    return table
