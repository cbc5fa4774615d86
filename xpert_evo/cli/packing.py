"""`xpert-evo pack`: a trained network in a file of a quarter of the size."""

from pathlib import Path

from xpert_evo.accuracy.training.weights import load_network, save_packed, weights_file
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.errors import UsageError
from xpert_evo.streams import in_shell


def pack_weights(path: Path, out: Path) -> None:
    """Writes the network in a file by `train` with the codes of its weights; raises UsageError and TrainingError.

    Args:
        path: The file, or the folder of the training.
        out: To write; must not exist.
    """
    source = weights_file(path)
    if out.exists():
        raise UsageError(f"{out} exists; choose another name, or remove it first.")
    trained = load_network(source)
    try:
        save_packed(trained, out)
    except OSError as failure:
        raise UsageError(f"{out} cannot be written ({failure.strerror}); choose another name.") from None
    sizes = [file.stat().st_size / 2**20 for file in (source, out)]
    PlainConsole().lines(
        [f"{out}: {sizes[1]:.1f} MiB in place of {sizes[0]:.1f}; `xpert-evo judge {in_shell(out)}` measures it"]
    )
