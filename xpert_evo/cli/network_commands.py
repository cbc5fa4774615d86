"""The commands that pack trained networks and import networks of other programs."""

from pathlib import Path
from typing import Annotated

import typer

from xpert_evo.cli.root import DESIGNS, TrainedWeights
from xpert_evo.paths import user_path

commands = typer.Typer()


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
    from xpert_evo.accuracy.training.weights_path import weights_file

    weights_file(weights)  # told before anything is loaded
    from xpert_evo.cli.packing import pack_weights

    pack_weights(weights, out)


@commands.command("import", rich_help_panel=DESIGNS)
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="ONNX model, MODULE:FACTORY or FILE.py:FACTORY of a PyTorch network, or .csv."
        ),
    ],
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
    input_shape: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="SHAPE",
            help="Give the shape of one input: 3,32,32 or 1,16000 or 784 (default: that of the ONNX model, or 32 x 32 "
            "pixels for a network file).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Import a network from PyTorch, ONNX or another simulator.

    A PyTorch network is what FACTORY returns when called without arguments. It
    and an ONNX model give a backbone (.toml), the design of the original network
    (.json) and its weights (.safetensors), for `train --start-from`. Operators
    that are not supported are named with their place.

    Network files (.csv) contain layers only. Files of XPertSim (twelve columns)
    give a backbone and a design; files of DNN+NeuroSim V1.3 (eight columns)
    contain no peripherals and give a backbone.

    Examples:
      xpert-evo import networks.py:resnet --input 3,32,32
      xpert-evo import model.onnx --name mine
      xpert-evo import NetWork_VGG16.csv
      xpert-evo import NetWork_VGG8.csv --input 3,64,64
      xpert-evo import NetWork_VGG16.csv --name mine --out networks/mine.toml
    """
    from xpert_evo.cli.importing import import_source

    import_source(source, out=out, name=name, input_shape=input_shape)
