"""Sets the choices that are free to choose to those of the least cost, for many designs at once.

Area, latency and energy are sums over layers. Where some choices of a layer, such as column sharing and ADC type, are
its own, the best ones follow from the cost table: a product of sums is concave in the logarithm, so replacing each sum
by its tangent and choosing in every layer what is cheapest never makes the product larger, and ends where no layer can
improve it alone (majorisation and minimisation; Hunter and Lange, The American Statistician 58, 2004).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hw_models.arrays import IntArray
from hw_models.cost_table import CostTable
from hw_models.layer_table import LayerTable

FloatArray: TypeAlias = npt.NDArray[np.float64]

_MOST_PASSES = 12
_STEEPNESS = 8.0
"""Power with which slow layers of a pipeline count: the norm of this order is close to the slowest layer's time."""
_PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Weights of a limit relative to the objective; limits that are broken without one are tried with all."""
_CHUNK = 2048
_LEAST_GAIN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is minimised within limits: a product of powers of area, interval, latency and energy.

    Attributes:
        area, interval, latency, energy: Exponents of at least 0, not all of them 0.
        area_limit_mm2: Largest area [mm2]; infinite for none.
        latency_limit_us: Largest latency of an image [us].
        energy_limit_uj: Largest energy of an image [uJ].
    """

    area: float = 0.0
    interval: float = 0.0
    latency: float = 0.0
    energy: float = 0.0
    area_limit_mm2: float = np.inf
    latency_limit_us: float = np.inf
    energy_limit_uj: float = np.inf

    @property
    def exponents(self) -> FloatArray:
        """Exponents of area, latency, energy and interval, (4,)."""
        return np.array([self.area, self.latency, self.energy, self.interval])

    @property
    def limits(self) -> FloatArray:
        """Limits of area, latency and energy, (3,)."""
        return np.array([self.area_limit_mm2, self.latency_limit_us, self.energy_limit_uj])


class CheapestChoices:
    """Finds the cheapest choices of some columns, which the costs of a design decide alone.

    Args:
        table: Costs of the space.
        columns: Genome columns to set. One that several layers share, or none uses, keeps its value.

    Attributes:
        columns: Those of the columns that are set.
    """

    def __init__(self, table: CostTable, columns: Collection[int]) -> None:
        self._table = table
        used = [column for layer in table.layers for column in layer.genome_columns()]
        own = {column for column in columns if used.count(column) == 1 and table.n_choices[column] > 1}
        self.columns = frozenset(own)
        self._chips: dict[tuple[int, ...], _Chip] = {}

    @property
    def is_free(self) -> bool:
        """Whether there is anything to choose."""
        return bool(self.columns)

    def __call__(self, genomes: IntArray, aim: Aim) -> IntArray:
        """Returns the designs (designs, genes) with the cheapest choices; other genes stay.

        The result is never worse than the given design, and a design that can keep the limits does so as far as the
        search over penalties finds it.
        """
        found = np.array(genomes, dtype=np.int64)
        if not self.is_free or not len(found):
            return found
        chips: dict[tuple[int, ...], list[int]] = {}
        for row, genome in enumerate(found[:, list(self._table.chip_columns)].tolist()):
            chips.setdefault(tuple(genome), []).append(row)
        for chip, own in chips.items():
            for start in range(0, len(own), _CHUNK):
                rows = own[start : start + _CHUNK]
                found[rows] = self._on(chip).cheapest(found[rows], aim)
        return found

    def _on(self, chip: tuple[int, ...]) -> _Chip:
        if chip not in self._chips:
            layers = [_LayerOptions.of(layer, self.columns) for layer in self._table.layer_tables(chip)]
            self._chips[chip] = _Chip(layers, pipelined=self._table.pipelined, leaky=self._table.leaky)
        return self._chips[chip]


