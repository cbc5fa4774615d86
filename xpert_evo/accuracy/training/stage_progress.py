"""How far a training in stages is, from the files that it writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xpert_evo.accuracy.training.checkpoints import read_metadata
from xpert_evo.accuracy.training.recipes import Stage
from xpert_evo.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress:
    """How far an unfinished training is.

    Attributes:
        n_passes: Number of finished passes of stages.
        stage: Position of the stage that is being trained, from 0; None if none has a checkpoint.
        n_epochs: Number of its finished epochs; None if its checkpoint is damaged.
    """

    n_passes: int
    stage: int | None = None
    n_epochs: int | None = None


def progress_of(folder: Path, stages: Sequence[Stage]) -> StageProgress:
    """Reads the progress of a training from the folder of its stages."""
    n_passes = len(list(folder.glob("[0-9]*-*.json")))
    found = sorted(folder.glob("[0-9]*-*.checkpoint"))
    if not found:
        return StageProgress(n_passes=n_passes)
    name = found[-1].stem.partition("-")[2]
    # A recipe may train by one protocol twice; a stage that is repeated comes before the number of finished passes.
    named = [i for i, stage in enumerate(stages) if stage.protocol.name == name]
    place = next((i for i in named if i >= n_passes), named[-1] if named else min(n_passes, len(stages) - 1))
    try:
        n_epochs = len(read_metadata(found[-1])["history"])
    except (TrainingError, KeyError, TypeError):
        n_epochs = None
    return StageProgress(n_passes=n_passes, stage=place, n_epochs=n_epochs)


def progress_words(folder: Path, stages: Sequence[Stage]) -> str:
    """Returns how far an unfinished training is: `stage 2 of 3, epoch 12 of 48`; empty before its first epoch."""
    progress = progress_of(folder, stages)
    if progress.stage is None:
        return f"{progress.n_passes} of {len(stages)} stages finished" if progress.n_passes else ""
    where = f"stage {progress.stage + 1} of {len(stages)}"
    if progress.n_epochs is None:
        return where
    return f"{where}, epoch {progress.n_epochs} of {stages[progress.stage].protocol.epochs} finished"
