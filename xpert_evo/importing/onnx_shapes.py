"""ONNX operators in torch that select, arrange, pad or resize."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.onnx_values import Attributes, Tensor, numbers, padded, tensor


def _optional(given: Sequence[Any], position: int) -> Any:
    return given[position] if len(given) > position else None


def reshape(a: Attributes, x: Tensor, shape: Any = None) -> Tensor:
    """Another shape, in which 0 keeps a length."""
    wanted = list(a.get("shape") or []) if shape is None else numbers(shape, "a shape")
    if not a.get("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return x.reshape(wanted)


def flatten(a: Attributes, x: Tensor) -> Tensor:
    """All axes before and after one joined."""
    axis = a.get("axis", 1) % (x.ndim + 1)
    return x.reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))


def squeeze(a: Attributes, x: Tensor, axes: Any = None) -> Tensor:
    """Axes of length 1 removed."""
    given = a.get("axes") if axes is None else numbers(axes, "axes")
    return x.squeeze() if given is None else x.squeeze(tuple(given))


def unsqueeze(a: Attributes, x: Tensor, axes: Any = None) -> Tensor:
    """Axes of length 1 added."""
    given = list(a.get("axes") if axes is None else numbers(axes, "axes"))
    for axis in sorted(n % (x.ndim + len(given)) for n in given):
        x = x.unsqueeze(axis)
    return x


def slice_of(a: Attributes, x: Tensor, *given: Any) -> Tensor:
    """A slice along axes."""
    starts, ends, axes, steps = ([*given, None, None, None, None])[:4]
    first = list(a.get("starts")) if starts is None else numbers(starts, "starts")
    last = list(a.get("ends")) if ends is None else numbers(ends, "ends")
    along = a.get("axes") if axes is None else numbers(axes, "axes")
    step = [1] * len(first) if steps is None else numbers(steps, "steps")
    index = [slice(None)] * x.ndim
    for axis, start, stop, stride in zip(along or range(len(first)), first, last, step, strict=True):
        if stride < 0:
            raise ImportFailedError("slices backwards")
        index[axis] = slice(*slice(start, stop, stride).indices(x.shape[axis]))
    return x[tuple(index)]


def split(a: Attributes, x: Tensor, sizes: Any = None) -> tuple[Tensor, ...]:
    """Parts of an axis."""
    axis = a.get("axis", 0)
    given = a.get("split") if sizes is None else numbers(sizes, "sizes")
    if given is None:
        n = a.get("num_outputs", a.n_outputs)
        return torch.split(x, -(-x.shape[axis] // n), axis)
    return torch.split(x, list(given), axis)


def gather(a: Attributes, x: Any, index: Any) -> Tensor:
    """One position or evenly spaced positions of an axis."""
    if isinstance(index, Tensor):
        raise ImportFailedError("looks up values at positions that depend on the input")
    axis, rows, source = a.get("axis", 0), np.asarray(index), tensor(x)
    if rows.ndim == 0:
        return source.select(axis, int(rows))
    rows = np.where(rows < 0, rows + source.shape[axis], rows)
    steps = np.diff(rows)
    if rows.ndim != 1 or (len(steps) and (steps != steps[0]).any()) or (len(steps) and steps[0] < 1):
        raise ImportFailedError("gathers positions that are not evenly spaced")
    step = int(steps[0]) if len(steps) else 1
    place = [slice(None)] * source.ndim
    place[axis] = slice(int(rows[0]), int(rows[-1]) + 1, step)
    return source[tuple(place)]


def pad(a: Attributes, x: Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> Tensor:
    """Padding with a constant."""
    if a.get("mode", "constant") != "constant":
        raise ImportFailedError(f"pads in the mode '{a.get('mode')}'; only constants are supported")
    amounts = list(a.get("pads", a.get("paddings"))) if pads is None else numbers(pads, "padding")
    if axes is not None:
        raise ImportFailedError("pads named axes")
    return padded(x, amounts, a.get("value", 0.0) if value is None else float(np.asarray(value).item()))


def resize(a: Attributes, x: Tensor, *given: Any) -> Tensor:
    """Enlargement by interpolation."""
    if a.get("axes") and [n % x.ndim for n in a.get("axes")] != list(range(x.ndim)):
        raise ImportFailedError("resizes named axes")
    if len(given) == 1:
        scales, sizes = given[0], None
    else:
        scales, sizes = _optional(given, 1), _optional(given, 2)
    if sizes is not None and np.asarray(sizes).size:
        shape = numbers(sizes, "sizes")[2:]
    else:
        factors = a.get("scales") if scales is None else np.asarray(scales).ravel().tolist()
        shape = [int(n * f) for n, f in zip(x.shape[2:], list(factors)[2:], strict=True)]
    mode = a.get("mode", "nearest")
    how = "asymmetric" if a.opset < 11 else a.get("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        rounding = "floor" if a.opset < 11 else a.get("nearest_mode", "round_prefer_floor")
        factors = {size // n for size, n in zip(shape, x.shape[2:], strict=True)}
        if rounding not in _REPEATS.get(how, ()) and (how, rounding, factors <= {1, 2}) != _FLOOR_OF_HALVES:
            raise ImportFailedError(f"resizes with coordinates '{how}' and rounding '{rounding}'; {_SUPPORTED}")
        return F.interpolate(x, size=shape, mode="nearest")
    if mode == "linear" and x.ndim == 4 and how in {"half_pixel", "pytorch_half_pixel", "align_corners"}:
        return F.interpolate(x, size=shape, mode="bilinear", align_corners=how == "align_corners")
    raise ImportFailedError(f"resizes in the mode '{mode}' with coordinates '{how}'; {_SUPPORTED}")


_REPEATS = {"asymmetric": {"floor"}, "half_pixel": {"round_prefer_floor", "round_prefer_ceil"}}
"""Coordinates and roundings of nearest values with which an enlargement by whole factors repeats pixels."""
_FLOOR_OF_HALVES = ("asymmetric", "round_prefer_floor", True)
"""With these, only enlargements by 1 and 2 do."""
_SUPPORTED = (
    "only enlargements that repeat pixels or interpolate linearly between their centres or corners are supported"
)


def shape_of(a: Attributes, x: Tensor) -> Any:
    """Lengths of axes, as a constant."""
    return np.array(x.shape[a.get("start", 0) : a.get("end")], dtype=np.int64)


def expand(_: Attributes, x: Tensor, shape: Any) -> Tensor:
    """Repetition of axes of length 1."""
    wanted = numbers(shape, "a shape")
    rank = max(x.ndim, len(wanted))
    own, other = [1] * (rank - x.ndim) + list(x.shape), [1] * (rank - len(wanted)) + wanted
    return x.expand([max(a, b) for a, b in zip(own, other, strict=True)])
