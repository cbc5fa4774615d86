"""Predicts a design's class scores from those of single changed layers, and compares class probabilities.

The change of a layer moves the class scores of every image. These movements are added up, image by image and class by
class, and the divergence is computed from the sum: to second order it contains the interaction of every two layers,
which the sum of their divergences leaves out. (CLADO measures these interactions one by one: arXiv 2307.05657.) What a
measured pair moves beyond the sum of its two layers is added where both are chosen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """How changes of layers move class scores from those of an unchanged network.

    Attributes:
        reference: Log probabilities to compare with, (images, classes).
        unchanged: Class scores of the network without changes, (images, classes).
        singles: Movement of each choice of a layer, (images, classes) each.
        pairs: What two choices together move beyond the sum of both.
    """

    reference: FloatArray
    unchanged: FloatArray
    singles: Mapping[Choice, FloatArray]
    pairs: Mapping[Pair, FloatArray] = field(default_factory=dict)

    def scores(self, choices: Sequence[Choice]) -> FloatArray:
        """Predicted class scores of a design, whose unchanged layers may be left out, (images, classes)."""
        total = self.unchanged + sum(self.singles[choice] for choice in choices)
        chosen = set(choices)
        for (first, second), beyond in self.pairs.items():
            if first in chosen and second in chosen:
                total = total + beyond
        return np.asarray(total)

    def expected(self, choices: Sequence[Choice]) -> float:
        """Predicted divergence of a design from the reference [nats]."""
        return float(divergence(self.reference, self.scores(choices)))

    def added(self, choices: Sequence[Choice]) -> float:
        """Sum of the divergences of a design's choices: what is expected if errors simply add up [nats]."""
        own = float(divergence(self.reference, self.unchanged))
        alone = [float(divergence(self.reference, self.unchanged + self.singles[choice])) - own for choice in choices]
        return own + sum(alone)

    def interaction(self, first: Choice, second: Choice) -> float:
        """What two layers' choices are expected to add to each other's divergences [nats]."""
        return self.expected([first, second]) - self.added([first, second])
