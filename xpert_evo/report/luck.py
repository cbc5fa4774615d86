"""How much of a front of labels is luck: a label is one short training, and a front picks those that went well."""

from dataclasses import dataclass

import numpy as np

from xpert_evo.report.candidates import select_front
from xpert_evo.report.result import RunResult

_LEAST_DESIGNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """The winner's curse of a front, estimated from what was predicted before its labels were known.

    Attributes:
        excess: By how much labels of the front lie above their predictions, beyond what labels of all predicted designs
            do on average, a fraction. An upper bound: some of them are better than predicted rather than lucky.
        error: Standard error of `excess`.
        n_front: Designs of the labels' front that were predicted beforehand.
        n_members: All designs of that front.
        n_predicted: All designs that were.
    """

    excess: float
    error: float
    n_front: int
    n_members: int
    n_predicted: int

    @property
    def is_clear(self) -> bool:
        """Whether it is more than two standard errors."""
        return self.excess > 2 * self.error

    @property
    def _who(self) -> str:
        everyone = self.n_front == self.n_members
        return (
            f"the {self.n_front} designs" if everyone else f"the {self.n_front} predicted of {self.n_members} designs"
        )

    @property
    def sentence(self) -> str:
        """For the terminal and the page."""
        return (
            f"Luck: {self._who} on the front of labels were measured {100 * self.excess:.1f} ± "
            f"{100 * self.error:.1f} points further above their predictions than all {self.n_predicted} that were "
            "predicted. A label is one short training and a front picks the lucky ones (winner's curse): expect up to "
            "so much less when they are trained again, as finalists are."
        )


def clear_luck(result: RunResult) -> Luck | None:
    """The winner's curse of a run's labels where it is clear, else None."""
    luck = luck_of(result)
    return luck if luck is not None and luck.is_clear else None


def luck_of(result: RunResult) -> Luck | None:
    """The winner's curse of a run's labels; None where too few designs were predicted before they were labelled."""
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
