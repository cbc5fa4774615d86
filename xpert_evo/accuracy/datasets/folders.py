"""`folder:PATH`: image files in a folder for each class, with or without folders for training, validation and test."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from xpert_evo.accuracy.datasets.resizing import ImageError, n_channels, size_of
from xpert_evo.accuracy.datasets.sources import PARTS, Part, Source, check_classes, check_readable
from xpert_evo.errors import DataError
from xpert_evo.image_sources import ImageSize, natural_size, place_of
from xpert_evo.words import counted, listed

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"}
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""No others are tried: some that Pillow knows call further programs."""

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_N_THREADS = 8

Files = dict[str, dict[str, list[Path]]]
"""For each part, for each class, its image files."""


def folder_fingerprint(name: str) -> str:
    """Hexadecimal digits that change whenever a file is added, removed, renamed, touched or replaced."""
    content = hashlib.sha256(name.encode())
    for part, classes in _listed(name)[0].items():
        for label, paths in classes.items():
            content.update(f"\n{part}/{label}".encode(errors="surrogateescape"))
            for path in paths:
                told = path.stat() if path.exists() else path.lstat()  # a link that leads nowhere
                stamp = f"\n{path} {told.st_size} {told.st_mtime_ns} {told.st_ctime_ns}"
                content.update(stamp.encode(errors="surrogateescape"))
    return content.hexdigest()[:32]


def open_folder(name: str, image_size: ImageSize | None) -> Source:
    """The images in a folder; raises DataError where it is not laid out as expected or a file is no image."""
    root = Path(place_of(name))
    files, notes = _listed(name)
    class_names = tuple(files["train"])
    check_classes(name, class_names)
    for part, classes in files.items():
        unknown = next((label for label in classes if label not in class_names), None)
        if unknown is not None:
            raise DataError(f"{name} has {part} images of the class '{unknown}', but no training image of it.")
    every = [path for classes in files.values() for paths in classes.values() for path in paths]
    heads = _heads(name, root, every)
    sizes = frozenset(size for _, size in heads)
    target = image_size or natural_size(sizes)
    return Source(
        name=name,
        class_names=class_names,
        image_channels=3 if any(channels == 3 for channels, _ in heads) else 1,
        sizes=sizes,
        parts={part: _part(classes, class_names, root, target) for part, classes in files.items()},
        notes=notes,
        threads=True,
    )


def _part(classes: dict[str, list[Path]], class_names: Sequence[str], root: Path, image_size: ImageSize) -> Part:
    paths = [path for own in classes.values() for path in own]
    labels = [class_names.index(label) for label, own in classes.items() for _ in own]
    return Part(
        labels=np.array(labels, dtype=np.int64),
        image=partial(_image, paths, image_size),
        told=partial(_told, paths, root),
    )


def _told(paths: Sequence[Path], root: Path, i: int) -> str:
    return str(paths[i].relative_to(root))


def _image(paths: Sequence[Path], image_size: ImageSize, i: int) -> Image.Image:
    """Opens and decodes a file, a large JPEG at a smaller scale of its own; raises ImageError."""
    try:
        with Image.open(paths[i], formats=_FORMATS) as image:
            least = 2 * max(image_size)
            image.draft(None, (least, least))
            image.load()
            return image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as failure:
        raise ImageError(_why(failure)) from None


def _heads(name: str, root: Path, paths: Sequence[Path]) -> list[tuple[int, ImageSize]]:
    """Channels and size of every image, from the heads of the files; raises DataError for what is no image."""
    with ThreadPoolExecutor(_N_THREADS) as pool:
        found = list(pool.map(_head_or_complaint, paths))
    complaints = [
        f"{path.relative_to(root)} ({what})" for path, what in zip(paths, found, strict=True) if isinstance(what, str)
    ]
    check_readable(name, complaints, len(paths))
    return [head for head in found if not isinstance(head, str)]


def _head_or_complaint(path: Path) -> tuple[int, ImageSize] | str:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return n_channels(image), size_of(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as failure:
        return _why(failure)


def _why(failure: Exception) -> str:
    if isinstance(failure, UnidentifiedImageError):
        return "not an image"
    return (failure.strerror if isinstance(failure, OSError) else None) or str(failure)


def _listed(name: str) -> tuple[Files, tuple[str, ...]]:
    """The image files by part and class, and what lies there and is not used; raises DataError."""
    root = Path(place_of(name))
    if not root.is_dir():
        raise DataError(f"{name}: {root} is not a folder; give the folder that holds one sub-folder for each class.")
    folders = _folders(root)
    parts = {_SPLIT_NAMES[path.name.lower()]: path for path in folders if path.name.lower() in _SPLIT_NAMES}
    is_split = "train" in parts and bool(_folders(parts["train"]))
    if not is_split and parts and len(parts) == len(folders):
        raise DataError(
            f"{name} has the {_plural(parts)} but no training images; add a folder train with a sub-folder for each "
            "class, or put the classes' folders directly into it."
        )
    sources = parts if is_split else {"train": root}
    files, notes = {}, []
    for part in [part for part in PARTS if part in sources]:
        files[part], more = _classes(name, sources[part])
        notes += more
    if is_split and (idle := [path.name for path in folders if path not in parts.values()]):
        notes.append(f"{listed(idle)} beside the folders of the splits: not used")
    return files, tuple(notes)


def _plural(parts: dict[str, Path]) -> str:
    return f"folder{'s' if len(parts) > 1 else ''} {listed(path.name for path in parts.values())}"


def _classes(name: str, folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The image files of each class in a folder, and what is not used of it; raises DataError where there is none."""
    notes: list[str] = []
    found = {path.name: _images(name, path, notes) for path in _folders(folder)}
    classes = {label: paths for label, paths in found.items() if paths}
    if not classes:
        raise DataError(
            f"{name}: {folder} must hold a sub-folder of images for each class, such as {folder.name}/cat/1.png; it "
            f"has {'sub-folders without images' if found else 'no sub-folder'} ({', '.join(sorted(_SUFFIXES))})."
        )
    notes += [f"{folder.name}/{label} holds no images: not a class" for label, paths in found.items() if not paths]
    n_loose = sum(_is_image(path) for path in folder.iterdir())
    if n_loose:
        notes.append(f"{counted(n_loose, 'image')} in {folder.name} itself, beside the folders of classes: not used")
    return classes, notes


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _images(name: str, folder: Path, notes: list[str]) -> list[Path]:
    """The image files at any depth, in a fixed order, without hidden ones and those in folders behind links.

    Such links are added to `notes`; a folder that cannot be read raises DataError.
    """

    def refuse(failure: OSError) -> None:
        raise DataError(
            f"{name}: the folder {failure.filename} cannot be read ({failure.strerror}); change its permissions, or "
            "move it away."
        )

    found = []
    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        links = [path for path in (Path(place, inner) for inner in folders) if path.is_symlink()]
        notes += [f"{path.relative_to(folder.parent)} is a link to a folder: not followed" for path in links]
        found += [path for path in (Path(place, file) for file in files) if _is_image(path)]
    return sorted(found)


def _is_image(path: Path) -> bool:
    """Whether a name is an image's; links that lead nowhere count, so that they are complained about."""
    is_named = path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    return is_named and (path.is_file() or not path.exists())
