"""What the layer that reads the images starts with: filters from the images, in place of random numbers."""

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork


@torch.no_grad()
def start_from_components(
    network: CrossbarNetwork, images: torch.Tensor, n_components: int, generator: torch.Generator
) -> None:
    """Sets the filters of layers that read the image to the principal components of the images' patches.

    Each component and its negative is a filter, largest variance first; filters that are left over are random
    combinations of the components. All have the same norm, so batch norm gives each the same variance: the layer
    whitens its patches, as far as `n_components` go (K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
    arXiv 2404.00498, 2024, which whitens with all components and freezes them). Components of little variance are left
    out, because a crossbar delivers all filters with the same ADC noise.

    Args:
        network: Its layers have random weights, whose mean norm is kept.
        images: Prepared training images, (n, channels, side, side); a few thousand suffice.
        n_components: As many, or as a patch has numbers.
        generator: Draws the combinations; on the CPU.
    """
    for layer in network.crossbar_layers:
        if layer.geometry.reads_image:
            _start_layer(layer, images, n_components, generator)


def _start_layer(layer: CrossbarLayer, images: torch.Tensor, n_components: int, generator: torch.Generator) -> None:
    g = layer.geometry
    patches = F.unfold(images, g.kernel_size).transpose(1, 2).flatten(0, 1)  # (patches, rows)
    components = torch.linalg.eigh(patches.T.cov()).eigenvectors.flip(1).T[:n_components]
    pairs = torch.stack((components, -components), 1).flatten(0, 1)[: g.out_channels]
    mixtures = torch.randn(g.out_channels - len(pairs), len(components), generator=generator).to(images.device)
    filters = torch.cat((pairs, F.normalize(mixtures @ components)))
    norm = layer.weight.norm() / g.out_channels**0.5
    layer.weight.copy_(filters.view_as(layer.weight) * norm)
