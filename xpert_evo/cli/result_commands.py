"""The commands that work with what runs have found."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import RESULTS, CostModelName, DesignId, RunFolder
from xpert_evo.paths import user_path

commands = typer.Typer()


@commands.command(rich_help_panel=RESULTS)
def show(
    folder: RunFolder,
    knee: Annotated[bool, typer.Option("--knee", help="The knee of the front (what is shown by default).")] = False,
    accuracy: Annotated[
        float | None,
        typer.Option(metavar="X", help="The lowest EDAP of at least this validation accuracy.", show_default=False),
    ] = None,
    id_: DesignId = None,
    model: CostModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="As a design file.")] = False,
) -> None:
    """Show one design of a run, layer by layer.

    With --model the costs are those of another cost model; the design is chosen as without.

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
        list[Path], typer.Argument(parser=user_path, metavar="DIR DIR...", help="Folders of two or more runs.")
    ],
    picture: Annotated[
        Path | None,
        typer.Option(
            parser=user_path,
            metavar="FILE",
            help="Where to draw the fronts: png, svg or pdf (default: beside the first run).",
            show_default=False,
        ),
    ] = None,
    model: CostModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Compare fronts: hypervolume, EDAP at equal accuracy, and whose designs survive the union.

    With --model every front is costed under that cost model, whatever its run was made with.

    Examples:
      xpert-evo compare runs/fashion-mnist-0 runs/fashion-mnist-1
      xpert-evo compare runs/fashion-mnist-0 runs/fashion-mnist-1 --model published
    """
    from xpert_evo.cli.results import compare_runs

    compare_runs(folders, picture=picture, model=model, as_json=as_json)


@commands.command(rich_help_panel=RESULTS)
def export(
    folder: RunFolder,
    formats: Annotated[
        str, typer.Option("--format", metavar="NAME,...", help="json, csv, neurosim, neurosim-v1.3, torch or onnx.")
    ] = "json,csv,neurosim",
    id_: DesignId = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=user_path, metavar="DIR", help="Folder (default: DIR/export).", show_default=False),
    ] = None,
    proxies: Annotated[
        bool, typer.Option("--proxies", help="Export the networks of proxies, too; file names and metadata mark them.")
    ] = False,
) -> None:
    """Write the front, or one design, for other tools.

    json and csv describe designs; neurosim writes network files for XPertSim, the simulator with peripherals of their
    own for each layer, and neurosim-v1.3 for DNN+NeuroSim V1.3; torch and onnx are networks, of designs that `train`
    has trained at their own width. A proxy, such as laptop trains, is not the design's network and is exported with
    --proxies alone.

    Examples:
      xpert-evo export runs/fashion-mnist-0 --format json,neurosim
      xpert-evo export runs/fashion-mnist-0 --format onnx --id 0395fba0
    """
    from xpert_evo.cli.results import export_designs

    export_designs(folder, formats=formats, id_=id_, out=out, proxies=proxies)
