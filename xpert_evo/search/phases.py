"""The paper's two phases: spaces in which some kinds of genes are frozen, and conversion between spaces."""

from collections.abc import Collection

import numpy as np

from xpert_evo.genes import Choice, GeneKind
from xpert_evo.space import Genomes, SearchSpace

FIRST_PHASE = tuple(kind for kind in GeneKind if kind.record.first_phase)
"""Kinds searched for the smallest latency within the area limit, at given precisions."""

SECOND_PHASE = tuple(kind for kind in GeneKind if not kind.record.first_phase)
"""Kinds searched afterwards, on the network found by the first phase."""


def frozen_space(space: SearchSpace, genome: Genomes, searched: Collection[GeneKind]) -> SearchSpace:
    """Returns the space in which only the `searched` kinds vary; other genes have the single choice made by `genome`.

    Genomes of the frozen space are as long as those of the whole space; see `to_whole_space`.

    Args:
        space: The whole space.
        genome: One design, (1, genes) or (genes,).
        searched: Kinds of genes that remain free.
    """
    values = space.check(genome)[0]
    layer_choices: dict[str, dict[GeneKind, tuple[Choice, ...]]] = {}
    for gene, value in zip(space.genes, values, strict=True):
        own = gene.choices if gene.kind in searched else (gene.choices[value],)
        layer_choices.setdefault(space.backbone.layers[gene.layer].name, {})[gene.kind] = own
    return SearchSpace(space.backbone, space.choices, layer_choices, space.per_layer)


def to_whole_space(frozen: SearchSpace, whole: SearchSpace, genomes: Genomes) -> Genomes:
    """Converts genomes of a frozen space to the space from which it was made, (designs, genes)."""
    rows = frozen.check(genomes)
    columns = [
        np.array([whole_gene.choices.index(choice) for choice in gene.choices])[rows[:, i]]
        for i, (gene, whole_gene) in enumerate(zip(frozen.genes, whole.genes, strict=True))
    ]
    return np.stack(columns, axis=1)


def to_frozen_space(frozen: SearchSpace, genomes: Genomes) -> Genomes:
    """Converts genomes of the whole space to a frozen one, (designs, genes).

    Frozen genes take their only choice, so designs outside the frozen space become their counterparts inside it.
    """
    return np.where(frozen.n_choices == 1, 0, genomes)
