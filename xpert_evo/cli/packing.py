"""`xpert-evo pack`: packs a network and shows the sizes before and after."""

from pathlib import Path

from xpert_evo.accuracy.training.checkpoints import read_tensors
from xpert_evo.accuracy.training.packing import are_packed
from xpert_evo.accuracy.training.weights import weights_file
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.streams import in_shell
from xpert_evo.words import file_size
from xpert_evo.workbench.packing import pack


def pack_weights(path: Path, out: Path) -> None:
    """Writes a trained network with integer codes as weights; raises UsageError and TrainingError.

    Args:
        path: The weights file, or the folder of the training.
        out: File to write; must not exist.
    """
    packed, source = pack(path, out), weights_file(path)
    before, after = (file_size(file.stat().st_size) for file in (source, packed))
    tensors, _ = read_tensors(source)
    told = (
        f"{source} is packed already; its copy takes {after}" if are_packed(tensors) else f"{after} instead of {before}"
    )
    PlainConsole().lines([f"{out}: {told}; measure it with `xpert-evo judge {in_shell(out)}`"])
