"""Ranges of the inputs of layers for weights that were trained without quantisers, such as imported ones."""

import torch

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.crossbars.snr import input_statistics

_N_CLIPS = 40
_LEAST_CLIP = 0.05
_MOST_VALUES = 1 << 16


@torch.no_grad()
def set_input_ranges(network: CrossbarNetwork, images: torch.Tensor) -> None:
    """Sets the input range of every layer to the one with the smallest quantisation error on prepared images.

    Training tracks the power of a layer's inputs, from which the best range for a rectified Gaussian follows. Inputs
    of networks trained elsewhere have other distributions, above all after gates and bottlenecks, so the range is
    searched for between 1/20 and all of their largest magnitude.

    Args:
        network: Network, left in evaluation mode.
        images: Training images (n, channels, height, width); a few dozen suffice.
    """

    def measured(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        if not layer.geometry.reads_image:
            layer.input_power.fill_((_best_clip(layer, inputs) / _clip_of_unit(layer)) ** 2)
        return layer.float_product(inputs)

    network.eval()
    network(images, measured)


def _clip_of_unit(layer: CrossbarLayer) -> float:
    return input_statistics(layer.geometry.input_precision).clip


def _best_clip(layer: CrossbarLayer, inputs: torch.Tensor) -> float:
    """The clip with the smallest mean square error among candidates at equal ratios."""
    values = (inputs.abs() if layer.geometry.signed else inputs.clamp_min(0)).flatten().float()
    if len(values) > _MOST_VALUES:
        order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0))
        values = values[order[:_MOST_VALUES].to(values.device)]
    most, top = float(values.max().clamp_min(1e-6)), (1 << layer.geometry.input_precision) - 1

    def error(clip: float) -> float:
        return float(((values * (top / clip)).clamp(0, top).round() * (clip / top) - values).square().mean())

    clips: list[float] = [most * float(_LEAST_CLIP ** (i / (_N_CLIPS - 1))) for i in range(_N_CLIPS)]
    return min(clips, key=error)
