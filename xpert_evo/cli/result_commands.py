"""The commands that show, compare and export the results of runs."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import RESULTS, CostModelName, DesignId, RunFolder
from xpert_evo.paths import user_path

commands = typer.Typer()


@commands.command(rich_help_panel=RESULTS)
def show(
    folder: RunFolder,
    knee: Annotated[bool, typer.Option("--knee", help="Show the knee of the front; this is the default.")] = False,
    accuracy: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Show the design of lowest EDAP with at least this validation accuracy by the protocol of the search.",
            show_default=False,
        ),
    ] = None,
    id_: DesignId = None,
    model: CostModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the design as a design file.")] = False,
) -> None:
    """Show one design of a run, layer by layer.

    With --model, the costs come from another cost model; the choice of the design
    does not change.

    Examples:
      xpert-evo show runs/fashion-mnist-0 --knee
      xpert-evo show runs/fashion-mnist-0 --knee --model pessimistic
      xpert-evo show runs/fashion-mnist-0 --accuracy 0.85 --json > design.json
    """
    from xpert_evo.cli import results

    results.show(folder, knee=knee, accuracy=accuracy, id_=id_, model=model, as_json=as_json)


@commands.command(rich_help_panel=RESULTS)
def compare(
    folders: Annotated[
        list[Path], typer.Argument(parser=user_path, metavar="DIR DIR...", help="Folders of the runs, two or more.")
    ],
    picture: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE",
            help="Draw the fronts to a png, svg or pdf FILE (default: beside the first run).",
            show_default=False,
        ),
    ] = None,
    model: CostModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the fronts of several runs.

    Shows the hypervolume, the EDAP at equal accuracy, and which designs remain on
    the front of all runs together. With --model, all fronts are costed with that
    model, regardless of the models of the runs.

    Examples:
      xpert-evo compare runs/fashion-mnist-0 runs/fashion-mnist-1
      xpert-evo compare runs/first runs/second --model published
    """
    from xpert_evo.cli.results import compare_runs

    compare_runs(folders, picture=picture, model=model, as_json=as_json)


@commands.command(rich_help_panel=RESULTS)
def export(
    folder: RunFolder,
    formats: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAME,...", help="Write json, csv, neurosim, neurosim-v1.3, torch or onnx files."
        ),
    ] = "json,csv,neurosim",
    id_: DesignId = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="DIR",
            help="Write the files to DIR (default: `export` in the run's folder).",
            show_default=False,
        ),
    ] = None,
    proxies: Annotated[
        bool,
        typer.Option("--proxies", help="Also export proxies that `train` trained; file names and metadata mark them."),
    ] = False,
) -> None:
    """Export the front, or one design, for other tools.

    json and csv describe designs. neurosim writes network files for XPertSim,
    which simulates different peripherals in each layer; neurosim-v1.3 writes them
    for DNN+NeuroSim V1.3. If one format cannot hold the designs, nothing is
    written.

    torch and onnx export trained networks, those of the native front among them.
    A search keeps accuracies but no networks: train a design first, with
    `xpert-evo train`, or use `run --to native`. Proxies, which are narrower than
    their design, are exported only with --proxies.

    Examples:
      xpert-evo export runs/fashion-mnist-0 --format json,neurosim
      xpert-evo export runs/fashion-mnist-0 --format onnx --id 0395fba0
    """
    from xpert_evo.cli.results import export_designs

    export_designs(folder, formats=formats, id_=id_, out=out, proxies=proxies)
