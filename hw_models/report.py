"""The model's result: quantities by layer and component, sums by design, and figures of merit."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

import numpy as np

from hw_models.arrays import FloatArray, IntArray
from hw_models.cost_model import Schedule
from hw_models.schedule import interval_ns


def _by_design(values: FloatArray | IntArray, factor: float) -> FloatArray:
    """Sums over layers and multiplies by a unit factor, (designs,)."""
    total: FloatArray = factor * values.sum(axis=1)
    return total


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HardwareReport:
    """Costs of designs, by layer and component.

    Attributes:
        area_um2: Area of the tiles of each layer [um2], (designs, layers).
        latency_ns: Time of each layer for one image [ns], (designs, layers).
        energy_pj: Energy of each layer for one image [pJ], (designs, layers): dynamic energy, plus leakage if the cost
            model counts it (then there is a component "leakage").
        leakage_uw: Leakage power of the tiles of each layer [uW], (designs, layers).
        breakdown: The same quantities by component: `breakdown["area_um2"]["adc"]`, (designs, layers).
        clock_ns: Clock period of each layer [ns].
        n_tiles: Tiles of each layer.
        copies: Copies of each layer's weights that work in parallel.
        utilization: Fraction of the cells of each layer's tiles that store weights.
        operations: Operations of each layer for one image, two per multiply-accumulate.
        schedule: Which parts work at the same time.
        notes: Sentences on what lies outside the reference data.
    """

    area_um2: FloatArray
    latency_ns: FloatArray
    energy_pj: FloatArray
    leakage_uw: FloatArray
    breakdown: MappingType[str, MappingType[str, FloatArray]]
    clock_ns: FloatArray
    n_tiles: IntArray
    copies: IntArray
    utilization: FloatArray
    operations: IntArray
    schedule: Schedule = Schedule.SEQUENTIAL
    notes: tuple[str, ...] = ()

    @property
    def area_mm2(self) -> FloatArray:
        """Area of all layers' tiles [mm2], (designs,)."""
        return _by_design(self.area_um2, 1e-6)

    @property
    def latency_us(self) -> FloatArray:
        """Time of one image through all layers [us], (designs,)."""
        return _by_design(self.latency_ns, 1e-3)

    @property
    def interval_us(self) -> FloatArray:
        """Time from one image to the next [us], (designs,); less than the latency where layers are pipelined."""
        return 1e-3 * interval_ns(self.latency_ns, self.schedule)

    @property
    def throughput_fps(self) -> FloatArray:
        """Images per second, (designs,)."""
        return 1e6 / self.interval_us

    @property
    def energy_uj(self) -> FloatArray:
        """Energy of one image [uJ], (designs,)."""
        return _by_design(self.energy_pj, 1e-6)

    @property
    def dynamic_pj(self) -> FloatArray:
        """Energy of each layer for one image without leakage [pJ], (designs, layers)."""
        parts = {name: part for name, part in self.breakdown["energy_pj"].items() if name != "leakage"}
        if len(parts) == len(self.breakdown["energy_pj"]):
            return self.energy_pj
        total = np.zeros_like(self.energy_pj)
        for part in parts.values():
            total = total + part
        return total

    @property
    def leakage_uj(self) -> FloatArray:
        """Leakage energy from one image to the next, with all tiles powered all the time [uJ], (designs,)."""
        return _by_design(self.leakage_uw, 1e-6) * self.interval_us

    @property
    def edap(self) -> FloatArray:
        """Energy x delay x area [mm2 us uJ], (designs,); the delay is the time from one image to the next."""
        return self.area_mm2 * self.interval_us * self.energy_uj

    @property
    def tops_per_w(self) -> FloatArray:
        """Tera-operations per second per watt, (designs,)."""
        return _by_design(self.operations, 1e-6) / self.energy_uj

    @property
    def tops_per_mm2(self) -> FloatArray:
        """Tera-operations per second per square millimetre, (designs,)."""
        return _by_design(self.operations, 1e-6) / self.interval_us / self.area_mm2
