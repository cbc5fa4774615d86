"""Who is told how far a training or a judgement is: nobody, unless a listener is given."""

from dataclasses import dataclass

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.judge import Judgement
from xpert_evo.accuracy.training.weights import TrainedNetwork
from xpert_evo.workbench.devices import NoisyDevices


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingWork:
    """A judgement that begins.

    Attributes:
        split: "validation" or "test".
        n_images: Images that every draw is judged on.
        n_left: Draws to judge, the ideal devices among them.
        goes_on: Whether an earlier call has judged some already.
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
        is_noisy: Whether of noisy devices.
        number: Counts from 1, ideal and noisy devices each for themselves.
        n_draws: Draws of that kind in all.
        is_known: Whether an earlier call has judged it.
    """

    accuracy: float
    is_noisy: bool
    number: int
    n_draws: int
    is_known: bool


class Listener:
    """Is told how a training and a judgement go; every method does nothing until a subclass says otherwise."""

    def step(self, step: Step) -> None:
        """Takes a training step that has ended."""

    def epoch(self, epoch: Epoch) -> None:
        """Takes an epoch that has ended."""

    def trained(self, validation_accuracy: float, emulation: str) -> None:
        """Takes the end of a training: a fraction, and how the crossbars were computed for it."""

    def loaded(self, trained: TrainedNetwork, dataset: Dataset) -> None:
        """Takes the network that will be judged, and on which data set."""

    def judging(self, work: JudgingWork) -> None:
        """Takes the beginning of a judgement."""

    def judged_part(self, ratio: float) -> None:
        """Takes how much of the present draw has been judged, a fraction."""

    def draw(self, draw: Draw) -> None:
        """Takes a draw that has been judged."""

    def judged(self, judgement: Judgement, noisy: NoisyDevices | None) -> None:
        """Takes a judgement over all draws, of ideal devices or of noisy ones."""
