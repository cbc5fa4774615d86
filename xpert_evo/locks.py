"""Locks on folders, which their owner's death frees."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from xpert_evo.errors import XpertEvoError

_PATIENCE_S = 0.2


def is_held(path: Path) -> bool | None:
    """Whether a process holds the lock of a file; None where that cannot be told. Holds it for a moment to find out."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return None
    lock.release()
    return False


def acquired(path: Path, *, busy: XpertEvoError, unwritable: Callable[[str | None], XpertEvoError]) -> FileLock:
    """The lock of a file, held; waits no longer than a look at it takes (see `is_held`).

    Args:
        path: Of the lock's file.
        busy: Raised where another process holds it.
        unwritable: Makes what is raised where the file cannot be made, from the system's reason.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_PATIENCE_S, poll_interval=_PATIENCE_S / 10)
    except Timeout:
        raise busy from None
    except OSError as failure:
        raise unwritable(failure.strerror) from None
    return lock
