"""Ladders of a crossbar's rows: the remaining voltage of a row at each of its cells, for columns that end at 0 V.

Which cells load a row depends on which columns are read in the same cycle of the multiplexers; all others float. This
is the first step of the form described in `wires`.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812

from hw_models import CrossbarSpec, WeightCoding
from hw_models.wires import WireResistances


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Effective conductances of a layer's cells, including their rows' wires.

    Attributes:
        places: G of each column of a weight, (weights, rows).
        references: G of the analog reference that serves each of them, likewise; empty if there is none.
        reference_ratio: G of the digital reference columns relative to their own conductance, (columns, rows); or None.
        mean: Mean conductance c, (rows,).
    """

    places: tuple[torch.Tensor, ...]
    references: tuple[torch.Tensor, ...]
    reference_ratio: torch.Tensor | None
    mean: torch.Tensor


def read_cycles(crossbar: CrossbarSpec, column_sharing: int) -> tuple[tuple[int, ...], ...]:
    """Columns of a crossbar that are read together, by position, for each cycle of the multiplexers that reads any.

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
    cycles = [
        [p for p, c in zip(positions, conversions, strict=True) if c % column_sharing == cycle]
        for cycle in range(column_sharing)
    ]
    return tuple((*read, *always) for read in cycles if read)


def n_references(crossbar: CrossbarSpec) -> int:
    """Number of reference columns of a crossbar that the emulation draws: an analog reference needs at least one."""
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
        places: Relative conductances (weights, rows) of each column of a weight.
        references: Relative conductances of the reference columns, (crossbars or 1, references, rows); None for none.
        crossbar: Arrangement of the columns.
        column_sharing: Columns (or pairs) that share one ADC.
        wires: Resistances times the highest conductance.
    """
    n_weights, per_crossbar = len(places[0]), crossbar.columns // len(places)
    n_crossbars = -(-n_weights // per_crossbar)
    # The same column of all crossbars is every `per_crossbar`th weight; the last crossbar may be partly filled.
    missing = n_crossbars * per_crossbar - n_weights
    padded = [F.pad(place, (0, 0, 0, missing)) for place in places]
    effective, subtracted = ([torch.empty_like(place) for place in padded] for _ in range(2))
    mean = torch.zeros_like(places[0][0])
    ratio = None
    if references is not None:
        ratio = references.new_ones(references.shape[1:])
        references = references.expand(n_crossbars, -1, -1)

    def column(planes: list[torch.Tensor], position: int) -> torch.Tensor:
        weight, place = divmod(position, len(planes))
        return planes[place][weight::per_crossbar]

    for positions in read_cycles(crossbar, column_sharing):
        read = [p for p in positions if p < crossbar.columns]
        others = [p - crossbar.columns for p in positions[len(read) :]]
        columns = [column(padded, p) for p in read]
        if references is not None:
            columns += [references[:, other] for other in others]
        through, alone = _ladder(columns, positions, wires)
        for position, current in zip(read, through, strict=False):
            column(effective, position).copy_(current)
        for current in (*through[: len(read)], *alone[: len(read)]):
            mean += current.sum(0)
        if ratio is not None and references is not None and others:
            delivered = torch.stack(through[len(read) :], 1)
            ratio[others] = (delivered / references[:, others].clamp_min(1e-12)).mean(0)
            for position in read:
                column(subtracted, position).copy_(delivered.mean(1))
    analog = crossbar.coding is WeightCoding.OFFSET_ANALOG
    return Loaded(
        places=tuple(plane[:n_weights] for plane in effective),
        references=tuple(plane[:n_weights] for plane in subtracted) if analog else (),
        reference_ratio=None if analog else ratio,
        mean=mean / (2 * n_weights * len(places)),
    )


def _ladder(
    columns: list[torch.Tensor], positions: tuple[int, ...], wires: WireResistances
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """G and G' of columns (crossbars, rows) at increasing positions along their rows driven from the left."""
    before = [-1, *positions[:-1]]
    ohm = [wires.row_ohm * (p - q) for p, q in zip(positions, before, strict=True)]
    ohm[0] += wires.driver_ohm
    # Conductances to the right of each node: its own cell, and everything beyond it.
    beyond = [torch.zeros_like(columns[-1])]
    for cell, r in zip(columns[:0:-1], ohm[:0:-1], strict=True):
        onward = beyond[-1] + cell
        beyond.append(onward.div_((onward * r).add_(1)))
    beyond.reverse()
    through, alone = [], []
    voltage = torch.ones_like(columns[0])
    source = torch.zeros_like(columns[0])
    for cell, right, r in zip(columns, beyond, ohm, strict=True):
        voltage = voltage / (cell + right).mul_(r).add_(1)
        source = source + r
        through.append(cell * voltage)
        alone.append(cell / (source / (source * right).add_(1)).mul_(cell).add_(1))
        source = source / (source * cell).add_(1)
    return through, alone
