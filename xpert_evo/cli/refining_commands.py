"""The commands that refine and prune a trained network."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import (
    DESIGNS,
    LOADING,
    Assignments,
    CostModelName,
    Executor,
    ImagesFolder,
    ImagesName,
    JsonLog,
    Quiet,
    SettingsFile,
    Workers,
    image_settings,
)
from xpert_evo.paths import user_path

commands = typer.Typer()

NativeWeights = Annotated[
    Path,
    typer.Argument(
        parser=user_path,
        metavar="NETWORK",
        help="Trained weights (.safetensors) of a design at native size, or the folder of a training.",
    ),
]

ComparedImages = Annotated[
    int, typer.Option(metavar="N", min=10, help="Measure class probabilities on the first N validation images.")
]


@commands.command(rich_help_panel=DESIGNS)
def refine(
    weights: NativeWeights,
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: ImagesName = None,
    data_dir: ImagesFolder = None,
    model: CostModelName = None,
    loss: Annotated[
        float, typer.Option(metavar="POINTS", help="Aim at the cheapest design that loses at most POINTS of accuracy.")
    ] = 0.7,
    rounds: Annotated[int, typer.Option(metavar="N", min=1, help="Measure and choose at most N times.")] = 3,
    images: ComparedImages = 400,
    judged: Annotated[
        int, typer.Option(metavar="N", min=10, help="Compare designs on the N validation images after those.")
    ] = 1_000,
    pairs: Annotated[int, typer.Option(metavar="N", min=0, help="Measure N pairs of layers in each round.")] = 12,
    tune: Annotated[
        str | None,
        typer.Option(
            metavar="PROTOCOL",
            help="Tune the chosen networks by PROTOCOL in each round, such as exact-tune (default: no training).",
            show_default=False,
        ),
    ] = None,
    tune_images: Annotated[
        int, typer.Option(metavar="N", min=1, help="Tune on N training images, which takes minutes.")
    ] = 6_000,
    chips: Annotated[
        int,
        typer.Option(
            metavar="K",
            min=0,
            help="Judge all networks on the same K drawn chips of hardware.device, each with calibrated batch norm, "
            "and tune them for such chips; 0 for ideal devices.",
        ),
    ] = 0,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Random seed of trainings, random choices and chips.")
    ] = 0,
    executor: Executor = None,
    workers: Workers = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="DIR",
            help="Write to DIR, or go on there (default: runs/refined-DESIGN).",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be measured and about how long it takes, and write nothing."),
    ] = False,
    json_log: JsonLog = False,
    quiet: Quiet = False,
) -> None:
    """Choose the peripherals of a trained network again, for this network.

    Measures what fewer ADC, input and weight bits in each layer do to the class
    probabilities of validation images, chooses the peripherals of all layers for
    a range of prices, measures the choices by the exact emulation, and goes on
    from there until nothing moves. Channel depths stay. What peripherals may
    become is set by the space, such as space.weight_precision and space.copies.
    Several space.coding or space.cell_bits are tried in turn.

    An interrupted command goes on where it stopped when it is repeated.

    Examples:
      xpert-evo refine runs/knee --dataset cifar10 --data-dir ~/data
      xpert-evo refine runs/knee --tune exact-tune --loss 0.5
      xpert-evo refine runs/knee --set space.weight_precision=[4,5,6,8]
      xpert-evo refine runs/knee --set space.cell_bits=[2,4]
      xpert-evo refine runs/knee --chips 5 --set hardware.device=rram-wan2022
    """
    from xpert_evo.accuracy.training.weights_path import weights_file
    from xpert_evo.progress import Stage, choose_listener

    weights_file(weights)  # told before anything is loaded
    listener = choose_listener(json_log=json_log, quiet=quiet or dry_run)
    listener.tell(Stage(text=LOADING))
    options = {
        **image_settings(dataset, data_dir),
        "hardware.model": model,
        "executor.kind": executor,
        "executor.workers": workers,
    }
    with closing(listener):
        from xpert_evo.cli.refining import refine_weights
        from xpert_evo.orchestration.refining import Refining

        refining = Refining(
            n_images=images,
            n_judged=judged,
            n_pairs=pairs,
            most_rounds=rounds,
            target_loss=loss / 100,
            tune=tune,
            n_tuned=tune_images,
            seed=seed,
            chips=chips,
        )
        refine_weights(
            weights,
            config,
            assignments,
            options,
            out=out,
            refining=refining,
            listener=listener,
            json_log=json_log,
            dry_run=dry_run,
        )


@commands.command(rich_help_panel=DESIGNS)
def prune(
    weights: NativeWeights,
    out: Annotated[Path, typer.Argument(parser=user_path, metavar="DESIGN.json", help="Design file to write.")],
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: ImagesName = None,
    data_dir: ImagesFolder = None,
    model: CostModelName = None,
    loss: Annotated[
        float,
        typer.Option(
            metavar="POINTS",
            min=0,
            max=100,
            help="Narrow no layer that takes accuracy without training more than POINTS below that of the network.",
        ),
    ] = 2.0,
    least_gain: Annotated[
        float,
        typer.Option(metavar="PERCENT", min=0, max=99, help="Narrow a layer only if EDAP falls by at least PERCENT."),
    ] = 2.0,
    images: ComparedImages = 400,
    judged: Annotated[
        int, typer.Option(metavar="N", min=10, help="Measure accuracy on the N validation images after those.")
    ] = 1_000,
    json_log: JsonLog = False,
    quiet: Quiet = False,
) -> None:
    """Choose smaller channel depths for a trained network (channel pruning).

    Narrows one layer after another to a smaller depth of the space. Each step
    takes the layer with the largest EDAP saving per unit of change in the class
    probabilities of validation images. Each layer keeps the channels that
    contribute most to the layers that read them. Nothing is trained: train the
    design afterwards with --start-from and --teacher, both with this network.
    Peripherals stay; run `refine` after the training to choose them again.

    Examples:
      xpert-evo prune runs/knee narrow.json
      xpert-evo prune runs/knee narrow.json --set space.channel_depth=[16,32,64]
      xpert-evo prune runs/knee narrow.json --loss 1 --dataset cifar10
    """
    from xpert_evo.accuracy.training.weights_path import weights_file
    from xpert_evo.progress import Stage, choose_listener

    weights_file(weights)  # told before anything is loaded
    listener = choose_listener(json_log=json_log, quiet=quiet)
    listener.tell(Stage(text=LOADING))
    options = {**image_settings(dataset, data_dir), "hardware.model": model}
    with closing(listener):
        from xpert_evo.cli.pruning import prune_weights
        from xpert_evo.orchestration.refining import Refining

        prune_weights(
            weights,
            config,
            assignments,
            options,
            out=out,
            loss=loss / 100,
            least_gain=least_gain / 100,
            refining=Refining(n_images=images, n_judged=judged),
            listener=listener,
            json_log=json_log,
        )
