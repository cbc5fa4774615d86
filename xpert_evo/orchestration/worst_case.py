"""EDAP in the worst case: what a search minimises where no single cost model is to be trusted.

A design's worst case is the largest of its EDAPs relative to the baseline's, each under one model. It is told in units
of the run's own model, as a multiple of the baseline's EDAP there, so that the baseline costs what it always costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hw_models import CostTable, HardwareModelError
from xpert_evo.cost_models import name_of
from xpert_evo.errors import ConfigError
from xpert_evo.hardware import Hardware
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCase:
    """The models besides the run's own, of which the worst counts.

    Attributes:
        names: Of the models, the run's own first.
        tables: Cost of every choice of the space under each of the others.
        factors: The baseline's EDAP under the run's own model over that under each of the others, (others,).
    """

    names: tuple[str, ...]
    tables: tuple[CostTable, ...]
    factors: FloatArray

    @classmethod
    def of(
        cls, hardware: Hardware, own: CostTable, space: SearchSpace, baseline: Genomes, names: Sequence[str]
    ) -> "WorstCase":
        """The worst case over the named models and the chip's own.

        Args:
            hardware: The chip under its own model.
            own: Its cost table.
            space: Of the designs that will be costed.
            baseline: What EDAP is relative to, (1, genes).
            names: Names of models, or paths of files.

        Raises:
            ConfigError: A model is unknown, or cannot cost the chip.
        """
        tables: dict[str, CostTable] = {}
        for name in names:
            try:
                other = hardware.under(name)
                if name_of(other) != name_of(hardware):
                    tables[name_of(other)] = other.table(space)
            except HardwareModelError as failure:
                raise ConfigError(
                    f"search.cost_models: '{name}' cannot cost this chip ({failure}); take it out of the list."
                ) from None
        edaps = np.array([table.score(baseline).edap[0] for table in tables.values()])
        return cls(
            names=(name_of(hardware), *tables),
            tables=tuple(tables.values()),
            factors=own.score(baseline).edap[0] / edaps,
        )

    def edap(self, genomes: Genomes, own: FloatArray) -> FloatArray:
        """The worst case of EDAP [mm2 us uJ], (designs,).

        Args:
            genomes: Of the space, (designs, genes).
            own: Their EDAP under the run's own model, (designs,).
        """
        worst = own
        for table, factor in zip(self.tables, self.factors, strict=True):
            worst = np.maximum(worst, factor * table.score(genomes).edap)
        return worst
