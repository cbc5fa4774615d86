"""The steps of a refinement by name: where it is, and what is planned."""

from dataclasses import dataclass

TRAINED = "judging the trained network"
MOVED = "judging it on the chip's crossbars"
OWN = "measuring each layer's own bits"
SINGLE = "measuring single layers"
COMBINED = "measuring combinations within layers"
PAIRS = "measuring pairs of layers"
JOINT = "measuring joint choices"
ADOPTED = "calibrating batch norm"
CHOSEN = "judging chosen designs"
TUNED = "tuning"
JUDGED_TUNED = "judging tuned networks"
CONFIRMED = "confirming the front"
CONFIRMED_UNSEEN = "confirming the front on unseen images"


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A step of a refinement.

    Attributes:
        step: Its name.
        round: Its round, from 1; 0 outside of all rounds.
    """

    step: str
    round: int = 0

    @property
    def words(self) -> str:
        """The step in words, for the progress."""
        return f"round {self.round}: {self.step}" if self.round else self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The measurements of a step when it was taken.

    Attributes:
        at: The step.
        n_known: Number of those that had been carried out before.
        n_missing: Number of the others.
    """

    at: At
    n_known: int
    n_missing: int
