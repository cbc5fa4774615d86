"""The steps of a training: one pass over the training images, as defined by the protocol."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, Product
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Split
from xpert_evo.accuracy.training.checkpoints import TrainingState
from xpert_evo.accuracy.training.exact_training import ExactProduct
from xpert_evo.accuracy.training.images import augmented, full_batches, resized, with_squares_hidden
from xpert_evo.accuracy.training.leaving_out import drawn_rows
from xpert_evo.accuracy.training.mixed_precision import compute_type
from xpert_evo.accuracy.training.optimisers import learning_rate_factor
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.teacher import Teacher
from xpert_evo.accuracy.training.weight_clipping import clip_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A finished step of a training.

    Attributes:
        epoch: Number of the epoch, from 1.
        number: Number of the step within the epoch, from 1.
        n_steps: Number of steps in the epoch.
        n_images: Number of images per step.
    """

    epoch: int
    number: int
    n_steps: int
    n_images: int


def train_epoch(
    state: TrainingState,
    train: Split,
    protocol: TrainingProtocol,
    number: int,
    devices: NonIdealities | None,
    *,
    teacher: Teacher | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> float:
    """Trains for one pass over the training images.

    Args:
        state: State of the training, which is updated.
        train: All training images, prepared.
        protocol: Training protocol.
        number: Number of the epoch, from 1.
        devices: Devices and converters drawn anew in every step; None for ideal ones.
        teacher: Trained networks whose class probabilities are learned, too, instead of smoothed labels; they see the
            images of the epoch before these are downsampled. None for labels alone.
        on_step: Called after each step.

    Returns:
        The mean loss; images kept by pruning are weighted so that it estimates the mean over all images.
    """
    p, network, generator = protocol, state.network.train(), state.generator
    turn = number if p.alternate_flips else None
    images = augmented(train.images, generator, flip=p.flip, shift=p.shift, turn=turn)
    if p.hide:
        images = with_squares_hidden(images, generator, p.hide)
    size, kind = network.backbone.image_size, compute_type(p, images.device)
    taught = None if teacher is None else images.to(kind)
    images = resized(images, p.size_for(size, p.size_in_epoch(number))).to(kind)
    rows, worth = drawn_rows(state.losses, p.left_out_in_epoch(number), generator)
    losses, worth = state.losses.to(images.device), worth.to(images.device)
    n_steps, planned = (max(1, n // p.batch_size) for n in (len(rows), len(train)))
    product = product_of(p, generator, images.device, devices, images.dtype)
    smoothing = p.label_smoothing if teacher is None else 0.0  # a teacher's probabilities are smooth
    total = torch.zeros((), device=images.device)
    for step, batch in enumerate(full_batches(rows.to(images.device), p.batch_size)):
        position = planned * (number - 1 + step / n_steps)
        factor = learning_rate_factor(position, planned * p.epochs, p.warmup_ratio, p.average)
        scores = network(images[batch], product)
        targets = train.labels[batch]
        if teacher is not None and taught is not None:
            targets = teacher.targets(taught[batch], targets)
        if p.leave_out:
            each = F.cross_entropy(scores, targets, label_smoothing=smoothing, reduction="none")
            losses[batch] = each.detach()
            loss = (each * worth[batch]).mean()
        else:
            loss = F.cross_entropy(scores, targets, label_smoothing=smoothing)
        torch.autograd.backward(loss)
        for optimiser in state.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak_lr"] * factor
            optimiser.step()
        clip_weights(network, p.weight_clip)
        network.zero_grad(set_to_none=True)
        if state.average is not None and number - 1 + (step + 1) / n_steps > (1 - p.average) * p.epochs:
            state.average.update_parameters(network)
        total += loss.detach()
        if on_step is not None:
            on_step(Step(epoch=number, number=step + 1, n_steps=n_steps, n_images=len(batch)))
    state.losses = losses.cpu()
    return float(total / worth[rows].mean()) / n_steps


def product_of(
    protocol: TrainingProtocol,
    generator: torch.Generator,
    device: torch.device,
    devices: NonIdealities | None = None,
    dtype: torch.dtype = torch.float32,
) -> Product:
    """Returns how layers compute their products, in training steps and in measurements after them."""
    if protocol.exact:
        return ExactProduct(devices, generator)
    return NoisyProduct(generator, device, devices, dtype=dtype) if protocol.noise else CrossbarLayer.product
