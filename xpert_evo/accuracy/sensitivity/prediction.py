"""Predicts how far a design moves the class probabilities from what single layers do in isolation.

Independent errors of layers add up, and so do the divergences that they cause. What two layers together do beyond that
is measured for pairs and added where both are chosen (CLADO, arXiv 2307.05657).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

Choice: TypeAlias = tuple[int, tuple[int, ...]]
"""A layer's position and the values of its genes that change the network's computation."""

Pair: TypeAlias = tuple[Choice, Choice]
"""Choices of two layers, the earlier one first."""


def log_probabilities(scores: FloatArray) -> FloatArray:
    """Logarithms of the class probabilities of scores (..., classes)."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def divergence(reference: FloatArray, scores: FloatArray) -> FloatArray:
    """KL(reference || scores) of class probabilities, mean over images [nats].

    Args:
        reference: Log probabilities (images, classes).
        scores: Class scores (..., images, classes).
    """
    difference = np.exp(reference) * (reference - log_probabilities(scores))
    return np.asarray(difference.sum(axis=-1).mean(axis=-1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Movements:
    """How layers move class scores, each of them alone, from those of a network with perfect ADCs.

    Attributes:
        reference: Log probabilities without any error, (images, classes).
        unchanged: Class scores without any error, (images, classes).
        singles: Movement of the scores by each choice of a layer, (images, classes) each.
        pairs: Divergence of two choices together beyond the sum of both [nats].
    """

    reference: FloatArray
    unchanged: FloatArray
    singles: Mapping[Choice, FloatArray]
    pairs: Mapping[Pair, float] = field(default_factory=dict)

    @cached_property
    def alone(self) -> dict[Choice, float]:
        """Divergence of each choice alone [nats]."""
        return {
            choice: float(divergence(self.reference, self.unchanged + movement))
            for choice, movement in self.singles.items()
        }

    def added(self, choices: Sequence[Choice]) -> float:
        """Sum of the divergences of a design's layers [nats]."""
        return sum(self.alone[choice] for choice in choices)

    def expected(self, choices: Sequence[Choice]) -> float:
        """Predicted divergence of a design: the sum of its layers' and what measured pairs add [nats]."""
        chosen = set(choices)
        beyond = sum(more for (first, second), more in self.pairs.items() if first in chosen and second in chosen)
        return max(0.0, self.added(choices) + beyond)

    def joined(self, choices: Sequence[Choice]) -> float:
        """Divergence of the sum of the movements of a design's layers [nats]."""
        return float(divergence(self.reference, self.unchanged + sum(self.singles[choice] for choice in choices)))
