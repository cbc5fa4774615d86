"""Costs of every choice of a search space, computed once; populations are then scored by table look-ups.

A layer's cost depends only on its own choices and its input channels, so a design's area, latency and energy are sums
of one table entry per layer; leakage is the summed power times the time from one image to the next. The space is
described generically: for each attribute a layer has a tuple of choices and the column of an integer genome that
selects among them. Columns may be shared: the output channels of a layer are the input channels of the next, and the
layers of a residual stage share one channel depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from hw_models.adc_library import AdcTable
from hw_models.area_bounds import AreaBounds, Factor, extreme
from hw_models.arrays import IntArray
from hw_models.cost_model import CostModel, Overheads, Schedule, load_model
from hw_models.crossbar import CrossbarSpec
from hw_models.errors import HardwareModelError
from hw_models.layer_choices import LayerChoices
from hw_models.layer_table import ROW, ChipTables, Evaluated, LayerTable, check_chip, on_chip
from hw_models.model import REFERENCE_ACTIVITY
from hw_models.periphery import CROSSBAR_CHOICES
from hw_models.population_costs import PopulationCosts
from hw_models.technology import Device, Technology

_CHUNK = 8192
_TO_REPORTED = np.array([1e-6, 1e-3, 1e-6, 1e-3])
"""Conversion from um2, ns, pJ and ns to mm2, us, uJ and us."""
_UW_TO_W = 1e-6
_AREA = (1.0, 0.0, 0.0)
_MOST_CHIPS = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostTable:
    """Costs of a search space; built with `CostTable.build`.

    Attributes:
        layers: Choices from which the table was built.
        n_choices: Number of choices of each genome column, (genes,); 1 where no layer uses the column.
        pipelined: Whether layers work on different images at the same time.
        leaky: Whether the energy includes leakage.
        chip_columns: Genome columns with a choice that all layers share, such as the rows of the crossbars. Each
            combination of these choices is a chip with tables of its own, which are built when a design first needs
            them.
    """

    layers: tuple[LayerChoices, ...]
    n_choices: IntArray
    pipelined: bool
    leaky: bool
    chip_columns: tuple[int, ...]
    _given: Evaluated
    _built: dict[tuple[int, ...], ChipTables] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        layers: Sequence[LayerChoices],
        *,
        crossbar: CrossbarSpec,
        device: Device,
        technology: Technology,
        activity: float = REFERENCE_ACTIVITY,
        model: CostModel | None = None,
        schedule: Schedule | None = None,
        adc: AdcTable | None = None,
    ) -> CostTable:
        """Evaluates every combination of every layer's choices once.

        Args:
            layers: Choices of each layer.
            crossbar: See `evaluate`.
            device: See `evaluate`.
            technology: See `evaluate`.
            activity: See `evaluate`.
            model: See `evaluate`.
            schedule: See `evaluate`.
            adc: See `evaluate`.

        Raises:
            HardwareModelError: If choices contradict each other or are too numerous.
        """
        chosen = load_model("xpertsim") if model is None else model
        planned = chosen.choices.schedule if schedule is None else schedule
        evaluated = Evaluated(
            crossbar=crossbar,
            device=device,
            technology=technology,
            activity=activity,
            model=chosen,
            schedule=planned,
            adc=adc,
        )
        if not layers:
            raise HardwareModelError("a cost table needs at least one layer, got none.")
        n_choices: dict[int, int] = {}
        for layer in layers:
            for column, count in layer.genome_columns().items():
                if n_choices.setdefault(column, count) != count:
                    raise HardwareModelError(
                        f"layer {layer.name!r}: genome column {column} selects among {count} choices here and among "
                        f"{n_choices[column]} in an earlier layer; use the same number in both."
                    )
        counts = np.ones(max(n_choices, default=-1) + 1, dtype=np.int64)
        for column, count in n_choices.items():
            counts[column] = count
        chip_columns = _chip_columns(layers)
        table = cls(
            layers=tuple(layers),
            n_choices=counts,
            pipelined=planned == Schedule.PIPELINED,
            leaky=chosen.choices.overheads is Overheads.LEAKAGE_AND_LAYOUT,
            chip_columns=chip_columns,
            _given=evaluated,
        )
        chips = list(table._chips())
        if len(chips) > _MOST_CHIPS:
            raise HardwareModelError(
                f"the choices of crossbars make {len(chips)} chips, more than {_MOST_CHIPS}; use fewer choices."
            )
        for chip in chips:
            check_chip(table._layers_of(chip), evaluated)
        table._tables(chips[0])
        return table

    def _chips(self, fixed: Mapping[int, int] | None = None) -> Iterator[tuple[int, ...]]:
        """Yields the choices of every chip; `fixed` columns keep their value."""
        kept = fixed or {}
        return product(*([kept[c]] if c in kept else range(self.n_choices[c]) for c in self.chip_columns))

    def _layers_of(self, chip: tuple[int, ...]) -> list[LayerChoices]:
        chosen = dict(zip(self.chip_columns, chip, strict=True))
        return [on_chip(layer, chosen) for layer in self.layers] if chosen else list(self.layers)

    def _tables(self, chip: tuple[int, ...]) -> ChipTables:
        """Returns the tables of a chip, built at their first use."""
        if chip not in self._built:
            self._built[chip] = ChipTables.of(self._layers_of(chip), self._given, len(self.n_choices))
        return self._built[chip]

    def score(self, genomes: npt.ArrayLike) -> PopulationCosts:
        """Computes the costs of a population; memory beyond the result does not grow with it.

        Args:
            genomes: Integers (designs, genes); genes beyond the table's columns are allowed and ignored.

        Raises:
            HardwareModelError: If genomes have the wrong type or shape, or are out of range.
        """
        array = np.asarray(genomes)
        genes = len(self.n_choices)
        if array.dtype.kind not in "iu" or array.ndim != 2 or array.shape[1] < genes:
            raise HardwareModelError(
                f"genomes must be integers of shape (designs, genes) with at least {genes} genes, got {array.dtype} of "
                f"shape {array.shape}."
            )
        sums = np.empty((4, len(array)), dtype=np.float64)
        for start in range(0, len(array), _CHUNK):
            part = array[start : start + _CHUNK, :genes].T
            self._check_range(part)
            sums[:, start : start + _CHUNK] = self._score_chips(part)
        sums *= _TO_REPORTED[:, np.newaxis]
        interval = sums[3] if self.pipelined else sums[1]
        return PopulationCosts(area_mm2=sums[0], latency_us=sums[1], energy_uj=sums[2], interval_us=interval)

    def _score_chips(self, genes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """Scores designs chip by chip; returns area, latency, energy and interval, shape (4, designs)."""
        if not self.chip_columns:
            return self._score_chunk(genes.astype(np.float32), self._tables(()))
        chips, which = np.unique(genes[list(self.chip_columns)], axis=1, return_inverse=True)
        sums = np.empty((4, genes.shape[1]), dtype=np.float64)
        for number, chip in enumerate(chips.T.tolist()):
            own = np.flatnonzero(which.ravel() == number)
            sums[:, own] = self._score_chunk(genes[:, own].astype(np.float32), self._tables(tuple(chip)))
        return sums

    def _score_chunk(self, genes: npt.NDArray[np.float32], tables: ChipTables) -> npt.NDArray[np.float64]:
        """Returns area, latency, energy and interval, shape (4, designs); `genes` has the shape (genes, designs)."""
        positions = tables.positions(genes)
        n_designs = genes.shape[1]
        sums = np.zeros((n_designs, ROW), dtype=np.float64)
        entry = np.empty_like(sums)
        slowest = np.zeros(n_designs, dtype=np.float64)
        for table, position in zip(tables.layers, positions, strict=True):
            np.take(table.costs, position, axis=0, out=entry, mode="clip")
            sums += entry
            if self.pipelined:
                np.maximum(slowest, entry[:, 1], out=slowest)
        totals = sums.T
        interval = slowest if self.pipelined else totals[1].copy()
        if self.leaky:
            totals[2] += 1e-3 * totals[3] * interval
        totals[3] = interval
        return totals

    def _check_range(self, genes: npt.NDArray[np.integer[Any]]) -> None:
        """Refuses genes outside their choices; a negative one reads as a huge unsigned one."""
        unsigned = genes.astype(np.uint32)
        wrong = (unsigned >= self.n_choices.astype(np.uint32)[:, np.newaxis]).any(axis=1)
        if wrong.any():
            column = int(np.argmax(wrong))
            raise HardwareModelError(
                f"genomes: gene {column} must be between 0 and {self.n_choices[column] - 1}, got values from "
                f"{genes[column].min()} to {genes[column].max()}."
            )

    def extreme(
        self, weights: Sequence[float], *, largest: bool = False, fixed: Mapping[int, int] | None = None
    ) -> tuple[float, IntArray]:
        """Returns the extreme of a weighted sum of costs over layers, and a genome (genes,) that reaches it.

        The sum is exact unless the model's energy includes leakage: a layer then counts only what its own tiles leak
        while it works, so the smallest sum is a lower bound; `score` gives the actual cost of the genome.

        Args:
            weights: Weights of area [1/mm2], latency [1/us] and energy [1/uJ].
            largest: Whether to return the largest sum instead of the smallest.
            fixed: Genome columns with a fixed value.

        Raises:
            HardwareModelError: If layers are coupled through too many genes at once.
        """
        kept = fixed or {}
        found = [self._extreme_on(chip, weights, largest=largest, fixed=kept) for chip in self._chips(kept)]
        return (max if largest else min)(found, key=lambda pair: pair[0])

    def _extreme_on(
        self, chip: tuple[int, ...], weights: Sequence[float], *, largest: bool, fixed: Mapping[int, int]
    ) -> tuple[float, IntArray]:
        """`extreme` among the designs on one chip."""
        factors = []
        scale = np.asarray(weights, dtype=np.float64) * _TO_REPORTED[:3]
        for table in self._tables(chip).layers:
            values = table.expanded(self._own_costs(table) @ scale)
            for axis, column in enumerate(table.columns):
                if column in fixed:
                    values = values.take([fixed[column]], axis=axis)
            factors.append(Factor(columns=table.columns, values=values))
        value, genome = extreme(factors, len(self.n_choices), largest=largest)
        for column, choice in (*fixed.items(), *zip(self.chip_columns, chip, strict=True)):
            genome[column] = choice
        return value, genome

    def by_layer(self, genome: IntArray) -> dict[str, npt.NDArray[np.float64]]:
        """Area [mm2], latency [us] and energy [uJ] of each layer of a design, (3,) each; leakage as in `extreme`."""
        tables = self._tables(tuple(int(genome[column]) for column in self.chip_columns))
        return {
            layer.name: self._own_costs(table)[table.position(genome)] * _TO_REPORTED[:3]
            for layer, table in zip(self.layers, tables.layers, strict=True)
        }

    def layer_tables(self, chip: tuple[int, ...] = ()) -> tuple[LayerTable, ...]:
        """Returns the tables of single layers in reported units: mm2, us, uJ without leakage, and leakage power in W.

        Args:
            chip: Value of each of `chip_columns`.
        """
        units = np.append(_TO_REPORTED[:3], _UW_TO_W)
        return tuple(replace(table, costs=table.costs * units) for table in self._tables(chip).layers)

    def _own_costs(self, table: LayerTable) -> npt.NDArray[np.float64]:
        """Area, latency and energy of a layer alone, (combinations, 3), in the table's units."""
        costs = table.costs[:, :3].copy()
        if self.leaky:
            costs[:, 2] += 1e-3 * table.costs[:, 3] * table.costs[:, 1]
        return costs

    def bounds(self) -> AreaBounds:
        """Returns the exact smallest and largest area that a genome can reach, accounting for shared columns."""
        smallest, smallest_genome = self.extreme(_AREA)
        largest, largest_genome = self.extreme(_AREA, largest=True)
        return AreaBounds(
            smallest_mm2=smallest,
            smallest_genome=smallest_genome,
            largest_mm2=largest,
            largest_genome=largest_genome,
            smallest_by_layer_mm2={name: float(costs[0]) for name, costs in self.by_layer(smallest_genome).items()},
        )


def _chip_columns(layers: Sequence[LayerChoices]) -> tuple[int, ...]:
    """Genome columns with which all layers select from the same attribute of the crossbar, in ascending order."""
    shared = {
        getattr(layers[0], f"{name}_column")
        for name in CROSSBAR_CHOICES
        if len({getattr(layer, f"{name}_column") for layer in layers}) == 1 < len(layers)
    }
    return tuple(sorted(column for column in shared if column is not None))
