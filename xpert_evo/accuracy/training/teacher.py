"""Distillation: a network learns the class probabilities of trained networks (G. Hinton et al., arXiv 1503.02531)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Trained networks whose averaged class probabilities are learned.

    Attributes:
        networks: Trained networks for images of the same size, in evaluation mode; evaluated with perfect ADCs.
        share: Weight of the probabilities in the targets; the rest is that of the labels.
    """

    networks: Sequence[CrossbarNetwork]
    share: float

    @property
    def identity(self) -> str:
        """Text that identifies the targets, which checkpoints contain."""
        sums = [float(layer.weight.detach().double().sum()) for n in self.networks for layer in n.crossbar_layers]
        return f"{self.share!r} {sums!r}"

    @torch.no_grad()
    def targets(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Target probabilities (n, classes) of prepared images with labels."""
        scores = torch.stack([network(images, CrossbarLayer.product).float() for network in self.networks])
        probabilities = scores.softmax(-1).mean(0)
        exact = F.one_hot(labels, probabilities.shape[1]).to(probabilities.dtype)
        return torch.lerp(exact, probabilities, self.share)
