"""Keeps freed memory in the process, to be reused by the next training step."""

import ctypes
import platform
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Numbers of glibc's M_TRIM_THRESHOLD and M_MMAP_MAX (malloc.h)."""


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Stops glibc from returning large blocks to the system for the rest of the process; returns whether it did.

    By default every large tensor is mapped anew, and the system clears each of its pages on first access, which takes
    a sixth of a native training step on full-size images (`benchmarks/training/training_memory.py`). Results do not
    change, and other C libraries are not affected. Environment variables such as MALLOC_TRIM_THRESHOLD_ are
    overridden. Outside the main thread, blocks of 64 MB and more are still mapped anew.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1))
