"""Small sets of images that several tests share: three classes that differ in colour."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLASSES = ("daisy", "rose", "tulip")


def coloured(n_each: int, *, seed: int = 0, side: int = 32) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Noise in which the plane of the class is brighter: images (3 n_each, 3, side, side) and labels."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 100, (len(CLASSES) * n_each, 3, side, side), dtype=np.uint8)
    labels = np.repeat(np.arange(len(CLASSES)), n_each)
    for image, label in zip(images, labels, strict=True):
        image[label] += 120
    return images, labels


def write_image(path: Path, planes: NDArray[np.uint8]) -> None:
    """Writes (channels, height, width) as the kind of file that the name ends in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(planes[0] if len(planes) == 1 else np.ascontiguousarray(planes.transpose(1, 2, 0))).save(path)


def write_folder(folder: Path, n_each: int, *, seed: int = 0, side: int = 32) -> Path:
    """A sub-folder of PNG files for each class."""
    for i, (image, label) in enumerate(zip(*coloured(n_each, seed=seed, side=side), strict=True)):
        write_image(folder / CLASSES[label] / f"{i:03}.png", image)
    return folder
