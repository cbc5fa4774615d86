"""Distillation: a network learns the class probabilities of trained networks (G. Hinton et al., arXiv 1503.02531)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.matching import check_images
from xpert_evo.accuracy.training.weights import file_digest, load_network, weights_file
from xpert_evo.accuracy.training.weights_header import NetworkReference
from xpert_evo.errors import TrainingError

SHARE = 0.7
"""Default weight of the teachers' class probabilities in the targets (assumed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Trained networks whose averaged class probabilities are learned.

    Attributes:
        networks: Trained networks for images of the same size, in evaluation mode; evaluated with perfect ADCs.
        share: Weight of the probabilities in the targets; the rest is that of the labels.
        references: Descriptions of the networks for headers and results; empty if they come from no files.
    """

    networks: Sequence[CrossbarNetwork]
    share: float = SHARE
    references: tuple[NetworkReference, ...] = ()

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


def read_teacher(paths: Sequence[Path], dataset: Dataset) -> Teacher:
    """Reads networks of `xpert-evo train` as teachers for a data set.

    Raises:
        TrainingError: A file is missing or damaged, or its network is a proxy.
        UsageError: A network was trained on other images.
    """
    networks, references = [], []
    for path in map(weights_file, paths):
        trained = load_network(path)
        if trained.header.is_proxy:
            raise TrainingError(f"{path} is a proxy, narrower than its design; give a teacher of native size.")
        check_images(path, trained, dataset, same=True)
        networks.append(trained.network)
        header = trained.header
        references.append(
            NetworkReference(
                design=header.design.digest, protocol=header.protocol.name, weights_sha256=file_digest(path)
            )
        )
    return Teacher(networks=tuple(networks), references=tuple(references))
