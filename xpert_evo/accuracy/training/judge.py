"""Judges trained networks with the exact crossbar emulation."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.emulation import EMULATION, Emulator
from xpert_evo.accuracy.crossbars.fidelity import set_statistics
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, Product
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
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
"""Training images that set the ranges of all ADCs."""

_LEAST_NORM_IMAGES = 32


def form_of(protocol: TrainingProtocol) -> str:
    """How a training by a protocol computes its crossbars, in its steps and for its validation accuracy."""
    if protocol.exact:
        return EMULATION
    return FAST_FORM if protocol.noise else _NOISELESS_FORM


class Trained(Protocol):
    """What can be judged: a network by `train_design`, or one that `load_network` read."""

    @property
    def network(self) -> CrossbarNetwork:
        """In evaluation mode."""

    @property
    def protocol(self) -> TrainingProtocol:
        """How it was trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Accuracy of a trained network on chip, over draws of its devices.

    Attributes:
        mean: Fraction of images classified rightly, averaged over the draws.
        worst: Of the worst draw.
        spread: Standard deviation over the draws; 0 for one.
        accuracies: Of each draw.
        n_images: Images judged.
        n_draws: Draws of devices, or of the fast form's noise.
        norm_images: Training images that batch norm was calibrated on in each draw; 0 for the training's statistics.
        split: "validation" or "test".
        emulation: How the crossbars were computed.
        protocol: How the network was trained.
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
    seed: int = 0,
    max_images: int | None = None,
    norm_images: int = 0,
    percentile: float = PERCENTILE,
    known: Sequence[float] = (),
    on_draw: Callable[[float], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Judgement:
    """Accuracy of a trained design on a split.

    Cells that vary shift and stretch the outputs of whole layers. Batch norm is computed digitally, so a chip that has
    been programmed can be shown training images and take the mean and variance of its own outputs in place of the
    training's (adaptive batch norm of V. Joshi et al., Nature Communications 11, 2473, 2020); `norm_images` does so
    for every draw.

    Args:
        trained: By `train_design` or `load_network`.
        dataset: The one that it was trained on.
        split: "validation" selects designs; "test" only judges.
        exact: The exact emulation; else the fast form that most protocols train with.
        nonidealities: Of devices and converters, exact emulation only.
        n_draws: Of devices; ideal ones need but one.
        seed: Of the draws.
        max_images: Only the first so many; None for all.
        norm_images: Training images that each draw's batch norm is calibrated on; 0 keeps the training's statistics.
        percentile: Upper end of the ADCs' ranges.
        known: Accuracies of the first draws, by an earlier call with the same arguments; they are not judged again.
        on_draw: Called with the accuracy of each draw that is judged.
        on_progress: Called with the share of a draw's work that is done, after every layer of every batch.

    Raises:
        DataError: There are fewer training images than `norm_images`, or those are too few for a variance.
    """
    network, protocol = trained.network, trained.protocol
    device = next(network.parameters()).device
    images = prepared(_split(dataset, split), protocol, device, max_images)
    training = training_subset(dataset.train, protocol.n_train)
    if norm_images and not _LEAST_NORM_IMAGES <= norm_images <= len(training):
        raise DataError(
            f"batch norm is calibrated on {_LEAST_NORM_IMAGES} to {len(training):,} images, all that protocol "
            f"{protocol.name} trains with on {dataset.name}; got {norm_images:,}."
        )
    shown = prepared(training, protocol, device, max(N_CALIBRATION, norm_images)).images
    accuracies = list(known[:n_draws])
    for draw in range(len(accuracies), n_draws):
        generator = torch.Generator().manual_seed(seed * 10_007 + draw)
        product: Product = NoisyProduct(generator, device)
        if exact:
            product = Emulator(percentile=percentile, nonidealities=nonidealities, generator=generator)
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
    """The same product, which tells how much of the conversions of so many images is done."""
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
    """Gives a network back the statistics that it came with."""
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        network.load_state_dict(before, strict=False)


def _split(dataset: Dataset, name: str) -> Split:
    if name not in SPLITS:
        raise ValueError(f"split must be 'validation' or 'test', got '{name}'.")
    return dataset.validation if name == "validation" else dataset.test
