"""How conductances of cells drift and fluctuate: quantities that depend on the target conductance."""

import math
from typing import Annotated

import torch
from pydantic import Field

from xpert_evo.validation import Frozen

Spread = Annotated[float, Field(ge=0.0, le=10.0)]
"""A relative standard deviation."""


class LogLine(Frozen):
    """A quantity that depends on a relative conductance g: at_one + per_ln ln g, clipped to bounds."""

    at_one: float
    per_ln: float = 0.0
    least: float
    most: float

    def of(self, logarithm: torch.Tensor) -> torch.Tensor:
        """Evaluates the quantity for ln g."""
        return (self.at_one + self.per_ln * logarithm).clamp(self.least, self.most)


class DriftLaw(Frozen):
    """Drift with an exponent that depends on the target conductance: g ((t + reference_s) / reference_s)^-|v|.

    Attributes:
        reference_s: Reference time t0 [s].
        exponent: Mean of the exponent v.
        spread: Standard deviation of the exponent v from cell to cell.
    """

    reference_s: Annotated[float, Field(gt=0.0)]
    exponent: LogLine
    spread: LogLine


class ReadNoise(Frozen):
    """Relative fluctuation of a conductance g: min(most_ratio, ratio g^-power), times sqrt(ln((t + T) / (2 T))).

    The factor describes 1/f noise since programming at t = 0, read within T; it is 1 without T. Such noise is slow: it
    is drawn once for each chip and stays constant while the chip is judged.

    Attributes:
        ratio: Fluctuation at the highest conductance.
        power: Exponent of the increase towards low conductances.
        most_ratio: Upper limit of the fluctuation.
        read_s: Read time T [s]; None for noise that does not grow.
    """

    ratio: Spread
    power: Annotated[float, Field(ge=0.0, le=3.0)] = 0.0
    most_ratio: Spread = 1.0
    read_s: Annotated[float, Field(gt=0.0, lt=0.5)] | None = None

    def deviation(self, g: torch.Tensor, time_s: float) -> torch.Tensor:
        """Relative standard deviation, for conductances above 0 at a time of at least 1 s."""
        growth = 1.0 if self.read_s is None else math.sqrt(math.log((time_s + self.read_s) / (2 * self.read_s)))
        return (self.ratio * g**-self.power).clamp_max(self.most_ratio) * growth
