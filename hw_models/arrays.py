"""Array types and the checks applied once to every array argument, at the entry points.

Shapes are written in words: ``(designs, layers)`` means one row per design and one column per layer.
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
    """Checks integers against two bounds and returns them with at least two axes ``(designs, layers)``.

    Args:
        name: Name of the argument, for the message.
        values: A number, a sequence over layers, or an array (designs, layers).
        low: Smallest value allowed.
        high: Largest value allowed.

    Raises:
        HardwareModelError: If values are not integers, are out of range, or have more than two axes.
    """
    array = np.asarray(values)
    if array.size == 0:
        raise HardwareModelError(f"{name} is empty: expected integers of shape {_SHAPE_WORDS}.")
    if array.dtype.kind not in "iu":
        raise HardwareModelError(
            f"{name} must contain integers of shape {_SHAPE_WORDS}, "
            f"got {array.dtype} values; convert them with astype(int)."
        )
    if array.ndim > 2:
        raise HardwareModelError(
            f"{name} must have the shape {_SHAPE_WORDS}, got {array.ndim} axes {array.shape}; reshape it to two."
        )
    smallest, largest = array.min(), array.max()
    if smallest < low or largest > high:
        wrong = smallest if smallest < low else largest
        raise HardwareModelError(f"{name} must be between {low} and {high}, got {wrong}.")
    return np.atleast_2d(array).astype(np.int64, copy=False)


def check_shape(arrays: dict[str, IntArray]) -> tuple[int, int]:
    """Returns the common shape (designs, layers) to which the named arrays broadcast.

    Raises:
        HardwareModelError: If they do not broadcast; the message lists every shape received.
    """
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        received = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise HardwareModelError(
            f"the arrays must broadcast to one shape {_SHAPE_WORDS}, got {received}; "
            "give each one row per design (or a single row) and one column per layer."
        ) from None
    return int(shape[0]), int(shape[1])


def check_number(name: str, value: float, *, low: float, high: float, unit: str = "") -> float:
    """Checks that a number is finite and between two bounds, and returns it.

    Raises:
        HardwareModelError: If it is not a number or is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise HardwareModelError(f"{name} must be a number, got {value!r}.")
    if not low <= float(value) <= high:
        suffix = f" {unit}" if unit else ""
        raise HardwareModelError(f"{name} must be between {low:g} and {high:g}{suffix}, got {value:g}.")
    return float(value)


def check_count(name: str, value: int, *, low: int, high: int) -> int:
    """Checks that a count is an integer between two bounds, and returns it.

    Raises:
        HardwareModelError: If it is not an integer or is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise HardwareModelError(f"{name} must be an integer, got {value!r}.")
    if not low <= value <= high:
        raise HardwareModelError(f"{name} must be between {low} and {high}, got {value}.")
    return int(value)


def ceil_divide(a: IntArray, b: IntArray | int) -> IntArray:
    """Integer division, rounded up."""
    return -(-a // b)
