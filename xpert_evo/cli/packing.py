"""`xpert-evo pack`: packs a network and shows the sizes before and after."""

from pathlib import Path

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
    packed = pack(path, out)
    before, after = (file_size(file.stat().st_size) for file in (weights_file(path), packed))
    PlainConsole().lines([f"{out}: {after} instead of {before}; measure it with `xpert-evo judge {in_shell(out)}`"])
