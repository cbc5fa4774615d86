"""`xpert-evo refine`: reads its options and shows the progress and result of a refinement."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.refining_plan import show_refinement_plan
from xpert_evo.cli.settings import resolve
from xpert_evo.orchestration.refining import Refined, Refinement, Refining, prepare
from xpert_evo.orchestration.refining.telling import edap_words, images_words
from xpert_evo.progress import Listener
from xpert_evo.report.refining.pictures import rows_of
from xpert_evo.streams import in_shell
from xpert_evo.workbench.refining import carry_out

_WEIGHTS, _CHIP = 9, 10
"""Columns of `rows_of` that tell whether weights are tuned, and on what chip."""

_HEADS = {
    0: "design",
    1: "lower\nEDAP",
    3: "area\n[mm²]",
    4: "latency\n[µs]",
    5: "energy\n[µJ]",
    6: "diverges\n[mnat]",
    7: "all\n[%]",
    8: "unseen\n[%]",
    _WEIGHTS: "weights",
    _CHIP: "chip",
}
"""Heads of the columns of `rows_of` that a terminal shows; EDAP itself is in the report."""


def refine_weights(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    out: Path | None,
    refining: Refining,
    listener: Listener,
    json_log: bool,
    dry_run: bool,
) -> None:
    """Refines the network in a file and shows the front, or what would be done; raises `refine_network`'s errors."""
    network = prepare(path, resolve(config, assignments, options), refining, listener).on_own_chip()
    folder = out or Path("runs") / f"refined-{network.design.digest[:8]}"
    if dry_run:
        show_refinement_plan(network, folder)
        return
    result = carry_out(network, folder, listener)
    if not json_log:
        _show(result, network.refining, folder)


def _show(result: Refinement, refining: Refining, folder: Path) -> None:
    console = PlainConsole()
    designs = [result.trained, *result.front]
    unsaid = {_WEIGHTS: not any(one.is_tuned for one in designs), _CHIP: not any(one.chip for one in designs)}
    kept = [place for place in _HEADS if not unsaid.get(place)]
    table = Table(title="Peripherals chosen again, by falling EDAP; the first row is the trained network")
    for place in kept:
        table.add_column(_HEADS[place], no_wrap=True, justify="right" if 0 < place < _WEIGHTS else "left")
    for row in rows_of(designs):
        table.add_row(*(row[place] for place in kept))
    console.table(table)
    console.lines([images_words(result, refining)])
    best = result.best(refining.target_loss)
    chips = f" --chips {refining.chips}" if refining.chips else ""
    console.lines(
        [
            f"within {100 * refining.target_loss:g} points of the trained network: {_words(best)}",
            f"report, front.json, designs and networks: {folder}",
            f"judge it on test images with `xpert-evo judge {in_shell(best.weights)}{chips}`",
        ]
    )


def _words(best: Refined) -> str:
    return f"{best.design.digest[:8]}, EDAP {edap_words(best)}"
