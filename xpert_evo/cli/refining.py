"""`xpert-evo refine`: reads its options and shows the progress and result of a refinement."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.refining_plan import show_refinement_plan
from xpert_evo.cli.settings import resolve
from xpert_evo.config import RunConfig
from xpert_evo.orchestration.refining import Refinable, Refined, Refinement, Refining, prepare
from xpert_evo.orchestration.refining.telling import best_words, divergence_words, images_words
from xpert_evo.progress import Listener
from xpert_evo.report.refining.pictures import rows_of
from xpert_evo.streams import in_shell
from xpert_evo.workbench.refining import baseline_lines, carry_out

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


_OF_CONVERTERS = ("converters", "model", "adc")
"""Settings of the hardware that the offsets of converters follow from."""


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
        _show(result, network, folder)


def _show(result: Refinement, network: Refinable, folder: Path) -> None:
    console, refining = PlainConsole(), network.refining
    designs = [result.trained, *result.chosen]
    unsaid = {_WEIGHTS: not any(one.is_tuned for one in designs), _CHIP: not any(one.chip for one in designs)}
    kept = [place for place in _HEADS if not unsaid.get(place)]
    table = Table(title="The trained network, then peripherals chosen again, by falling EDAP")
    for place in kept:
        table.add_column(_HEADS[place], no_wrap=True, justify="right" if 0 < place < _WEIGHTS else "left")
    for row in rows_of(designs):
        table.add_row(*(row[place] for place in kept))
    console.table(table)
    best = result.best(refining.target_loss)
    console.lines(
        [
            images_words(result, refining),
            divergence_words(),
            *baseline_lines(network),
            best_words(result, refining.target_loss),
            f"report, front.json, designs and networks: {folder}",
            f"judge {best.design.digest[:8]} on test images with `{judging_command(network, best)}`",
        ]
    )


def judging_command(network: Refinable, one: Refined) -> str:
    """The command that judges a design on test images, on the same chips as the refinement."""
    config, usual, chips = network.config, RunConfig(), network.refining.chips
    words = ["judge", in_shell(one.weights)]
    if config.dataset.name != usual.dataset.name:
        words += ["--dataset", shlex.quote(config.dataset.name)]
    if config.dataset.data_dir is not None:
        words += ["--data-dir", in_shell(Path(config.dataset.data_dir))]
    if not chips:
        return " ".join(["xpert-evo", *words])
    hardware, default = config.hardware, usual.hardware
    names = ["technology", *(_OF_CONVERTERS if hardware.converters is not default.converters else ())]
    settings = {
        f"hardware.{name}": value for name in names if (value := getattr(hardware, name)) != getattr(default, name)
    }
    if config.training.chip_time_s != usual.training.chip_time_s:
        settings["training.chip_time_s"] = f"{config.training.chip_time_s:.15g}"
    words += ["--chips", str(chips)]
    for name, value in {"hardware.device": hardware.device, **settings}.items():
        words += ["--set", shlex.quote(f"{name}={value}")]
    if config.training.norm_images != usual.training.norm_images:
        words += ["--calibrate-norms", str(config.training.norm_images)]
    if network.refining.seed:
        words += ["--seed", str(network.refining.seed)]
    return " ".join(["xpert-evo", *words])
