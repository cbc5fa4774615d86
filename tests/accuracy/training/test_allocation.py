"""Freed memory that stays with the process."""

import ctypes

import pytest
import torch

from xpert_evo.accuracy.training.allocation import keep_freed_memory

N_NUMBERS = 9 << 20
"""36 MB: always mapped by default, and small enough for the arena of any thread."""


class _Mallinfo2(ctypes.Structure):
    """What glibc says of its memory (malloc.h)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "kept",
        )
    ]


def n_mapped() -> int:
    """Blocks that are mapped one by one, and so handed back when they are freed."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("the C library does not tell")
    libc.mallinfo2.restype = _Mallinfo2
    return int(libc.mallinfo2().hblks)


def test_large_tensors_are_not_mapped_one_by_one() -> None:
    if not keep_freed_memory():
        pytest.skip("not glibc, whose memory nothing is said about")
    assert keep_freed_memory(), "saying it twice does no harm"
    before = n_mapped()
    tensor = torch.ones(N_NUMBERS)
    assert n_mapped() == before, "one more by default"
    assert tensor.sum() == N_NUMBERS
