"""Channel pruning: the weights of a trained network that a design with smaller channel depths starts from.

A layer keeps the channels that contribute most to the layers that read them. With batch norm, a channel is taken as
normally distributed about its offset before the ReLU, which gives its mean square after it; times the squared weights
that read it, this is its part of its readers' mean square. No images are needed. Ranking channels by their batch norm
is the idea of network slimming (Liu et al., ICCV 2017, arXiv 1708.06519).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.networks.channels import IMAGE, Segment

__all__ = ["pruned_weights"]

_OF_OUTPUTS = ("weight", "bias", "gain", "mean", "variance")
"""Tensors of a layer whose first axis is that of its output channels."""


def pruned_weights(tensors: Mapping[str, torch.Tensor], network: CrossbarNetwork) -> dict[str, torch.Tensor] | None:
    """Returns the weights and statistics that a network with fewer channels takes from a trained one.

    Args:
        tensors: Weights and statistics of a trained network of the same backbone, by name.
        network: The network with fewer channels, or as many.

    Returns:
        Tensors of the shapes that the network has, or None if there are none: a layer has more channels than the
        trained one or another kernel, or operations outside the crossbars have weights for each channel.
    """
    own, pruning = network.state_dict(), _Pruning(tensors, network)
    if own.keys() != tensors.keys() or any(
        depth > len(weight) for depth, weight in zip(pruning.depths, pruning.weights, strict=True)
    ):
        return None
    kept = pruning.kept()
    found = dict(tensors)
    for layer, outputs in enumerate(kept):
        names = [f"layers.{layer}.{name}" for name in _OF_OUTPUTS]
        found |= {name: tensors[name][outputs] for name in names if name in tensors}
    for layer, inputs in pruning.inputs(kept).items():
        found[f"layers.{layer}.weight"] = found[f"layers.{layer}.weight"][:, inputs]
    return found if all(own[name].shape == tensor.shape for name, tensor in found.items()) else None


@dataclass(frozen=True, eq=False)
class _Pruning:
    """A trained network and the narrower one that takes its weights."""

    tensors: Mapping[str, torch.Tensor]
    network: CrossbarNetwork

    @cached_property
    def depths(self) -> list[int]:
        """Output channels of the narrower network's layers."""
        return [layer.geometry.out_channels for layer in self.network.crossbar_layers]

    @cached_property
    def weights(self) -> list[torch.Tensor]:
        """Weights of the trained network's layers, (outputs, inputs, height, width) each."""
        n_layers = sum(name.startswith("layers.") and name.endswith(".weight") for name in self.tensors)
        return [self.tensors[f"layers.{layer}.weight"].float() for layer in range(n_layers)]

    def kept(self) -> list[torch.Tensor]:
        """Channels that each layer keeps, in ascending order; layers of a depth group keep the same ones."""
        owners = self.network.backbone.depth_owners
        contributions: dict[int, torch.Tensor] = {}
        for layer, owner in enumerate(owners):
            if owner is not None and self.depths[layer] < len(self.weights[layer]):
                contributions[owner] = contributions.get(owner, 0) + self._contributions(layer)
        return [
            contributions[owner].topk(depth).indices.sort().values
            if owner is not None and owner in contributions
            else torch.arange(len(weight))
            for owner, depth, weight in zip(owners, self.depths, self.weights, strict=True)
        ]

    def inputs(self, kept: list[torch.Tensor]) -> dict[int, torch.Tensor]:
        """Channels that layers still read, by layer; layers with groups and those that read no depths are left out."""
        found = {}
        for layer, segments in enumerate(self.network.backbone.reads):
            if self.network.crossbar_layers[layer].geometry.groups > 1 or not segments:
                continue
            parts = []
            for segment, first in self._placed(segments):
                channels = first + torch.arange(self._width(segment)).reshape(-1, segment.count)
                parts.append((channels if segment.layer == IMAGE else channels[kept[segment.layer]]).flatten())
            found[layer] = torch.cat(parts)
        return found

    def _contributions(self, layer: int) -> torch.Tensor:
        """Part of each channel of a layer in the mean square of each layer that reads it, summed over them."""
        power = self._power(layer)
        total = torch.zeros_like(power)
        for reader, segments in enumerate(self.network.backbone.reads):
            read = self.weights[reader].square().sum(dim=(2, 3)) * self._scale(reader)[:, None]
            for segment, first in self._placed(segments):
                if segment.layer != layer:
                    continue
                is_depthwise = read.shape[1] == 1 and len(power) > 1
                columns = read[:, 0] if is_depthwise else read[:, first : first + self._width(segment)].sum(dim=0)
                part = power * columns.reshape(len(power), -1).sum(dim=1)
                total += part / part.sum().clamp_min(1e-12)
        return total

    def _power(self, layer: int) -> torch.Tensor:
        """Mean square of each channel of a layer after its ReLU; without batch norm, that of its weights."""
        if f"layers.{layer}.variance" not in self.tensors:
            return self.weights[layer].square().sum(dim=(1, 2, 3))
        mean = self.tensors[f"layers.{layer}.bias"].float()
        deviation = self.tensors[f"layers.{layer}.gain"].float().abs()
        ratio = mean / deviation.clamp_min(1e-12)
        above = 0.5 * (1 + torch.erf(ratio / math.sqrt(2)))
        density = torch.exp(-0.5 * ratio.square()) / math.sqrt(2 * math.pi)
        return (mean.square() + deviation.square()) * above + mean * deviation * density

    def _scale(self, layer: int) -> torch.Tensor:
        """What the digital step of a layer multiplies the mean square of each output by, without the epsilon."""
        gain = self.tensors.get(f"layers.{layer}.gain")
        if gain is None:
            return torch.ones(len(self.weights[layer]))
        variance = self.tensors.get(f"layers.{layer}.variance")
        return gain.float().square() / (1 if variance is None else variance.float().clamp_min(1e-12))

    def _placed(self, segments: tuple[Segment, ...]) -> list[tuple[Segment, int]]:
        """The parts of a layer's input in the trained network, each with its first channel."""
        found, first = [], 0
        for segment in segments:
            found.append((segment, first))
            first += self._width(segment)
        return found

    def _width(self, segment: Segment) -> int:
        """Channels of a part of a layer's input in the trained network."""
        if segment.layer == IMAGE:
            return self.network.backbone.image_channels * segment.count
        return len(self.weights[segment.layer]) * segment.count
