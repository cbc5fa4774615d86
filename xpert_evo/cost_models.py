"""One chip under several cost models: what designs cost relative to the baseline, by each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hw_models import HardwareModelError, model_names
from xpert_evo.hardware import Hardware
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModels:
    """A chip under its own cost model and under others.

    Attributes:
        chips: The chip by the name of the model, its own model first.
        refused: Why a model cannot cost the chip, by its name.
    """

    chips: Mapping[str, Hardware]
    refused: Mapping[str, str]

    @classmethod
    def of(cls, hardware: Hardware, space: SearchSpace, others: Sequence[str] | None = None) -> "CostModels":
        """The models that can cost a chip.

        Args:
            hardware: The chip under its own model; a model that refuses the baseline, the smallest or the largest
                choices of the space is left out.
            space: Of the designs that will be costed.
            others: Names of models, or paths of files; None for all that the program has.
        """
        chips, refused = {name_of(hardware): hardware}, {}
        ends = np.stack([space.baseline()[0], np.zeros(space.n_genes, dtype=np.int64), space.n_choices - 1])
        for name in model_names() if others is None else others:
            try:
                other = hardware.under(name)
                other.report_of(space, ends)
            except HardwareModelError as failure:
                refused[name] = str(failure)
                continue
            chips.setdefault(name_of(other), other)
        return cls(chips=chips, refused=refused)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, the chip's own first."""
        return tuple(self.chips)

    def edap(self, space: SearchSpace, genomes: Genomes) -> FloatArray:
        """EDAP of genomes under each model, (models, designs) [mm2 us uJ]."""
        return np.stack([np.asarray(chip.report_of(space, genomes).edap) for chip in self.chips.values()])

    def ratios(self, space: SearchSpace, genomes: Genomes) -> FloatArray:
        """How many times lower than the baseline's a design's EDAP is under each model, (models, designs)."""
        edap = self.edap(space, np.concatenate([space.baseline(), np.atleast_2d(genomes)]))
        return np.asarray(edap[:, :1] / edap[:, 1:])


def name_of(hardware: Hardware) -> str:
    """A chip's cost model by name, with a schedule or converters that are not the model's own."""
    schedule, adc = hardware.schedule, hardware.adc
    changes = [] if schedule in (None, hardware.model.choices.schedule) else [str(schedule)]
    changes += [] if adc is None else [f"{adc.name} ADCs"]
    return f"{hardware.model.name} ({', '.join(changes)})" if changes else hardware.model.name
