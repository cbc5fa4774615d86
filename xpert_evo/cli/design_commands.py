"""The commands that cost and train single designs."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import DESIGNS, Assignments, DesignFile, ImagesFolder, ImagesName, OneDesign, SettingsFile

commands = typer.Typer()


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
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="LAYER", help="Follow a layer's numbers to constants.", show_default=False),
    ] = None,
) -> None:
    """Show the hardware cost of designs, by layer and component.

    Examples:
      xpert-evo evaluate design.json
      xpert-evo evaluate design.json --explain conv4
      xpert-evo evaluate runs/fashion-mnist-0/front.json --json
    """
    from xpert_evo.cli.costs import show_cost

    show_cost(design, config, assignments, dataset=dataset, as_json=as_json, explain=explain)


@commands.command(rich_help_panel=DESIGNS)
def train(
    design: OneDesign,
    config: SettingsFile = None,
    assignments: Assignments = None,
    dataset: ImagesName = None,
    data_dir: ImagesFolder = None,
    protocol: Annotated[
        str, typer.Option(metavar="NAME", help="smoke, laptop, laptop-finalist, overnight, fine-tune or full.")
    ] = "full",
    seed: Annotated[int, typer.Option(metavar="N", help="Of initial weights, batches and noise.")] = 0,
    noise_draws: Annotated[int, typer.Option(metavar="K", min=0, help="Random devices to judge with.")] = 5,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            "--noise", metavar="KEY=VALUE", help="Of the devices (default: variation_ratio=0.1).", show_default=False
        ),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Go on from an earlier training's weights.safetensors.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder (default: runs/train-ID-PROTOCOL-SEED).", show_default=False),
    ] = None,
) -> None:
    """Train one design to the end and measure it on the test set, with and without device noise.

    Goes on from its last epoch when called again with the same folder.

    Weights of a design with the same channel depths can be fine-tuned for other precisions.

    Examples:
      xpert-evo train design.json --protocol laptop-finalist --noise-draws 5
      xpert-evo train other.json --protocol fine-tune --start-from runs/first/weights.safetensors
    """
    from xpert_evo.cli.training import train_one

    options = {"dataset.name": dataset, "dataset.data_dir": str(data_dir) if data_dir is not None else None}
    train_one(
        design,
        config,
        assignments,
        options,
        protocol=protocol,
        seed=seed,
        noise=noise or ["variation_ratio=0.1"],
        noise_draws=noise_draws,
        out=out,
        start_from=start_from,
    )
