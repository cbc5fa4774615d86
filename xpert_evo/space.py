"""The search space: the choices of each gene, and the translation between genomes, designs and hardware arrays.

A genome is a row of integers. Each integer, a gene, is the position of a choice in its list, so neighbouring values are
neighbouring choices. Genes are ordered layer by layer, and within a layer as in `GeneKind`; the classifier and layers
whose channel depth is tied to an earlier layer have no channel-depth gene.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hw_models import LayerShapes, Peripherals
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design, LayerDesign
from xpert_evo.errors import ConfigError, DesignError
from xpert_evo.genes import CHIP_WIDE, PERIPHERALS, Choice, GeneKind, choice_number
from xpert_evo.layer_shapes import layer_shapes
from xpert_evo.space_rules import checked_choices, kinds_of, not_its_own

Genomes: TypeAlias = NDArray[np.int64]
IntArray: TypeAlias = NDArray[np.int64]


Choices: TypeAlias = Mapping[GeneKind, tuple[Choice, ...]]

PAPER_CHOICES: Choices = {kind: kind.record.paper_choices for kind in GeneKind if kind.record.paper_choices}

WIDE_CHOICES: Choices = {
    **PAPER_CHOICES,
    **{kind: kind.record.wide_choices for kind in GeneKind if kind.record.wide_choices},
}
"""Choices of the preset `wide`: those of the paper, and those of further genes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gene:
    """One column of the genome.

    Attributes:
        layer: Position of its layer (for a tied channel depth, the first of the layers).
        kind: Kind of gene.
        choices: Meaning of its values 0, 1, ..., in ascending order.
    """

    layer: int
    kind: GeneKind
    choices: tuple[Choice, ...]


