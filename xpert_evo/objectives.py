"""Objectives and constraints by name: the values that users see (accuracy in %, EDAP) and a search minimises.

Costs span decades, so a search uses their decimal logarithm: equal ratios are equal distances, and a hypervolume does
not depend on the unit. For a rate, which is to be large, it uses the negative logarithm. Accuracies enter as the error
1 - accuracy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import ConfigError
from xpert_evo.validation import nearest

FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A quantity to optimise.

    Attributes:
        name: Name in settings and in mappings of values.
        unit: Unit of the displayed values.
        is_accuracy: Whether it is a fraction in [0, 1] to maximise, shown in percent.
        is_rate: Whether it is a positive number to maximise; without this and `is_accuracy` it is a cost to minimise.
    """

    name: str
    unit: str
    is_accuracy: bool = False
    is_rate: bool = False

    def minimised(self, values: FloatArray) -> FloatArray:
        """Returns the values to minimise: an accuracy's error, or the logarithm of a cost or of a rate's inverse."""
        array = np.asarray(values, dtype=np.float64)
        legal = np.isfinite(array) & ((array >= 0) & (array <= 1) if self.is_accuracy else array > 0)
        if not legal.all():
            wanted = "a fraction from 0 to 1" if self.is_accuracy else "finite and greater than 0"
            where = int(np.argmin(legal.ravel()))
            raise ValueError(f"{self.name} must be {wanted}, got {array.ravel()[where]} for design {where}.")
        if self.is_accuracy:
            return 1 - array
        return -np.log10(array) if self.is_rate else np.log10(array)

    def restored(self, minimised: FloatArray) -> FloatArray:
        """Inverts `minimised`."""
        array = np.asarray(minimised, dtype=np.float64)
        if self.is_accuracy:
            return 1 - array
        return np.power(10.0, -array if self.is_rate else array)

    def shown(self, value: float) -> str:
        """Formats a value for display: `92.46 %`, `1.23 mm2`."""
        return f"{100 * value:.2f} %" if self.is_accuracy else f"{value:.4g} {self.unit}"


OBJECTIVES: Mapping[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective(name="accuracy", unit="%", is_accuracy=True),
        Objective(name="edap", unit="mm2 us uJ"),
        Objective(name="area", unit="mm2"),
        Objective(name="latency", unit="us"),
        Objective(name="energy", unit="uJ"),
        Objective(name="robustness", unit="%", is_accuracy=True),
        Objective(name="throughput_fps", unit="images/s", is_rate=True),
    )
}
"""All objectives; `robustness` is the accuracy under device noise."""


class Objectives:
    """One to four objectives, in the order of the columns that a search uses; runs have at least two.

    Args:
        names: Names from `OBJECTIVES`, each once.

    Raises:
        ConfigError: If a name is unknown or repeated, or there are none or more than four.
    """

    def __init__(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in OBJECTIVES:
                raise ConfigError(f"objectives: '{name}' is unknown; {nearest(name, OBJECTIVES)}")
        if len(set(names)) != len(names) or not 1 <= len(names) <= 4:
            raise ConfigError(f"objectives must be one to four different names, got {', '.join(names) or 'none'}.")
        self.names = tuple(names)

    def __len__(self) -> int:
        """Number of objectives."""
        return len(self.names)

    def minimised(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Returns the table (designs, objectives) that a search minimises.

        Args:
            values: Values of the designs for each objective by name, (designs,), in the units of `OBJECTIVES`;
                accuracies are fractions. Other names are ignored.

        Raises:
            ValueError: If a value is not finite or out of range.
            KeyError: If an objective has no values.
        """
        return np.stack([OBJECTIVES[name].minimised(values[name]) for name in self.names], axis=1)

    def restored(self, minimised: FloatArray) -> dict[str, FloatArray]:
        """Returns the values by name for a table (designs, objectives) made by `minimised`."""
        table = np.atleast_2d(minimised)
        return {name: OBJECTIVES[name].restored(table[:, i]) for i, name in enumerate(self.names)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """Limits that every design of the front must keep; None for no limit.

    Attributes:
        area_limit_mm2: Largest total area of all tiles [mm2].
        latency_limit_us: Largest latency of an image [us].
        energy_limit_uj: Largest energy of an image [uJ].
        least_accuracy: Smallest accuracy allowed, a fraction.
        least_robustness: Smallest accuracy allowed under device noise, a fraction.
    """

    area_limit_mm2: float | None = None
    latency_limit_us: float | None = None
    energy_limit_uj: float | None = None
    least_accuracy: float | None = None
    least_robustness: float | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError if a limit is invalid."""
        for field in fields(self):
            limit = getattr(self, field.name)
            least = field.name.startswith("least_")
            if limit is not None and not (0 <= limit <= 1 if least else 0 < limit < np.inf):
                wanted = "from 0 to 1" if least else "greater than 0 and finite"
                raise ConfigError(f"{field.name} must be {wanted}, got {limit}.")

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the limits that are set, in the order of the columns of `violations`."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)

    @property
    def on_chip(self) -> "Constraints":
        """Returns only the limits on the chip, without those on accuracies."""
        return replace(self, least_accuracy=None, least_robustness=None)

    def violations(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Returns by how much each limit is broken, (designs, constraints); a design with no value above 0 is feasible.

        Costs count as ratios to their limit minus one, accuracies as missing fractions, so the columns are of similar
        size and may be summed.

        Args:
            values: See `Objectives.minimised`; must contain the quantities of all limits that are set.

        Raises:
            ValueError: If a value is not finite or out of range.
        """
        columns = []
        for limit_name in self.active:
            name = _LIMITED[limit_name]
            OBJECTIVES[name].minimised(values[name])
            array, limit = np.asarray(values[name], dtype=np.float64), getattr(self, limit_name)
            columns.append(limit - array if OBJECTIVES[name].is_accuracy else array / limit - 1)
        n_designs = len(next(iter(values.values())))
        return np.stack(columns, axis=1) if columns else np.zeros((n_designs, 0))


_LIMITED = {
    "area_limit_mm2": "area",
    "latency_limit_us": "latency",
    "energy_limit_uj": "energy",
    "least_accuracy": "accuracy",
    "least_robustness": "robustness",
}
