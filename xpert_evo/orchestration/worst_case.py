"""Worst-case EDAP: the objective of a search that does not rely on a single cost model.

The worst case of a design is the largest of its EDAPs relative to the baseline's, over all models. It is scaled by the
baseline's EDAP under the run's own model, so that the cost of the baseline is unchanged.
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
    """Cost models of a worst-case search.

    Attributes:
        names: Names of the models, the run's own first.
        chips: The chip under each of the other models.
        tables: Cost table of the space under each of them.
        factors: EDAP of the baseline under the run's own model over that under each of the others, (others,).
    """

    names: tuple[str, ...]
    chips: tuple[Hardware, ...]
    tables: tuple[CostTable, ...]
    factors: FloatArray

    @classmethod
    def of(
        cls, hardware: Hardware, own: CostTable, space: SearchSpace, baseline: Genomes, names: Sequence[str]
    ) -> "WorstCase":
        """The worst case over the named models and the chip's own.

        Args:
            hardware: Chip with the run's own model.
            own: Cost table of that model.
            space: Search space of the designs.
            baseline: Baseline that EDAP is relative to, (1, genes).
            names: Names of models, or paths of files.

        Raises:
            ConfigError: A model is unknown, or cannot cost the chip.
        """
        chips: dict[str, Hardware] = {}
        tables: dict[str, CostTable] = {}
        for name in names:
            try:
                other = hardware.under(name)
                if name_of(other) != name_of(hardware):
                    tables[name_of(other)] = other.table(space)
                    chips[name_of(other)] = other
            except HardwareModelError as failure:
                raise ConfigError(
                    f"search.cost_models: '{name}' cannot cost this chip ({failure}); take it out of the list."
                ) from None
        edaps = np.array([table.score(baseline).edap[0] for table in tables.values()])
        return cls(
            names=(name_of(hardware), *tables),
            chips=tuple(chips.values()),
            tables=tuple(tables.values()),
            factors=own.score(baseline).edap[0] / edaps,
        )

    def edap(self, genomes: Genomes, own: FloatArray) -> FloatArray:
        """The worst case of EDAP [mm2 us uJ], (designs,).

        Args:
            genomes: Genomes of the space, (designs, genes).
            own: EDAP under the run's own model, (designs,).
        """
        return np.asarray(self.scaled(genomes, own).max(axis=0))

    def scaled(self, genomes: Genomes, own: FloatArray) -> FloatArray:
        """EDAP under each model, the run's own first, times the model's factor [mm2 us uJ], (models, designs).

        Args:
            genomes: Genomes of the space, (designs, genes).
            own: EDAP under the run's own model, (designs,).
        """
        others = zip(self.tables, self.factors, strict=True)
        return np.stack([own, *(factor * table.score(genomes).edap for table, factor in others)])
