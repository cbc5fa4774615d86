"""Costs of every choice of a search space, computed once; populations are then scored by table look-ups.

A layer's cost depends only on its own choices and its input channels, so a design's area, latency and energy are sums
of one table entry per layer; leakage is the summed power times the time from one image to the next. The space is
described generically: for each attribute a layer has a tuple of choices and the column of an integer genome that
selects among them. Columns may be shared: the output channels of a layer are the input channels of the next, and the
layers of a residual stage share one channel depth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hw_models.adc import AdcType
from hw_models.adc_library import AdcTable
from hw_models.area_bounds import AreaBounds, Factor, extreme
from hw_models.arrays import FloatArray, IntArray
from hw_models.cost_model import CostModel, Overheads, Schedule, load_model
from hw_models.crossbar import CrossbarSpec
from hw_models.errors import HardwareModelError
from hw_models.layer_choices import LayerChoices
from hw_models.model import REFERENCE_ACTIVITY, evaluate
from hw_models.periphery import Peripherals
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

_CHUNK = 8192
_TO_REPORTED = np.array([1e-6, 1e-3, 1e-6, 1e-3])
"""Conversion from um2, ns, pJ and ns to mm2, us, uJ and us."""
_AREA = (1.0, 0.0, 0.0)
_ROW = 4
"""Numbers per table entry: area, latency, dynamic energy and leakage power; the four fill half a cache line."""
_MOST_ENTRIES = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PopulationCosts:
    """Costs of designs; each array has the shape (designs,).

    Attributes:
        area_mm2: Area of the tiles.
        latency_us: Time of one image through all layers.
        energy_uj: Energy of one image.
        interval_us: Time from one image to the next; less than the latency where layers are pipelined.
    """

    area_mm2: FloatArray
    latency_us: FloatArray
    energy_uj: FloatArray
    interval_us: FloatArray

    @property
    def edap(self) -> FloatArray:
        """Energy x delay x area [mm2 us uJ]; the delay is the time from one image to the next."""
        return self.area_mm2 * self.interval_us * self.energy_uj

    @property
    def throughput_fps(self) -> FloatArray:
        """Images per second."""
        return 1e6 / self.interval_us


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LayerTable:
    """Costs of one layer for every combination of its columns' choices, (combinations, 4)."""

    columns: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    costs: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostTable:
    """Costs of a search space; built with `CostTable.build`.

    Attributes:
        layers: Choices from which the table was built.
        n_choices: Number of choices of each genome column, (genes,); 1 where no layer uses the column.
        pipelined: Whether layers work on different images at the same time.
        leaky: Whether the energy includes leakage.
    """

    layers: tuple[LayerChoices, ...]
    n_choices: IntArray
    pipelined: bool
    leaky: bool
    _tables: tuple[_LayerTable, ...]
    _strides: npt.NDArray[np.float32]

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
        evaluated = _Evaluated(
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
            for column, count in layer.columns().items():
                if n_choices.setdefault(column, count) != count:
                    raise HardwareModelError(
                        f"layer {layer.name!r}: genome column {column} selects among {count} choices here and among "
                        f"{n_choices[column]} in an earlier layer; use the same number in both."
                    )
        counts = np.ones(max(n_choices, default=-1) + 1, dtype=np.int64)
        for column, count in n_choices.items():
            counts[column] = count
        tables = tuple(_layer_table(layer, evaluated) for layer in layers)
        strides = np.zeros((len(tables), len(counts)), dtype=np.float32)
        for row, table in zip(strides, tables, strict=True):
            row[list(table.columns)] = table.strides
        return cls(
            layers=tuple(layers),
            n_choices=counts,
            pipelined=planned == Schedule.PIPELINED,
            leaky=chosen.choices.overheads is Overheads.LEAKAGE_AND_LAYOUT,
            _tables=tables,
            _strides=strides,
        )

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
            sums[:, start : start + _CHUNK] = self._score_chunk(part.astype(np.float32))
        sums *= _TO_REPORTED[:, np.newaxis]
        interval = sums[3] if self.pipelined else sums[1]
        return PopulationCosts(area_mm2=sums[0], latency_us=sums[1], energy_uj=sums[2], interval_us=interval)

    def _score_chunk(self, genes: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Returns area, latency, energy and interval, shape (4, designs); `genes` has the shape (genes, designs).

        Table positions are computed as a matrix product, which is exact in 32 bits because no table has 2^24 entries.
        """
        positions = (self._strides @ genes).astype(np.intp)
        n_designs = genes.shape[1]
        sums = np.zeros((n_designs, _ROW), dtype=np.float64)
        entry = np.empty_like(sums)
        slowest = np.zeros(n_designs, dtype=np.float64)
        for table, position in zip(self._tables, positions, strict=True):
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
        factors, kept = [], fixed or {}
        scale = np.asarray(weights, dtype=np.float64) * _TO_REPORTED[:3]
        for table in self._tables:
            values = (self._own_costs(table) @ scale).reshape(table.sizes)
            for axis, column in enumerate(table.columns):
                if column in kept:
                    values = values.take([kept[column]], axis=axis)
            factors.append(Factor(columns=table.columns, values=values))
        value, genome = extreme(factors, len(self.n_choices), largest=largest)
        for column, choice in kept.items():
            genome[column] = choice
        return value, genome

    def by_layer(self, genome: IntArray) -> dict[str, npt.NDArray[np.float64]]:
        """Area [mm2], latency [us] and energy [uJ] of each layer of a design, (3,) each; leakage as in `extreme`."""
        return {
            layer.name: self._own_costs(table)[int(np.dot(genome[list(table.columns)], table.strides))]
            * _TO_REPORTED[:3]
            for layer, table in zip(self.layers, self._tables, strict=True)
        }

    def _own_costs(self, table: _LayerTable) -> npt.NDArray[np.float64]:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evaluated:
    """Arguments with which all layers of a table are evaluated."""

    crossbar: CrossbarSpec
    device: Device
    technology: Technology
    activity: float
    model: CostModel
    schedule: Schedule
    adc: AdcTable | None


def _layer_table(layer: LayerChoices, given: _Evaluated) -> _LayerTable:
    """Evaluates all combinations of one layer's choices, the last column varying fastest."""
    columns = layer.columns()
    sizes = tuple(columns.values())
    n_entries = int(np.prod(sizes, dtype=np.int64))
    if n_entries > _MOST_ENTRIES:
        raise HardwareModelError(
            f"layer {layer.name!r} has {n_entries} combinations of choices, more than {_MOST_ENTRIES}; "
            "use fewer choices."
        )
    grid = np.unravel_index(np.arange(n_entries), sizes) if sizes else ()
    positions = dict(zip(columns, grid, strict=True))
    values: dict[str, IntArray] = {}
    for attribute in layer.selected:
        choices = getattr(layer, attribute)
        if attribute == "adc_type":
            choices = [AdcType(choice).code for choice in choices]
        column = getattr(layer, f"{attribute}_column")
        position = np.zeros(n_entries, dtype=np.int64) if column is None else positions[column]
        values[attribute] = np.asarray(choices)[position][np.newaxis]
    report = evaluate(
        LayerShapes(
            output_size=layer.output_size,
            output_width=layer.output_width,
            kernel_size=layer.kernel_size,
            in_channels=values["in_channels"],
            out_channels=values["out_channels"],
            stride=layer.stride,
            groups=values["in_channels"] if layer.depthwise else layer.groups,
        ),
        Peripherals(**{name: values[name] for name in layer.selected[2:]}),
        crossbar=given.crossbar,
        device=given.device,
        technology=given.technology,
        activity=given.activity,
        model=given.model,
        schedule=given.schedule,
        adc=given.adc,
    )
    strides = tuple(int(np.prod(sizes[i + 1 :], dtype=np.int64)) for i in range(len(sizes)))
    costs = np.zeros((n_entries, _ROW))
    columns_of = (report.area_um2[0], report.latency_ns[0], report.dynamic_pj[0], report.leakage_uw[0])
    costs[:] = np.stack(columns_of, axis=1)
    return _LayerTable(columns=tuple(columns), sizes=sizes, strides=strides, costs=costs)
