"""One kind of event with its count and its energy: what the energy of a layer is a sum of."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyTerm:
    """One kind of event.

    Attributes:
        component: where its energy is reported.
        event: what happens, in words.
        count: how often for one image, (1, distinct shapes).
        energy_pj: energy of one event [pJ], (1, distinct peripherals).
        formula: how the energy of one event follows from constants.
        constants: the constants in it, "section.key".
    """

    component: str
    event: str
    count: FloatArray | IntArray
    energy_pj: FloatArray | IntArray
    formula: str
    constants: tuple[str, ...]
