"""What a data set consists of, and where one comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from xpert_evo.accuracy.datasets.readers import Arrays
from xpert_evo.image_sources import IMAGE_SIZE, ImageSize


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Split:
    """Images with their classes; compared by identity.

    Attributes:
        images: (images, channels, height, width): uint8 in a data set; floats in [0, 1] once they are
            `images.prepared`.
        labels: int64, (images,).
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def part(self, which: slice | torch.Tensor) -> "Split":
        """Returns some of the images with their classes: a slice of them, or those at the given positions."""
        return Split(images=self.images[which], labels=self.labels[which])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The three splits of a data set; they share no image.

    Attributes:
        name: As in `DATASETS`, or of the user's own images such as `folder:PATH`.
        train: What a training may see.
        validation: What selects designs.
        test: What judges finalists, once.
        n_classes: Classes.
        image_channels: Planes of an image.
        image_size: Height and width of an image [pixels].
        digest: Sixteen hexadecimal digits of the content and its split.
        class_names: Of the user's own images, in the order of the labels.
        notes: Sentences on the user's own images: what was drawn or left out.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    n_classes: int
    image_channels: int
    image_size: ImageSize
    digest: str
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """Where a data set comes from and how it is read.

    Attributes:
        n_classes: Classes.
        image_channels: Planes of an image.
        image_size: Height and width of an image [pixels].
        read: The arrays of a folder; raises DataError where files are missing or altered.
        folder: Name of the folder inside the archive; None for embedded data.
        other_layouts: Names of folders and archives that people have and `import_dataset` takes.
        url: The canonical archive.
        md5: Its checksum, as its publishers give it.
        digest: `Dataset.digest` of its content, by which files of weights name it; None if it was never computed.
        n_validation: Images set aside from the training images; 0 where the data come with a validation split.
        about: One line for lists.
    """

    n_classes: int
    image_channels: int
    image_size: ImageSize = IMAGE_SIZE
    read: Callable[[Path], Arrays]
    folder: str | None = None
    other_layouts: tuple[str, ...] = ()
    url: str | None = None
    md5: str | None = None
    digest: str | None = None
    n_validation: int = 0
    about: str
