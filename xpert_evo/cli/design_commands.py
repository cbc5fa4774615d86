"""The commands that evaluate, train and judge single designs."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import (
    DESIGNS,
    Assignments,
    CostModelName,
    DesignFile,
    ImagesFolder,
    ImagesName,
    OneDesign,
    SettingsFile,
    image_settings,
)
from xpert_evo.paths import user_path

commands = typer.Typer()

DEFAULT_NOISE = ("variation_ratio=0.1",)

DeviceNoise = Annotated[
    list[str] | None,
    typer.Option(
        "--noise",
        metavar="KEY=VALUE",
        help=f"Set device noise (default: {DEFAULT_NOISE[0]}); docs/tutorial.md lists the keys.",
        show_default=False,
    ),
]
Draws = Annotated[int, typer.Option(metavar="K", min=0, help="Judge on K random draws of noisy devices.")]
TrainedWeights = Annotated[
    Path,
    typer.Argument(
        parser=user_path, metavar="WEIGHTS.safetensors", help="Network trained by `xpert-evo train`, or its folder."
    ),
]
NormImages = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Recalibrate batch norm of each noisy chip on N training images."),
]


@commands.command(rich_help_panel=DESIGNS)
def evaluate(
    design: DesignFile,
    config: SettingsFile = None,
    assignments: Assignments = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Take image channels and classes from this data set.", show_default=False),
    ] = None,
    model: CostModelName = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain", metavar="LAYER", help="Trace a layer's costs to their constants.", show_default=False
        ),
    ] = None,
) -> None:
    """Compute the hardware cost of designs by layer and component.

    Examples:
      xpert-evo evaluate design.json
      xpert-evo evaluate design.json --explain conv4
      xpert-evo evaluate design.json --model xpertsim
      xpert-evo evaluate design.json --set hardware.device=my-cell.toml
      xpert-evo evaluate runs/fashion-mnist-0/front.json --json
    """
    from xpert_evo.cli.costs import show_cost

    show_cost(design, config, assignments, dataset=dataset, model=model, as_json=as_json, explain=explain)


@commands.command(rich_help_panel=DESIGNS)
def train(
    design: OneDesign,
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: ImagesName = None,
    data_dir: ImagesFolder = None,
    protocol: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Use one of: smoke, laptop, laptop-finalist, native-short, overnight, long-night, one-night, "
            "second-night, long-second-night, averaged-night, fine-tune, exact-tune, full.",
        ),
    ] = "full",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed of weights, batches and noise.")] = 0,
    noise_draws: Draws = 5,
    noise: DeviceNoise = None,
    calibrate_norms: NormImages = 0,
    start_from: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE",
            help="Start from trained weights, given by their file or folder.",
            show_default=False,
        ),
    ] = None,
    noise_aware: Annotated[
        bool, typer.Option("--noise-aware", help="Also train with device noise, drawn anew in every step.")
    ] = False,
    to_judge: Annotated[
        bool, typer.Option("--judge/--no-judge", help="Judge on the test set after training, or skip it.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="DIR",
            help="Write weights and results to DIR (default: a folder in runs, named after design, protocol and seed).",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the training plan and an estimate of its time, then exit.")
    ] = False,
) -> None:
    """Train one design and measure it on the test images.

    It is measured with and without device noise. Call the command again with the
    same folder to continue an interrupted training from its last epoch. A
    finished training is never changed.

    The protocols second-night, long-second-night, averaged-night, fine-tune and
    exact-tune start from trained weights and need --start-from. The weights may
    come from another design with the same channel depths, so a network can be
    fine-tuned for other precisions.

    Examples:
      xpert-evo train design.json --protocol laptop-finalist --noise-draws 5
      xpert-evo train design.json --protocol one-night --dry-run
      xpert-evo train b.json --protocol fine-tune --start-from runs/a
      xpert-evo train design.json --noise variation_ratio=0.05 --noise-aware
    """
    from xpert_evo.cli.training import train_one

    options = image_settings(dataset, data_dir)
    train_one(
        design,
        config,
        assignments,
        options,
        protocol=protocol,
        seed=seed,
        noise=noise or DEFAULT_NOISE,
        noise_draws=noise_draws,
        norm_images=calibrate_norms,
        noise_aware=noise_aware,
        to_judge=to_judge,
        out=out,
        start_from=start_from,
        dry_run=dry_run,
    )


@commands.command(rich_help_panel=DESIGNS)
def judge(
    weights: TrainedWeights,
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: ImagesName = None,
    data_dir: ImagesFolder = None,
    split: Annotated[str, typer.Option(metavar="validation|test", help="Measure on this split.")] = "test",
    images: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Use only the first N images.", show_default=False)
    ] = None,
    noise_draws: Draws = 5,
    noise: DeviceNoise = None,
    calibrate_norms: NormImages = 0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed of the device draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a trained network in the exact emulation of the crossbars.

    Ideal devices are judged first, then the draws of noisy devices. Uses the
    crossbars of the training unless the settings file or --set overrides them.
    With --calibrate-norms, each drawn chip recalibrates its batch norm on
    training images.

    Examples:
      xpert-evo judge runs/first --noise variation_ratio=0.05 --noise-draws 10
      xpert-evo judge runs/first --set hardware.crossbar.coding=differential
    """
    from xpert_evo.cli.judging import show_judgement

    options = image_settings(dataset, data_dir)
    show_judgement(
        weights,
        config,
        assignments,
        options,
        split=split,
        max_images=images,
        noise=noise or DEFAULT_NOISE,
        noise_draws=noise_draws,
        norm_images=calibrate_norms,
        seed=seed,
        as_json=as_json,
    )


@commands.command(rich_help_panel=DESIGNS)
def pack(
    weights: TrainedWeights,
    out: Annotated[Path, typer.Argument(parser=user_path, metavar="FILE.safetensors", help="File to write.")],
) -> None:
    """Pack the weights of a trained network into a quarter of the space.

    Each weight is stored as the integer code of its cells. The crossbars compute
    the same results, bit for bit, so others can reproduce a published accuracy
    from such a file. `judge`, `train --start-from` and `load_network` accept it
    in place of the original.

    Examples:
      xpert-evo pack runs/first first-packed.safetensors
    """
    from xpert_evo.cli.packing import pack_weights

    pack_weights(weights, out)


@commands.command("import", rich_help_panel=DESIGNS)
def import_(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Network file (.csv) of XPertSim or NeuroSim.")],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE.toml",
            help="Write the backbone to FILE, and a design beside it as .json (default: NAME.toml).",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name the backbone (default: from SOURCE).", show_default=False),
    ] = None,
) -> None:
    """Import a network file of another tool.

    Files of XPertSim (twelve columns) give a backbone and a design; files of
    DNN+NeuroSim V1.3 (eight columns) contain no peripherals and give a backbone.

    Examples:
      xpert-evo import NetWork_VGG16.csv
      xpert-evo import NetWork_VGG16.csv --name mine --out networks/mine.toml
    """
    from xpert_evo.cli.importing import import_source

    import_source(source, out=out, name=name)
