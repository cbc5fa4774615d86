"""Trains a design in the stages of a recipe; each stage continues from the weights of the one before.

Every finished stage is kept as a weights file and a small record, and an unfinished one as a checkpoint, so that the
same call goes on at the right stage and epoch, and ends with the same network.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.judge import form_of
from xpert_evo.accuracy.training.protocols import TrainingProtocol, fitted
from xpert_evo.accuracy.training.recipes import LEAST_GAIN, Stage
from xpert_evo.accuracy.training.teacher import Teacher
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.accuracy.training.weights import Start, read_start, save_weights
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design
from xpert_evo.files import write_text


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePass:
    """A pass of a stage that begins or is already finished.

    Attributes:
        number: Number of the pass over all stages, from 1.
        n_stages: Number of stages.
        stage: Number of the stage, from 1.
        repetition: Number of the pass within its stage, from 1.
        protocol: Training protocol of the stage.
        is_known: Whether an earlier call finished it.
    """

    number: int
    n_stages: int
    stage: int
    repetition: int
    protocol: TrainingProtocol
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """A finished pass of a stage.

    Attributes:
        protocol: Name of its protocol.
        digest: Digest of the protocol's settings.
        epochs: Number of epochs.
        n_train: Number of training images in an epoch.
        seconds: Time of training and measuring [s].
        validation_accuracy: Fraction of the validation images classified correctly, ideal devices.
        emulation: How the crossbars were emulated for it.
    """

    protocol: str
    digest: str
    epochs: int
    n_train: int
    seconds: float
    validation_accuracy: float
    emulation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesResult:
    """A training in stages.

    Attributes:
        weights: Weights file of the pass that is kept: the last one, or a better one before it within its stage.
        passes: All finished passes in order.
        kept: Index of the kept pass.
    """

    weights: Path
    passes: tuple[StageResult, ...]
    kept: int

    @property
    def seconds(self) -> float:
        """Time of all passes [s]."""
        return sum(one.seconds for one in self.passes)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedTraining:
    """Everything that determines a training in stages.

    Attributes:
        design: Design to train.
        backbone: Backbone with the classes and image channels of the data set.
        dataset: Images for training and validation.
        stages: Stages in order.
        crossbar: Arrays, cells and coding.
        seed: Random seed of every stage; repetitions of a stage count it up.
        folder: Folder of the stages' files; it must exist.
        start: Trained weights that the first stage continues from; None for random ones.
        devices: Cells drawn anew in every training step; None for ideal cells.
        teacher: Trained networks whose class probabilities all stages learn; None for labels alone.
        device: Device to train on; None for CUDA if available, else the CPU.
    """

    design: Design
    backbone: Backbone
    dataset: Dataset
    stages: Sequence[Stage]
    crossbar: CrossbarSpec
    seed: int
    folder: Path
    start: Start | None = None
    devices: NonIdealities | None = None
    teacher: Teacher | None = None
    device: torch.device | str | None = None

    @property
    def fitted_stages(self) -> tuple[Stage, ...]:
        """The stages with protocols fitted to the data set."""
        name, n_images = self.dataset.name, len(self.dataset.train)
        return tuple(
            stage.model_copy(update={"protocol": fitted(stage.protocol, name, n_images)}) for stage in self.stages
        )


def train_stages(
    training: StagedTraining,
    *,
    on_pass: Callable[[StagePass], None] | None = None,
    on_end: Callable[[StageResult, bool], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> StagesResult:
    """Trains what is missing, and returns the result of all stages.

    Args:
        training: The training.
        on_pass: Called before each pass, with those that earlier calls finished.
        on_end: Called after each pass with its result and whether it was known.
        on_epoch: Called after each epoch.
        on_step: Called after each step.

    Raises:
        TrainingError, CheckpointError, DataError, ConfigError: As `train_design`.
    """
    passes: list[StageResult] = []
    weights, kept, start = training.folder, 0, training.start
    for number, stage in enumerate(training.fitted_stages, start=1):
        best: float | None = None
        for repetition in range(1, stage.at_most + 1):
            files = _Files.of(training.folder, len(passes) + 1, stage.protocol)
            known = files.result()
            if on_pass is not None:
                on_pass(
                    StagePass(
                        number=len(passes) + 1,
                        n_stages=len(training.stages),
                        stage=number,
                        repetition=repetition,
                        protocol=stage.protocol,
                        is_known=known is not None,
                    )
                )
            result = known or _train(
                training, stage.protocol, repetition, files, start, on_epoch=on_epoch, on_step=on_step
            )
            passes.append(result)
            if on_end is not None:
                on_end(result, known is not None)
            gain = None if best is None else result.validation_accuracy - best
            if gain is None or gain > 0:
                best, kept, weights = result.validation_accuracy, len(passes) - 1, files.weights
                start = read_start(weights)
            if gain is not None and gain < LEAST_GAIN:
                break
    return StagesResult(weights=weights, passes=tuple(passes), kept=kept)


def keep_weights(source: Path, target: Path) -> None:
    """Puts the weights of a stage elsewhere, as a second name of the same file where possible."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """Files of a pass: weights, record, and a checkpoint while it trains."""

    weights: Path
    record: Path
    checkpoint: Path

    @classmethod
    def of(cls, folder: Path, number: int, protocol: TrainingProtocol) -> "_Files":
        stem = f"{number}-{protocol.name}"
        return cls(
            weights=folder / f"{stem}.safetensors",
            record=folder / f"{stem}.json",
            checkpoint=folder / f"{stem}.checkpoint",
        )

    def result(self) -> StageResult | None:
        """The result of a finished pass; None if it is missing or damaged, which means to train again."""
        if not self.weights.is_file():
            return None
        try:
            plain: dict[str, Any] = json.loads(self.record.read_text(encoding="utf-8"))
            return StageResult(**plain)
        except (OSError, ValueError, TypeError):
            return None


def _train(
    training: StagedTraining,
    protocol: TrainingProtocol,
    repetition: int,
    files: _Files,
    start: Start | None,
    *,
    on_epoch: Callable[[Epoch], None] | None,
    on_step: Callable[[Step], None] | None,
) -> StageResult:
    trained = train_design(
        training.design,
        training.backbone,
        training.dataset,
        protocol,
        crossbar=training.crossbar,
        seed=training.seed + repetition - 1,
        device=training.device,
        checkpoint=files.checkpoint,
        start_from=start,
        devices=training.devices,
        teacher=training.teacher,
        on_epoch=on_epoch,
        on_step=on_step,
    )
    save_weights(trained, files.weights)
    result = StageResult(
        protocol=protocol.name,
        digest=protocol.digest,
        epochs=protocol.epochs,
        n_train=min(protocol.n_train or len(training.dataset.train), len(training.dataset.train)),
        seconds=trained.seconds,
        validation_accuracy=trained.validation_accuracy,
        emulation=form_of(protocol),
    )
    text = json.dumps(asdict(result), indent=1)
    write_text(files.record, text + "\n")
    files.checkpoint.unlink(missing_ok=True)
    return result
