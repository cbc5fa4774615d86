"""`xpert-evo pack`: packs a network and shows the sizes before and after."""

from pathlib import Path

from xpert_evo.accuracy.training.weights import weights_file
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.streams import in_shell
from xpert_evo.workbench.packing import pack


def pack_weights(path: Path, out: Path) -> None:
    """Writes a trained network with integer codes as weights; raises UsageError and TrainingError.

    Args:
        path: The weights file, or the folder of the training.
        out: File to write; must not exist.
    """
    packed = pack(path, out)
    sizes = [file.stat().st_size / 2**20 for file in (weights_file(path), packed)]
    PlainConsole().lines(
        [f"{out}: {sizes[1]:.1f} MiB instead of {sizes[0]:.1f} MiB; measure it with `xpert-evo judge {in_shell(out)}`"]
    )
