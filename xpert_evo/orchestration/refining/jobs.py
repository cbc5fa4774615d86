"""The work of a refinement as jobs: plain values that any worker can carry out."""

import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.sensitivity.probe import Probe
from xpert_evo.accuracy.sensitivity.statistics import set_statistics
from xpert_evo.accuracy.training.images import prepared, training_subset
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network, read_start, save_weights
from xpert_evo.config import DatasetConfig
from xpert_evo.design import Design
from xpert_evo.errors import CheckpointError, DataError
from xpert_evo.orchestration.chip_judging import judged_on
from xpert_evo.orchestration.refining.chips import Chip
from xpert_evo.orchestration.trainings import cached_dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A trained network and the images that it is measured on.

    Attributes:
        weights: File of the network.
        dataset: Settings of the data set.
        digest: Expected digest of the data set.
        n_images: Validation images that class scores are measured on, from the first.
        n_calibration: Training images for ADC ranges and batch norm.
    """

    weights: Path
    dataset: DatasetConfig
    digest: str
    n_images: int
    n_calibration: int

    def images(self) -> Dataset:
        """The data set; raises DataError if it is another one than expected."""
        dataset = cached_dataset(self.dataset, self.digest)
        if dataset.digest != self.digest:
            raise DataError(f"data set {dataset.name} has changed since the refinement began; put it back.")
        return dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeJob:
    """Class scores of a network some of whose layers are emulated with the peripherals of another design.

    Attributes:
        source: The network.
        design: The other design, with the same channel depths.
        crossbar: Its crossbars.
        places: Positions of the emulated layers; the others have perfect ADCs and fine inputs. None for all.
    """

    source: Source
    design: Design
    crossbar: CrossbarSpec
    places: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptJob:
    """A network with other peripherals, its batch norm calibrated for them, as a file.

    Attributes:
        source: The network.
        design: The other design, with the same channel depths.
        crossbar: Its crossbars.
        target: File to write.
    """

    source: Source
    design: Design
    crossbar: CrossbarSpec
    target: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneJob:
    """A short training of a network through the exact emulation of its own ADCs, as a file.

    Attributes:
        source: The network to go on from; its header names the design and the crossbars.
        protocol: Training protocol.
        seed: Random seed.
        target: File to write; a checkpoint lies beside it until then.
        devices: Devices that are drawn anew in every step; None for ideal ones.
    """

    source: Source
    protocol: TrainingProtocol
    seed: int
    target: Path
    devices: NonIdealities | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeJob:
    """The accuracy of a network by the exact emulation on some validation images.

    Attributes:
        source: The network.
        first: First validation image.
        last: End of the images, exclusive; None for all from the first one on.
        chip: Chip that is drawn; None for ideal devices.
    """

    source: Source
    first: int
    last: int | None
    chip: Chip | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """What a job found.

    Attributes:
        seconds: Time of the job [s].
        scores: Class scores (images, classes); None unless the job is a probe.
        accuracy: Fraction of images classified correctly; None unless the job judges.
        n_images: Number of images of the accuracy.
    """

    seconds: float
    scores: NDArray[np.float32] | None = None
    accuracy: float | None = None
    n_images: int = 0


Job = ProbeJob | AdoptJob | TuneJob | JudgeJob


def carry_out(job: Job) -> Done:
    """Carries out a job; the same result in every process.

    Raises:
        DataError: The data set is missing or another one.
        TrainingError: The weights are missing or damaged, or a training diverged.
    """
    torch.set_num_threads(1)
    start = time.perf_counter()
    if isinstance(job, ProbeJob):
        geometries = _geometries(_trained(job.source), job.design, job.crossbar)
        places = range(len(geometries)) if job.places is None else job.places
        scores = _probe(job.source, isolated=True).changed({place: geometries[place] for place in places})
        return Done(seconds=time.perf_counter() - start, scores=scores.numpy().astype(np.float32))
    if isinstance(job, JudgeJob):
        accuracy, n_images = _judged(job)
        return Done(seconds=time.perf_counter() - start, accuracy=accuracy, n_images=n_images)
    if isinstance(job, AdoptJob):
        _adopt(job)
    else:
        _tune(job)
    return Done(seconds=time.perf_counter() - start)


@lru_cache(maxsize=2)
def _trained(source: Source) -> TrainedNetwork:
    return load_network(source.weights)


@lru_cache(maxsize=1)
def _probe(source: Source, *, isolated: bool) -> Probe:
    trained, dataset = _trained(source), source.images()
    device = torch.device("cpu")
    training = training_subset(dataset.train, trained.protocol.n_train)
    calibration = prepared(training, trained.protocol, device, source.n_calibration).images
    images = prepared(dataset.validation, trained.protocol, device, source.n_images).images
    return Probe(trained.network, calibration, images, isolated=isolated)


def _geometries(trained: TrainedNetwork, design: Design, crossbar: CrossbarSpec) -> list[LayerGeometry]:
    """Geometries of a network's layers with the peripherals of a design on crossbars."""
    other = build_network(
        design,
        trained.network.backbone,
        crossbar=crossbar,
        width_divisor=trained.protocol.width_divisor,
        image_size=trained.image_size,
        depths=[layer.geometry.out_channels for layer in trained.network.crossbar_layers],
    )
    return [layer.geometry for layer in other.crossbar_layers]


def _adopt(job: AdoptJob) -> None:
    adopted = load_network(job.source.weights)
    pairs = zip(adopted.network.crossbar_layers, _geometries(adopted, job.design, job.crossbar), strict=True)
    changes = {place: new for place, (own, new) in enumerate(pairs) if own.geometry != new}
    if changes:
        set_statistics(adopted.network, _probe(job.source, isolated=False).statistics(changes))
    adopted.header = replace(adopted.header, design=job.design, crossbar=job.crossbar, validation_accuracy=None)
    save_weights(adopted, job.target)


def _tune(job: TuneJob) -> None:
    trained, dataset = load_network(job.source.weights), job.source.images()
    crossbar = trained.network.crossbar_layers[0].geometry.crossbar
    checkpoint = job.target.with_suffix(".checkpoint")
    tune = partial(
        train_design,
        trained.header.design,
        trained.network.backbone,
        dataset,
        job.protocol,
        crossbar=crossbar,
        seed=job.seed,
        checkpoint=checkpoint,
        start_from=read_start(job.source.weights),
        devices=job.devices,
    )
    try:
        tuned = tune()
    except CheckpointError:  # damaged, or of another processor's type: it only saves time
        checkpoint.unlink(missing_ok=True)
        tuned = tune()
    save_weights(tuned, job.target)
    checkpoint.unlink(missing_ok=True)


def _judged(job: JudgeJob) -> tuple[float, int]:
    dataset, network, chip = job.source.images(), load_network(job.source.weights), job.chip
    images = dataset.validation.part(slice(job.first, job.last))
    number, seed = (0, 0) if chip is None else (chip.number, chip.seed)
    dataset = replace(dataset, validation=images)
    judged = judged_on(chip, network, dataset, "validation", first_chip=number, seed=seed)
    return judged.mean, judged.n_images
