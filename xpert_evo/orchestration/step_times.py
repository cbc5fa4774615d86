"""Durations of the parts of a training on this machine, from a few steps and a few exactly emulated images.

It is bounded: a step is measured on part of a batch first, and on whole batches only where those fit the time that is
given. What takes long and follows from what was measured, such as calibrating on all images, is never done.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.fused import changeover
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split
from xpert_evo.accuracy.host_state import threads
from xpert_evo.accuracy.training.epoch import train_epoch
from xpert_evo.accuracy.training.images import prepared, training_subset
from xpert_evo.accuracy.training.judge import N_CALIBRATION
from xpert_evo.accuracy.training.mixed_precision import compute_type
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.teacher import Teacher
from xpert_evo.accuracy.training.training import N_CORRECTION, initial_state
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design

_PART = 4
"""Divisor of the batch size in the first measured step."""

_FEWEST = 2
"""Images of the smallest step; batch norm cannot be trained on one."""

_MOST_STEPS = 16
_FEW, _MORE, _TIMES = 2, 64, 4
"""Images that are emulated first, the most that are, and how many times as many follow each time."""

_SHORT_S = 0.6
"""Emulations of few images that take less time than this are measured with more images [s]."""

_FORWARD_RATIO = 1 / 3
"""Fraction of a training step's time spent in the forward pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Durations of the parts of a training and its judgements.

    Attributes:
        image_s: An image of full size in a training step; smaller ones take less by their area [s].
        step_s: What a training step takes besides its images, such as drawing new devices [s].
        taught_s: The teachers' class probabilities of an image, which they see in full size [s].
        epoch_s: Measurements after each epoch [s].
        judged_s: An image in the exact emulation [s].
        judging_s: What a judgement takes besides its images [s].
        ideal_s: An image in the exact emulation of ideal devices [s].
    """

    image_s: float
    epoch_s: float
    judged_s: float
    judging_s: float
    step_s: float = 0.0
    taught_s: float = 0.0
    ideal_s: float = 0.0

    def step_image_s(self, protocol: TrainingProtocol) -> float:
        """Returns the duration of a step with images of full size, divided by their number [s]."""
        return self.image_s + self.taught_s + self.step_s / protocol.batch_size

    def training_s(self, protocol: TrainingProtocol, n_train: int) -> float:
        """Returns the duration of all epochs [s].

        Args:
            protocol: Training protocol.
            n_train: Number of training images in the data set.
        """
        n_images = min(protocol.n_train or n_train, n_train)
        besides_s = self.taught_s + self.step_s / min(protocol.batch_size, n_images)
        images_s = n_images * (protocol.epochs_by_area() * self.image_s + protocol.whole_epochs() * besides_s)
        return images_s + protocol.epochs * self.epoch_s

    def measuring_s(self, protocol: TrainingProtocol, n_train: int, n_validation: int) -> float:
        """Returns the duration of measurements at the end of a training, with the form that it trained with [s]."""
        ratio = 1.0 if protocol.exact else _FORWARD_RATIO
        return (min(protocol.n_recalibration, n_train) + n_validation) * self.image_s * ratio

    def judgement_s(self, n_images: int) -> float:
        """Returns the duration of one judgement with the exact emulation [s]."""
        return self.judging_s + n_images * self.judged_s

    def seconds(self, protocol: TrainingProtocol, n_train: int, n_judged: tuple[int, ...]) -> float:
        """Returns the duration of a whole training [s].

        Args:
            protocol: Training protocol.
            n_train: Number of training images in the data set.
            n_judged: Number of images of each judgement with the exact emulation, validation first.
        """
        trained = self.training_s(protocol, n_train) + self.measuring_s(protocol, n_train, n_judged[0])
        return trained + sum(self.judgement_s(n) for n in n_judged)


def measured_costs(
    design: Design,
    backbone: Backbone,
    crossbar: CrossbarSpec,
    dataset: Dataset,
    protocol: TrainingProtocol,
    *,
    budget_s: float,
    devices: NonIdealities | None = None,
    noise_aware: NonIdealities | None = None,
    teacher: Teacher | None = None,
    tell: Callable[[str], None] | None = None,
) -> Costs:
    """Times a few steps of a design's training and a few of its images in the exact emulation.

    Args:
        design: Design to measure.
        backbone: Backbone of the design.
        crossbar: Crossbar that it is trained for.
        dataset: Data set to train on.
        protocol: Training protocol.
        budget_s: Approximate time for measurements [s]; a single step of a large network may take longer.
        devices: Devices of the chips that images are judged on; None for ideal ones.
        noise_aware: Devices drawn anew in every step; None to train with ideal ones.
        teacher: Trained networks whose class probabilities are learned; None for labels alone.
        tell: Called with a description of each measurement.
    """
    say = tell or (lambda _: None)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with threads(protocol.n_threads):
        network = build_network(
            design,
            backbone,
            crossbar=crossbar,
            width_divisor=protocol.width_divisor,
            image_size=protocol.size_for(backbone.image_size),
        )
        n_train = min(protocol.n_train or len(dataset.train), len(dataset.train))
        batch_size = min(protocol.batch_size, n_train)
        n_loaded = min(n_train, max(N_CALIBRATION, _MOST_STEPS * batch_size))
        train = prepared(training_subset(dataset.train, n_loaded), protocol, device)
        say("the first steps of the training")
        step_s, image_s = _step(network, train, protocol, batch_size, budget_s / 2, noise_aware=noise_aware)
        taught_s = 0.0 if teacher is None else _taught_s(teacher, train, protocol, batch_size)
        say("the exact emulation of a few images")
        programming_s, judged_s = _emulation(network, train, devices, len(dataset.validation))
        ideal_s = judged_s if devices is None else _emulation(network, train, None, len(dataset.validation))[1]
    return Costs(
        image_s=image_s,
        step_s=step_s,
        taught_s=taught_s,
        epoch_s=programming_s + N_CORRECTION / 2 * judged_s,
        judged_s=judged_s,
        judging_s=programming_s + N_CALIBRATION * judged_s,
        ideal_s=ideal_s,
    )


def _clock(device: torch.device) -> Callable[[], float]:
    """Processor time [s] where one thread does all the work, so that other work on the machine does not count."""
    is_alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if is_alone else time.perf_counter


def _step(
    network: CrossbarNetwork,
    train: Split,
    protocol: TrainingProtocol,
    batch_size: int,
    budget_s: float,
    *,
    noise_aware: NonIdealities | None,
) -> tuple[float, float]:
    """Seconds of a step as such, and of each of its images: a straight line through steps of two sizes."""
    plain = {"epochs": 1, "early_sizes": (), "average": 0.0, "leave_out": 0.0, "components": 0}
    state = initial_state(network, train, protocol.model_copy(update=plain), 0, train.images.device)
    clock = _clock(train.images.device)

    def seconds(n_steps: int, n_images: int) -> float:
        few = train.part(slice(n_steps * n_images))
        state.losses = torch.full((len(few),), math.nan)
        begun = clock()
        train_epoch(state, few, protocol.model_copy(update={**plain, "batch_size": n_images}), 1, noise_aware)
        return (clock() - begun) / n_steps

    part = max(1, batch_size // _PART)
    seconds(1, part)  # memory and kernels are made ready
    part_s = seconds(1, part)
    at_most_s = part_s * batch_size / part  # less: what a step takes besides its images counts once
    if at_most_s > budget_s:
        fewer = part // 2
        if fewer < _FEWEST:
            return 0.0, part_s / part
        return _line(fewer, seconds(1, fewer), part, part_s)
    n_steps = int(min(_MOST_STEPS, len(train) // batch_size, max(1.0, budget_s / at_most_s)))
    return _line(part, part_s, batch_size, seconds(max(1, n_steps), batch_size))


def _line(few: int, few_s: float, many: int, many_s: float) -> tuple[float, float]:
    """Intercept and slope, neither negative, of a line through the later point."""
    slope_s = many_s / many if many == few else min(max(many_s - few_s, 0.0) / (many - few), many_s / many)
    return many_s - slope_s * many, slope_s


def _taught_s(teacher: Teacher, train: Split, protocol: TrainingProtocol, batch_size: int) -> float:
    """Seconds of the teachers' class probabilities of an image."""
    n_images, clock = max(1, batch_size // _PART), _clock(train.images.device)
    images = train.images[:n_images].to(compute_type(protocol, train.images.device))
    teacher.targets(images, train.labels[:n_images])  # memory and kernels are made ready
    begun = clock()
    teacher.targets(images, train.labels[:n_images])
    return (clock() - begun) / n_images


@torch.no_grad()
def _emulation(
    network: CrossbarNetwork, train: Split, devices: NonIdealities | None, n_judged: int
) -> tuple[float, float]:
    """Seconds of programming all arrays and setting their ranges, and of an image in the exact emulation."""
    emulator, images, clock = Emulator(nonidealities=devices), train.images, _clock(train.images.device)
    network.eval()
    _make_kernel_ready(network, images, devices, n_judged)

    def seconds(n_images: int) -> float:
        begun = clock()
        network(images[:n_images], emulator).sum().item()
        return clock() - begun

    first_s, few_s = seconds(_FEW), seconds(_FEW)
    n_images, longest_s = _FEW, few_s
    while longest_s < _SHORT_S and n_images < min(
        _MORE, len(images)
    ):  # images of large batches take far less time each
        n_images = min(_TIMES * n_images, _MORE, len(images))
        longest_s = seconds(n_images)
    image_s = max(0.0, longest_s - few_s) / max(1, n_images - _FEW) or few_s / _FEW
    return max(0.0, first_s - few_s), image_s


def _make_kernel_ready(
    network: CrossbarNetwork, images: torch.Tensor, devices: NonIdealities | None, n_judged: int
) -> None:
    """Loads the fused kernel where judging so many images would, and compiles it if need be: neither is to be timed."""
    emulator, counted = Emulator(nonidealities=devices), changeover.n_sums
    network(images[:_FEW], emulator)
    if changeover.expect((changeover.n_sums - counted) * n_judged // _FEW):
        network(images[:_FEW], emulator)
