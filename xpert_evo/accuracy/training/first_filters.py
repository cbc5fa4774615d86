"""PCA-initialised first layer: filters computed from the training images instead of random ones."""

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork


@torch.no_grad()
def start_from_components(
    network: CrossbarNetwork, images: torch.Tensor, n_components: int, generator: torch.Generator
) -> None:
    """Initialises the filters of layers that read the image with the principal components of image patches.

    Each component and its negative become filters, in order of falling variance; the remaining filters are random
    combinations of the components. All have the same norm, so that batch norm gives each the same variance: the layer
    whitens its patches up to `n_components` (K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv
    2404.00498, 2024, which whitens with all components and freezes them). Components of small variance are left out,
    because a crossbar computes all filters with the same ADC noise.

    Args:
        network: Network with random weights, whose mean norm is preserved.
        images: Prepared training images, (n, channels, side, side); a few thousand suffice.
        n_components: Number of components, limited by the number of values in a patch.
        generator: Random generator of the combinations; on the CPU.
    """
    for layer in network.crossbar_layers:
        if layer.geometry.reads_image and layer.geometry.groups == 1 and images.ndim == 4:
            _start_layer(layer, images, n_components, generator)


def _start_layer(layer: CrossbarLayer, images: torch.Tensor, n_components: int, generator: torch.Generator) -> None:
    g = layer.geometry
    patches = F.unfold(images, g.kernel, g.dilation).transpose(1, 2).flatten(0, 1)  # (patches, rows)
    components = torch.linalg.eigh(patches.T.cov()).eigenvectors.flip(1).T[:n_components]
    pairs = torch.stack((components, -components), 1).flatten(0, 1)[: g.out_channels]
    mixtures = torch.randn(g.out_channels - len(pairs), len(components), generator=generator).to(images.device)
    filters = torch.cat((pairs, F.normalize(mixtures @ components)))
    norm = layer.weight.norm() / g.out_channels**0.5
    layer.weight.copy_(filters.view_as(layer.weight) * norm)
