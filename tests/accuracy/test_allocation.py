"""Freed memory that stays with the process: what the system hands out anew is what costs."""

import resource

import pytest
import torch

from xpert_evo.accuracy.allocation import keep_freed_memory

N_BYTES = 64 << 20


def faults(n_tensors: int) -> int:
    """Pages that the system handed out while so many large tensors were made and dropped one after another."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n_tensors):
        torch.ones(N_BYTES // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_large_tensors_are_made_of_pages_that_the_process_has() -> None:
    if not keep_freed_memory():
        pytest.skip("not glibc, whose memory nothing is said about")
    assert keep_freed_memory(), "saying it twice does no harm"
    faults(24)  # the first ones have to come from the system, and blocks between them go unused for a while
    pages = N_BYTES // resource.getpagesize()
    assert faults(8) < pages, "eight times as many by default"
