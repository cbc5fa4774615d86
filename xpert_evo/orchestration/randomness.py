"""All randomness of a run: one seed, spawned by purpose and never by the order of events."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """Purpose of a stream of random numbers; the values must not change, to keep runs repeatable."""

    FIRST_DESIGNS = 0
    TRAINING = 1
    SURROGATE = 2
    SEARCH = 3
    INFILL = 4
    BASELINE = 5
    FINALIST = 6
    NATIVE = 7


def spawned(seed: int, purpose: Purpose, *key: int) -> np.random.SeedSequence:
    """Returns the seed sequence of a purpose.

    Args:
        seed: Random seed of the run.
        purpose: Purpose of the random numbers.
        *key: Identifies the stream within the purpose, such as the round, or a design's digest as an integer.
    """
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *key))


def as_integer(sequence: np.random.SeedSequence) -> int:
    """Returns a 32-bit seed, for libraries that need an integer."""
    return int(sequence.generate_state(1)[0])
