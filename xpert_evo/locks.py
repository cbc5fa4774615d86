"""Locks on folders, which are released when their owner dies."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from xpert_evo.errors import XpertEvoError

_PATIENCE_S = 0.2


def is_held(path: Path) -> bool | None:
    """Whether a process holds the lock of a file; None if unknown. Briefly acquires the lock to find out."""
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
    """Acquires the lock of a file; waits only as long as a check takes (see `is_held`).

    Args:
        path: Path of the lock file.
        busy: Error to raise if another process holds the lock.
        unwritable: Function that makes the error to raise if the file cannot be created, from the system's reason.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_PATIENCE_S, poll_interval=_PATIENCE_S / 10)
    except Timeout:
        raise busy from None
    except OSError as failure:
        raise unwritable(failure.strerror) from None
    return lock
