"""Archives of strangers: extracted without leaving their folder, without links, and only up to a size."""

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from xpert_evo.errors import DataError

MAX_BYTES = 4 << 30
"""Largest content of a data set's archive, unpacked; what claims or holds more is taken for a bomb."""


def extract(archive: Path, folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Unpacks a tar archive (plain or compressed) or a zip archive into an existing folder.

    Raises:
        DataError: No such archive, truncated or altered, a member that would leave the folder or is no plain file, or
            more content than `max_bytes`.
    """
    written = 0
    try:
        with _members(archive) as members:
            for name, file in members:
                target = folder / name
                if not target.resolve().is_relative_to(folder.resolve()):
                    raise DataError(f"{archive} has the member '{name}', which would leave its folder; it is not used.")
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as output:
                    while block := file.read(1 << 20):
                        written += len(block)
                        if written > max_bytes:
                            raise DataError(f"{archive} unpacks to more than {max_bytes:,} bytes; it is not used.")
                        output.write(block)
    except FileExistsError as failure:
        raise DataError(f"{archive} has '{failure.filename}' twice; it is not used.") from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        NotImplementedError,
    ) as failure:
        raise DataError(f"{archive} cannot be unpacked ({failure}): truncated or altered; get it again.") from None


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Names and contents of the plain files of an archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as pack:
            yield ((info.filename, pack.open(info)) for info in pack.infolist() if not info.is_dir())
        return
    with tarfile.open(archive) as tape:
        yield _tar_members(archive, tape)


def _tar_members(archive: Path, tape: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tape:
        if member.isdir():
            continue
        file = tape.extractfile(member) if member.isfile() else None
        if file is None:
            raise DataError(f"{archive} has the member '{member.name}', which is no plain file; it is not used.")
        yield member.name, file


@contextmanager
def moved_into_place(folder: Path) -> Iterator[Path]:
    """A folder to fill beside `folder`, which it becomes in one step at the end; nothing is left after a failure."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
