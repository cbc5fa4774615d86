"""A trained network that classifies raw images."""

from typing import Any

import torch
from torch import nn

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.weights_header import WeightsHeader
from xpert_evo.errors import DataError


class TrainedNetwork(nn.Module):
    """A design's network with quantised inputs and weights and perfect ADCs, applied to raw images.

    Attributes:
        network: Network with the trained weights.
        header: Header of its file: design, protocol, seed, crossbar, validation accuracy and more.
        image_size: Size that images were downsampled to in training; larger images are downsampled here, too.
    """

    def __init__(self, network: CrossbarNetwork, header: WeightsHeader) -> None:
        super().__init__()
        self.network = network
        self.header = header
        self.image_size = header.trained_size

    @property
    def protocol(self) -> TrainingProtocol:
        """The training protocol."""
        return self.header.protocol

    @property
    def metadata(self) -> dict[str, Any]:
        """The header as plain values: `metadata["validation_accuracy"]` is `header.validation_accuracy`."""
        return self.header.to_plain()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns class scores (n, classes) of images in [0, 1], (n, channels, height, width).

        Raises:
            DataError: The images have other channels or shapes than the network was trained for, are bytes, or exceed
                the range, which would clip them silently.
        """
        if not self._fits(images):
            planes, (height, width) = self.network.backbone.image_channels, self.image_size
            raise DataError(
                f"images must have the shape (n, {planes}, {height}, {width}), or sides that are multiples of "
                f"{height} and {width} pixels, which are downsampled; got {tuple(images.shape)}. Pad smaller images, "
                "such as the 28 x 28 pixels of Fashion-MNIST, with a black border."
            )
        if not torch.compiler.is_compiling():
            _check_range(images)
        if images.dtype == torch.float64:  # may be the default type of the calling program
            images = images.float()
        small = nn.functional.adaptive_avg_pool2d(images, self.image_size)
        return torch.as_tensor(self.network(small, CrossbarLayer.product))

    def _fits(self, images: torch.Tensor) -> bool:
        """Whether images have the size of the data set, or a multiple of the network's."""
        if images.ndim != 4 or images.shape[1] != self.network.backbone.image_channels or 0 in images.shape[2:]:
            return False
        multiples = all(n % own == 0 for n, own in zip(images.shape[2:], self.image_size, strict=True))
        return multiples or images.shape[2:] == self.header.image_size


def _check_range(images: torch.Tensor) -> None:
    if not images.is_floating_point():
        raise DataError(
            f"images must be floats from 0 to 1, got {images.dtype}; divide bytes by 255, as in images.float() / 255."
        )
    if images.numel() and not (images.min() >= 0 and images.max() <= 1):
        raise DataError(
            f"images must be from 0 to 1, got {float(images.min()):.4g} to {float(images.max()):.4g}; give them as "
            "in training: bytes divided by 255, without subtracting a mean or dividing by a deviation."
        )
