"""`pack`: a trained network in a file of a quarter of the size."""

from pathlib import Path

from xpert_evo.accuracy.training.weights import load_network, save_packed, weights_file
from xpert_evo.errors import UsageError
from xpert_evo.paths import user_path
from xpert_evo.workbench.arguments import AnyPath


def pack(weights: AnyPath, out: AnyPath) -> Path:
    """Writes a trained network with each weight as the code that its cells hold, as `xpert-evo pack` does.

    The crossbars compute the same, bit for bit. A training that goes on from the file goes on from rounded weights.

    Args:
        weights: A file of `train`, or the folder of a training.
        out: File to write; must not exist.

    Returns:
        The path of the file written.

    Raises:
        UsageError: The file exists already or cannot be written.
        TrainingError: The weights are missing or damaged.
    """
    source, target = weights_file(user_path(weights)), user_path(out)
    if target.exists():
        raise UsageError(f"{target} exists; choose another name, or remove it first.")
    trained = load_network(source)
    try:
        save_packed(trained, target)
    except OSError as failure:
        raise UsageError(f"{target} cannot be written ({failure.strerror}); choose another name.") from None
    return target
