"""Adders of a tree: how many it takes to add up a number of inputs, and how they grow."""

from __future__ import annotations

import numpy as np

from hw_models.arrays import IntArray


def adder_tree(n_inputs: IntArray) -> tuple[IntArray, IntArray]:
    """Adders of a tree over `n_inputs`, and their growth: stage s has adders that are s bits wider than the first.

    An odd input of a stage waits for no partner in the reference: a stage of k inputs has floor(k / 2) adders and
    as many outputs.
    """
    most = int(n_inputs.max(initial=1))
    counts = np.arange(most + 1)
    adders, growth, left = np.zeros_like(counts), np.zeros_like(counts), counts.copy()
    for stage in range(most.bit_length()):
        left = left // 2
        adders += left
        growth += stage * left
    return adders[n_inputs], growth[n_inputs]
