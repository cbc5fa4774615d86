"""Whether a trained network fits a data set, as far as possible before its images are loaded."""

from pathlib import Path

from xpert_evo.accuracy.datasets.catalogue import Dataset, DatasetSpec, dataset_spec, name_of
from xpert_evo.accuracy.training.weights import TrainedNetwork
from xpert_evo.errors import UsageError
from xpert_evo.image_sources import form_of, size_text


def check_name(path: Path, trained: TrainedNetwork, name: str, *, same: bool) -> None:
    """`check_images` of the data set called `name`, without loading it; own images are only known once loaded.

    Raises:
        UsageError: The network does not fit the data set.
        DataError: No data set has this name.
    """
    if form_of(name) is None:
        _check(path, trained, name, dataset_spec(name), same=same)


def check_images(path: Path, trained: TrainedNetwork, dataset: Dataset, *, same: bool) -> None:
    """Checks that a data set has the classes and image channels of a trained network.

    Args:
        path: File of the network, for messages.
        trained: Network of the file.
        dataset: Data set.
        same: Whether it must be the data set that the network was trained on, if its file says which one that was.

    Raises:
        UsageError: The network does not fit the data set.
    """
    _check(path, trained, dataset.name, dataset, same=same)


def _check(path: Path, trained: TrainedNetwork, name: str, images: Dataset | DatasetSpec, *, same: bool) -> None:
    own, header = trained.network.backbone, trained.header
    fits = (own.n_classes, own.image_channels) == (images.n_classes, images.image_channels)
    others = None not in {header.dataset, images.digest} and header.dataset != images.digest
    if fits and not (same and (others or tuple(header.image_size) != tuple(images.image_size))):
        return
    home = name_of(header.dataset)
    if home is not None and home != name:
        place = "" if dataset_spec(home).folder is None else " --data-dir DIR"
        raise UsageError(
            f"{path} was trained on {home}, not on {name}; add --dataset {home}{place}, or set dataset.name."
        )
    if not fits:
        mine = f"{own.n_classes} classes and {own.image_channels} image channels"
        theirs = f"{name} has {images.n_classes} and {images.image_channels}"
    elif tuple(header.image_size) != tuple(images.image_size):
        mine, theirs = f"images of {size_text(header.image_size)} pixels", f"{name} has {size_text(images.image_size)}"
    else:
        raise UsageError(
            f"{path} was trained on other images than those of {name}; select its data set with --dataset or the "
            "setting dataset.name."
        )
    raise UsageError(
        f"{path} was trained on {mine}, but {theirs}; select its data set with --dataset or the setting dataset.name."
    )
