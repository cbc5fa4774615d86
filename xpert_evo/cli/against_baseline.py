"""Comparison of one design with the homogeneous baseline of its backbone under every cost model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xpert_evo.cost_models import CostModels
from xpert_evo.design import Design
from xpert_evo.genes import choice_name
from xpert_evo.hardware import Hardware
from xpert_evo.space import SearchSpace
from xpert_evo.words import lower_by_models


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstBaseline:
    """EDAP of a design relative to the baseline, by cost model.

    Attributes:
        ratios: EDAP of the baseline divided by EDAP of the design, by model; the model of the settings comes first.
        refused: Model name -> why that model cannot cost the chip.
        baseline: The baseline in words.
    """

    ratios: Mapping[str, float]
    refused: Mapping[str, str]
    baseline: str

    @property
    def plain(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {"edap_ratios": dict(self.ratios), "models_refused": dict(self.refused)}

    @property
    def lines(self) -> list[str]:
        """Lines for the terminal."""
        why = [f"the cost model {name} cannot cost this chip: {reason}" for name, reason in self.refused.items()]
        if not self.ratios:
            return why
        return [f"against {self.baseline}: EDAP {lower_by_models(list(self.ratios.values()))}", *why]


def against_baseline(hardware: Hardware, space: SearchSpace, design: Design) -> AgainstBaseline:
    """A design's EDAP relative to the baseline of a space by cost model.

    Args:
        hardware: The chip under the cost model of the settings.
        space: Search space of the design's backbone; it need not contain the design.
        design: A design that is legal for the backbone and the chip.
    """
    own = SearchSpace.around(design, space.backbone)
    genome = np.zeros((1, own.n_genes), dtype=np.int64)
    ratios, refused = CostModels.of(hardware, own).ratios_of_one(space, own, genome)
    return AgainstBaseline(ratios=ratios, refused=refused, baseline=_words(space))


def _words(space: SearchSpace) -> str:
    """The baseline of a space with its depths, which tell the baselines of two networks of the same shape apart."""
    design = space.decode(space.baseline())[0]
    depths = [layer.channel_depth for layer in design.layers if layer.channel_depth is not None]
    first = design.layers[0]
    return (
        f"the homogeneous baseline ({space.backbone.name} with {min(depths)} to {max(depths)} channels, "
        f"{first.adc_precision}-bit {choice_name(first.adc_type)} ADCs, {first.column_sharing} columns per ADC, "
        f"{first.input_precision}-bit inputs)"
    )
