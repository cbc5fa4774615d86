"""One chip under several cost models: costs of designs relative to the baseline under each model."""

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
        chips: Chip under each model by the model's name, its own model first.
        refused: Reason why a model cannot cost the chip, by the model's name.
    """

    chips: Mapping[str, Hardware]
    refused: Mapping[str, str]

    @classmethod
    def of(cls, hardware: Hardware, space: SearchSpace, others: Sequence[str] | None = None) -> "CostModels":
        """Returns the models that can cost a chip.

        Args:
            hardware: Chip with its own model; models that cannot cost the baseline, the smallest or the largest
                choices of the space are left out.
            space: Search space of the designs.
            others: Names of models, or paths of files; None for all built-in models.
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
        """Returns the EDAP of genomes under each model, (models, designs) [mm2 us uJ]."""
        return np.stack([np.asarray(chip.report_of(space, genomes).edap) for chip in self.chips.values()])

    def ratios(self, space: SearchSpace, genomes: Genomes) -> FloatArray:
        """Returns the EDAP of the baseline over that of each design under each model, (models, designs)."""
        edap = self.edap(space, np.concatenate([space.baseline(), np.atleast_2d(genomes)]))
        return np.asarray(edap[:, :1] / edap[:, 1:])

    def ratios_of_one(
        self, space: SearchSpace, own: SearchSpace, genome: Genomes
    ) -> tuple[dict[str, float], dict[str, str]]:
        """Returns the EDAP of the baseline over that of one design by model, and why other models cannot cost it.

        Args:
            space: Space of the baseline.
            own: Space of the design, which need not be one of `space`.
            genome: Genome of the design there, (1, genes).
        """
        ratios, refused = {}, dict(self.refused)
        for name, chip in self.chips.items():
            try:
                edap = chip.report_of(own, genome).edap[0]
                ratios[name] = float(chip.report_of(space, space.baseline()).edap[0] / edap)
            except HardwareModelError as failure:
                refused[name] = str(failure)
        return ratios, refused


def name_of(hardware: Hardware) -> str:
    """Returns the name of a chip's cost model, with any schedule or converters that differ from the model's own."""
    schedule, adc = hardware.schedule, hardware.adc
    changes = [] if schedule in (None, hardware.model.choices.schedule) else [str(schedule)]
    changes += [] if adc is None else [f"{adc.name} ADCs"]
    return f"{hardware.model.name} ({', '.join(changes)})" if changes else hardware.model.name
