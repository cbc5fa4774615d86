"""Finds the distinct combinations in arrays of small integers, so that each is computed only once.

A population contains few distinct layer shapes and few distinct sets of peripherals, however many designs it has.
Quantities that depend on only one of the two are computed for the distinct ones; only their products are expanded to
(designs, layers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw_models.arrays import FloatArray, IntArray

_MOST_CODES = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The distinct shape and the distinct peripherals of each entry of (designs, layers).

    Attributes:
        shape_index: Positions among the distinct shapes, (designs, layers) or broadcastable to it.
        periphery_index: Positions among the distinct peripherals.
    """

    shape_index: IntArray
    periphery_index: IntArray

    def broadcast(self, shape: tuple[int, int]) -> Pairing:
        """Returns the pairing with both indices broadcast to the full shape (designs, layers)."""
        return Pairing(
            shape_index=np.broadcast_to(self.shape_index, shape),
            periphery_index=np.broadcast_to(self.periphery_index, shape),
        )

    def rows(self, part: slice) -> Pairing:
        """Returns the pairing for a slice of the designs."""
        return Pairing(shape_index=self.shape_index[part], periphery_index=self.periphery_index[part])

    def by_shape(self, values: FloatArray | IntArray) -> FloatArray:
        """Expands values of the distinct shapes to (designs, layers)."""
        return np.asarray(values, dtype=np.float64).ravel().take(self.shape_index, mode="clip")

    def by_periphery(self, values: FloatArray | IntArray) -> FloatArray:
        """Expands values of the distinct peripherals to (designs, layers)."""
        return np.asarray(values, dtype=np.float64).ravel().take(self.periphery_index, mode="clip")


def distinct(arrays: dict[str, IntArray]) -> tuple[dict[str, IntArray], IntArray]:
    """Finds the distinct combinations of broadcast non-negative integer arrays.

    Returns:
        The combinations, each array of shape (1, combinations), and the position of each entry's combination among
        them.
    """
    codes: IntArray = np.zeros((1, 1), dtype=np.int64)
    radix = 1
    for values in arrays.values():
        own, n_own = _codes(values)
        if radix * n_own > _MOST_CODES:
            codes, radix = _codes(codes)
        codes = codes * n_own + own
        radix *= n_own
    codes, n_codes = _codes(codes)
    flat = codes.ravel()
    first = np.zeros(n_codes, dtype=np.int64)
    first[flat] = np.arange(flat.size)
    where = np.unravel_index(first, codes.shape)
    combinations = {name: np.broadcast_to(values, codes.shape)[where][np.newaxis, :] for name, values in arrays.items()}
    return combinations, codes


def _codes(values: IntArray) -> tuple[IntArray, int]:
    """Numbers the distinct values 0, 1, 2 ...: with a lookup table if they are small, by sorting otherwise."""
    if values.size == 1:
        return np.zeros_like(values), 1
    most = int(values.max())
    if most > _MOST_CODES:
        found, inverse = np.unique(values, return_inverse=True)
        return inverse.reshape(values.shape).astype(np.int64), len(found)
    present = np.zeros(most + 1, dtype=bool)
    present[values] = True
    numbers = np.cumsum(present) - 1
    return numbers.take(values, mode="clip"), int(numbers[-1]) + 1
