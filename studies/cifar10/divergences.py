"""What single layers of a trained network do to its class probabilities, by the bits of their ADCs and inputs.

One layer by the exact emulation, the others with perfect ADCs; the Kullback-Leibler divergence of the class
probabilities from those with perfect ADCs in all layers, KL(perfect || emulated). A network that was trained through
the exact emulation (`exact-tune`) has adapted to its own ADCs' errors, which are charged here all the same: what is
measured then ranks layers and bits, and is no loss of accuracy.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product as combinations
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.files import write_text
from xpert_evo.genes import GeneKind
from xpert_evo.space import SearchSpace

ADC_BITS = (-3, 1)
"""Fewest and most bits that are tried, from a layer's own."""

INPUT_BITS = (-2, 0)
"""Likewise for inputs."""

_BATCH_SIZE = 250

Bits = tuple[int, int]
"""Of a layer's ADCs and inputs."""

Divergences = dict[Bits, float]
"""Of one layer, by its bits [nats]."""


def bits_near(space: SearchSpace, network: CrossbarNetwork) -> list[list[Bits]]:
    """What is tried in each layer: choices of the space near its own bits."""
    tried = []
    for number, layer in enumerate(network.crossbar_layers):
        near = []
        for kind, own, (fewest, most) in (
            (GeneKind.ADC_PRECISION, layer.geometry.adc_precision, ADC_BITS),
            (GeneKind.INPUT_PRECISION, layer.geometry.input_precision, INPUT_BITS),
        ):
            column = space.column(number, kind)
            assert column is not None
            choices = map(int, space.genes[column].choices)
            near.append([bits for bits in choices if fewest <= bits - own <= most])
        tried.append([(adc, inputs) for adc, inputs in combinations(*near)])
    return tried


@torch.no_grad()
def measured(
    network: CrossbarNetwork, images: torch.Tensor, calibration: torch.Tensor, tried: list[list[Bits]], first: int = 0
) -> Iterator[Divergences]:
    """The divergences of one layer after the other.

    Args:
        network: Trained; its layers are lent other precisions for a while.
        images: Prepared, (n, channels, side, side).
        calibration: Prepared training images, likewise, which set the ADCs' ranges.
        tried: For each layer, what to measure.
        first: The layer to begin with.
    """
    network.eval()
    reference = [F.log_softmax(network(part, CrossbarLayer.product), 1) for part in torch.split(images, _BATCH_SIZE)]
    for layer, pairs in list(zip(network.crossbar_layers, tried, strict=True))[first:]:
        own, found = layer.geometry, {}
        for adc, inputs in pairs:
            layer.geometry = replace(own, adc_precision=adc, input_precision=inputs)
            found[adc, inputs] = _divergence(network, layer, images, calibration, reference)
        layer.geometry = own
        yield found


def _divergence(
    network: CrossbarNetwork,
    altered: CrossbarLayer,
    images: torch.Tensor,
    calibration: torch.Tensor,
    reference: list[torch.Tensor],
) -> float:
    """KL(reference || network with one layer by the exact emulation), mean over the images [nats]."""
    emulator = Emulator()

    def product(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        return emulator(layer, inputs) if layer is altered else layer.product(inputs)

    network(calibration, product)
    total = 0.0
    for part, expected in zip(torch.split(images, _BATCH_SIZE), reference, strict=True):
        scores = F.log_softmax(network(part, product), 1)
        total += float(F.kl_div(scores, expected, reduction="sum", log_target=True))
    return total / len(images)


class Kept:
    """A file that keeps divergences, layer by layer, so that nothing is measured twice.

    Args:
        path: Of the file.
        weights: Of the network.
        dataset: Digest of the data set.
        n_images: They are measured on.
        tried: For each layer, what is measured.
    """

    def __init__(self, path: Path, *, weights: Path, dataset: str, n_images: int, tried: list[list[Bits]]) -> None:
        self._path = path
        self._key: Mapping[str, object] = {
            "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "dataset": dataset,
            "images": n_images,
            "tried": [[list(pair) for pair in pairs] for pairs in tried],
        }

    def read(self) -> list[Divergences]:
        """Returns what is stored, from the first layer on; raises SystemExit if the file belongs to something else."""
        if not self._path.exists():
            return []
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            layers = zip(content["tried"], content["nats"], strict=False)
            kept = [
                {(adc, inputs): float(value) for (adc, inputs), value in zip(*pair, strict=True)} for pair in layers
            ]
            other = [name for name, value in self._key.items() if content[name] != value]
        except (ValueError, KeyError, TypeError):
            raise SystemExit(
                f"{self._path} must hold divergences of an earlier call, and does not; remove it."
            ) from None
        if other:
            raise SystemExit(
                f"{self._path} holds divergences of other {' and '.join(other)}; remove it, or choose another --out."
            )
        return kept

    def write(self, layers: list[Divergences]) -> None:
        """All that is known so far."""
        nats = [list(layer.values()) for layer in layers]
        write_text(self._path, json.dumps({**self._key, "nats": nats}, indent=1) + "\n")
