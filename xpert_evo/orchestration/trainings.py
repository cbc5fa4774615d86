"""A training as a job: a plain value that any worker can run, and its report."""

import socket
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset, load_dataset
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.backbones import load_backbone
from xpert_evo.config import DatasetConfig
from xpert_evo.design import Design
from xpert_evo.errors import CheckpointError, DataError
from xpert_evo.orchestration.chip_judging import judged_on, plain_chips, tested
from xpert_evo.orchestration.chip_noise import NOISY, ChipNoise
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.effort import images_trained


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """A design to train.

    Attributes:
        design: Design to train.
        dataset: Settings of the data set.
        dataset_digest: Expected digest of the data set; workers refuse to train on other data.
        protocol: Training protocol.
        crossbar: Crossbar that the network is trained for.
        seed: Random seed of initial weights, batches and noise.
        noise: Chips on which the validation accuracy is also measured; None for none.
        chips: Chips that the design is measured on; None for ideal devices.
        judged: Whether the design is also judged on test data.
        judge_images: Number of test images judged; None for all.
        checkpoint: File to resume the training from after an interruption; None for none. Workers without access to
            its folder train without it.
        backbone: Custom backbone; None for a built-in one, which workers load by name.
    """

    design: Design
    dataset: DatasetConfig
    dataset_digest: str
    protocol: TrainingProtocol
    crossbar: CrossbarSpec
    seed: int
    noise: ChipNoise | None = None
    chips: Chips | None = None
    judged: bool = False
    judge_images: int | None = None
    checkpoint: Path | None = None
    backbone: BackboneDescription | None = None


class OnImages(Protocol):
    """A job on the images of a run."""

    @property
    def dataset(self) -> DatasetConfig:
        """Settings of the data set."""

    @property
    def dataset_digest(self) -> str:
        """Expected digest of the data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """Result of a training job.

    Attributes:
        validation_accuracy: Validation accuracy with exactly emulated crossbars (fraction).
        seconds: Time of training and judging, including epochs before an interruption [s].
        details: Plain values: epochs, the accuracy with the noise model of the training, and the judgement on test
            data if requested.
    """

    validation_accuracy: float
    seconds: float
    details: dict[str, Any]


def train_job(job: TrainingJob) -> TrainingReport:
    """Trains a design and judges it by the exact emulation; the same result in every process.

    Raises:
        TrainingError: The training diverged.
        DataError: The data set cannot be read, or it is another one than the run's.
    """
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    dataset = own_dataset(job)
    checkpoint = job.checkpoint if job.checkpoint is not None and job.checkpoint.parent.is_dir() else None
    backbone = load_backbone(
        job.backbone or job.design.backbone,
        n_classes=dataset.n_classes,
        image_channels=dataset.image_channels,
        image_size=dataset.image_size,
    )
    train = partial(
        train_design,
        job.design,
        backbone,
        dataset,
        job.protocol,
        crossbar=job.crossbar,
        seed=job.seed,
        checkpoint=checkpoint,
    )
    try:
        trained = train()
    except CheckpointError:  # damaged, or of another processor's type: it only saves time
        if checkpoint is None:
            raise
        checkpoint.unlink(missing_ok=True)
        trained = train()
    trained_at = time.perf_counter()
    # The noise model that trains flatters some designs with coarse ADCs; a label is what the crossbars would compute.
    n_chips = 0 if job.chips is None else job.chips.label_chips
    label = judged_on(
        job.chips,
        trained,
        dataset,
        "validation",
        n_chips=n_chips,
        seed=job.seed,
        max_images=job.protocol.n_validation,
    )
    details: dict[str, Any] = {
        "epochs": job.protocol.epochs,
        "n_training_images": images_trained(job.protocol, len(dataset.train)),
        "emulation": label.emulation,
        "n_validation_images": label.n_images,
    }
    if n_chips:
        details["chips"] = plain_chips(label)
    if not job.protocol.exact:  # which trains and measures by the form that judges
        details["fast_validation"] = trained.validation_accuracy
    if job.protocol.bfloat16:
        details["type_of_steps"] = str(trained.type_of_steps)
    if job.noise is not None:
        details[NOISY] = _under_noise(job, job.noise, trained, dataset)
    if job.judged:
        details["test"] = tested(job.chips, trained, dataset, seed=job.seed, max_images=job.judge_images)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    seconds = trained.seconds + time.perf_counter() - trained_at
    return TrainingReport(validation_accuracy=label.mean, seconds=seconds, details=details)


def _under_noise(job: TrainingJob, noise: ChipNoise, trained: TrainedDesign, dataset: Dataset) -> dict[str, Any]:
    """Accuracies on the label's validation images of drawn chips."""
    noisy = judge(
        trained,
        dataset,
        split="validation",
        exact=True,
        nonidealities=noise.devices,
        n_draws=noise.n_draws,
        norm_images=noise.norm_images,
        seed=job.seed,
        max_images=job.protocol.n_validation,
    )
    return {
        "accuracy": noisy.mean,
        "worst": noisy.worst,
        "spread": noisy.spread,
        "n_draws": noisy.n_draws,
        "n_images": noisy.n_images,
        "accuracies": list(noisy.accuracies),
        "devices": noise.devices.model_dump(mode="json", exclude_defaults=True),
        "norm_images": noise.norm_images,
    }


def own_dataset(job: OnImages) -> Dataset:
    """Returns the images of a job; raises DataError if they are not those of its run."""
    dataset = cached_dataset(job.dataset, job.dataset_digest)
    if dataset.digest != job.dataset_digest:
        raise DataError(
            f"data set {dataset.name} on {socket.gethostname()} has digest {dataset.digest}, but the run is on "
            f"{job.dataset_digest}; give every worker the same files (a shared folder as dataset.data_dir)."
        )
    return dataset


def cached_dataset(config: DatasetConfig, digest: str | None = None) -> Dataset:
    """Returns the data set of the settings, read once per process; with a digest, the decoded copy of own images."""
    return load_dataset(config.name, config.folder, image_size=config.size, resize=config.resize, digest=digest)
