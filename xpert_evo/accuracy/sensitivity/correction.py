"""Corrects predicted divergences of joint choices by those that have been measured.

Sums of single layers are low where divergences are large: errors that push class scores the same way do more together.
Measured against predicted divergences follow a power law over two decades, so two numbers are fitted to the logarithms,
and drawn to no correction as long as few joint choices are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Joint: TypeAlias = tuple[float, float]
"""Predicted and measured divergence of a joint choice [nats]."""

_MIDDLE = 0.03
"""Divergence [nats] at which the two fitted numbers are independent: the middle of what refinements measure."""

_DRAW = 0.5
"""Joint choices that the draw to no correction counts for (assumed: deviations of 0.2, corrections of about 0.3)."""

_LEAST_POWER, _MOST_POWER = 0.5, 2.0
"""Bounds of the power, so that few measurements cannot turn the order of choices round."""

_LEAST = 1e-6
"""Divergence below which a joint choice says nothing [nats]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a predicted divergence becomes: middle x scale x (predicted / middle) ** power.

    Attributes:
        scale: Factor at the middle of the divergences; 1 for none.
        power: Power of the prediction; 1 for none.
    """

    scale: float = 1.0
    power: float = 1.0

    @classmethod
    def fitted(cls, known: Sequence[Joint]) -> "Correction":
        """The correction that fits joint choices best; none without any."""
        pairs = np.array([joint for joint in known if min(joint) > _LEAST]).reshape(-1, 2)
        predicted, measured = np.log(pairs / _MIDDLE).T
        columns = np.column_stack([np.ones_like(predicted), predicted])
        normal = columns.T @ columns + _DRAW * np.eye(2)
        shift, slope = np.linalg.solve(normal, columns.T @ (measured - predicted))
        return cls(scale=float(np.exp(shift)), power=float(np.clip(1 + slope, _LEAST_POWER, _MOST_POWER)))

    def of(self, predicted: float) -> float:
        """The corrected prediction [nats]."""
        return float(_MIDDLE * self.scale * (max(predicted, 0.0) / _MIDDLE) ** self.power)


def left_out(known: Sequence[Joint]) -> list[float]:
    """For each joint choice, the prediction corrected by all others [nats]."""
    return [
        Correction.fitted([*known[:place], *known[place + 1 :]]).of(predicted)
        for place, (predicted, _) in enumerate(known)
    ]
