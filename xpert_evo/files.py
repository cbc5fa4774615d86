"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

_ASIDE = ".partial-"


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Lets `write` fill a file aside, flushes it to disk and moves it to `path`; an old file stays until then.

    Any number of processes, threads and machines may write the same file at the same time: each has its own file aside.

    Args:
        path: The file to make or replace; its folder exists.
        write: Is given a binary stream. What it raises goes on to the caller, and `path` stays as it was.
    """
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}{_ASIDE}")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
        Path(aside).chmod(mode)
        move(Path(aside), path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 text file whole or not at all."""
    write_atomically(path, lambda stream: stream.write(text.encode()))


def move(source: Path, target: Path) -> None:
    """Renames a file within its folder, replacing `target`, so that a power cut does not undo it."""
    source.replace(target)
    with suppress(OSError):  # some file systems cannot flush a folder; the file itself is flushed
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sweep(folder: Path) -> int:
    """Removes what writers that were killed have left aside in `folder`; returns how many files.

    Only for a folder in which nobody else writes: a file aside that somebody is filling would be taken from him.
    """
    left = [path for path in folder.glob(f".*{_ASIDE}*") if path.is_file()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
