"""Image preparation: scaling to [0, 1], downsampling, and augmentation of a whole epoch at a time."""

from collections.abc import Callable, Hashable, Iterator
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.datasets.catalogue import Split
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.errors import DataError
from xpert_evo.image_sources import ImageSize

_SUBSET_SEED = 2023

_KEPT: WeakKeyDictionary[Split, dict[Hashable, Split]] = WeakKeyDictionary()
"""Cache of prepared splits, because trainings of one process use the same images repeatedly."""

_MOST_KEPT = 4
"""Maximum number of cache entries per split; the oldest is dropped first."""

_MOST_BYTES = 2**27
"""Maximum size of a cached entry [bytes]; larger ones are prepared each time to save memory between trainings."""


def prepared(split: Split, protocol: TrainingProtocol, device: torch.device, n_images: int | None = None) -> Split:
    """Returns a split's images as floats in [0, 1] of the protocol's size, channels last, on `device`.

    The tensors may be shared with other callers and must not be modified.

    Args:
        split: Split with uint8 images; floats are rejected because their range is unknown.
        protocol: Training protocol, which may downsample images.
        device: Device of the returned tensors.
        n_images: Use only the first N images; None for all.

    Raises:
        DataError: The images are not unsigned bytes.
    """
    if split.images.dtype != torch.uint8:
        raise DataError(f"images of a data set must be unsigned bytes (torch.uint8), got {split.images.dtype}.")
    where = torch.empty(0, device=device).device  # resolves the number of an unspecified GPU
    size = protocol.size_for((split.images.shape[2], split.images.shape[3]))
    return _kept(split, (size, where, n_images), lambda: _scaled(split, size, where, n_images))


def _scaled(split: Split, size: ImageSize, device: torch.device, n_images: int | None) -> Split:
    images = split.images[:n_images].to(device)
    height, width = images.shape[2:]
    scaled = images.float().div_(255)
    if height % size[0] or width % size[1]:
        scaled = F.adaptive_avg_pool2d(scaled, size)
    elif (height, width) != size:
        scaled = F.avg_pool2d(scaled, (height // size[0], width // size[1]))
    labels = split.labels[:n_images].to(device)
    return Split(images=scaled.contiguous(memory_format=torch.channels_last), labels=labels)


def _kept(split: Split, key: Hashable, make: Callable[[], Split]) -> Split:
    """Returns the cached split of a key, or creates it with `make`."""
    kept = _KEPT.setdefault(split, {})
    if key in kept:
        return kept[key]
    made = make()
    if made.images.nbytes <= _MOST_BYTES:
        if len(kept) == _MOST_KEPT:
            del kept[next(iter(kept))]
        kept[key] = made
    return made


def training_subset(split: Split, n_train: int | None) -> Split:
    """Returns the first `n_train` images of a fixed shuffle, which all trainings share; None for all images."""
    if n_train is None or n_train >= len(split):
        return split
    return _kept(split, n_train, lambda: _shuffled(split, n_train))


def _shuffled(split: Split, n_images: int) -> Split:
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(_SUBSET_SEED))[:n_images]
    return split.part(order)


def augmented(
    images: torch.Tensor, generator: torch.Generator, *, flip: bool, shift: int, turn: int | None = None
) -> torch.Tensor:
    """Returns an augmented copy of images (n, channels, height, width), with horizontal flips and random shifts.

    Args:
        images: Images, which are not modified.
        generator: Random generator of flips and shifts; on the CPU.
        flip: Flip half of the images horizontally.
        shift: Largest shift [pixels], but less than the side along which it shifts; the border is filled by reflection.
        turn: Number of the epoch for alternating flips: each image is flipped in every other epoch, so that two
            consecutive epochs show it both ways (K. Jordan, arXiv 2404.00498, 2024); None for random flips.
    """
    n, _, height, width = images.shape
    if flip:
        mirrored = torch.rand(n, generator=generator) < 0.5 if turn is None else (torch.arange(n) + turn) % 2 == 1
        images = torch.where(mirrored.to(images.device)[:, None, None, None], images.flip(-1), images)
    if not shift:
        return images
    down, across = min(shift, height - 1), min(shift, width - 1)
    padded = F.pad(images, (across, across, down, down), "reflect")
    place = torch.randint((2 * shift + 1) ** 2, (n,), generator=generator).to(images.device)
    result = torch.empty_like(images)
    for k in range((2 * shift + 1) ** 2):
        row, column = divmod(k, 2 * shift + 1)
        top, left = (min(max(at - shift, -most), most) + most for at, most in ((row, down), (column, across)))
        rows = (place == k).nonzero().squeeze(1)
        result[rows] = padded[rows, :, top : top + height, left : left + width]
    return result


def with_squares_hidden(images: torch.Tensor, generator: torch.Generator, side: int) -> torch.Tensor:
    """Applies Cutout: a random square of each image is set to the mean colour (T. DeVries, arXiv 1708.04552, 2017).

    Args:
        images: Images, (n, channels, height, width), which are not modified.
        generator: Random generator of the positions; on the CPU.
        side: Side of the square [pixels]; squares are centred anywhere and clipped at the border.
    """
    n, _, *sizes = images.shape
    hidden = torch.ones(n, 1, 1, 1, dtype=torch.bool, device=images.device)
    for axis, size in zip((2, 3), sizes, strict=True):
        first = torch.randint(size, (n,), generator=generator).to(images.device) - side // 2
        place = torch.arange(size, device=images.device) - first[:, None]
        shape = [n, 1, 1, 1]
        shape[axis] = size
        hidden = hidden & ((place >= 0) & (place < side)).view(shape)
    return torch.where(hidden, images.mean((0, 2, 3), keepdim=True), images)


def resized(images: torch.Tensor, size: ImageSize) -> torch.Tensor:
    """Resizes images (n, channels, height, width) with antialiasing; returns them unchanged if the size is right."""
    if images.shape[2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", antialias=True)


def batches(split: Split, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Images and labels in batches of `size`, in their order."""
    for start in range(0, len(split), size):
        yield split.images[start : start + size], split.labels[start : start + size]


def full_batches(rows: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Rows in batches of `size`; an incomplete last batch is left out, unless it is the only one."""
    return (batch for batch in torch.split(rows, size) if len(batch) == min(size, len(rows)))
