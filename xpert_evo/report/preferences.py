"""Preferred choice of each gene under each cost model, by group of layers, all else being equal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from hw_models import AdcType, HardwareModelError
from xpert_evo.cost_models import CostModels
from xpert_evo.genes import Choice, GeneKind
from xpert_evo.hardware import Hardware
from xpert_evo.objectives import FloatArray
from xpert_evo.space import PAPER_CHOICES, Genomes, SearchSpace

_TIE_RATIO = 1.01
"""Choices whose EDAPs differ by less are considered equal."""

_MOST_DESIGNS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Effect of a gene of a group of layers on EDAP.

    Attributes:
        kind: The gene.
        group: Name of the group of layers.
        choices: Choices that all layers of the group offer.
        edap_ratios: EDAP with each choice over EDAP with the model's best one, as geometric mean over designs,
            (models, choices); 1 for the best one, NaN if a model has no converters for a choice.
    """

    kind: GeneKind
    group: str
    choices: tuple[Choice, ...]
    edap_ratios: FloatArray

    def told(self, model: int) -> tuple[Choice, Choice, float] | None:
        """Returns a model's best choice, its worst one and the EDAP ratio of the two; None if the model lacks one."""
        row = self.edap_ratios[model]
        if np.isnan(row).any():
            return None
        worst = int(row.argmax())
        return self.choices[int(row.argmin())], self.choices[worst], float(row[worst])

    @property
    def agreed(self) -> Choice | None:
        """The choice that every model prefers, within 1 %; None if they disagree."""
        known = self.edap_ratios[~np.isnan(self.edap_ratios).any(axis=1)]
        dearest = known.max(axis=0, initial=1.0)
        best = int(dearest.argmin())
        return self.choices[best] if len(known) and dearest[best] < _TIE_RATIO else None

    @property
    def dissenter(self) -> tuple[int, Choice] | None:
        """Index of the one model that disagrees with all others (of three or more), and the choice of the others."""
        n_models = len(self.edap_ratios)
        if self.agreed is not None or n_models < 3:
            return None
        for i in range(n_models):
            rest = replace(self, edap_ratios=np.delete(self.edap_ratios, i, axis=0)).agreed
            if rest is not None:
                return i, rest
        return None


def preferences(models: CostModels, space: SearchSpace, genomes: Genomes) -> list[Preference]:
    """Returns the preferences of each model around designs, for every gene with a choice in a group of layers.

    Genes that change the network's accuracy are included; the preferred choice is then the cheapest, not the best.

    Args:
        models: Cost models to compare.
        space: Search space of the designs.
        genomes: Designs, (designs, genes), such as a front; at most 24 of them are used, evenly spread.
    """
    base = genomes[np.unique(np.linspace(0, len(genomes) - 1, _MOST_DESIGNS).astype(int))]
    asked: list[tuple[GeneKind, str, tuple[Choice, ...]]] = []
    variants: list[Genomes] = []
    groups = [(kind, *group) for kind in space.kinds for group in _groups_of(space, kind).items()]
    for kind, group, layers in groups:
        columns = sorted({c for layer in layers if (c := space.column(layer, kind)) is not None})
        choices = _common(space, columns)
        if len(choices) < 2:
            continue
        asked.append((kind, group, choices))
        variants += [_with(space, base, columns, choice) for choice in choices]
    if not asked:
        return []
    edap = models.edap(space, np.concatenate(variants))
    means = np.log(edap).reshape(len(models.names), len(variants), len(base)).mean(axis=2)
    found, start = [], 0
    for kind, group, choices in asked:
        own = means[:, start : start + len(choices)]
        ratios = np.exp(own - own.min(axis=1, keepdims=True))
        found.append(Preference(kind=kind, group=group, choices=choices, edap_ratios=ratios))
        start += len(choices)
    return found


def _groups_of(space: SearchSpace, kind: GeneKind) -> dict[str, list[int]]:
    """Groups of layers that may differ in a gene: the whole chip for one that all layers share."""
    return {"whole chip": list(range(space.n_layers))} if space.is_tied(kind) else layer_groups(space)


def layer_groups(space: SearchSpace) -> dict[str, list[int]]:
    """Returns the groups: first layer, early, middle and late thirds, classifier; empty groups are left out."""
    last = space.n_layers - 1
    thirds = np.array_split(np.arange(1, last), 3) if last > 1 else []
    groups = {"first layer": [0], **dict(zip(("early", "middle", "late"), (t.tolist() for t in thirds), strict=False))}
    return {name: layers for name, layers in {**groups, "classifier": [last] if last else []}.items() if layers}


def adc_preferences(models: CostModels, space: SearchSpace) -> list[Preference]:
    """Compares SAR with Flash at each resolution of the paper, each type with its best column sharing.

    The designs are homogeneous with the backbone's original depths, whatever the space offers.
    """
    offered = {kind: PAPER_CHOICES[kind] for kind in (GeneKind.ADC_TYPE, GeneKind.ADC_PRECISION)}
    every = SearchSpace(space.backbone, {**space.choices, **offered})
    return [
        Preference(
            kind=GeneKind.ADC_TYPE,
            group=f"{bits} bits",
            choices=tuple(AdcType),
            edap_ratios=np.stack([_by_type(chip, every, bits) for chip in models.chips.values()]),
        )
        for bits in PAPER_CHOICES[GeneKind.ADC_PRECISION]
    ]


def _by_type(chip: Hardware, space: SearchSpace, bits: Choice) -> FloatArray:
    """Returns the EDAP of each ADC type over that of the better one, (types,); NaN if a model lacks one."""
    sharings = space.choices[GeneKind.COLUMN_SHARING]
    designs = [
        space.homogeneous(input_precision=8, adc_precision=bits, adc_type=adc, column_sharing=sharing)
        for adc, sharing in product(AdcType, sharings)
    ]
    try:
        edap = np.asarray(chip.report_of(space, np.concatenate(designs)).edap)
    except HardwareModelError:
        return np.full(len(AdcType), np.nan)
    best = edap.reshape(len(AdcType), -1).min(axis=1)
    return np.asarray(best / best.min())


def _common(space: SearchSpace, columns: Sequence[int]) -> tuple[Choice, ...]:
    """Returns the choices that all given genes offer, in order."""
    if not columns:
        return ()
    first, *others = (space.genes[column].choices for column in columns)
    return tuple(choice for choice in first if all(choice in other for other in others))


def _with(space: SearchSpace, base: Genomes, columns: Sequence[int], choice: Choice) -> Genomes:
    """Returns the designs with the given genes set to one choice."""
    changed = base.copy()
    for column in columns:
        changed[:, column] = space.genes[column].choices.index(choice)
    return changed
