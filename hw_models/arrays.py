"""Array types and the checks that every array argument passes once, at the door.

Shapes are written in words: ``(designs, layers)`` is one row a design and one column a layer.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hw_models.errors import HardwareModelError

IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]

_SHAPE_WORDS = "(designs, layers)"


def as_int_array(name: str, values: npt.ArrayLike, *, low: int, high: int) -> IntArray:
    """Integers between two bounds, with at least two axes ``(designs, layers)``.

    Args:
        name: the argument's name, for the message.
        values: a number, a sequence of layers, or an array (designs, layers).
        low: the smallest value allowed.
        high: the largest value allowed.

    Raises:
        HardwareModelError: for values that are no integers, out of range, or of more than two axes.
    """
    array = np.asarray(values)
    if array.size == 0:
        raise HardwareModelError(f"{name} is empty: expected integers of shape {_SHAPE_WORDS}.")
    if array.dtype.kind not in "iu":
        raise HardwareModelError(
            f"{name} must hold integers of shape {_SHAPE_WORDS}, "
            f"got {array.dtype} values; convert them with astype(int)."
        )
    if array.ndim > 2:
        raise HardwareModelError(
            f"{name} must have the shape {_SHAPE_WORDS}, got {array.ndim} axes {array.shape}; reshape it to two."
        )
    smallest, largest = array.min(), array.max()
    if smallest < low or largest > high:
        wrong = smallest if smallest < low else largest
        raise HardwareModelError(f"{name} must lie in {low} ... {high}, got {wrong}.")
    return np.atleast_2d(array).astype(np.int64, copy=False)


def check_shape(arrays: dict[str, IntArray]) -> tuple[int, int]:
    """The common shape (designs, layers) that the named arrays broadcast to.

    Raises:
        HardwareModelError: when they do not fit, with every shape received.
    """
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        received = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise HardwareModelError(
            f"the arrays must broadcast to one shape {_SHAPE_WORDS}, got {received}; "
            "give each one row a design (or a single row) and one column a layer."
        ) from None
    return int(shape[0]), int(shape[1])


def check_number(name: str, value: float, *, low: float, high: float, unit: str = "") -> float:
    """A finite number between two bounds.

    Raises:
        HardwareModelError: when it is no number or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise HardwareModelError(f"{name} must be a number, got {value!r}.")
    if not low <= float(value) <= high:
        suffix = f" {unit}" if unit else ""
        raise HardwareModelError(f"{name} must lie in {low:g} ... {high:g}{suffix}, got {value:g}.")
    return float(value)


def check_count(name: str, value: int, *, low: int, high: int) -> int:
    """A single integer between two bounds.

    Raises:
        HardwareModelError: when it is no integer or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise HardwareModelError(f"{name} must be an integer, got {value!r}.")
    if not low <= value <= high:
        raise HardwareModelError(f"{name} must lie in {low} ... {high}, got {value}.")
    return int(value)


def ceil_divide(a: IntArray, b: IntArray | int) -> IntArray:
    """Integer division, rounded up."""
    return -(-a // b)
