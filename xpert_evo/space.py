"""The search space: the choices of each gene, and the translation between genomes, designs and hardware arrays.

A genome is a row of integers. Each integer, a gene, is the position of a choice in its list, so neighbouring values are
neighbouring choices. Genes are ordered layer by layer, and within a layer as in `GeneKind`; the classifier and layers
whose channel depth is tied to an earlier layer have no channel-depth gene.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hw_models import CrossbarSpec, LayerShapes, Peripherals, with_choices
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design, LayerDesign
from xpert_evo.errors import ConfigError, DesignError
from xpert_evo.genes import CHIP_WIDE, PERIPHERALS, Choice, GeneKind, choice_number

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
                        raise _not_its_own(layer.name, kind, other, is_classifier=i == backbone.graph.classifier)
                    if owner is not None:
                        columns[i, kind] = columns[owner, kind]
                    continue
                columns[i, kind] = len(genes)
                genes.append(Gene(layer=i, kind=kind, choices=_checked(kind, own[kind], layer.name)))
        self.genes: tuple[Gene, ...] = tuple(genes)
        self.kinds = _kinds(columns, len(backbone.layers))
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


class CrossbarChoices:
    """The crossbars that layers of a space may have.

    Args:
        space: Search space.
        of_chip: Crossbars of the chip, without what layers choose.

    Attributes:
        n_crossbars: Number of combinations of the choices of all genes of the crossbar; 1 without any.
    """

    def __init__(self, space: SearchSpace, of_chip: CrossbarSpec) -> None:
        self._space = space
        self._kinds = [kind for kind in space.kinds if kind.record.is_of_crossbar]
        offered = [
            {choice for gene in space.genes if gene.kind is kind for choice in gene.choices} for kind in self._kinds
        ]
        self._numbers = [np.unique([choice_number(choice) for choice in choices]) for choices in offered]
        self._of_chip = of_chip
        self._names = [kind.record.cost_attribute for kind in self._kinds]
        self.n_crossbars = int(np.prod([len(numbers) for numbers in self._numbers], dtype=np.int64))

    def crossbar(self, number: int) -> CrossbarSpec:
        """The crossbar with a number from 0 to `n_crossbars`, exclusive; raises HardwareModelError if there is none."""
        places = np.unravel_index(number, [len(numbers) for numbers in self._numbers]) if self._numbers else ()
        chosen = [int(numbers[place]) for numbers, place in zip(self._numbers, places, strict=True)]
        return with_choices(self._of_chip, dict(zip(self._names, chosen, strict=True)))

    def of(self, genomes: Genomes) -> IntArray:
        """Numbers of the crossbars of genomes' layers, (designs, layers), or 0 if there is only one."""
        position: IntArray = np.zeros((1, 1), dtype=np.int64)
        for kind, numbers in zip(self._kinds, self._numbers, strict=True):
            position = position * len(numbers) + np.searchsorted(numbers, self._space.values(genomes, kind))
        return position


def layer_shapes(backbone: Backbone, depths: IntArray) -> LayerShapes:
    """Returns the shapes of a backbone's layers for channel depths (designs, layers)."""
    nodes, maps = backbone.graph.layers, backbone.output_maps
    in_channels = backbone.in_channels(depths)
    depthwise = np.array([[node.depthwise for node in nodes]])
    work: dict[str, list[IntArray]] = {"additions": [], "multiplications": [], "moved": []}
    for i, digital in enumerate(backbone.digital_work):
        for name, values in digital.shapes(depths[:, i]).items():
            work[name].append(values)

    def row(numbers: Iterable[int]) -> IntArray:
        return np.array([list(numbers)])

    return LayerShapes(
        output_size=row(height for height, _ in maps),
        output_width=row(width for _, width in maps),
        in_channels=in_channels,
        kernel_size=row(node.kernel[0] for node in nodes),
        kernel_width=row(node.kernel[1] for node in nodes),
        out_channels=depths,
        stride=row(node.stride[0] for node in nodes),
        stride_width=row(node.stride[1] for node in nodes),
        dilation=row(node.dilation[0] for node in nodes),
        dilation_width=row(node.dilation[1] for node in nodes),
        groups=np.where(depthwise, in_channels, row(node.groups for node in nodes)),
        passes=row(1 + signed for signed in backbone.graph.signed),
        **{name: np.stack(values, axis=1) for name, values in work.items()},
    )


def _numbers(choices: tuple[Choice, ...]) -> IntArray:
    return np.array([choice_number(choice) for choice in choices], dtype=np.int64)


def _checked(kind: GeneKind, choices: tuple[Choice, ...], layer: str) -> tuple[Choice, ...]:
    numbers = list(_numbers(choices))
    if not choices:
        raise ConfigError(f"space.{kind} of {layer} must have at least one choice.")
    if len(set(numbers)) < len(numbers) or (kind.record.is_ordinal and numbers != sorted(numbers)):
        shown = ", ".join(map(str, choices))
        raise ConfigError(f"space.{kind} of {layer} must be in ascending order without repeats, got {shown}.")
    if kind.record.is_ordinal and numbers[0] < 1:
        raise ConfigError(f"space.{kind} of {layer} must be at least 1, got {numbers[0]}.")
    return choices


def _kinds(columns: Collection[tuple[int, GeneKind]], n_layers: int) -> tuple[GeneKind, ...]:
    """Returns the kinds of genes of a space; peripherals must be present in all layers or in none."""
    counts = {kind: sum(held is kind for _, held in columns) for kind in GeneKind}
    for kind in PERIPHERALS:
        if counts[kind] not in {0, n_layers}:
            raise ConfigError(
                f"space.{kind}: {counts[kind]} of {n_layers} layers have choices; give choices in [space] for all "
                "layers, then narrow them for single ones."
            )
    return tuple(kind for kind in GeneKind if counts[kind])


def _not_its_own(layer: str, kind: GeneKind, owner: str | None, *, is_classifier: bool) -> ConfigError:
    """Returns the error for choices of a layer that follow from another layer, from the classes or from the network."""
    setting = f"space.layers.{layer}.{kind}"
    if kind is not GeneKind.CHANNEL_DEPTH:
        return ConfigError(f"{setting}: all layers share one {kind.record.label}; set space.{kind} instead.")
    if owner is None and is_classifier:
        return ConfigError(
            f"{setting}: the classifier has one output per class and no depth to choose; remove this setting."
        )
    if owner is None:
        return ConfigError(f"{setting}: the depth of {layer} is fixed by the network; remove this setting.")
    return ConfigError(f"{setting}: {layer} shares its channel depth with {owner}; set the choices of {owner} instead.")
