"""Memory that one step frees stays with the process for the next one."""

import ctypes
import platform
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Numbers of glibc's M_TRIM_THRESHOLD and M_MMAP_MAX (malloc.h)."""


@lru_cache(maxsize=1)
def keep_freed_memory() -> bool:
    """Stops glibc from handing large blocks back to the system, for the rest of the process; True where it did.

    By default every large tensor is mapped anew, and the system clears each of its pages when it is first touched: a
    sixth of a native training step on whole images (`benchmarks/training/training_memory.py`). No number changes, and
    other C libraries are left alone. Environment variables such as MALLOC_TRIM_THRESHOLD_ are overruled. Outside the
    main thread blocks of 64 MB and more are mapped anew as before.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1))
