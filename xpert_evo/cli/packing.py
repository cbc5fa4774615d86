"""`xpert-evo pack`: what the command line shows of a packed network."""

from pathlib import Path

from xpert_evo.accuracy.training.weights import weights_file
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.streams import in_shell
from xpert_evo.workbench.packing import pack


def pack_weights(path: Path, out: Path) -> None:
    """Writes the network in a file by `train` with the codes of its weights; raises UsageError and TrainingError.

    Args:
        path: The file, or the folder of the training.
        out: To write; must not exist.
    """
    packed = pack(path, out)
    sizes = [file.stat().st_size / 2**20 for file in (weights_file(path), packed)]
    PlainConsole().lines(
        [f"{out}: {sizes[1]:.1f} MiB in place of {sizes[0]:.1f}; `xpert-evo judge {in_shell(out)}` measures it"]
    )
