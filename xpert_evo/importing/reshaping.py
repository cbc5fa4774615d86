"""Changes of shape as flattened and split axes, which keep their meaning at other sizes of image and depth."""

import math
from collections.abc import Iterator

from xpert_evo.importing.building import Builder, ImportFailedError, Value
from xpert_evo.networks.nodes import Op, Shape


def reshaped(builder: Builder, value: Value, shape: Shape) -> Value:
    """Adds the nodes that give a value another shape.

    Args:
        builder: Graph under construction.
        value: The value.
        shape: Its new shape, with the batch axis.

    Raises:
        ImportFailedError: The images of a batch would be mixed, or the value is empty.
    """
    if 0 in value.shape:
        raise ImportFailedError(
            f"reshapes an empty tensor of {' x '.join(map(str, value.shape))}; remove it from the network, or slice "
            "it so that something is left"
        )
    batch = _batch_axis(builder, value, shape)
    target = shape[:batch] + shape[batch + 1 :]
    place = 0
    for before, after in _blocks(value.shape, target):
        value = _block(builder, value, place, (before, after))
        place += len(after)
    return Value(value.node, value.shape, batch)


def _batch_axis(builder: Builder, value: Value, shape: Shape) -> int:
    """Returns the position of the batch axis in a new shape: the one with as many elements in front of it."""
    front = math.prod(value.shape[: value.batch])
    for axis, n in enumerate(shape):
        if n == builder.batch and math.prod(shape[:axis]) == front:
            return axis
    raise ImportFailedError(f"mixes the images of a batch in a change of shape to {' x '.join(map(str, shape))}")


def _blocks(before: Shape, after: Shape) -> Iterator[tuple[Shape, Shape]]:
    """Pairs the smallest runs of axes that hold the same number of elements."""
    i = j = 0
    while i < len(before) or j < len(after):
        first, second = i, j
        i, j = min(i + 1, len(before)), min(j + 1, len(after))
        while math.prod(before[first:i]) != math.prod(after[second:j]):
            if math.prod(before[first:i]) < math.prod(after[second:j]):
                i += 1
            else:
                j += 1
        while i < len(before) and before[i] == 1 and (j >= len(after) or after[j] != 1):
            i += 1
        while j < len(after) and after[j] == 1 and (i >= len(before) or before[i] != 1):
            j += 1
        yield before[first:i], after[second:j]


def _block(builder: Builder, value: Value, place: int, block: tuple[Shape, Shape]) -> Value:
    """Flattens and splits one run of axes that begins at `place`."""
    before, after = block
    shape = value.shape
    if before == after:
        return value
    rest = shape[place + len(before) :]
    if len(before) > 1 and after:
        merged = math.prod(before)
        value = builder.add(
            Op.FLATTEN, [value.node], (*shape[:place], merged, *rest), axes=(place, place + len(before) - 1)
        )
        before = (merged,)
    if before == after:
        return value
    if not after:
        return builder.add(
            Op.SQUEEZE, [value.node], (*shape[:place], *rest), axes=tuple(range(place, place + len(before)))
        )
    lengths = (*shape[:place], *after, *rest)
    whole = [k for k, n in enumerate(after) if n > 1]
    if len(whole) <= 1:
        kept = whole[0] if whole else 0
        added = tuple(place + k for k in range(len(after)) if k != kept or not before)
        return builder.add(Op.UNSQUEEZE, [value.node], lengths, axes=added)
    # The part that is free to follow the axis: within channels the last one, within the pixels of a map the first.
    free = 0 if 0 < place < len(shape) - 1 else len(after) - 1
    sizes = tuple(-1 if k == free else n for k, n in enumerate(after))
    return builder.add(Op.SPLIT_AXIS, [value.node], lengths, axes=(place,), sizes=sizes)
