"""Locks on folders, which their owner's death frees."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from xpert_evo.errors import XpertEvoError


def acquired(path: Path, *, busy: XpertEvoError, unwritable: Callable[[str | None], XpertEvoError]) -> FileLock:
    """The lock of a file, held; waits for nobody.

    Args:
        path: Of the lock's file.
        busy: Raised where another process holds it.
        unwritable: Makes what is raised where the file cannot be made, from the system's reason.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise busy from None
    except OSError as failure:
        raise unwritable(failure.strerror) from None
    return lock
