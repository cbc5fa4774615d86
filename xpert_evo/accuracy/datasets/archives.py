"""Archives of strangers: extracted without leaving their folder, without links, and only up to a size.

No more is believed of an archive than what it turns out to hold: sizes that it declares can only make it be refused
sooner, and what it says of itself in long headers is not read.
"""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from xpert_evo.errors import DataError

MAX_BYTES = 1 << 30
"""Largest content of a data set's archive, unpacked; what claims or holds more is taken for a bomb. Tiny ImageNet, the
largest known one, holds less than half of it."""

MAX_MEMBERS = 500_000
_MAX_HEADER_BYTES = 1 << 16
_BLOCK = 1 << 20


def extract(archive: Path, folder: Path, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> None:
    """Unpacks a tar archive (plain or compressed) or a zip archive into an existing folder.

    Args:
        archive: Somebody's file.
        folder: Where its members go; none of them leaves it.
        max_bytes: Of content, declared or real.
        max_members: Files in the archive.

    Raises:
        DataError: No such archive, truncated or altered, a member that would leave the folder or is no plain file, or
            more content or members than allowed.
    """
    unpacked = _Unpacked(archive, folder, max_bytes, max_members)
    try:
        with _members(archive) as members:
            for name, declared, file in members:
                with file:
                    unpacked.take(name, declared, file)
    except FileExistsError as failure:
        raise DataError(f"{archive} has '{failure.filename}' twice; it is not used.") from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        NotImplementedError,
    ) as failure:
        raise DataError(f"{archive} cannot be unpacked ({failure}): truncated or altered; get it again.") from None


class _Unpacked:
    """What has been written so far, and how much more may be."""

    def __init__(self, archive: Path, folder: Path, max_bytes: int, max_members: int) -> None:
        self._archive = archive
        self._folder = folder.resolve()
        self._max_bytes = max_bytes
        self._max_members = max_members
        self._n_bytes = 0
        self._n_members = 0

    def take(self, name: str, declared: int, file: IO[bytes]) -> None:
        """Writes one member; raises DataError where it does not belong."""
        target = self._folder / name
        if not target.resolve().is_relative_to(self._folder):
            raise DataError(f"{self._archive} has the member '{name}', which would leave its folder; it is not used.")
        self._n_members += 1
        if self._n_members > self._max_members:
            raise DataError(f"{self._archive} holds more than {self._max_members:,} files; it is not used.")
        self._check(self._n_bytes + declared)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as output:
            while block := file.read(_BLOCK):
                self._n_bytes += len(block)
                self._check(self._n_bytes)
                output.write(block)

    def _check(self, n_bytes: int) -> None:
        if n_bytes > self._max_bytes:
            raise DataError(f"{self._archive} unpacks to more than {self._max_bytes:,} bytes; it is not used.")


class _Modest(tarfile.TarInfo):
    """A member's header, whose extensions may be as long as a path is: the library would read them into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The header in 512 bytes; raises DataError where its extension is a bomb."""
        member = super().frombuf(buf, encoding, errors)
        plain = member.type in {*tarfile.REGULAR_TYPES, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE}
        if not plain and member.size > _MAX_HEADER_BYTES:
            raise DataError(f"the archive has a header of {member.size:,} bytes; it is not used.")
        return member


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[tuple[str, int, IO[bytes]]]]:
    """Names, declared sizes and contents of the plain files of an archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as pack:
            yield ((info.filename, info.file_size, pack.open(info)) for info in pack.infolist() if not info.is_dir())
        return
    with tarfile.open(archive, tarinfo=_Modest) as tape:
        yield _tar_members(archive, tape)


def _tar_members(archive: Path, tape: tarfile.TarFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    for member in tape:
        if member.isdir():
            continue
        file = tape.extractfile(member) if member.isreg() and not member.issparse() else None
        if file is None:
            raise DataError(f"{archive} has the member '{member.name}', which is no plain file; it is not used.")
        yield member.name, member.size, file


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
