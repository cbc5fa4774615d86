"""What the model returns: quantities by layer and component, sums by design, and figures of merit."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from hw_models.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HardwareReport:
    """Cost of designs, by layer and component.

    Attributes:
        area_um2: area of the tiles of each layer [um2], (designs, layers).
        latency_ns: time of each layer for one image [ns], (designs, layers).
        energy_pj: dynamic energy of each layer for one image [pJ], (designs, layers).
        leakage_uw: leakage power of the tiles of each layer [uW], (designs, layers).
        breakdown: the same quantities by component: `breakdown["area_um2"]["adc"]`, (designs, layers).
        clock_ns: clock period of each layer [ns].
        n_tiles: tiles of each layer.
        copies: copies of each layer's weights that work in parallel.
        utilization: part of the cells of each layer's tiles that hold weights.
        operations: operations of each layer for one image, two a multiply-accumulate.
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
    notes: tuple[str, ...] = ()

    @property
    def area_mm2(self) -> FloatArray:
        """Area of all layers' tiles [mm2], (designs,)."""
        return 1e-6 * self.area_um2.sum(axis=1)

    @property
    def latency_us(self) -> FloatArray:
        """Time of one image, layers one after another [us], (designs,)."""
        return 1e-3 * self.latency_ns.sum(axis=1)

    @property
    def energy_uj(self) -> FloatArray:
        """Dynamic energy of one image [uJ], (designs,)."""
        return 1e-6 * self.energy_pj.sum(axis=1)

    @property
    def leakage_uj(self) -> FloatArray:
        """Energy that leaks away during one image, all tiles powered all the time [uJ], (designs,)."""
        return 1e-6 * self.leakage_uw.sum(axis=1) * self.latency_us

    @property
    def edap(self) -> FloatArray:
        """Energy x delay x area [mm2 us uJ], (designs,)."""
        return self.area_mm2 * self.latency_us * self.energy_uj

    @property
    def tops_per_w(self) -> FloatArray:
        """Tera-operations per second and watt, at the dynamic energy, (designs,)."""
        return 1e-6 * self.operations.sum(axis=1) / self.energy_uj

    @property
    def tops_per_mm2(self) -> FloatArray:
        """Tera-operations per second and square millimetre, (designs,)."""
        return 1e-6 * self.operations.sum(axis=1) / self.latency_us / self.area_mm2
