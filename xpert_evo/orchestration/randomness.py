"""Where all randomness of a run comes from: one seed, spawned by what it is for, never by the order of events."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of random numbers is for; the values are part of what makes a run repeatable."""

    FIRST_DESIGNS = 0
    TRAINING = 1
    SURROGATE = 2
    SEARCH = 3
    INFILL = 4
    BASELINE = 5
    FINALIST = 6


def spawned(seed: int, purpose: Purpose, *key: int) -> np.random.SeedSequence:
    """The seed sequence of one purpose.

    Args:
        seed: Of the run.
        purpose: What it is for.
        *key: Which one of its kind, such as the round, or a design's digest as an integer.
    """
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *key))


def as_integer(sequence: np.random.SeedSequence) -> int:
    """A seed of 32 bits, for libraries that take a number."""
    return int(sequence.generate_state(1)[0])
