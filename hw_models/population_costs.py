"""Costs of a population of designs."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.arrays import FloatArray


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
