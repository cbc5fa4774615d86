"""Clips weights in training, so that the largest one does not spread all others over few conductance levels.

The largest weight of a layer is stored as the highest conductance. Cells scatter by a share of that conductance and
have few levels, so a layer with one large weight stores all others with large errors. Clipping at two to three
standard deviations uses the whole window of conductances (V. Joshi et al., Nature Communications 11, 2473, 2020).
"""

import torch

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork


@torch.no_grad()
def clip_weights(network: CrossbarNetwork, deviations: float) -> None:
    """Clips the weights of each layer at a multiple of their root mean square, in place.

    Args:
        network: Network whose layers are clipped.
        deviations: Largest weight in root mean squares of the layer's weights; 0 clips nothing.
    """
    if not deviations:
        return
    for layer in network.crossbar_layers:
        most = layer.weight.square().mean().sqrt() * deviations
        layer.weight.clamp_(-most, most)
