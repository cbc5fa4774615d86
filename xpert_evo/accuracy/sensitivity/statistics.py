"""Batch-norm statistics of a network whose peripherals have changed.

Batch norm is computed digitally, so its statistics may be set for the errors of the ADCs in use. They are moved by what
a change does to a few hundred training images, rather than replaced: images that are few for a mean are enough for the
difference of two means of the same images, and a network that has not changed keeps its statistics exactly.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork

_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of a layer's products, (channels,) each, before batch norm."""

    mean: torch.Tensor
    variance: torch.Tensor

    @classmethod
    def of(cls, outputs: torch.Tensor) -> "Moments":
        """The moments of outputs (n, channels, side, side)."""
        variance, mean = torch.var_mean(outputs, (0, 2, 3), correction=0)
        return cls(mean, variance.clamp_min(_LEAST_VARIANCE))


def move_statistics(layer: CrossbarLayer, own: Moments, before: Moments, after: Moments) -> None:
    """Moves a layer's batch norm by what a change did to calibration images.

    Args:
        layer: Layer with batch norm.
        own: Its statistics without the change.
        before: Moments of the calibration images without the change.
        after: Moments with the change.
    """
    layer.mean.copy_(own.mean + (after.mean - before.mean))
    layer.variance.copy_(own.variance * (after.variance / before.variance))


def statistics_of(network: CrossbarNetwork) -> list[Moments | None]:
    """Copies of the statistics of all layers; None for a layer without batch norm."""
    return [
        Moments(layer.mean.clone(), layer.variance.clone()) if layer.normalised else None
        for layer in network.crossbar_layers
    ]


def set_statistics(network: CrossbarNetwork, statistics: Sequence[Moments | None]) -> None:
    """Gives the layers of a network these statistics."""
    for layer, moments in zip(network.crossbar_layers, statistics, strict=True):
        if moments is not None:
            layer.mean.copy_(moments.mean)
            layer.variance.copy_(moments.variance)


@contextmanager
def kept_statistics(network: CrossbarNetwork) -> Iterator[None]:
    """Restores the statistics of a network on leaving."""
    kept = statistics_of(network)
    try:
        yield
    finally:
        set_statistics(network, kept)
