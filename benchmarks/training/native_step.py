"""A step of a native training on random images, for benchmarks to time."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct, set_tabled_corrections
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, Product, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.training.exact_training import ExactProduct
from xpert_evo.accuracy.training.mixed_precision import compute_type
from xpert_evo.accuracy.training.optimisers import build_optimisers
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.backbones import load_backbone
from xpert_evo.design import Design

BATCH_SIZE = 128


def plain_product(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
    """A layer's product without quantisers and noise, as any training computes it: ReLU and convolution."""
    return layer.convolved(F.relu(inputs), layer.weight.to(inputs.dtype))


def native_step(
    design: Design,
    protocol: TrainingProtocol,
    image_size: int = 32,
    devices: NonIdealities | None = None,
    *,
    plain: bool = False,
) -> Callable[[], None]:
    """Forward, backward and update of a design's network from random weights, as a protocol does them on a CPU.

    `devices` are drawn anew in every step. With `plain`, the same network is trained without quantisers and noise.
    """
    generator = torch.Generator().manual_seed(0)
    network = build_network(design, load_backbone(design.backbone), crossbar=CrossbarSpec())
    network.initialise(generator)
    set_tabled_corrections(network)
    dtype = compute_type(protocol, torch.device("cpu"))
    product: Product
    if plain:
        product = plain_product
    elif protocol.exact:
        product = ExactProduct(devices, generator)
    else:
        product = NoisyProduct(generator, torch.device("cpu"), devices, dtype=dtype)
    optimisers = build_optimisers(network, protocol)
    images = torch.rand(BATCH_SIZE, 3, image_size, image_size, generator=generator)
    images = images.to(dtype).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (BATCH_SIZE,), generator=generator)

    def step() -> None:
        torch.autograd.backward(F.cross_entropy(network(images, product), labels))
        for optimiser in optimisers:
            optimiser.step()
        network.zero_grad(set_to_none=True)

    return step
