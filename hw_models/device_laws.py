"""Deviations of a device's cells from their targets: optional tables of its file, each `None` if absent.

g is a cell's conductance divided by the highest one, and t the time since programming [s].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hw_models.circuit_constants import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammingConstants:
    """Standard deviation of a programmed conductance [uS]: max(0, c0 + c1 g + ... + c4 g^4), one column for each time.

    Between two times the coefficients are interpolated in log t; outside the range they are constant.
    """

    times_s: Table
    c0_us: Table
    c1_us: Table
    c2_us: Table
    c3_us: Table
    c4_us: Table

    def polynomial_us(self, time_s: float) -> tuple[float, ...]:
        """Coefficients of the standard deviation [uS] in powers of g, at a given time after programming."""
        return tuple(
            _at_log_time(time_s, self.times_s, column)
            for column in (self.c0_us, self.c1_us, self.c2_us, self.c3_us, self.c4_us)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftConstants:
    """Drift g ((t + reference_s) / reference_s)^-v, where v is normal with a mean and a deviation that depend on g.

    Each of them is `at_one + per_ln` ln g, clipped to `least` ... `most`.
    """

    reference_s: float
    exponent_at_one: float
    exponent_per_ln: float
    exponent_least: float
    exponent_most: float
    spread_at_one: float
    spread_per_ln: float
    spread_least: float
    spread_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNoiseConstants:
    """Read noise relative to g: min(most_ratio, ratio g^-power).

    If read_s > 0 it grows by sqrt(ln((t + read_s) / (2 read_s))).
    """

    ratio: float
    power: float
    most_ratio: float
    read_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InputNoiseConstants:
    """Root mean square of the error of each input value, relative to the inputs' full scale."""

    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckConstants:
    """Fractions of the cells that are stuck at the highest and at the lowest conductance."""

    on_ratio: float
    off_ratio: float


def _at_log_time(time_s: float, times_s: Table, values: Table) -> float:
    return float(np.interp(math.log(time_s), [math.log(t) for t in times_s], values))
