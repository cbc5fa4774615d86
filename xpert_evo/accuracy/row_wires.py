"""Ladders of a crossbar's rows: what is left of a row's voltage at each of its cells, for columns that end at 0 V.

Which cells load a row depends on which columns are read in the same cycle of the multiplexers; all others float. The
first step of the form that `wires` describes.
"""

from dataclasses import dataclass

import torch

from hw_models import CrossbarSpec, WeightCoding
from hw_models.wires import WireResistances


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Effective conductances of a layer's cells behind their rows' wires.

    Attributes:
        places: G of each column of a weight, (weights, rows).
        references: That of the analog reference that serves each of them, likewise; empty where there is none.
        reference_ratio: G of the digital reference columns over their own conductance, (columns, rows); or None.
        mean: c, (rows,).
    """

    places: tuple[torch.Tensor, ...]
    references: tuple[torch.Tensor, ...]
    reference_ratio: torch.Tensor | None
    mean: torch.Tensor


def read_cycles(crossbar: CrossbarSpec, column_sharing: int) -> tuple[tuple[int, ...], ...]:
    """Columns of a crossbar that are read together, by position, for each cycle of the multiplexers.

    Neighbouring columns (or pairs) share an ADC. An analog reference is read in every cycle.
    """
    n_used = crossbar.columns // crossbar.columns_per_weight * crossbar.columns_per_weight
    conversions = [position // crossbar.columns_per_conversion for position in range(n_used)]
    references = list(range(crossbar.columns, crossbar.columns + n_references(crossbar)))
    always: list[int] = []
    if crossbar.coding is WeightCoding.OFFSET_ANALOG:
        always = references
    positions = [*range(n_used), *(() if always else references)]
    conversions += range(crossbar.converted_columns, crossbar.converted_columns + len(positions) - n_used)
    n_cycles = min(column_sharing, len(positions))
    return tuple(
        tuple([p for p, c in zip(positions, conversions, strict=True) if c % n_cycles == cycle] + always)
        for cycle in range(n_cycles)
    )


def n_references(crossbar: CrossbarSpec) -> int:
    """Reference columns of a crossbar that the emulation draws: an analog reference takes at least one."""
    if crossbar.coding is WeightCoding.DIFFERENTIAL:
        return 0
    return max(int(crossbar.coding is WeightCoding.OFFSET_ANALOG), crossbar.reference_columns)


def loaded(
    places: tuple[torch.Tensor, ...],
    references: torch.Tensor | None,
    crossbar: CrossbarSpec,
    *,
    column_sharing: int,
    wires: WireResistances,
) -> Loaded:
    """Solves the rows' ladders of all crossbars and cycles.

    Args:
        places: Conductances over the highest, (weights, rows), of each column of a weight.
        references: Of the reference columns, (crossbars or 1, references, rows); None for none.
        crossbar: Where the columns lie.
        column_sharing: Columns (or pairs) that share one ADC.
        wires: Resistances times the highest conductance.
    """
    n_weights, n_rows = places[0].shape
    per_crossbar = crossbar.columns // len(places)
    n_crossbars = -(-n_weights // per_crossbar)
    n_used = per_crossbar * len(places)
    grid = places[0].new_zeros((n_crossbars * per_crossbar, len(places), n_rows))
    grid[:n_weights] = torch.stack(places, 1)
    grid = grid.view(n_crossbars, n_used, n_rows)
    effective, own, subtracted = (torch.zeros_like(grid) for _ in range(3))
    ratio = None
    if references is not None:
        ratio = references.new_ones(references.shape[1:])
        references = references.expand(n_crossbars, -1, -1)
    for positions in read_cycles(crossbar, column_sharing):
        cells = [p for p in positions if p < n_used]
        others = [p - crossbar.columns for p in positions if p >= crossbar.columns]
        columns = grid[:, cells]
        if references is not None and others:
            columns = torch.cat([columns, references[:, others]], 1)
        through, alone = _ladder(columns, positions, wires)
        effective[:, cells], own[:, cells] = through[:, : len(cells)], alone[:, : len(cells)]
        if references is not None and ratio is not None and others:
            delivered = through[:, len(cells) :]
            subtracted[:, cells] = delivered.mean(1, keepdim=True)
            ratio[others] = (delivered / references[:, others].clamp_min(1e-12)).mean(0)
    mean = (effective + own).sum((0, 1)) / (2 * n_weights * len(places))

    def by_place(columns: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return columns.view(-1, len(places), n_rows)[:n_weights].unbind(1)

    analog = crossbar.coding is WeightCoding.OFFSET_ANALOG
    return Loaded(
        places=by_place(effective),
        references=by_place(subtracted) if analog else (),
        reference_ratio=None if analog else ratio,
        mean=mean,
    )


def _ladder(
    columns: torch.Tensor, positions: tuple[int, ...], wires: WireResistances
) -> tuple[torch.Tensor, torch.Tensor]:
    """G and G' of cells (crossbars, columns, rows) at rising positions along their row, which is driven at the left."""
    before = [-1, *positions[:-1]]
    ohm = [wires.row_ohm * (p - q) for p, q in zip(positions, before, strict=True)]
    ohm[0] += wires.driver_ohm
    n = len(positions)
    beyond = torch.zeros_like(columns)
    for j in range(n - 2, -1, -1):
        onward = columns[:, j + 1] + beyond[:, j + 1]
        beyond[:, j] = onward / (1 + ohm[j + 1] * onward)
    through, alone = torch.empty_like(columns), torch.empty_like(columns)
    voltage = torch.ones_like(columns[:, 0])
    source = torch.zeros_like(voltage)
    for j in range(n):
        cell, right = columns[:, j], beyond[:, j]
        voltage = voltage / (1 + ohm[j] * (cell + right))
        source = source + ohm[j]
        through[:, j] = cell * voltage
        alone[:, j] = cell / (1 + cell * source / (1 + source * right))
        source = source / (1 + source * cell)
    return through, alone
