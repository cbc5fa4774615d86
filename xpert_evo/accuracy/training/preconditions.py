"""What must hold before a training begins."""

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.weights import Start
from xpert_evo.backbones import Backbone
from xpert_evo.errors import DataError, TrainingError


def check_start(protocol: TrainingProtocol, start_from: Start | None) -> None:
    """Raises TrainingError if a protocol needs trained weights and there are none."""
    if protocol.needs_weights and start_from is None:
        raise TrainingError(
            f"protocol {protocol.name} continues from trained weights and learns little from random ones; give the "
            "weights of an earlier training (start_from; --start-from on the command line), or choose another "
            "protocol, such as one-night."
        )


def check_draws_cells(protocol: TrainingProtocol) -> None:
    """Raises TrainingError if a protocol does not support noise-aware training."""
    if not (protocol.exact or protocol.noise):
        raise TrainingError(
            f"noise-aware training needs a protocol that models the ADCs' errors, and {protocol.name} models "
            "quantisers only; choose another protocol."
        )


def check_fit(backbone: Backbone, dataset: Dataset) -> None:
    """Raises DataError if a data set has other classes or channels than a backbone."""
    wanted = (dataset.n_classes, dataset.image_channels)
    if (backbone.n_classes, backbone.image_channels) != wanted:
        raise DataError(
            f"{dataset.name} has {wanted[0]} classes and {wanted[1]} image channels, but the backbone was built for "
            f"{backbone.n_classes} and {backbone.image_channels}; load it with those of the data set."
        )


def check_sizes(backbone: Backbone, protocol: TrainingProtocol) -> None:
    """Raises ConfigError if maps of different sizes would be added at the image size of some epoch."""
    for side in (*protocol.early_sizes, protocol.image_size):
        backbone.check_sizes(protocol.size_for(backbone.image_size, side))
