"""The cache of decoded images: a folder for each data set, named by its digest, whose arrays are mapped into memory.

    decoded/
      3f0c...e1/          digest of the content: train.npy, validation.npy, test.npy, content.json
      known-9a41....json  what a folder or file with this fingerprint was found to hold

A folder appears whole or not at all, and several processes may want the same one at once: one decodes, the others
wait. What is damaged or deleted is decoded again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from joblib import cpu_count
from numpy.typing import NDArray

from xpert_evo.accuracy.datasets.resizing import ImageError, Planes, has_16_bits, resized
from xpert_evo.accuracy.datasets.sources import PARTS, Source, check_readable
from xpert_evo.accuracy.datasets.splitting import Members, check_parts, notes_on, split
from xpert_evo.errors import DataError
from xpert_evo.files import write_text
from xpert_evo.image_sources import ImageSize, Resize, size_text
from xpert_evo.words import counted

FOLDER = "decoded"
VERSION = 1
"""Version of the decoding; a cache of another version is not used."""

_CONTENT = "content.json"
_NEW = "new"
_BLOCK = 256
_MOST_THREADS = 8
_DARK = 16
"""Largest 8-bit value from which on 16-bit images are taken to use all their bits: 12-bit cameras stay below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A data set in the cache.

    Attributes:
        digest: Sixteen hexadecimal digits of content, split and classes.
        class_names: In the order of the labels.
        images: For each part (images, channels, height, width) uint8, mapped.
        labels: For each part int64, (images,).
        notes: What the user should know; empty where only the digest was known.
    """

    digest: str
    class_names: tuple[str, ...]
    images: dict[str, NDArray[np.uint8]]
    labels: dict[str, NDArray[np.int64]]
    notes: tuple[str, ...] = ()


def read_decoded(cache: Path, digest: str) -> Decoded | None:
    """The data set with a digest; None where it is not in the cache, or damaged."""
    folder = cache / digest
    try:
        content = json.loads((folder / _CONTENT).read_text(encoding="utf-8"))
        labels = {part: np.array(content["labels"][part], dtype=np.int64) for part in PARTS}
        # Mapped copy-on-write: nothing that a training does can reach the file.
        images = {part: np.load(folder / f"{part}.npy", mmap_mode="c")[: len(labels[part])] for part in PARTS}
        names = tuple(map(str, content["class_names"]))
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    whole = all(len(images[part]) == len(labels[part]) and images[part].dtype == np.uint8 for part in PARTS)
    return Decoded(digest=digest, class_names=names, images=images, labels=labels) if whole else None


def decoded(
    cache: Path,
    fingerprint: str | None,
    open_source: Callable[[], Source],
    image_size: ImageSize | None,
    resize: Resize,
) -> Decoded:
    """A data set out of the cache, decoded into it first where it is not there.

    Args:
        cache: Made if it is missing.
        fingerprint: Of the source's files; None where only decoding can tell what there is.
        open_source: Called where something must be decoded.
        image_size: Size of the decoded images; None for the source's natural one.
        resize: How they come to it.

    Raises:
        DataError: The images cannot be used, or the cache cannot be written.
    """
    size = None if image_size is None else _plain_size(image_size)
    key = hashlib.sha256(f"{VERSION} {fingerprint} {size} {resize}".encode()).hexdigest()[:32]
    known = cache / f"known-{key}.json"
    if fingerprint is not None and (found := _known(cache, known)) is not None:
        return found
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / ".decoding.lock"):
            if fingerprint is not None and (found := _known(cache, known)) is not None:
                return found  # another process has been quicker
            source = open_source()
            digest, notes = _decode(cache, source, image_size, resize)
            if fingerprint is not None:
                write_text(known, json.dumps({"digest": digest, "notes": notes}))
    except OSError as failure:
        raise DataError(
            f"{cache} cannot hold decoded images ({failure.strerror or failure}); free some space, or choose another "
            "folder with --data-dir (dataset.data_dir in settings)."
        ) from None
    made = read_decoded(cache, digest)
    if made is None:
        raise DataError(f"{cache / digest} is damaged although it was just written; check the disk.")
    return replace(made, notes=tuple(notes))


def _known(cache: Path, known: Path) -> Decoded | None:
    try:
        told: dict[str, Any] = json.loads(known.read_text(encoding="utf-8"))
        found = read_decoded(cache, told["digest"])
        return None if found is None else replace(found, notes=tuple(told["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _decode(cache: Path, source: Source, image_size: ImageSize | None, resize: Resize) -> tuple[str, list[str]]:
    """Puts a data set into the cache; returns its digest and what the user should know of it."""
    new = cache / _NEW
    shutil.rmtree(new, ignore_errors=True)  # of a process that was killed: this one has the lock
    try:
        new.mkdir()
        digest, notes = _fill(new, source, image_size, resize)
        if read_decoded(cache, digest) is None:
            shutil.rmtree(cache / digest, ignore_errors=True)
            new.rename(cache / digest)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return digest, notes


def _plain_size(size: ImageSize) -> int | ImageSize:
    """A size as digests contain it: the side of a square."""
    return size[0] if size[0] == size[1] else size


def _fill(folder: Path, source: Source, chosen: ImageSize | None, resize: Resize) -> tuple[str, list[str]]:
    """Writes the files of a data set; returns its digest and what the user should know of it."""
    size = chosen or source.image_size
    content = hashlib.sha256(json.dumps([VERSION, source.class_names, _plain_size(size)]).encode())
    members, labels, notes = split(source), {}, [*source.notes, *source.notes_on_size(chosen)]
    _check_space(folder.parent, source, sum(len(own.images) for own in members.values()), size)
    seen: set[bytes] = set()
    complaints: list[str] = []
    peaks: list[int] = []
    # Test images come first: what is among them neither selects nor trains.
    for part in reversed(PARTS):
        rows = _rows(source, members[part], size, resize, peaks)
        shape = (len(members[part].images), source.image_channels, *size)
        kept, hashes = _write_part(folder / f"{part}.npy", shape, rows, seen, complaints)
        labels[part] = source.parts[members[part].origin].labels[members[part].images[kept]]
        for row in hashes:
            content.update(row)
        content.update(labels[part].tobytes())
        seen.update(hashes)
        if n_left := len(members[part].images) - len(kept):
            others = "test" if part == "validation" else "validation or test"
            notes.append(f"{counted(n_left, f'{part} image')} left out: the same picture is among the {others} images")
    check_readable(source.name, complaints, sum(len(own.images) for own in members.values()))
    notes += _notes_on_16_bits(source.name, peaks, sum(len(own.images) for own in members.values()))
    check_parts(source, labels)
    plain = {"class_names": source.class_names, "labels": {part: own.tolist() for part, own in labels.items()}}
    write_text(folder / _CONTENT, json.dumps(plain))
    return content.hexdigest()[:16], [*notes, *notes_on(source, labels)]


def _notes_on_16_bits(name: str, peaks: Sequence[int], n_images: int) -> list[str]:
    """Tells of 16-bit images that are dark because they use only the lower bits.

    Args:
        name: Name of the data set.
        peaks: Largest value of each 16-bit image after its reduction to 8 bits.
        n_images: Number of all images.

    Raises:
        DataError: All images are black.
    """
    if not peaks or max(peaks) >= _DARK:
        return []
    told = f"16-bit images are reduced to their upper 8 bits, but no value of {counted(len(peaks), 'such image')}"
    do = "save them with 8 bits a pixel, or spread their values over 0 to 65,535"
    if max(peaks) == 0 and len(peaks) == n_images:
        raise DataError(f"{name}: {told} reaches 256, so they would all be black; {do}.")
    return [f"{told} reaches {(max(peaks) + 1) << 8:,}, so they are nearly black; {do}"]


def _check_space(cache: Path, source: Source, n_images: int, size: ImageSize) -> None:
    """Raises DataError where the decoded images would not fit on the disk, before it is full."""
    needed, free = n_images * source.image_channels * size[0] * size[1], shutil.disk_usage(cache).free
    if needed > free:
        raise DataError(
            f"{source.name}: {n_images:,} images of {size_text(size)} pixels take {needed / 1e9:,.1f} GB, but {cache} "
            f"has {free / 1e9:,.1f} GB left; choose a smaller dataset.image_size, or another folder with --data-dir "
            "(dataset.data_dir in settings)."
        )


def _write_part(
    path: Path,
    shape: tuple[int, ...],
    rows: Iterator[Planes | str],
    elsewhere: set[bytes],
    complaints: list[str],
) -> tuple[NDArray[np.int64], list[bytes]]:
    """Writes the images of a part but for those `elsewhere`; returns the positions of what it wrote, and hashes.

    The rows go through the file, not through its map: a full disk is an error then, not the end of the process.
    """
    kept: list[int] = []
    hashes: list[bytes] = []
    start = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(max(1, shape[0]), *shape[1:])).offset
    with path.open("r+b") as file:
        file.seek(start)
        for i, row in enumerate(rows):
            if isinstance(row, str):
                complaints.append(row)
                continue
            own = hashlib.sha256(row.tobytes()).digest()
            if own not in elsewhere:
                file.write(row.tobytes())
                kept.append(i)
                hashes.append(own)
        file.flush()
        os.fsync(file.fileno())
    return np.array(kept, dtype=np.int64), hashes


def _rows(
    source: Source, members: Members, image_size: ImageSize, resize: Resize, peaks: list[int]
) -> Iterator[Planes | str]:
    """Decoded images one by one, of which only a block is in memory; a complaint in place of what is none.

    The largest value of each image that had 16 bits a pixel is added to `peaks`.
    """
    part = source.parts[members.origin]

    def row(i: int) -> Planes | str:
        try:
            image = part.image(i)
            planes = resized(image, source.image_channels, image_size, resize)
        except (ImageError, OSError, ValueError, SyntaxError) as failure:
            return f"{part.told(i)} ({failure})"
        if has_16_bits(image):
            peaks.append(int(planes.max()))
        return planes

    n_threads = min(_MOST_THREADS, cpu_count()) if source.threads else 1
    with ThreadPoolExecutor(n_threads) as pool:
        for start in range(0, len(members.images), _BLOCK):
            block = members.images[start : start + _BLOCK].tolist()
            yield from pool.map(row, block) if source.threads else map(row, block)
