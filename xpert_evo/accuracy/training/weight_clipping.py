"""Clips weights in training, so that the largest one does not spread all others over few conductance levels.

The largest weight of a layer is stored as the highest conductance. Cells scatter by a share of that conductance and
have few levels, so a layer with one large weight stores all others with large errors. Clipping at two to three
standard deviations uses the whole window of conductances (V. Joshi et al., Nature Communications 11, 2473, 2020).
"""

import torch

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.accuracy.crossbars.quantisers import largest_weights


@torch.no_grad()
def clip_weights(network: CrossbarNetwork, deviations: float) -> None:
    """Clips weights at a multiple of the root mean square of those that share their scale, in place.

    Args:
        network: Network whose layers are clipped.
        deviations: Largest weight in root mean squares of all weights with the same scale (`largest_weights`: those of
            a layer, or of an output for weights of few bits); 0 clips nothing.
    """
    if not deviations:
        return
    for layer in network.crossbar_layers:
        powers, largest = layer.weight.square(), largest_weights(layer.weight, layer.geometry.crossbar)
        power = powers.mean() if largest.ndim == 0 else powers.flatten(1).mean(1).view_as(largest)
        most = power.sqrt() * deviations
        layer.weight.clamp_(-most, most)
