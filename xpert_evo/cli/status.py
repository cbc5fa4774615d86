"""`xpert-evo status`: how far a run is, read from its store without disturbing it."""

from pathlib import Path

from rich.console import Console

from xpert_evo.config import parse_config
from xpert_evo.orchestration.context import FINALISTS, REUSED
from xpert_evo.progress import duration
from xpert_evo.report.result import load_result
from xpert_evo.report.table import result_table
from xpert_evo.store import Store


def show_status(folder: Path) -> None:
    """Prints how far the run in `folder` is, and its best designs so far."""
    console = Console()
    with Store.open_readonly(folder) as store:
        for line in status_lines(store):
            console.print(line, highlight=False)
        result = load_result(store)
    if result.front:
        console.print(result_table(result))


def status_lines(store: Store) -> list[str]:
    """What is done and what is left, a line each."""
    training = parse_config(store.meta("settings"), where=f"settings of {store.folder}").training
    plans = store.plans()
    finalists = {(p.digest, p.context) for p in plans if p.batch == FINALISTS}
    labels = store.all_labels()
    done = {(label.digest, label.context) for label in labels}
    n_searched = sum((p.digest, p.context) in done for p in plans if p.batch not in {FINALISTS, REUSED})
    failures = store.failures()
    lines = [
        f"{store.folder}: {n_searched} of {training.n_labels} designs trained with {training.protocol}",
        f"finalists: {len(finalists & done)} of {len(finalists)} trained" if finalists else "finalists: not chosen yet",
    ]
    summaries = store.summaries()
    if summaries:
        last = summaries[-1]
        lines.append(
            f"search: round {last['round']} of {training.rounds}, generation {last['generation']}, predicted "
            f"hypervolume {last['hypervolume']:.4f}"
        )
    spent = sum(label.seconds for label in labels)
    lines.append(f"spent in trainings: {duration(spent)}; failed trainings: {len(failures)}")
    if failures:
        lines.append(f"last failure: {failures[-1].digest}: {failures[-1].reason}")
    for round_, report in store.notes("honesty").items():
        held_out = report["surrogate"]
        lines.append(
            f"surrogate after round {round_}: Kendall tau {held_out['tau']:.2f} on {held_out['n']} trainings "
            f"predicted beforehand (multiply-accumulates alone {report['baseline']['tau']:.2f})"
        )
    return lines
