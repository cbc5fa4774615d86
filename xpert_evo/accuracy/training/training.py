"""Trains the network of one design through its crossbars' quantisers and ADC noise or errors, and measures it.

On the same kind of CPU and with the same number of threads, which all protocols except `full` fix, the result depends
only on the design, the data, the protocol and the seed, not on the process, other trainings or interruptions.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.adc_noise import set_tabled_corrections
from xpert_evo.accuracy.crossbars.fidelity import measure_corrections
from xpert_evo.accuracy.crossbars.input_ranges import set_input_ranges
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split
from xpert_evo.accuracy.host_state import own_numerics, threads
from xpert_evo.accuracy.training.allocation import keep_freed_memory
from xpert_evo.accuracy.training.checkpoints import Epoch, TrainingState, load_checkpoint, save_checkpoint
from xpert_evo.accuracy.training.epoch import Step, product_of, train_epoch
from xpert_evo.accuracy.training.first_filters import start_from_components
from xpert_evo.accuracy.training.images import (
    prepared,
    resized,
    training_subset,
)
from xpert_evo.accuracy.training.measuring import evaluate, recalibrate
from xpert_evo.accuracy.training.mixed_precision import compute_type
from xpert_evo.accuracy.training.optimisers import build_optimisers
from xpert_evo.accuracy.training.preconditions import check_draws_cells, check_fit, check_sizes, check_start
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.teacher import Teacher
from xpert_evo.accuracy.training.weight_clipping import clip_weights
from xpert_evo.accuracy.training.weights import Start, take_weights
from xpert_evo.accuracy.training.weights_header import WeightsHeader
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design
from xpert_evo.errors import TrainingError

_JUDGING_SEED = 7
N_CORRECTION = 32
"""Number of training images on which the noise of the fast form is calibrated after each epoch."""

_N_COMPONENTS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedDesign:
    """A design with its trained network.

    Attributes:
        design: The trained design.
        protocol: Training protocol.
        crossbar: Crossbar that the network was trained for.
        seed: Random seed of weights, order, augmentation and noise.
        dataset: Digest of the data set.
        network: Trained network in evaluation mode, with recalibrated batch norm.
        validation_accuracy: Fraction of validation images classified correctly, with ADC noise or errors of training.
        seconds: Time of training and measuring [s].
        history: Epochs of the training.
        start: Trained network that the training continued from; None for random weights.
        devices: Cells drawn anew in every step; None for ideal cells.
        teacher: Trained networks whose class probabilities were learned; None for labels alone.
    """

    design: Design
    protocol: TrainingProtocol
    crossbar: CrossbarSpec
    seed: int
    dataset: str
    network: CrossbarNetwork
    validation_accuracy: float
    seconds: float
    history: tuple[Epoch, ...]
    start: Start | None = None
    devices: NonIdealities | None = None
    teacher: Teacher | None = None

    @property
    def type_of_steps(self) -> torch.dtype:
        """Type of activations and products in the training steps."""
        return compute_type(self.protocol, next(self.network.parameters()).device)

    @property
    def header(self) -> WeightsHeader:
        """Header of the weights file."""
        return WeightsHeader(
            design=self.design,
            protocol=self.protocol,
            seed=self.seed,
            dataset=self.dataset,
            crossbar=self.crossbar,
            validation_accuracy=self.validation_accuracy,
            started_from=None if self.start is None else self.start.told(),
            teachers=() if self.teacher is None else self.teacher.references,
            noise_aware=self.devices,
            backbone=self.network.backbone.own,
            image_channels=self.network.backbone.told_channels,
            image_size=self.network.backbone.image_size,
        )


@own_numerics()
def train_design(
    design: Design,
    backbone: Backbone,
    dataset: Dataset,
    protocol: TrainingProtocol,
    *,
    crossbar: CrossbarSpec,
    seed: int,
    device: torch.device | str | None = None,
    checkpoint: Path | None = None,
    start_from: Start | None = None,
    devices: NonIdealities | None = None,
    teacher: Teacher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> TrainedDesign:
    """Trains a design from scratch, or continues from `checkpoint`.

    From then on the process keeps freed memory (`allocation.keep_freed_memory`).

    Args:
        design: Design to train; its channel depths and precisions are used.
        backbone: Backbone with the classes and image channels of the data set.
        dataset: Data set; training images are used to train, validation images to measure.
        protocol: Training protocol.
        crossbar: Arrays, cells and coding.
        seed: Random seed of everything that is random.
        device: Device to train on; by default CUDA if available, else the CPU.
        checkpoint: File that is written after each epoch and read if it exists; the caller removes it.
        start_from: Trained network of the same shapes to continue from; its precisions may differ.
        devices: Noise-aware training: every step draws such devices anew, so that the network tolerates any chip (V.
            Joshi et al., Nature Communications 11, 2473, 2020). The fast form includes non-idealities of converters in
            its noise. The final accuracy is measured with ideal devices.
        teacher: Trained networks whose class probabilities are learned, too; None for labels alone.
        on_epoch: Called after each epoch.
        on_step: Called after each step.

    Raises:
        TrainingError: The loss is not finite, the checkpoint belongs to another training, `start_from` does not fit or
            is missing although the protocol needs it, or `devices` is given with a protocol without noise.
        DesignError: The design is for another backbone.
        DataError: The data set does not fit the backbone.
        ConfigError: The backbone does not support the image size of some epoch.
    """
    check_start(protocol, start_from)
    check_fit(backbone, dataset)
    if devices is not None:
        check_draws_cells(protocol)
    keep_freed_memory()
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    check_sizes(backbone, protocol)
    with threads(protocol.n_threads):
        network = build_network(
            design,
            backbone,
            crossbar=crossbar,
            width_divisor=protocol.width_divisor,
            image_size=protocol.size_for(backbone.image_size),
        )
        train = prepared(training_subset(dataset.train, protocol.n_train), protocol, where)
        state = initial_state(network, train, protocol, seed, where)
        if start_from is not None and start_from.is_imported:
            validation = prepared(dataset.validation, protocol, where, protocol.n_validation)
            start_from = _take_imported(state.network, start_from, train, validation)
        identity = {
            "design": design.digest,
            "data set": dataset.digest,
            "protocol": protocol.digest,
            "crossbar": str(crossbar),
            "seed": str(seed),
            "start": "" if start_from is None else start_from.digest,
            "devices": "" if devices is None else devices.identity,
            **({"teacher": teacher.identity} if teacher is not None else {}),
            **({"type of the steps": str(compute_type(protocol, where))} if protocol.bfloat16 else {}),
        }
        if checkpoint is not None and checkpoint.exists():
            load_checkpoint(checkpoint, state, identity)
        elif start_from is not None:
            if not start_from.is_imported:
                take_weights(state.network, start_from)
            clip_weights(state.network, protocol.weight_clip)
            _correct(state.network, train, devices)
        before = state.history[-1].seconds if state.history else 0.0
        start = time.perf_counter() - before
        for number in range(len(state.history) + 1, protocol.epochs + 1):
            loss = train_epoch(state, train, protocol, number, devices, teacher=teacher, on_step=on_step)
            if not math.isfinite(loss):
                raise TrainingError(f"the training diverged (loss {loss} after epoch {number} of {protocol.epochs}).")
            _correct(state.network, train, devices)
            state.history.append(Epoch(number=number, loss=loss, seconds=time.perf_counter() - start))
            if checkpoint is not None:
                save_checkpoint(checkpoint, state, identity)
            if on_epoch is not None:
                on_epoch(state.history[-1])
        noisy = product_of(protocol, torch.Generator().manual_seed(_JUDGING_SEED), where)
        if state.average is not None:
            _take_averaged(state.network, state.average.module, train, protocol)
        elif devices is not None:  # the label is that of ideal devices
            _correct(state.network, train, None)
        recalibrate(state.network, train, protocol, noisy)
        validation = prepared(dataset.validation, protocol, where, protocol.n_validation)
        accuracy = evaluate(state.network, validation, noisy)
    return TrainedDesign(
        design=design,
        protocol=protocol,
        crossbar=crossbar,
        seed=seed,
        dataset=dataset.digest,
        network=state.network,
        validation_accuracy=accuracy,
        seconds=time.perf_counter() - start,
        history=tuple(state.history),
        start=start_from,
        devices=devices,
        teacher=teacher,
    )


def _take_imported(network: CrossbarNetwork, start: Start, train: Split, validation: Split) -> Start:
    """Gives a network imported weights and input ranges, and returns them with the accuracies before any training."""
    take_weights(network, start)
    set_input_ranges(network, train.images[:N_CORRECTION])
    network.eval()
    return replace(
        start,
        float_accuracy=evaluate(network, validation, CrossbarLayer.float_product),
        quantised_accuracy=evaluate(network, validation, CrossbarLayer.product),
    )


def initial_state(
    network: CrossbarNetwork, train: Split, protocol: TrainingProtocol, seed: int, device: torch.device
) -> TrainingState:
    """Returns the state before the first step: random weights on a device, drawn from a seed."""
    generator = torch.Generator().manual_seed(seed)
    network.initialise(generator, identity=protocol.identity)
    set_tabled_corrections(network)
    network.to(device)
    if protocol.components:
        first = protocol.size_for(network.backbone.image_size, protocol.size_in_epoch(1))
        images = resized(train.images[:_N_COMPONENTS], first)
        start_from_components(network, images, protocol.components, generator)
    return TrainingState(
        network=network,
        optimisers=build_optimisers(network, protocol),
        generator=generator,
        losses=torch.full((len(train),), math.nan),
        average=AveragedModel(network) if protocol.average else None,
    )


def _correct(network: CrossbarNetwork, train: Split, devices: NonIdealities | None) -> None:
    """Sets the fast form's noise to the error of the exact form on training images, with one draw of the devices."""
    measure_corrections(network, train.images[:N_CORRECTION], devices, torch.Generator().manual_seed(_JUDGING_SEED))


@torch.no_grad()
def _take_averaged(network: CrossbarNetwork, averaged: nn.Module, train: Split, protocol: TrainingProtocol) -> None:
    """Copies the averaged weights into a network, and recalibrates its statistics and noise with them."""
    for own, mean in zip(network.parameters(), averaged.parameters(), strict=True):
        own.copy_(mean)
    product = product_of(protocol, torch.Generator().manual_seed(_JUDGING_SEED), train.images.device)
    recalibrate(network, train, protocol, product)
    _correct(network, train, None)