class _Chip:
    """The options of all layers on one chip."""

    def __init__(self, layers: list[_LayerOptions], *, pipelined: bool, leaky: bool) -> None:
        self._layers, self._pipelined, self._leaky = layers, pipelined, leaky

    def cheapest(self, genomes: IntArray, aim: Aim) -> IntArray:
        """See `CheapestChoices`."""
        found = genomes.copy()
        for layer, chosen in zip(self._layers, self._picked(genomes, aim).T, strict=True):
            found[:, layer.columns] = layer.choices[chosen]
        return found

    def _picked(self, genomes: IntArray, aim: Aim) -> IntArray:
        """The best option of each layer, (designs, layers)."""
        options = [layer.costs_of(genomes) for layer in self._layers]
        start = np.stack([layer.option_of(genomes) for layer in self._layers], axis=1)
        best, worth = start, self._worth(options, start, aim)
        for begin in self._extremes(options):
            for picked in (begin, self._descended(options, begin, aim, np.zeros(len(genomes)))):
                best, worth = _better(best, worth, picked, self._worth(options, picked, aim))
        if np.isfinite(aim.limits).any():
            best, worth = self._within_limits(options, best, worth, aim)
        # A slowest layer, and leakage for as long as all layers take, are no sums; exchanges mend what tangents miss.
        return self._exchanged(options, best, aim) if self._pipelined or self._leaky else best

    def _within_limits(
        self, options: list[FloatArray], best: IntArray, worth: FloatArray, aim: Aim
    ) -> tuple[IntArray, FloatArray]:
        """Improves the designs whose free optimum breaks a limit, with growing penalties."""
        free = self._descended(options, best, aim, np.zeros(len(best)))
        broken = np.flatnonzero((self._totals(options, free)[:, :3] > aim.limits).any(axis=1))
        if not len(broken):
            return best, worth
        some = [costs[broken] for costs in options]
        picked, kept, kept_worth = free[broken], best[broken], worth[broken]
        for penalty in _PENALTIES:
            picked = self._descended(some, picked, aim, np.full(len(broken), penalty))
            kept, kept_worth = _better(kept, kept_worth, picked, self._worth(some, picked, aim))
        kept = self._exchanged(some, kept, aim)
        best, worth = best.copy(), worth.copy()
        best[broken], worth[broken] = kept, self._worth(some, kept, aim)
        return best, worth

    def _exchanged(self, options: list[FloatArray], picked: IntArray, aim: Aim) -> IntArray:
        """Exchanges the choice of one layer after another for the best one within the limits, the others fixed."""
        picked, rows = picked.copy(), np.arange(len(picked))
        entries = np.stack([costs[rows, chosen] for costs, chosen in zip(options, picked.T, strict=True)])
        for _ in range(_EXCHANGES):
            before = picked.copy()
            sums = entries.sum(axis=0)
            for i, costs in enumerate(options):
                rest = (sums - entries[i])[:, None]
                slowest = costs[:, :, 1]
                if self._pipelined:
                    others = np.delete(entries[:, :, 1], i, axis=0).max(axis=0, initial=0.0)
                    slowest = np.maximum(slowest, others[:, None])
                worth = self._worth_of(self._reported(rest + costs, slowest), aim)
                least = worth[..., 0].min(axis=1, keepdims=True)
                picked[:, i] = np.where(worth[..., 0] <= least, worth[..., 1], np.inf).argmin(axis=1)
                entries[i] = costs[rows, picked[:, i]]
                sums = rest[:, 0] + entries[i]
            if (picked == before).all():
                break
        return picked

    @staticmethod
    def _extremes(options: list[FloatArray]) -> list[IntArray]:
        """Starts: the smallest and the fastest choices of every layer."""
        return [np.stack([costs[:, :, k].argmin(axis=1) for costs in options], axis=1) for k in (0, 1)]

    def _descended(self, options: list[FloatArray], picked: IntArray, aim: Aim, penalty: FloatArray) -> IntArray:
        """Follows tangents from a start until no layer changes."""
        for _ in range(_MOST_PASSES):
            weights, steep = self._tangent(self._totals(options, picked), aim, penalty)
            later = np.empty_like(picked)
            for i, costs in enumerate(options):
                slopes = costs @ weights[:, :, None]
                if self._pipelined:
                    share = costs[:, :, 1] / steep[1][:, None]
                    slopes = slopes + (steep[0][:, None] * share**_STEEPNESS)[:, :, None]
                later[:, i] = slopes[:, :, 0].argmin(axis=1)
            if (later == picked).all():
                break
            picked = later
        return picked

    def _tangent(
        self, totals: FloatArray, aim: Aim, penalty: FloatArray
    ) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
        """Weights of a layer's area, latency, energy and leakage, (designs, 4), and of its time in a pipeline."""
        exponents = np.broadcast_to(aim.exponents, totals[:, :4].shape).copy()
        over = np.where(np.isfinite(aim.limits), totals[:, :3] / aim.limits, 0.0)
        exponents[:, :3] += penalty[:, None] * np.where(over > _NEAR, over, 0.0)
        slopes = exponents / totals[:, :4]
        leaks = float(self._leaky)
        weights = np.stack([slopes[:, 0], slopes[:, 1], slopes[:, 2], leaks * totals[:, 3] * slopes[:, 2]], axis=1)
        of_interval = exponents[:, 3] + leaks * totals[:, 4] * totals[:, 3] * slopes[:, 2]
        if not self._pipelined:
            weights[:, 1] += of_interval / totals[:, 3]
        return weights, (of_interval / _STEEPNESS, totals[:, 3])

    def _totals(self, options: list[FloatArray], picked: IntArray) -> FloatArray:
        """Area, latency, energy, interval and leakage power of designs, (designs, 5)."""
        rows = np.arange(len(picked))
        entries = np.stack([costs[rows, chosen] for costs, chosen in zip(options, picked.T, strict=True)])
        return self._reported(entries.sum(axis=0), entries[:, :, 1].max(axis=0))

    def _reported(self, sums: FloatArray, slowest: FloatArray) -> FloatArray:
        """Area, latency, energy, interval and leakage power, (..., 5), of summed costs (..., 4) and slowest layers."""
        area, latency, energy, leakage = np.moveaxis(sums, -1, 0)
        interval = slowest if self._pipelined else latency
        if self._leaky:
            energy = energy + leakage * interval
        return np.stack([area, latency, energy, interval, leakage], axis=-1)

    def _worth(self, options: list[FloatArray], picked: IntArray, aim: Aim) -> FloatArray:
        """`_worth_of` picked options, (designs, 2)."""
        return self._worth_of(self._totals(options, picked), aim)

    @staticmethod
    def _worth_of(totals: FloatArray, aim: Aim) -> FloatArray:
        """How bad designs are, (..., 2): by how much they break limits, and the logarithm of the product."""
        broken = np.maximum(totals[..., :3] / aim.limits - 1, 0.0).sum(axis=-1)
        return np.stack([broken, np.log(totals[..., :4]) @ aim.exponents], axis=-1)


