"""Judges trained networks with the exact crossbar emulation."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.device_settings import AdcRanges
from xpert_evo.accuracy.crossbars.emulation import EMULATION, Emulator
from xpert_evo.accuracy.crossbars.fidelity import set_statistics
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, Product
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.crossbars.shared_ranges import shared_ends
from xpert_evo.accuracy.crossbars.snr import PERCENTILE
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split
from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.training.images import prepared, training_subset
from xpert_evo.accuracy.training.measuring import evaluate
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.errors import DataError

FAST_FORM = "fast form: quantisers and Gaussian ADC noise"
_NOISELESS_FORM = "fast form: quantisers, ideal ADCs"

SPLITS = ("validation", "test")

N_CALIBRATION = 128
"""Number of training images that ADC ranges are calibrated on if batch norm is not, or if all layers share them."""

_LEAST_NORM_IMAGES = 32

CHIP_NORM_IMAGES = 512
"""Number of training images that each drawn chip's batch norm is calibrated on by default."""


def chip_norm_images(dataset: Dataset, protocol: TrainingProtocol, n_asked: int = CHIP_NORM_IMAGES) -> int:
    """The number of calibration images of a chip: fewer if the protocol trains with fewer, 0 for too few."""
    n_images = min(n_asked, protocol.n_train or len(dataset.train), len(dataset.train))
    return n_images if n_images >= _LEAST_NORM_IMAGES else 0


def form_of(protocol: TrainingProtocol) -> str:
    """Returns how a protocol emulates crossbars, in training steps and for the validation accuracy."""
    if protocol.exact:
        return EMULATION
    return FAST_FORM if protocol.noise else _NOISELESS_FORM


class Trained(Protocol):
    """A network that can be judged, from `train_design` or `load_network`."""

    @property
    def network(self) -> CrossbarNetwork:
        """The network, in evaluation mode."""

    @property
    def protocol(self) -> TrainingProtocol:
        """The training protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Accuracy of a trained network on chip, over draws of its devices.

    Attributes:
        mean: Fraction of images classified correctly, averaged over the draws.
        worst: Accuracy of the worst draw.
        spread: Standard deviation over the draws; 0 for a single draw.
        accuracies: Accuracy of each draw.
        n_images: Number of images judged.
        n_draws: Number of draws of devices, or of the fast form's noise.
        norm_images: Training images that batch norm was calibrated on in each draw; 0 for the training's statistics.
        split: Split judged, "validation" or "test".
        emulation: How the crossbars were emulated.
        protocol: Name of the training protocol.
    """

    mean: float
    worst: float
    spread: float
    accuracies: tuple[float, ...]
    n_images: int
    n_draws: int
    norm_images: int
    split: str
    emulation: str
    protocol: str


@own_numerics()
@torch.no_grad()
def judge(
    trained: Trained,
    dataset: Dataset,
    split: str = "test",
    *,
    exact: bool = True,
    nonidealities: NonIdealities | None = None,
    n_draws: int = 1,
    first_draw: int = 0,
    seed: int = 0,
    max_images: int | None = None,
    norm_images: int = 0,
    percentile: float = PERCENTILE,
    known: Sequence[float] = (),
    on_draw: Callable[[float], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Judgement:
    """Measures the accuracy of a trained design on a split.

    Device variation shifts and scales the outputs of whole layers. Batch norm is computed digitally, so a programmed
    chip can process training images and use the mean and variance of its own outputs instead of those of the training
    (adaptive batch norm: V. Joshi et al., Nature Communications 11, 2473, 2020); `norm_images` does so for every draw.

    Args:
        trained: Network from `train_design` or `load_network`.
        dataset: Data set that it was trained on.
        split: "validation" to select designs, "test" only to judge the final ones.
        exact: Use the exact emulation, else the fast form that most protocols train with.
        nonidealities: Non-idealities of devices and converters; exact emulation only.
        n_draws: Number of device draws; one is enough for ideal devices.
        first_draw: Number of the first draw; 0 unless other draws are judged by other calls.
        seed: Random seed of the draws.
        max_images: Use only the first N images; None for all.
        norm_images: Training images that each draw's batch norm is calibrated on; 0 keeps the training's statistics.
        percentile: Percentile of the inputs at the upper end of the ADC ranges.
        known: Accuracies of the first draws from an earlier call with the same arguments; not judged again.
        on_draw: Called with the accuracy of each judged draw.
        on_progress: Called with the finished fraction of a draw, after every layer of every batch.

    Raises:
        DataError: There are fewer training images than `norm_images`, or too few for a variance.
    """
    network, protocol = trained.network, trained.protocol
    device = next(network.parameters()).device
    images = prepared(_split(dataset, split), protocol, device, max_images)
    training = training_subset(dataset.train, protocol.n_train)
    if norm_images and not _LEAST_NORM_IMAGES <= norm_images <= len(training):
        raise DataError(
            f"batch norm needs {_LEAST_NORM_IMAGES} to {len(training):,} calibration images, the number that protocol "
            f"{protocol.name} trains with on {dataset.name}; got {norm_images:,}."
        )
    shown = prepared(training, protocol, device, max(N_CALIBRATION, norm_images)).images
    accuracies = list(known[:n_draws])
    ends = None
    if nonidealities is not None and nonidealities.adc_ranges is AdcRanges.SHARED:
        ends = shared_ends(network, shown[:N_CALIBRATION], percentile)
    for draw in range(first_draw + len(accuracies), first_draw + n_draws):
        generator = torch.Generator().manual_seed(seed * 10_007 + draw)
        product: Product = NoisyProduct(generator, device)
        if exact:
            product = Emulator(
                percentile=percentile, nonidealities=nonidealities, generator=generator, shared_ends=ends
            )
        if on_progress is not None:
            product = _watched(product, network, len(images) + (norm_images or exact * len(shown)), on_progress)
        with _statistics_kept(network):
            if norm_images:
                set_statistics(network, shown[:norm_images], product)
            elif exact:
                network.eval()(shown, product)
            accuracies.append(evaluate(network, images, product))
        if on_draw is not None:
            on_draw(accuracies[-1])
    mean = math.fsum(accuracies) / n_draws
    variance = math.fsum((a - mean) ** 2 for a in accuracies) / max(1, n_draws - 1)
    return Judgement(
        mean=mean,
        worst=min(accuracies),
        spread=math.sqrt(variance),
        accuracies=tuple(accuracies),
        n_images=len(images),
        n_draws=n_draws,
        norm_images=norm_images,
        split=split,
        emulation=EMULATION if exact else FAST_FORM,
        protocol=protocol.name,
    )


def _watched(
    product: Product, network: CrossbarNetwork, n_images: int, on_progress: Callable[[float], None]
) -> Product:
    """Returns a product that also reports the finished fraction of the conversions of all images."""
    conversions = {layer: layer.geometry.n_conversions for layer in network.crossbar_layers}
    done, total = 0, n_images * sum(conversions.values())

    def watched(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        nonlocal done
        outputs = product(layer, inputs)
        done += len(inputs) * conversions[layer]
        on_progress(min(1.0, done / total))
        return outputs

    return watched


@contextmanager
def _statistics_kept(network: CrossbarNetwork) -> Iterator[None]:
    """Restores the statistics of a network on leaving."""
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        network.load_state_dict(before, strict=False)


def _split(dataset: Dataset, name: str) -> Split:
    if name not in SPLITS:
        raise ValueError(f"split must be 'validation' or 'test', got '{name}'.")
    return dataset.validation if name == "validation" else dataset.test
