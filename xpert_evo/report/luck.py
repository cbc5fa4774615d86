"""Winner's curse of a measured front: each label is one short training, and the front selects the lucky ones."""

from dataclasses import dataclass

import numpy as np

from xpert_evo.report.candidates import select_front
from xpert_evo.report.result import RunResult

_LEAST_DESIGNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """The winner's curse of a front, estimated from predictions made before the labels were known.

    Attributes:
        excess: Mean of label minus prediction on the front, minus that over all predicted designs (a fraction). It is
            an upper bound: some designs are better than predicted rather than lucky.
        error: Standard error of `excess`.
        n_front: Number of designs on the measured front that were predicted beforehand.
        n_members: Number of designs on that front.
        n_predicted: Number of designs predicted beforehand.
    """

    excess: float
    error: float
    n_front: int
    n_members: int
    n_predicted: int

    @property
    def is_clear(self) -> bool:
        """Whether the excess is larger than two standard errors."""
        return self.excess > 2 * self.error

    @property
    def _who(self) -> str:
        everyone = self.n_front == self.n_members
        return (
            f"the {self.n_front} designs" if everyone else f"the {self.n_front} predicted of {self.n_members} designs"
        )

    @property
    def sentence(self) -> str:
        """The estimate in words, for the terminal and the page."""
        return (
            f"Luck: {self._who} on the measured front exceed their predictions by {100 * self.excess:.1f} ± "
            f"{100 * self.error:.1f} points more than all {self.n_predicted} predicted designs do on "
            "average. Each label is one short training, and a front selects the lucky ones (winner's curse): expect "
            "accuracies up to this much lower when the designs are trained again, as finalists are."
        )


def clear_luck(result: RunResult) -> Luck | None:
    """Returns the winner's curse of a run's labels if it is significant, else None."""
    luck = luck_of(result)
    return luck if luck is not None and luck.is_clear else None


def luck_of(result: RunResult) -> Luck | None:
    """Returns the winner's curse of a run's labels; None if too few designs were predicted before their training."""
    gaps = {c.digest: c.validation - c.predicted for c in result.measured if c.predicted is not None}
    members = select_front(result.task, result.measured)
    front = [gaps[c.digest] for c in members if c.digest in gaps]
    if len(front) < _LEAST_DESIGNS or len(gaps) < len(front) + _LEAST_DESIGNS:
        return None
    everyone = np.array(list(gaps.values()))
    return Luck(
        excess=float(np.mean(front) - everyone.mean()),
        error=float(everyone.std(ddof=1) * np.sqrt(1 / len(front) - 1 / len(everyone))),
        n_front=len(front),
        n_members=len(members),
        n_predicted=len(everyone),
    )
