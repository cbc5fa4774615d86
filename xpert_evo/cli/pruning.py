"""`xpert-evo prune`: reads its options, shows the steps and writes the design."""

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.settings import resolve
from xpert_evo.errors import InfeasibleError, UsageError
from xpert_evo.files import write_text
from xpert_evo.orchestration.pruning import Pruned, layers_words
from xpert_evo.orchestration.refining import Refining, prepare
from xpert_evo.progress import Listener
from xpert_evo.streams import in_shell
from xpert_evo.words import lower
from xpert_evo.workbench.pruning import carry_out
from xpert_evo.workbench.refining import baseline_lines


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
    json_log: bool,
) -> None:
    """Prunes the network in a file and writes the design with the smallest depths.

    Raises:
        InfeasibleError: No layer can be narrowed within the limits.
        UsageError: The file exists, or its folder does not; and whatever `prune` raises.
    """
    if out.exists():
        raise UsageError(f"{out} already exists; choose another name, or remove it first.")
    if not out.parent.is_dir():
        raise UsageError(f"the folder {out.parent} does not exist; create it, or choose another one for {out.name}.")
    network = prepare(path, resolve(config, assignments, options), refining, listener).on_own_chip()
    steps = carry_out(network, listener, loss=loss, least_gain=least_gain)
    listener.close()
    if len(steps) == 1:
        raise InfeasibleError(
            f"no layer can be narrowed without losing more than {100 * loss:g} points or gaining less than "
            f"{100 * least_gain:g} % of EDAP, so nothing was written; raise --loss, or offer other depths with "
            "--set space.channel_depth=[...]."
        )
    write_text(out, steps[-1].design.to_json() + "\n")
    if json_log:
        return
    console, refining = PlainConsole(), network.refining
    console.table(_table(steps))
    error = 100 * math.sqrt(steps[0].accuracy * (1 - steps[0].accuracy) / refining.n_judged)
    console.lines(
        [
            f"accuracy: of {refining.n_judged:,} validation images (standard error {error:.1f} points), with quantised "
            "inputs and weights, perfect ADCs and calibrated batch norm",
            f"diverges: KL divergence of the class probabilities of {refining.n_images:,} other validation images from "
            "those of the unpruned network",
            *baseline_lines(network),
            f"design {steps[-1].design.digest[:8]}: {out}",
            f"train it with `{_training_command(path, out, config, assignments, options)}`, or longer with a recipe; "
            "then choose its peripherals again with `xpert-evo refine`",
        ]
    )


def _training_command(
    path: Path,
    out: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
) -> str:
    """The command that trains the pruned design, with the settings of this one."""
    weights = in_shell(path)
    words = ["xpert-evo train", in_shell(out), "--protocol fine-tune --start-from", weights, "--teacher", weights]
    words += [] if config is None else ["--config", in_shell(config)]
    for assignment in assignments or ():
        words += ["--set", shlex.quote(assignment)]
    if (dataset := options["dataset.name"]) is not None:
        words += ["--dataset", shlex.quote(str(dataset))]
    if (data_dir := options["dataset.data_dir"]) is not None:
        words += ["--data-dir", in_shell(Path(str(data_dir)))]
    return " ".join(words)


def _table(steps: Sequence[Pruned]) -> Table:
    table = Table(title="Layers narrowed one after another, without training")
    for head in ("layer", "depth", "EDAP against\nthe baseline", "area\n[mm²]", "diverges\n[mnat]", "accuracy\n[%]"):
        table.add_column(head, no_wrap=True, justify="left" if head == "layer" else "right")
    for step in steps:
        table.add_row(
            layers_words(step) or "unpruned",
            f"{step.before} → {step.after}" if step.layer else "",
            lower(step.edap_ratio),
            f"{step.area_mm2:.1f}",
            f"{1e3 * step.divergence:.1f}",
            f"{100 * step.accuracy:.2f}",
        )
    return table
