"""Objectives and constraints by name: what people say (accuracy in %, EDAP) and what a search minimises.

Costs span decades, so a search sees their decimal logarithm: equal ratios are equal distances, and a hypervolume does
not depend on the unit; of a rate, which is to be large, it sees the negative logarithm. Accuracies enter as the error
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
    """One thing to optimise.

    Attributes:
        name: As in settings and in mappings of values.
        unit: Of the values as they are shown.
        is_accuracy: A fraction in [0, 1] to maximise, shown in percent; otherwise a positive number.
        is_rate: A positive number to maximise; without this and `is_accuracy` a cost to minimise.
    """

    name: str
    unit: str
    is_accuracy: bool = False
    is_rate: bool = False

    def minimised(self, values: FloatArray) -> FloatArray:
        """What the search minimises: an accuracy's error, the decimal logarithm of a cost or of a rate's inverse."""
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
        """The values that `minimised` turned into `minimised`."""
        array = np.asarray(minimised, dtype=np.float64)
        if self.is_accuracy:
            return 1 - array
        return np.power(10.0, -array if self.is_rate else array)

    def shown(self, value: float) -> str:
        """One value as people say it: `92.46 %`, `1.23 mm2`."""
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
    """One to four objectives, in the order of the columns that a search sees; runs have two at least.

    Args:
        names: Of `OBJECTIVES`, each once.

    Raises:
        ConfigError: A name is unknown or repeated, or there are none or more than four.
    """

    def __init__(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in OBJECTIVES:
                raise ConfigError(f"objectives: '{name}' is unknown; {nearest(name, OBJECTIVES)}")
        if len(set(names)) != len(names) or not 1 <= len(names) <= 4:
            raise ConfigError(f"objectives must be one to four different names, got {', '.join(names) or 'none'}.")
        self.names = tuple(names)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.names)

    def minimised(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """The table (designs, objectives) that a search minimises.

        Args:
            values: For each objective by name the designs' values, (designs,), in the units of `OBJECTIVES`;
                accuracies are fractions. Further names are ignored.

        Raises:
            ValueError: A value is not finite or outside its range.
            KeyError: An objective has no values.
        """
        return np.stack([OBJECTIVES[name].minimised(values[name]) for name in self.names], axis=1)

    def restored(self, minimised: FloatArray) -> dict[str, FloatArray]:
        """By name the values that `minimised` turned into the table (designs, objectives)."""
        table = np.atleast_2d(minimised)
        return {name: OBJECTIVES[name].restored(table[:, i]) for i, name in enumerate(self.names)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """Limits that every design of the front must keep; None leaves a limit out.

    Attributes:
        area_limit_mm2: Largest area of all tiles [mm2].
        latency_limit_us: Longest latency of an image [us].
        energy_limit_uj: Most energy of an image [uJ].
        least_accuracy: Smallest accuracy, a fraction.
        least_robustness: Smallest accuracy under device noise, a fraction.
    """

    area_limit_mm2: float | None = None
    latency_limit_us: float | None = None
    energy_limit_uj: float | None = None
    least_accuracy: float | None = None
    least_robustness: float | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError where a limit cannot be one."""
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
        """The limits on the chip alone; what accuracies ask for is left open."""
        return replace(self, least_accuracy=None, least_robustness=None)

    def violations(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """By how much each limit is broken, (designs, constraints); a design with no value above 0 is feasible.

        Costs count as ratios to their limit less one, accuracies as missing fractions, so that the columns are of
        like size and may be summed.

        Args:
            values: As for `Objectives.minimised`; must hold what the set limits speak of.

        Raises:
            ValueError: A value is not finite or outside its range.
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
