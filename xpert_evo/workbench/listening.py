"""Listeners that follow the progress of a training or a judgement."""

from dataclasses import dataclass

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.judge import Judgement
from xpert_evo.accuracy.training.stages import StagePass, StageResult
from xpert_evo.accuracy.training.weights import TrainedNetwork
from xpert_evo.workbench.devices import NoisyDevices


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingWork:
    """A judgement that begins.

    Attributes:
        split: Split that is judged on, "validation" or "test".
        n_images: Number of images per draw.
        n_left: Number of draws left to judge, including the ideal devices.
        goes_on: Whether the judgement continues an interrupted one.
    """

    split: str
    n_images: int
    n_left: int
    goes_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A draw of devices that has been judged.

    Attributes:
        accuracy: Fraction of the images classified correctly.
        is_noisy: Whether the devices are noisy.
        number: Number of the draw, from 1, counted separately for ideal and noisy devices.
        n_draws: Total number of draws of this kind.
        is_known: Whether an earlier call judged it.
    """

    accuracy: float
    is_noisy: bool
    number: int
    n_draws: int
    is_known: bool


class Listener:
    """Follows a training and a judgement; the methods do nothing unless a subclass overrides them."""

    def stage(self, begun: StagePass) -> None:
        """Receives a pass of a recipe's stage that begins, or that an earlier call finished."""

    def stage_ended(self, result: StageResult, *, is_known: bool) -> None:
        """Receives the result of a pass of a stage, and whether an earlier call finished it."""

    def step(self, step: Step) -> None:
        """Receives a finished training step."""

    def epoch(self, epoch: Epoch) -> None:
        """Receives a finished epoch."""

    def trained(self, validation_accuracy: float, emulation: str) -> None:
        """Receives the validation accuracy (a fraction) of a finished training and the emulation that measured it."""

    def loaded(self, trained: TrainedNetwork, dataset: Dataset) -> None:
        """Receives the network to be judged and its data set."""

    def judging(self, work: JudgingWork) -> None:
        """Receives the beginning of a judgement."""

    def judged_part(self, ratio: float) -> None:
        """Receives the finished fraction of the current draw."""

    def draw(self, draw: Draw) -> None:
        """Receives a finished draw."""

    def judged(self, judgement: Judgement, noisy: NoisyDevices | None) -> None:
        """Receives a finished judgement of ideal devices, or of all chips with `noisy` devices at one time."""
