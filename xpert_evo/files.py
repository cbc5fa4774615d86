"""Files that are written completely or not at all."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

_ASIDE = ".partial-"


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Lets `write` fill a temporary file, flushes it to disk and moves it to `path`; an old file stays until then.

    Any number of processes, threads and machines may write the same file at once: each has its own temporary file.

    Args:
        path: File to create or replace; its folder must exist.
        write: Function that receives a binary stream. Its exceptions are passed on, and `path` stays unchanged.
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
    """Writes a UTF-8 text file completely or not at all."""
    write_atomically(path, lambda stream: stream.write(text.encode()))


def move(source: Path, target: Path) -> None:
    """Renames a file within its folder, replacing `target`, safely against a power cut."""
    source.replace(target)
    with suppress(OSError):  # some file systems cannot flush a folder; the file itself is flushed
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def sweep(folder: Path) -> int:
    """Removes temporary files left by killed writers in `folder`; returns their number.

    Use it only for a folder in which nobody else writes: it would also remove a temporary file that is still being
    filled.
    """
    left = [path for path in folder.glob(f".*{_ASIDE}*") if path.is_file()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
