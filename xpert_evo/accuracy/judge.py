"""Judges trained networks with the exact crossbar emulation, and keeps their weights."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from xpert_evo.accuracy.adc_noise import NoisyProduct
from xpert_evo.accuracy.checkpoints import read_tensors, write_tensors
from xpert_evo.accuracy.datasets import Dataset, Split
from xpert_evo.accuracy.emulation import EMULATION, EmulatedLayer, emulate_layer
from xpert_evo.accuracy.images import prepared, training_subset
from xpert_evo.accuracy.network import CrossbarLayer, CrossbarNetwork, Product
from xpert_evo.accuracy.nonidealities import NonIdealities
from xpert_evo.accuracy.snr import PERCENTILE
from xpert_evo.accuracy.training import TrainedDesign, evaluate
from xpert_evo.errors import TrainingError

FAST_FORM = "fast form: quantisers and Gaussian ADC noise"

_N_CALIBRATION = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Accuracy of a trained network on chip, over draws of its devices.

    Attributes:
        mean: Fraction of images classified rightly, averaged over the draws.
        worst: Of the worst draw.
        spread: Standard deviation over the draws; 0 for one.
        n_images: Images judged.
        n_draws: Draws of devices, or of the fast form's noise.
        split: "validation" or "test".
        emulation: How the crossbars were computed.
        protocol: How the network was trained.
    """

    mean: float
    worst: float
    spread: float
    n_images: int
    n_draws: int
    split: str
    emulation: str
    protocol: str


class Emulator:
    """Computes layers' products by the exact emulation; a `network.Product`.

    A layer that is met for the first time is programmed, and its ADC ranges are set on the inputs it then sees: the
    first images to go through must be calibration images from the training split.
    """

    def __init__(
        self,
        *,
        percentile: float = PERCENTILE,
        nonidealities: NonIdealities | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.layers: dict[CrossbarLayer, EmulatedLayer] = {}
        self._percentile = percentile
        self._nonidealities = nonidealities
        self._generator = generator

    def __call__(self, layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        """The layer's product."""
        if layer not in self.layers:
            self.layers[layer] = emulate_layer(
                layer,
                inputs,
                percentile=self._percentile,
                nonidealities=self._nonidealities,
                generator=self._generator,
            )
        return self.layers[layer](inputs)


@torch.no_grad()
def calibrated_emulator(
    network: CrossbarNetwork,
    calibration_images: torch.Tensor,
    *,
    percentile: float = PERCENTILE,
    nonidealities: NonIdealities | None = None,
    generator: torch.Generator | None = None,
) -> Emulator:
    """An `Emulator` of all layers of a network, calibrated on prepared training images (n, channels, side, side)."""
    emulator = Emulator(percentile=percentile, nonidealities=nonidealities, generator=generator)
    network.eval()
    network(calibration_images, emulator)
    return emulator


def judge(
    trained: TrainedDesign,
    dataset: Dataset,
    split: str = "test",
    *,
    exact: bool = True,
    nonidealities: NonIdealities | None = None,
    n_draws: int = 1,
    seed: int = 0,
    max_images: int | None = None,
    percentile: float = PERCENTILE,
) -> Judgement:
    """Accuracy of a trained design on a split.

    Args:
        trained: By `train_design` or `load_weights`.
        dataset: The one that it was trained on.
        split: "validation" selects designs; "test" only judges.
        exact: The exact emulation; else the fast form that trains.
        nonidealities: Of devices and converters, exact emulation only.
        n_draws: Of devices; ideal ones need but one.
        seed: Of the draws.
        max_images: Only the first so many; None for all.
        percentile: Upper end of the ADCs' ranges.
    """
    network, protocol = trained.network, trained.protocol
    device = next(network.parameters()).device
    images = prepared(_split(dataset, split), protocol, device, max_images)
    calibration = prepared(training_subset(dataset.train, protocol.n_train), protocol, device, _N_CALIBRATION)
    accuracies = []
    for draw in range(n_draws):
        generator = torch.Generator().manual_seed(seed * 10_007 + draw)
        product: Product = NoisyProduct(generator, device)
        if exact:
            product = calibrated_emulator(
                network,
                calibration.images,
                percentile=percentile,
                nonidealities=nonidealities,
                generator=generator,
            )
        accuracies.append(evaluate(network, images, product))
    mean = math.fsum(accuracies) / n_draws
    variance = math.fsum((a - mean) ** 2 for a in accuracies) / max(1, n_draws - 1)
    return Judgement(
        mean=mean,
        worst=min(accuracies),
        spread=math.sqrt(variance),
        n_images=len(images),
        n_draws=n_draws,
        split=split,
        emulation=EMULATION if exact else FAST_FORM,
        protocol=protocol.name,
    )


def _split(dataset: Dataset, name: str) -> Split:
    splits = {"validation": dataset.validation, "test": dataset.test}
    if name not in splits:
        raise ValueError(f"split must be 'validation' or 'test', got '{name}'.")
    return splits[name]


def save_weights(trained: TrainedDesign, path: Path) -> None:
    """Writes the network's weights and statistics as safetensors, with design, protocol and seed as JSON."""
    metadata: dict[str, object] = {
        "design": trained.design.to_plain(),
        "protocol": trained.protocol.model_dump(mode="json"),
        "seed": trained.seed,
        "validation_accuracy": trained.validation_accuracy,
    }
    if trained.start is not None:
        metadata["started_from"] = trained.start.told()
    own = trained.network.backbone.own
    if own is not None:
        metadata["backbone"] = own.model_dump(mode="json")
    write_tensors(path, trained.network.state_dict(), metadata)


def load_weights(path: Path, network: CrossbarNetwork) -> dict[str, object]:
    """Fills a network of the same design and returns what else the file tells; raises TrainingError."""
    tensors, metadata = read_tensors(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as failure:
        raise TrainingError(
            f"{path} holds weights of another network: {str(failure).splitlines()[-1].strip()}"
        ) from None
    return metadata
