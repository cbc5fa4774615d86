"""`xpert-evo prune`: reads its options, shows the steps and writes the design."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.settings import resolve
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.orchestration.pruning import Pruned
from xpert_evo.orchestration.refining import Refining, prepare
from xpert_evo.progress import Listener
from xpert_evo.streams import in_shell
from xpert_evo.workbench.pruning import carry_out


def prune_weights(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    out: Path,
    loss: float,
    least_gain: float,
    refining: Refining,
    listener: Listener,
) -> None:
    """Prunes the network in a file and writes the design with the smallest depths; raises what `prune` raises."""
    if out.exists():
        raise UsageError(f"{out} already exists; choose another name, or remove it first.")
    network = prepare(path, resolve(config, assignments, options), refining, listener).on_own_chip()
    steps = carry_out(network, listener, loss=loss, least_gain=least_gain)
    listener.close()
    console = PlainConsole()
    console.table(_table(steps))
    console.lines(
        [
            f"accuracy of {network.refining.n_judged:,} validation images, with quantised inputs and weights, perfect "
            "ADCs and calibrated batch norm"
        ]
    )
    if len(steps) == 1:
        limits = f"losing more than {100 * loss:g} points or gaining less than {100 * least_gain:g} % of EDAP"
        console.lines([f"no layer can be narrowed without {limits}; nothing is written"])
        return
    write_text(out, steps[-1].design.to_json() + "\n")
    weights = in_shell(path)
    console.lines(
        [
            f"design {steps[-1].design.digest[:8]}: {out}",
            f"train it with `xpert-evo train {in_shell(out)} --start-from {weights} --teacher {weights}`",
        ]
    )


def _table(steps: Sequence[Pruned]) -> Table:
    table = Table(title="Layers narrowed one after another, without training")
    for head in ("layer", "depth", "lower\nEDAP", "area\n[mm²]", "diverges\n[mnat]", "accuracy\n[%]"):
        table.add_column(head, no_wrap=True, justify="left" if head == "layer" else "right")
    for step in steps:
        table.add_row(
            step.layer or "unpruned",
            f"{step.before} → {step.after}" if step.layer else "",
            f"{step.edap_ratio:.4g} x",
            f"{step.area_mm2:.1f}",
            f"{1e3 * step.divergence:.1f}",
            f"{100 * step.accuracy:.2f}",
        )
    return table
