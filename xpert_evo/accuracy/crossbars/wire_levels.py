"""Wires in integers: digits, bends and scaled inputs are rounded to what the ADCs cannot tell apart.

This is `wires.ColumnDrop` with sums that are exact whatever their order, so the fused kernel gives the same results as
torch. What is not a sum of integers is computed one rounded float32 operation after the other, in a fixed order.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.fused_loading import in_pairs
from xpert_evo.accuracy.crossbars.wires import ColumnDrop

BLOCK = 4
"""Neighbouring rows of an array whose inputs are scaled alike; the last block of an array may have fewer."""

_ACTIVITY = 1 / 3
"""Share of active rows at which inputs within a block are scaled exactly; assumed, errors at 0.1 and 0.5 are alike."""

_MODE_LEVELS, _BEND_LEVELS = 127, 2047
"""Largest integers for the modes times the mean conductance, and for the deviations that make the bend."""

_FINER = 4
"""Bits of a scaled input beyond those of the ADC: were all rounding errors of an array alike, a sum at the end of the
ADC's range would be wrong by a thirty-second of a step."""


@dataclass(frozen=True, kw_only=True)
class RoundedDrop:
    """Effect of the columns' wires on digits in integers.

    Attributes:
        drop: The same in real numbers.
        array_rows: Rows of each array.
        n_levels: Level of an input that loses nothing.
        bends: Integer matrices (slices x columns, rows) whose sums' product is the bend; one alone is squared.
        bend_steps: Product of both matrices' steps, for each slice [half levels].
    """

    drop: ColumnDrop
    array_rows: tuple[int, ...]
    n_levels: int
    bends: tuple[torch.Tensor, ...]
    bend_steps: tuple[float, ...]

    @cached_property
    def weighted(self) -> torch.Tensor:
        """Modes times the mean conductance in units of `_unit`, (modes, rows)."""
        return ((self.drop.modes * self.drop.conductance[:, None]) / self._unit).round_().T.contiguous()

    @cached_property
    def _unit(self) -> float:
        largest = (self.drop.modes * self.drop.conductance[:, None]).abs().max()
        return float(largest.clamp_min(1e-30)) / _MODE_LEVELS

    @cached_property
    def block_modes(self) -> tuple[torch.Tensor, ...]:
        """Mean modes of each block times `_unit`, (blocks, modes) for each array."""
        return tuple(self._blocks(part).mean(1) * self._unit for part in self._of_arrays(self.drop.modes, mean=True))

    @cached_property
    def block_conductances(self) -> tuple[torch.Tensor, ...]:
        """Mean conductances c of the rows of each block, (blocks, BLOCK) for each array; 0 for missing rows."""
        conductances = self.drop.conductance * self.row_factors
        return tuple(self._blocks(part)[:, :, 0] for part in self._of_arrays(conductances[:, None]))

    def _of_arrays(self, values: torch.Tensor, *, mean: bool = False) -> list[torch.Tensor]:
        """Values (rows, ...) of each array, padded to whole blocks, with zeros or with the mean of the last block."""
        parts = []
        for part in torch.split(values, list(self.array_rows)):
            missing = -len(part) % BLOCK
            padding = part[len(part) + missing - BLOCK :].mean(0, keepdim=True) if mean and missing else part[:1] * 0
            parts.append(torch.cat([part, padding.expand(missing, -1)]))
        return parts

    @staticmethod
    def _blocks(padded: torch.Tensor) -> torch.Tensor:
        return padded.view(-1, BLOCK, padded.shape[1])

    @cached_property
    def row_factors(self) -> torch.Tensor:
        """f^2 of each row relative to that of its block, (rows,), at an activity of `_ACTIVITY`."""
        parts = []
        for number, blocks in enumerate(self.block_modes):
            rows = slice(sum(self.array_rows[:number]), sum(self.array_rows[: number + 1]))
            own = self.weighted[:, rows].sum(1) * _ACTIVITY
            each = (self.drop.modes[rows] * self._unit) @ own
            common = (blocks @ own).repeat_interleave(BLOCK)[: len(each)]
            parts.append(((common + 1) / (each + 1)).square())
        return torch.cat(parts)

    def inputs(self, plane: torch.Tensor, number: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Levels (rows, pixels) of an input bit (rows, pixels) of an array, as floats.

        Returns:
            The levels, and the common term of the array's columns, (pixels,) [half levels]; None without one.
        """
        rows = slice(sum(self.array_rows[:number]), sum(self.array_rows[: number + 1]))
        sums, modes = self.weighted[:, rows] @ plane, self.block_modes[number]
        drop = modes[:, :1] * sums[0]
        for mode in range(1, len(sums)):
            drop.add_(modes[:, mode : mode + 1] * sums[mode])
        left = (drop + 1).square_().reciprocal_()
        levels = (left * self.n_levels).round_().repeat_interleave(BLOCK, dim=0)[: len(plane)].mul_(plane)
        return levels, self._common(plane, left.mul_(drop), number) if self.drop.common else None

    def _common(self, plane: torch.Tensor, lost: torch.Tensor, number: int) -> torch.Tensor:
        whole = F.pad(plane, (0, 0, 0, -len(plane) % BLOCK)).view(-1, BLOCK, plane.shape[1])
        conductances = self.block_conductances[number]
        active = whole[:, 0] * conductances[:, :1]
        for row in range(1, BLOCK):
            active.add_(whole[:, row] * conductances[:, row : row + 1])
        active.mul_(lost)
        total = torch.zeros_like(active[0])
        for block in active:
            total.add_(block)
        return total.mul_(self.drop.common)

    @cached_property
    def for_kernel(self) -> dict[str, Any]:
        """What the fused kernel needs of the wires, by name."""
        whole = torch.zeros(0, len(self.drop.modes), dtype=torch.int16)
        n_blocks = -(-max(self.array_rows) // (2 * BLOCK)) * 2

        def padded(parts: tuple[torch.Tensor, ...]) -> Any:
            return np.stack([F.pad(part, (0, 0, 0, n_blocks - len(part))).cpu().numpy() for part in parts])

        first, second = (self.bends * 2)[:2] if self.bends else (whole, whole)
        return {
            "modes": in_pairs(self.weighted.to(torch.int16).cpu().numpy(), self.array_rows),
            "block_modes": padded(self.block_modes),
            "conductances": padded(self.block_conductances),
            "common": np.float32(self.drop.common),
            "n_levels": np.float32(self.n_levels),
            "first": in_pairs(first.cpu().numpy(), self.array_rows),
            "second": in_pairs(second.cpu().numpy(), self.array_rows),
        }


def rounded_drop(drop: ColumnDrop, array_rows: tuple[int, ...], adc_precision: int) -> RoundedDrop:
    """Rounds the effect of wires for ADCs of some bits."""
    n_levels = 2 ** min(15, adc_precision + _FINER) - 1
    rounded = RoundedDrop(drop=drop, array_rows=array_rows, n_levels=n_levels, bends=(), bend_steps=())
    factors = [
        [matrix * rounded.row_factors for matrix in matrices]
        for matrices in zip(*drop.bends, strict=True)
        if matrices[0] is not None
    ]
    steps = [[max(float(m.abs().max()), 1e-30) / _BEND_LEVELS for m in matrices] for matrices in factors]
    bends = tuple(
        torch.cat([(m / step).round_() for m, step in zip(matrices, own, strict=True)]).to(torch.int16)
        for matrices, own in zip(factors, steps, strict=True)
    )
    bend_steps = tuple(math.prod((own * 2)[:2]) for own in zip(*steps, strict=True))
    return replace(rounded, bends=bends, bend_steps=bend_steps)