_EXCHANGES = 4
"""Most passes over the layers."""

_NEAR = 0.9
"""Share of a limit above which its penalty counts."""


def _better(
    one: IntArray, one_worth: FloatArray, other: IntArray, other_worth: FloatArray
) -> tuple[IntArray, FloatArray]:
    """The better one of two choices for each design; equal ones leave the first."""
    wins = (other_worth[:, 0] < one_worth[:, 0]) | (
        (other_worth[:, 0] == one_worth[:, 0]) & (other_worth[:, 1] < one_worth[:, 1] - _LEAST_GAIN)
    )
    return np.where(wins[:, None], other, one), np.where(wins[:, None], other_worth, one_worth)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LayerOptions:
    """The options of one layer: every combination of its own free columns.

    Attributes:
        table: Costs of the layer.
        columns: Its own free columns.
        choices: Values of these columns for each option, (options, columns).
        offsets: Position of each option in the table relative to its first one, (options,).
    """

    table: LayerTable
    columns: list[int]
    choices: IntArray
    offsets: IntArray

    @classmethod
    def of(cls, table: LayerTable, free: Collection[int]) -> _LayerOptions:
        """Lists the options of a layer."""
        places = [i for i, column in enumerate(table.columns) if column in free]
        combinations = list(np.ndindex(*(table.sizes[i] for i in places)))
        choices = np.array(combinations, dtype=np.int64).reshape(len(combinations), len(places))
        offsets = np.zeros(len(combinations), dtype=np.int64)
        for column, i in enumerate(places):
            offsets += table.classes[i][choices[:, column]] * table.strides[i]
        return cls(table=table, columns=[table.columns[i] for i in places], choices=choices, offsets=offsets)

    def option_of(self, genomes: IntArray) -> IntArray:
        """The option that each design has, (designs,)."""
        found = np.zeros(len(genomes), dtype=np.int64)
        for place, column in enumerate(self.columns):
            found = found * (int(self.choices[-1, place]) + 1) + genomes[:, column]
        return found

    def costs_of(self, genomes: IntArray) -> FloatArray:
        """Area, latency, energy without leakage and leakage power of each option, (designs, options, 4)."""
        base = np.zeros(len(genomes), dtype=np.int64)
        for column, classes, stride in zip(self.table.columns, self.table.classes, self.table.strides, strict=True):
            if column not in self.columns:
                base += classes[genomes[:, column]] * stride
        return np.asarray(self.table.costs[base[:, None] + self.offsets])
