"""Measurements after the last training step: batch-norm statistics and accuracy."""

import torch

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, Product
from xpert_evo.accuracy.datasets.catalogue import Split
from xpert_evo.accuracy.training.images import batches
from xpert_evo.accuracy.training.protocols import TrainingProtocol


@torch.no_grad()
def recalibrate(network: CrossbarNetwork, train: Split, protocol: TrainingProtocol, product: Product) -> None:
    """Recomputes batch-norm statistics from training images and leaves the network in evaluation mode."""
    network.train()
    for i, (inputs, _) in enumerate(batches(train.part(slice(protocol.n_recalibration)), 256), 1):
        for layer in network.norms:
            layer.momentum = 1 / i
        network(inputs, product)
    network.eval()


@torch.no_grad()
def evaluate(network: CrossbarNetwork, split: Split, product: Product, batch_size: int = 500) -> float:
    """Returns the fraction of prepared images that a network in evaluation mode classifies correctly."""
    right = sum(
        int((network(images, product).argmax(1) == labels).sum()) for images, labels in batches(split, batch_size)
    )
    return right / len(split)
