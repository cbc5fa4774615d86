"""The commands that cost and train single designs."""

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
        help=f"Of the devices (default: {DEFAULT_NOISE[0]}); the tutorial lists the keys.",
        show_default=False,
    ),
]
Draws = Annotated[int, typer.Option(metavar="K", min=0, help="Random devices to judge with.")]
TrainedWeights = Annotated[
    Path,
    typer.Argument(
        parser=user_path, metavar="WEIGHTS.safetensors", help="A trained network of `xpert-evo train`, or its folder."
    ),
]
NormImages = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Training images that each noisy chip calibrates its batch norm on."),
]


@commands.command(rich_help_panel=DESIGNS)
def evaluate(
    design: DesignFile,
    config: SettingsFile = None,
    assignments: Assignments = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Decides image planes and classes.", show_default=False),
    ] = None,
    model: CostModelName = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="LAYER", help="Follow a layer's numbers to constants.", show_default=False),
    ] = None,
) -> None:
    """Show the hardware cost of designs, by layer and component.

    Examples:
      xpert-evo evaluate design.json
      xpert-evo evaluate design.json --explain conv4
      xpert-evo evaluate design.json --model xpertsim
      xpert-evo evaluate design.json --set hardware.device=my-cell.toml --set hardware.crossbar.cell_bits=2
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
            help="smoke, laptop, laptop-finalist, native-short, overnight, long-night, one-night, second-night, "
            "long-second-night, averaged-night, fine-tune, exact-tune, full.",
        ),
    ] = "full",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of initial weights, batches and noise.")] = 0,
    noise_draws: Draws = 5,
    noise: DeviceNoise = None,
    calibrate_norms: NormImages = 0,
    start_from: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE",
            help="Go on from an earlier training's weights.safetensors.",
            show_default=False,
        ),
    ] = None,
    noise_aware: Annotated[
        bool, typer.Option("--noise-aware", help="Train with such devices, too: drawn anew in every step.")
    ] = False,
    to_judge: Annotated[
        bool, typer.Option("--judge/--no-judge", help="On the test set; `xpert-evo judge` does so later.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path, metavar="DIR", help="Folder (default: runs/train-ID-PROTOCOL-SEED).", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be trained and how long it takes, then stop.")
    ] = False,
) -> None:
    """Train one design to the end and measure it on the test set, with and without device noise.

    Goes on from its last epoch when called again with the same folder; a training that has ended stays as it is.

    The protocols second-night, long-second-night, averaged-night, fine-tune and exact-tune go on from trained weights
    and need --start-from; weights of a design with the same channel depths can be fine-tuned for other precisions.

    Examples:
      xpert-evo train design.json --protocol laptop-finalist --noise-draws 5
      xpert-evo train design.json --protocol one-night --dry-run
      xpert-evo train other.json --protocol fine-tune --start-from runs/first/weights.safetensors
      xpert-evo train design.json --protocol overnight --noise variation_ratio=0.05 --noise-aware
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
    split: Annotated[str, typer.Option(metavar="validation|test", help="Which images.")] = "test",
    images: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the first so many.", show_default=False)
    ] = None,
    noise_draws: Draws = 5,
    noise: DeviceNoise = None,
    calibrate_norms: NormImages = 0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the devices.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Measure a trained network on chip by the exact emulation: other devices, other crossbars, other images.

    Devices without noise are judged first, then the draws. Crossbars are those of the training, but for what
    settings or --set say of them. With --calibrate-norms every drawn chip measures its batch norm anew on training
    images.

    Examples:
      xpert-evo judge runs/first --noise variation_ratio=0.05 --calibrate-norms 512
      xpert-evo judge runs/first/weights.safetensors --set hardware.crossbar.coding=differential --images 1000
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
    out: Annotated[Path, typer.Argument(parser=user_path, metavar="FILE.safetensors", help="To write.")],
) -> None:
    """Write a trained network with each weight as the code that its cells hold: a quarter of the size.

    The crossbars compute the same, bit for bit, so such a file lets others measure a published accuracy again. `judge`,
    `train --start-from` and `load_network` take it like the file of a training.

    Examples:
      xpert-evo pack runs/first first-packed.safetensors
    """
    from xpert_evo.cli.packing import pack_weights

    pack_weights(weights, out)


@commands.command("import", rich_help_panel=DESIGNS)
def import_(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A network file of XPertSim or NeuroSim, .csv.")],
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE.toml",
            help="Backbone to write; a design goes beside it, as .json (default: NAME.toml).",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the backbone (default: from SOURCE).", show_default=False),
    ] = None,
) -> None:
    """Make a backbone of another tool's network, and a design where the peripherals are known too.

    A network file of XPertSim (twelve columns) gives both, one of DNN+NeuroSim V1.3 (eight columns) a backbone.

    Examples:
      xpert-evo import NetWork_VGG16.csv
      xpert-evo import NetWork_VGG16.csv --name mine --out networks/mine.toml
    """
    from xpert_evo.cli.importing import import_source

    import_source(source, out=out, name=name)
