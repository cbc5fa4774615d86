"""Paths and text files that people give: `~` is a home, a byte-order mark is no content."""

import os
from os import PathLike
from pathlib import Path

DATA_DIR = "data"
"""Where data sets lie unless a folder is named; inside the working folder."""


def user_path(path: str | PathLike[str]) -> Path:
    """A path as somebody typed it, with `~` and `~name` at its start replaced by that home."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  unlike Path.expanduser it leaves an unknown home as it is


def absolute_path(path: str | PathLike[str], folder: Path | None = None) -> Path:
    """Likewise, relative to `folder`, or to the working folder."""
    return ((folder or Path()) / user_path(path)).absolute()


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without the byte-order mark that some editors write; raises OSError and ValueError."""
    return path.read_text(encoding="utf-8-sig")
