"""What the model returns: quantities by layer and component, sums by design, and figures of merit."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

import numpy as np

from hw_models.arrays import FloatArray, IntArray
from hw_models.cost_model import Schedule
from hw_models.schedule import interval_ns


def _by_design(values: FloatArray | IntArray, factor: float) -> FloatArray:
    """Sum over layers times a factor between units, (designs,)."""
    total: FloatArray = factor * values.sum(axis=1)
    return total


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HardwareReport:
    """Cost of designs, by layer and component.

    Attributes:
        area_um2: area of the tiles of each layer [um2], (designs, layers).
        latency_ns: time of each layer for one image [ns], (designs, layers).
        energy_pj: energy of each layer for one image [pJ], (designs, layers): dynamic, and what leaks where the cost
            model counts it (a component "leakage" then).
        leakage_uw: leakage power of the tiles of each layer [uW], (designs, layers).
        breakdown: the same quantities by component: `breakdown["area_um2"]["adc"]`, (designs, layers).
        clock_ns: clock period of each layer [ns].
        n_tiles: tiles of each layer.
        copies: copies of each layer's weights that work in parallel.
        utilization: part of the cells of each layer's tiles that hold weights.
        operations: operations of each layer for one image, two a multiply-accumulate.
        schedule: what works at the same time.
        notes: sentences on what lies outside the reference data.
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
        """Time from one image to the next [us], (designs,): less than the latency where layers are pipelined."""
        return 1e-3 * interval_ns(self.latency_ns, self.schedule)

    @property
    def throughput_fps(self) -> FloatArray:
        """Images a second, (designs,)."""
        return 1e6 / self.interval_us

    @property
    def energy_uj(self) -> FloatArray:
        """Energy of one image [uJ], (designs,)."""
        return _by_design(self.energy_pj, 1e-6)

    @property
    def dynamic_pj(self) -> FloatArray:
        """Energy of each layer for one image without what leaks [pJ], (designs, layers)."""
        parts = {name: part for name, part in self.breakdown["energy_pj"].items() if name != "leakage"}
        if len(parts) == len(self.breakdown["energy_pj"]):
            return self.energy_pj
        total = np.zeros_like(self.energy_pj)
        for part in parts.values():
            total = total + part
        return total

    @property
    def leakage_uj(self) -> FloatArray:
        """Energy that leaks from one image to the next, all tiles powered all the time [uJ], (designs,)."""
        return _by_design(self.leakage_uw, 1e-6) * self.interval_us

    @property
    def edap(self) -> FloatArray:
        """Energy x delay x area [mm2 us uJ], (designs,); the delay is that from one image to the next."""
        return self.area_mm2 * self.interval_us * self.energy_uj

    @property
    def tops_per_w(self) -> FloatArray:
        """Tera-operations per second and watt, (designs,)."""
        return _by_design(self.operations, 1e-6) / self.energy_uj

    @property
    def tops_per_mm2(self) -> FloatArray:
        """Tera-operations per second and square millimetre, (designs,)."""
        return _by_design(self.operations, 1e-6) / self.interval_us / self.area_mm2
