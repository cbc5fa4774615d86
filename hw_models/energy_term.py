"""One kind of event with its count and energy; the energy of a layer is a sum of such terms."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyTerm:
    """One kind of event.

    Attributes:
        component: Component under which its energy is reported.
        event: Description of the event.
        count: Number of events for one image, (1, distinct shapes).
        energy_pj: Energy of one event [pJ], (1, distinct peripherals).
        formula: Formula of the energy of one event, in terms of constants.
        constants: Constants in the formula, "section.key".
    """

    component: str
    event: str
    count: FloatArray | IntArray
    energy_pj: FloatArray | IntArray
    formula: str
    constants: tuple[str, ...]
