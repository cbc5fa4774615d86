"""Adder trees: the number of adders that a given number of inputs needs, and the growth of their widths."""

from __future__ import annotations

import numpy as np

from hw_models.arrays import IntArray


def adder_tree(n_inputs: IntArray) -> tuple[IntArray, IntArray]:
    """Returns the adders of a tree over `n_inputs`, and their growth: stage s has adders s bits wider than the first.

    In the reference an odd input has no partner in a stage: a stage with k inputs has floor(k / 2) adders and as many
    outputs.
    """
    most = int(n_inputs.max(initial=1))
    counts = np.arange(most + 1)
    adders, growth, left = np.zeros_like(counts), np.zeros_like(counts), counts.copy()
    for stage in range(most.bit_length()):
        left = left // 2
        adders += left
        growth += stage * left
    return adders[n_inputs], growth[n_inputs]
