"""Archives made to do harm: bombs of every build, links, and names that point elsewhere. They harm nobody."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from xpert_evo.accuracy.datasets import archives
from xpert_evo.accuracy.datasets import readers as data_formats
from xpert_evo.accuracy.datasets.archives import extract
from xpert_evo.accuracy.datasets.python_batches import pixels, read_batch
from xpert_evo.accuracy.datasets.transfer import import_dataset
from xpert_evo.errors import DataError

MIB = 1 << 20
LIMIT = 4 * MIB
BOMB = 64 * MIB


def honest_zip(path: Path) -> None:
    """A zip that says how large it becomes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("data_batch_1.bin", bytes(BOMB))


def lying_zip(path: Path) -> None:
    """A zip that says it holds 100 bytes, in both of its headers."""
    honest_zip(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", BOMB), struct.pack("<I", 100)))


def many_small_zip(path: Path) -> None:
    """A zip of members that are harmless one by one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for i in range(64):
            pack.writestr(f"member-{i}", bytes(MIB))


def tar_of_zeros(path: Path) -> None:
    """A compressed tar with one large member."""
    with tarfile.open(path, "w:gz") as tape:
        info = tarfile.TarInfo("data_batch_1.bin")
        info.size = BOMB
        tape.addfile(info, io.BytesIO(bytes(BOMB)))


def tar_that_claims(path: Path) -> None:
    """A tar whose header claims more than there is: eight exabytes."""
    info = tarfile.TarInfo("data_batch_1.bin")
    info.size = (1 << 63) - 1
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def sparse_tar(path: Path) -> None:
    """A tar with a member that is all holes."""
    info = tarfile.TarInfo("holes")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"77777777777\0"  # the real size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(bytes(header) + bytes(1024))


def long_header_tar(path: Path) -> None:
    """A compressed tar in which a member's name takes 64 MiB: the library would read it into memory."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, BOMB
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(BOMB)))


def pax_header_tar(path: Path) -> None:
    """The same with the newer kind of header."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, BOMB
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(BOMB)))


BOMBS: list[Callable[[Path], None]] = [
    honest_zip, lying_zip, many_small_zip, tar_of_zeros, tar_that_claims, sparse_tar, long_header_tar, pax_header_tar,
]  # fmt: skip


@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_bombs_are_refused_before_they_fill_disk_or_memory(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "bomb")
    folder = tmp_path / "folder"
    folder.mkdir()
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as refused:
            extract(tmp_path / "bomb", folder, max_bytes=LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(refused.value).count("\n") == 0
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= LIMIT
    assert peak < 3 * LIMIT


def test_a_declared_size_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    honest_zip(tmp_path / "bomb")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="more than 4,194,304 bytes"):
        extract(tmp_path / "bomb", tmp_path / "folder", max_bytes=LIMIT)
    assert list((tmp_path / "folder").iterdir()) == []


def test_an_archive_of_countless_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as pack:
        for i in range(11):
            pack.writestr(f"member-{i}", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="more than 10 files"):
        extract(tmp_path / "files.zip", tmp_path / "folder", max_members=10)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "pack.tar", "w") as tape:
        info = tarfile.TarInfo("data_batch_1.bin")
        info.type, info.linkname = kind, "/etc/passwd"
        tape.addfile(info)
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=r"no plain file|cannot be unpacked"):
        extract(tmp_path / "pack.tar", tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_refused_archive_leaves_the_data_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.extract, "__defaults__", (LIMIT, 10))
    honest_zip(tmp_path / "bomb.zip")
    with pytest.raises(DataError, match="more than"):
        import_dataset("cifar10", tmp_path / "bomb.zip", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.zip"]


def test_two_imports_into_one_folder_do_not_meet(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".filling.lock"), pytest.raises(DataError, match="another process is filling"):
        import_dataset("cifar10", tmp_path, tmp_path)


def test_an_image_that_claims_a_billion_pixels_is_not_decoded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    content = bytearray(stream.getvalue())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", 40_000, 40_000)
    (tmp_path / "huge.JPEG").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as an image"):
        data_formats._decoded(tmp_path / "huge.JPEG")


def nested(n: int) -> bytes:
    """A tuple of two of the tuple before, `n` times over: small to write, endless to print or to hash."""
    return b")" + b"2\x86" * n


def twins(n: int) -> bytes:
    """The same without the instruction that copies, by way of the memory."""
    return b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(n))


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02}(" + twins(60) + b"K\x01u.",  # a dictionary with such a name
        b"\x80\x02}(U\x04dataU\x01x" + nested(60) + b"u.",
        b"\x80\x02}(U\x04data" + b"cnumpy\nndarray\n)R(K\x01" + twins(60) + b"NNU\x01xtb" + b"u.",
    ],
)
def test_a_batch_that_would_take_for_ever_to_look_at_is_refused_at_once(tmp_path: Path, program: bytes) -> None:
    path = tmp_path / "data_batch_1"
    path.write_bytes(program)
    with pytest.raises(DataError):
        pixels(read_batch(path), path)


def test_a_data_set_whose_arrays_claim_a_petabyte_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)})
    with zipfile.ZipFile(tmp_path / data_formats.IMAGENET_FILE, "w") as pack:
        pack.writestr("train_images.npy", header.getvalue())
    with pytest.raises(DataError, match="cannot be read"):
        data_formats.read_tiny_imagenet(tmp_path)
