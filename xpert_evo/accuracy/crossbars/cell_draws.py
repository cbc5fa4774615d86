"""Draws the conductances of cells at reading time: programming, stuck cells, drift and read noise.

One number is drawn for every cell and every enabled effect, in a fixed order, so that a seed gives the same cells on
any machine if the generator is on a CPU.
"""

from dataclasses import dataclass

import torch

from hw_models import CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.coding import digits, offset_levels
from xpert_evo.accuracy.crossbars.device_settings import NonIdealities, VariationLaw
from xpert_evo.accuracy.crossbars.row_wires import n_references

_LEAST_RELATIVE = 1e-7
"""Lower bound on conductances in laws with a logarithm or a negative power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCells:
    """Conductances of a layer's cells relative to the highest one.

    Attributes:
        places: Conductances of each column of a weight, least significant first (differential: positive, negative),
            (weights, rows).
        references: Conductances of the reference columns (crossbars, references, rows), or with a converted reference
            (slices, references, rows); None without references.
    """

    places: tuple[torch.Tensor, ...]
    references: torch.Tensor | None


def draw_cells(
    codes: torch.Tensor, crossbar: CrossbarSpec, settings: NonIdealities, generator: torch.Generator
) -> DrawnCells:
    """Draws the cells that hold weight codes (columns, rows).

    Args:
        codes: Integer weight codes.
        crossbar: Cells and coding.
        settings: Deviations of the cells from their targets.
        generator: Random generator; cells are drawn on its device.
    """
    top, slices = 2**crossbar.cell_bits - 1, crossbar.cells_per_weight
    draws = _Draws(settings, generator)
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        pairs = [
            (draws.of(d.clamp_min(0) / top), draws.of((-d).clamp_min(0) / top)) for d in digits(codes.long(), crossbar)
        ]
        return DrawnCells(places=tuple(cell for pair in pairs for cell in pair), references=None)
    levels = offset_levels(codes.long(), crossbar)
    targets = [(levels >> (crossbar.cell_bits * s) & top) / top for s in range(slices)]
    n_columns = n_references(crossbar)
    if crossbar.coding is WeightCoding.OFFSET_DIGITAL:
        places = tuple(draws.of(target) for target in targets)
        middle = torch.full((n_columns, codes.shape[1]), 0.5, device=codes.device)
        references = torch.stack([draws.of(middle) for _ in places]) if n_columns else None
        return DrawnCells(places=places, references=references)
    # The mean current of a crossbar's reference columns serves all slices of the weights stored in it.
    n_crossbars = -(-len(codes) // (crossbar.columns // crossbar.columns_per_weight))
    middle = torch.full((n_columns * n_crossbars, codes.shape[1]), 0.5, device=codes.device)
    references = draws.of(middle).view(n_crossbars, n_columns, -1)
    return DrawnCells(places=tuple(draws.of(target) for target in targets), references=references)


class _Draws:
    """Draws conductances of cells that were programmed to targets in [0, 1]."""

    def __init__(self, settings: NonIdealities, generator: torch.Generator) -> None:
        self._settings = settings
        self._generator = generator

    def of(self, targets: torch.Tensor) -> torch.Tensor:
        """Draws conductances with the targets' shape and device."""
        s = self._settings
        least = s.least_conductance
        target = (least + (1 - least) * targets.float()).to(self._generator.device)
        g = self._programmed(target)
        if s.stuck_on_ratio or s.stuck_off_ratio:
            fate = torch.rand(g.shape, generator=self._generator, device=g.device)
            g = g.masked_fill(fate < s.stuck_on_ratio, 1.0).masked_fill(fate > 1 - s.stuck_off_ratio, least)
        if s.drift_exponent:
            exponent = s.drift_exponent * (1 + s.drift_exponent_spread_ratio * self._normal(g))
            g = g * s.drift_time_s**-exponent
        noise = None if s.read_noise is None else s.read_noise.deviation(g.clamp_min(_LEAST_RELATIVE), s.drift_time_s)
        if s.drift_law is not None:
            law, logarithm = s.drift_law, target.clamp_min(_LEAST_RELATIVE).log()
            exponent = law.exponent.of(logarithm) + law.spread.of(logarithm) * self._normal(g)
            # A power with each cell's own exponent, which is not negative: conductances do not grow.
            g = g * (1 + s.drift_time_s / law.reference_s) ** -exponent.abs()
        if noise is not None:
            g = (g * (1 + noise * self._normal(g))).clamp_min(0)
        return g.to(targets.device)

    def _programmed(self, target: torch.Tensor) -> torch.Tensor:
        s, g = self._settings, target
        if s.programming_polynomial:
            deviation = torch.zeros_like(target)
            for coefficient in reversed(s.programming_polynomial):
                deviation = deviation * target + coefficient
            g = (g + deviation.clamp_min(0) * self._normal(g)).clamp_min(0)
        if s.variation_ratio and s.variation_law is VariationLaw.GAUSSIAN:
            return (g * (1 + s.variation_ratio * self._normal(g))).clamp_min(0)
        if s.variation_ratio:
            return g * torch.exp(s.variation_ratio * self._normal(g) - s.variation_ratio**2 / 2)
        return g

    def _normal(self, like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=self._generator, device=like.device)
