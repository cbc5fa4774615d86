"""Paths and text files given by users: `~` is a home folder, and a byte-order mark is skipped."""

import os
from os import PathLike
from pathlib import Path

DATA_DIR = "data"
"""Default folder of data sets, inside the working folder."""


def user_path(path: str | PathLike[str]) -> Path:
    """Returns a path as typed by a user, with `~` or `~name` at its start replaced by that home folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  unlike Path.expanduser, leaves an unknown home unchanged


def absolute_path(path: str | PathLike[str], folder: Path | None = None) -> Path:
    """Returns an absolute path; a relative one is taken relative to `folder`, or to the working folder."""
    return ((folder or Path()) / user_path(path)).absolute()


def read_text(path: Path) -> str:
    """Reads a UTF-8 file without the byte-order mark that some editors write; raises OSError and ValueError."""
    return path.read_text(encoding="utf-8-sig")
