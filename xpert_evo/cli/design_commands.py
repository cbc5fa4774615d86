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
    TrainedWeights,
    image_settings,
)
from xpert_evo.paths import user_path

commands = typer.Typer()

DeviceNoise = Annotated[
    list[str] | None,
    typer.Option(
        "--noise",
        metavar="KEY=VALUE",
        help="Replace a value of the devices; docs/tutorial.md lists the keys.",
        show_default=False,
    ),
]
Chips = Annotated[
    int | None,
    typer.Option(
        "--chips",
        "--noise-draws",
        metavar="K",
        min=0,
        help="Draw K chips (default: 5, or 1 if all chips are alike); 0 to judge ideal devices only.",
        show_default=False,
    ),
]
Ideal = Annotated[bool, typer.Option("--ideal", help="Use ideal devices, except for values given with --noise.")]
NormImages = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Calibrate batch norm on N training images on each chip, also on ideal devices; 0 to keep that of the "
        "training (default: 512 on drawn chips, or as many as the last protocol trains on; 0 on ideal devices).",
        show_default=False,
    ),
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
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Train by this recipe: quick (minutes), hour, night (several hours), best (until it stops paying), "
            "chip (with --start-from and --noise-aware), or by your own, a FILE.toml (default: hour).",
            show_default=False,
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(metavar="H", help="Scale the recipe's epochs to H hours on this machine.", show_default=False),
    ] = None,
    protocol: Annotated[str | None, typer.Option(metavar="NAME", hidden=True, show_default=False)] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed of weights, batches and noise.")] = 0,
    chips: Chips = None,
    ideal: Ideal = False,
    noise: DeviceNoise = None,
    calibrate_norms: NormImages = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE",
            help="Start from trained weights, given by their file or folder.",
            show_default=False,
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            parser=user_path,
            metavar="FILE",
            help="Also learn the class probabilities of this trained network; can be repeated.",
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

    The stages of the recipe train the network one after the other; the last one
    computes with the exact emulation of the crossbars. The network is then
    measured on ideal devices and on chips drawn with the devices of
    hardware.device and the wires of hardware.technology. Call the command again
    with the same folder to continue an interrupted training at its stage and
    epoch. A finished training is never changed.

    With --start-from, the first stage continues from trained weights. They may
    come from another design; of larger channel depths, the channels that matter
    most are kept. With --teacher, seven tenths of the targets are the mean class
    probabilities of trained networks.

    Examples:
      xpert-evo train design.json --recipe quick --dry-run
      xpert-evo train design.json --recipe night --hours 6 --chips 5
      xpert-evo train b.json --recipe tune.toml --start-from runs/a
      xpert-evo train a.json --ideal --noise variation_ratio=0.05 --noise-aware
    """
    from xpert_evo.cli.training import train_one

    options = image_settings(dataset, data_dir)
    train_one(
        design,
        config,
        assignments,
        options,
        recipe=recipe,
        hours=hours,
        protocol=protocol,
        seed=seed,
        noise=noise or (),
        noise_draws=chips,
        norm_images=calibrate_norms,
        ideal=ideal,
        noise_aware=noise_aware,
        to_judge=to_judge,
        out=out,
        start_from=start_from,
        teachers=teacher or (),
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
    chips: Chips = None,
    ideal: Ideal = False,
    noise: DeviceNoise = None,
    calibrate_norms: NormImages = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="TIMES",
            help="Judge the chips at these times after programming, such as 1s,1h,1d (units: s, min, h, d, y).",
            show_default=False,
        ),
    ] = None,
    least_accuracy: Annotated[
        float | None,
        typer.Option(
            metavar="A", help="Report the share of chips with at least this accuracy, a fraction.", show_default=False
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE.png",
            help="Draw accuracy over time to FILE; its suffix selects PNG, SVG or PDF.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed of the drawn chips.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a trained network in the exact emulation of the crossbars.

    Ideal devices are judged first, then drawn chips with the devices of
    hardware.device and the wires of hardware.technology: those of the training
    unless the settings file or --set overrides them. Each chip calibrates its
    batch norm on training images. A finished chip is never judged again: the
    same command continues an interrupted judgement with the next one.

    Examples:
      xpert-evo judge runs/first --chips 50 --least-accuracy 0.9
      xpert-evo judge runs/first --at 1s,1h,1d --picture drift.png
      xpert-evo judge runs/first --ideal --noise variation_ratio=0.05
      xpert-evo judge runs/first --set hardware.crossbar.coding=differential
    """
    from xpert_evo.accuracy.training.weights_path import weights_file

    weights_file(weights)  # told before anything is loaded
    from xpert_evo.cli.judging import show_judgement

    options = image_settings(dataset, data_dir)
    show_judgement(
        weights,
        config,
        assignments,
        options,
        split=split,
        max_images=images,
        noise=noise or (),
        noise_draws=chips,
        norm_images=calibrate_norms,
        ideal=ideal,
        at=at or (),
        least_accuracy=least_accuracy,
        picture=picture,
        seed=seed,
        as_json=as_json,
    )