class SearchSpace:
    """All designs of a backbone that a search may visit.

    Args:
        backbone: The network's fixed part.
        choices: Choices for each kind of gene, in ascending order; omitted kinds have the paper's choices.
        layer_choices: Choices for single layers, by name, that replace those of `choices`; a single choice freezes a
            gene.
        per_layer: Genes that each layer has for itself although they are tied to one value by default (`may_be_tied` of
            their records).

    Attributes:
        genes: Columns of a genome.
        kinds: Kinds of genes present in some layer, in the order of `GeneKind`.

    Raises:
        ConfigError: If a list of choices is empty, not in ascending order or out of range, names an unknown layer, or
            sets the channel depth of a layer that has no such gene.
    """

    def __init__(
        self,
        backbone: Backbone,
        choices: Choices | None = None,
        layer_choices: Mapping[str, Choices] | None = None,
        per_layer: Collection[GeneKind] = (),
    ) -> None:
        self.backbone = backbone
        self.choices: Choices = {**PAPER_CHOICES, **(choices or {})}
        self.per_layer = frozenset(per_layer)
        special = dict(layer_choices or {})
        unknown = set(special) - {layer.name for layer in backbone.layers}
        if unknown:
            raise ConfigError(f"space: backbone {backbone.name} has no layer '{sorted(unknown)[0]}'.")
        genes: list[Gene] = []
        columns: dict[tuple[int, GeneKind], int] = {}
        for i, layer in enumerate(backbone.layers):
            own = {**self.choices, **self._offered(i), **special.get(layer.name, {})}
            for kind in (kind for kind in GeneKind if kind in own):
                owner = self._owner(kind, i)
                if owner != i:
                    if kind in special.get(layer.name, {}):
                        other = None if owner is None else backbone.layers[owner].name
                        raise not_its_own(layer.name, kind, other, is_classifier=i == backbone.graph.classifier)
                    if owner is not None:
                        columns[i, kind] = columns[owner, kind]
                    continue
                columns[i, kind] = len(genes)
                genes.append(Gene(layer=i, kind=kind, choices=checked_choices(kind, own[kind], layer.name)))
        self.genes: tuple[Gene, ...] = tuple(genes)
        self.kinds = kinds_of(columns, len(backbone.layers))
        self._columns = columns

    def _offered(self, layer: int) -> Choices:
        """Channel depths that an imported backbone offers for a layer, unless the settings give others for all."""
        offered = self.backbone.offered_depths(layer)
        kind = GeneKind.CHANNEL_DEPTH
        return {kind: offered} if offered is not None and self.choices[kind] == PAPER_CHOICES[kind] else {}

    @classmethod
    def around(cls, design: Design, backbone: Backbone) -> "SearchSpace":
        """Returns the space that contains only one design; raises DesignError if it does not fit the backbone."""
        design.check(backbone)
        layer_choices: dict[str, Choices] = {}
        per_layer = [kind for kind in GeneKind if kind.record.may_be_tied]
        for i, (layer, owner) in enumerate(zip(design.layers, backbone.depth_owners, strict=True)):
            owners = {GeneKind.CHANNEL_DEPTH: owner, **dict.fromkeys(CHIP_WIDE, 0)}
            kinds = [kind for kind in design.kinds if owners.get(kind, i) == i]
            values = {kind: getattr(layer, kind) or kind.record.default for kind in kinds}
            layer_choices[layer.name] = {kind: (value,) for kind, value in values.items() if value is not None}
        chip = {kind: (getattr(design.layers[0], kind),) for kind in CHIP_WIDE if kind in design.kinds}
        return cls(backbone, chip, layer_choices, per_layer)

    def _owner(self, kind: GeneKind, layer: int) -> int | None:
        """The layer that has a layer's gene; None for the classifier's channel depth, which is no gene."""
        if kind is GeneKind.CHANNEL_DEPTH:
            return self.backbone.depth_owners[layer]
        return 0 if self.is_tied(kind) else layer

    def is_tied(self, kind: GeneKind) -> bool:
        """Whether all layers share one gene of this kind."""
        return kind.record.is_chip_wide or (kind.record.may_be_tied and kind not in self.per_layer)

    @property
    def n_genes(self) -> int:
        """Length of a genome."""
        return len(self.genes)

    @property
    def n_layers(self) -> int:
        """Number of layers of the backbone, including the classifier."""
        return len(self.backbone.layers)

    @property
    def n_choices(self) -> IntArray:
        """Number of choices of each gene, (genes,); values run from 0 up to this, exclusive."""
        return np.array([len(gene.choices) for gene in self.genes])

    @property
    def log10_size(self) -> float:
        """Decimal logarithm of the number of designs."""
        return float(np.log10(self.n_choices).sum())

    def column(self, layer: int, kind: GeneKind) -> int | None:
        """Returns the genome column of a layer's gene; None for the classifier's channel depth."""
        return self._columns.get((layer, kind))

    def check(self, genomes: Genomes) -> Genomes:
        """Returns the genomes as an int64 array (designs, genes); raises DesignError if they are out of bounds."""
        array = np.atleast_2d(np.asarray(genomes))
        if array.ndim != 2 or array.shape[1] != self.n_genes or array.dtype.kind not in "iu":
            raise DesignError(
                f"genomes must be integers of shape (designs, genes = {self.n_genes}), "
                f"got {array.dtype} of shape {array.shape}."
            )
        wrong = np.argwhere((array < 0) | (array >= self.n_choices))
        if wrong.size:
            row, column = wrong[0]
            gene = self.genes[column]
            raise DesignError(
                f"gene {column} ({gene.kind} of {self.backbone.layers[gene.layer].name}) must be from 0 to "
                f"{len(gene.choices) - 1}, got {array[row, column]} in genome {row}."
            )
        return array.astype(np.int64, copy=False)

    def decode(self, genomes: Genomes) -> list[Design]:
        """Converts genomes (designs, genes) to designs."""
        return [self._decode_one(row) for row in self.check(genomes)]

    def _decode_one(self, genome: IntArray) -> Design:
        layers = []
        for i, layer in enumerate(self.backbone.layers):
            values: dict[str, object] = {
                kind.value: self.genes[column].choices[genome[column]]
                for kind in self.kinds
                if (column := self.column(i, kind)) is not None
            }
            layers.append(LayerDesign.model_validate({"name": layer.name, **values}))
        return Design(backbone=self.backbone.name, layers=tuple(layers))

    def encode(self, designs: Sequence[Design]) -> Genomes:
        """Converts designs to genomes (designs, genes); raises DesignError if a choice is not in the space."""
        genomes = np.zeros((len(designs), self.n_genes), dtype=np.int64)
        for row, design in enumerate(designs):
            design.check(self.backbone)
            for column, gene in enumerate(self.genes):
                layer = design.layers[gene.layer]
                value = getattr(layer, gene.kind)
                if value not in gene.choices:
                    allowed = ", ".join(map(str, gene.choices))
                    raise DesignError(
                        f"{gene.kind} of {layer.name} must be one of {allowed} in this space, got {value}."
                    )
                genomes[row, column] = gene.choices.index(value)
        return genomes

    def values(self, genomes: Genomes, kind: GeneKind) -> IntArray:
        """Values of `kind` in each layer, (designs, layers); ADC types as codes.

        For `CHANNEL_DEPTH` this is the number of output channels, or of classes for the classifier.
        """
        rows = np.atleast_2d(genomes)
        table = np.empty((len(rows), self.n_layers), dtype=np.int64)
        for i in range(self.n_layers):
            column = self.column(i, kind)
            if column is None:
                table[:, i] = self.backbone.fixed_depths[i]
                continue
            table[:, i] = _numbers(self.genes[column].choices)[rows[:, column]]
        return table

    def in_channels(self, genomes: Genomes) -> IntArray:
        """Input channels of each layer, (designs, layers)."""
        depths = self.values(genomes, GeneKind.CHANNEL_DEPTH)
        return self.backbone.in_channels(depths)

    def hardware_arrays(self, genomes: Genomes) -> tuple[LayerShapes, Peripherals]:
        """Returns the arguments of `hw_models.evaluate` for genomes (designs, genes)."""
        shapes = layer_shapes(self.backbone, self.values(genomes, GeneKind.CHANNEL_DEPTH))
        peripherals = Peripherals(
            **{kind.record.cost_attribute: self.values(genomes, kind) for kind in PERIPHERALS if kind in self.kinds}
        )
        return shapes, peripherals

    def homogeneous(self, *, depth_factor: float = 1.0, **peripherals: Choice) -> Genomes:
        """Returns the genome (1, genes) with the same peripherals in all layers and the backbone's own depths.

        Args:
            depth_factor: Factor on the backbone's reference depths.
            peripherals: Values by gene name, such as `column_sharing=8`; if a gene does not offer the value, its
                nearest choice is used. Omitted genes take their first choice.
        """
        return self._nearest({GeneKind(name): value for name, value in peripherals.items()}, depth_factor)

    def baseline(self) -> Genomes:
        """Returns a baseline like the paper's (1, genes): the backbone's depths and each gene's `baseline` value."""
        values = {kind: kind.record.baseline for kind in PERIPHERALS}
        return self._nearest({kind: value for kind, value in values.items() if value is not None}, 1.0)

    def _nearest(self, peripherals: Mapping[GeneKind, Choice], depth_factor: float) -> Genomes:
        """Returns the homogeneous genome (1, genes) whose choices are nearest to the given ones."""
        genome = np.zeros((1, self.n_genes), dtype=np.int64)
        for column, gene in enumerate(self.genes):
            if gene.kind is GeneKind.CHANNEL_DEPTH:
                value = depth_factor * (self.backbone.layers[gene.layer].reference_depth or 1)
            elif gene.kind in peripherals:
                value = choice_number(peripherals[gene.kind])
            else:
                continue
            distance = np.abs(np.log1p(_numbers(gene.choices)) - np.log1p(value))
            genome[0, column] = int(np.argmin(distance))
        return genome

    def random(self, rng: np.random.Generator, n_designs: int) -> Genomes:
        """Returns uniform random genomes (designs, genes)."""
        return rng.integers(self.n_choices, size=(n_designs, self.n_genes))


def _numbers(choices: tuple[Choice, ...]) -> IntArray:
    return np.array([choice_number(choice) for choice in choices], dtype=np.int64)
