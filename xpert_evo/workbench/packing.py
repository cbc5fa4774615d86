"""`pack`: stores a trained network in a quarter of the space."""

from pathlib import Path

from xpert_evo.accuracy.training.weights import load_network, save_packed, weights_file
from xpert_evo.errors import UsageError
from xpert_evo.paths import user_path
from xpert_evo.workbench.arguments import AnyPath


def pack(weights: AnyPath, out: AnyPath) -> Path:
    """Stores each weight of a trained network as the integer code of its cells, like `xpert-evo pack`.

    The crossbars compute the same results, bit for bit. A training that starts from the file starts from the rounded
    weights.

    Args:
        weights: A file written by `train`, or the folder of a training.
        out: File to write; must not exist.

    Returns:
        The path of the file written.

    Raises:
        UsageError: The file already exists or cannot be written.
        TrainingError: The weights are missing or damaged.
    """
    source, target = weights_file(user_path(weights)), user_path(out)
    if target.exists():
        raise UsageError(f"{target} already exists; choose another name, or remove it first.")
    trained = load_network(source)
    try:
        save_packed(trained, target)
    except OSError as failure:
        raise UsageError(f"{target} cannot be written ({failure.strerror}); choose another name.") from None
    return target
