"""A training at native size as a job: the stages of a recipe, kept in the run's folder, and one judgement."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.emulation import EMULATION
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.judge import Judgement, judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.accuracy.training.stages import StagedTraining, StagesResult, keep_weights, train_stages
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME, TrainedNetwork, load_network
from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.backbones import load_backbone
from xpert_evo.config import DatasetConfig
from xpert_evo.design import Design
from xpert_evo.errors import CheckpointError, DataError
from xpert_evo.orchestration.chip_judging import judged_on, plain_chips, tested
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.trainings import TrainingReport, own_dataset

STAGES_NAME = "stages"


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeJob:
    """A design to train at native size and to judge.

    Attributes:
        design: Design to train.
        dataset: Settings of the data set.
        dataset_digest: Expected digest of the data set.
        recipe: Stages of the training.
        crossbar: Crossbar that the network is trained for.
        seed: Random seed of all stages.
        folder: Folder for the network and its stages, which all workers must reach.
        judge_images: Number of test images; None for all.
        backbone: Custom backbone; None for a built-in one.
        weights: A trained network of the design that is only judged; None to train one.
        chips: Chips that it is judged on; None for ideal devices.
    """

    design: Design
    dataset: DatasetConfig
    dataset_digest: str
    recipe: Recipe
    crossbar: CrossbarSpec
    seed: int
    folder: Path
    judge_images: int | None
    backbone: BackboneDescription | None
    weights: Path | None = None
    chips: Chips | None = None

    @property
    def protocol(self) -> TrainingProtocol:
        """The protocol of the last stage."""
        return self.recipe.stages[-1].protocol


def native_job(job: NativeJob) -> TrainingReport:
    """Trains a network by its recipe, going on where an earlier job stopped, and judges it once on test images.

    Raises:
        TrainingError: A training diverged.
        DataError: The data set is another one than the run's, or the folder cannot be reached.
    """
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    dataset = own_dataset(job)
    details: dict[str, Any] = {"emulation": EMULATION, "recipe": job.recipe.name}
    if job.weights is None:
        trained = _trained(job, dataset)
        weights, seconds = job.folder / WEIGHTS_NAME, trained.seconds
        keep_weights(trained.weights, weights)
        details |= {"stages": [asdict(one) for one in trained.passes], "kept": trained.kept + 1}
    else:
        weights, seconds = job.weights, 0.0
    trained_at = time.perf_counter()
    network = load_network(weights)
    if job.chips is None or not job.chips.label_chips:
        validation = _validation(network, dataset, job.seed, is_own=job.weights is None)
    else:
        label = _on_chips(network, dataset, job.chips, job.seed)
        validation, details["chips"] = label.mean, plain_chips(label)
    details["test"] = tested(job.chips, network, dataset, seed=job.seed, max_images=job.judge_images)
    seconds += time.perf_counter() - trained_at
    return TrainingReport(validation_accuracy=validation, seconds=seconds, details=details)


def _trained(job: NativeJob, dataset: Dataset) -> StagesResult:
    folder = job.folder / STAGES_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise DataError(
            f"{folder} cannot be written to ({failure.strerror}); networks at native size are kept in the run's "
            "folder, so give all workers access to it."
        ) from None
    training = StagedTraining(
        design=job.design,
        backbone=load_backbone(
            job.backbone or job.design.backbone,
            n_classes=dataset.n_classes,
            image_channels=dataset.image_channels,
            image_size=dataset.image_size,
        ),
        dataset=dataset,
        stages=job.recipe.stages,
        crossbar=job.crossbar,
        seed=job.seed,
        folder=folder,
    )
    try:
        return train_stages(training)
    except CheckpointError:  # damaged, or of another processor's type: it only saves time
        for path in folder.glob("*.checkpoint"):
            path.unlink(missing_ok=True)
        return train_stages(training)


def _on_chips(network: TrainedNetwork, dataset: Dataset, chips: Chips, seed: int) -> Judgement:
    """Accuracy on validation images of drawn chips."""
    n_images = network.protocol.n_validation
    return judged_on(chips, network, dataset, "validation", n_chips=chips.label_chips, seed=seed, max_images=n_images)


def _validation(network: TrainedNetwork, dataset: Dataset, seed: int, *, is_own: bool) -> float:
    """Accuracy on validation images by the exact emulation, which stages that train with it have measured already."""
    header = network.header
    if is_own and header.protocol.exact and header.validation_accuracy is not None:
        return header.validation_accuracy
    n_images = header.protocol.n_validation
    return judge(network, dataset, split="validation", exact=True, seed=seed, max_images=n_images).mean
