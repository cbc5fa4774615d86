"""Where the weights of a training lie; quick to import, so that a wrong path is told before anything is loaded."""

from pathlib import Path

from xpert_evo.errors import TrainingError

WEIGHTS_NAME = "weights.safetensors"


def weights_file(path: Path) -> Path:
    """Returns the weights file at `path` or in the folder `path`; raises TrainingError if there is none."""
    file = path / WEIGHTS_NAME if path.is_dir() else path
    if not file.is_file():
        raise TrainingError(f"{file} does not exist; give a {WEIGHTS_NAME} of `xpert-evo train`, or its folder.")
    if file.suffix in {".json", ".toml"}:
        raise TrainingError(f"{file} has no weights; give a {WEIGHTS_NAME} of `xpert-evo train`, or its folder.")
    return file
