"""Variation of genomes: the operators that derive children from their parents.

Designs are chains of layers with similar genes, so besides single genes, whole layers and blocks of layers move
together, neighbouring layers trade places, and mates exchange blocks. Every operator works on all children at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import ConfigError
from xpert_evo.space import Genomes, IntArray, SearchSpace

BoolArray = NDArray[np.bool_]


class Move(StrEnum):
    """How a child differs from its parent; the values are names in settings."""

    GENE = "gene"
    LAYER = "layer"
    BLOCK = "block"
    LEVEL = "level"
    SWAP = "swap"
    TRADE = "trade"


DEFAULT_MOVES: Mapping[Move, float] = {
    Move.GENE: 0.3,
    Move.LAYER: 0.15,
    Move.BLOCK: 0.15,
    Move.LEVEL: 0.1,
    Move.SWAP: 0.15,
    Move.TRADE: 0.15,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariationSettings:
    """Settings of the variation operators.

    Attributes:
        moves: Relative frequency of each move; an omitted move is switched off.
        crossover_rate: Share of the children that first take a block of layers from a mate.
        repeat_rate: Probability that a child moves once more, tested again after each move.
    """

    moves: Mapping[Move, float] = field(default_factory=lambda: dict(DEFAULT_MOVES))
    crossover_rate: float = 0.9
    repeat_rate: float = 0.1

    def __post_init__(self) -> None:
        """Raises ConfigError for invalid frequencies."""
        if not self.moves or min(self.moves.values()) < 0 or sum(self.moves.values()) <= 0:
            raise ConfigError(
                f"VariationSettings.moves must be frequencies of at least 0, not all of them 0, got {dict(self.moves)}."
            )
        for name, largest in (("crossover_rate", 1), ("repeat_rate", 0.9)):
            if not 0 <= getattr(self, name) <= largest:
                raise ConfigError(f"VariationSettings.{name} must be from 0 to {largest}, got {getattr(self, name)}.")


class Variation:
    """The variation operators, with the layout of a space in arrays.

    Args:
        space: Search space of the genomes.
        settings: Operators and their frequencies.
    """

    def __init__(self, space: SearchSpace, settings: VariationSettings) -> None:
        self._n_choices = space.n_choices
        self._n_layers = space.n_layers
        kinds = list(space.kinds)
        self._layer_of = np.array([gene.layer for gene in space.genes])
        self._kind_of = np.array([kinds.index(gene.kind) for gene in space.genes])
        self._is_ordinal = np.array([gene.kind.record.is_ordinal for gene in space.genes])
        self._free = np.flatnonzero(self._n_choices > 1)
        self.settings = settings
        self._moves = list(settings.moves)
        self._move_shares = np.cumsum(list(settings.moves.values())) / sum(settings.moves.values())
        columns = np.full((self._n_layers, len(kinds)), -1)
        for i in range(self._n_layers):
            for k, kind in enumerate(kinds):
                column = space.column(i, kind)
                columns[i, k] = -1 if column is None else column
        self._columns = columns

    @property
    def is_free(self) -> bool:
        """Whether any gene has a choice; otherwise there are no children."""
        return bool(len(self._free))

    def children(self, parents: Genomes, mates: Genomes, rng: np.random.Generator) -> Genomes:
        """Returns one child per pair, (children, genes)."""
        n = len(parents)
        crossed = rng.random(n) < self.settings.crossover_rate
        children = np.where(self._block(n, rng) & self._kinds(n, rng) & crossed[:, None], mates, parents)
        moving = np.arange(n)
        for _ in range(MOST_MOVES):
            children[moving] = self._moved(children[moving], rng)
            moving = moving[rng.random(len(moving)) < self.settings.repeat_rate]
            if not len(moving):
                break
        return children

    def _moved(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Returns each genome after one move."""
        which = np.searchsorted(self._move_shares, rng.random(len(genomes)), side="right")
        moved = genomes.copy()
        for index, move in enumerate(self._moves):
            rows = np.flatnonzero(which == index)
            if len(rows):
                moved[rows] = _MOVES[move](self, genomes[rows], rng)
        return moved

    def _move_gene(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        rows, columns = np.arange(len(genomes)), rng.choice(self._free, len(genomes))
        moved = genomes.copy()
        moved[rows, columns] = self._stepped(genomes[rows, columns], columns, rng)
        return moved

    def _move_layer(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Moves every gene of one layer with probability 1/2."""
        chosen = self._layer_of == rng.integers(self._n_layers, size=(len(genomes), 1))
        rows, columns = np.nonzero(chosen & (rng.random(genomes.shape) < 0.5))
        moved = genomes.copy()
        moved[rows, columns] = self._stepped(genomes[rows, columns], columns, rng)
        return moved

    def _move_block(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Moves one kind of gene by the same step in all layers of a block; genes at their bound stay there."""
        chosen = self._block(len(genomes), rng) & self._one_kind(len(genomes), rng)
        step = np.where(rng.random((len(genomes), 1)) < 0.5, 1, -1)
        return np.asarray(np.clip(genomes + step * chosen, 0, self._n_choices - 1))

    def _move_level(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Sets one kind of gene to a single value throughout a block."""
        chosen = self._block(len(genomes), rng) & self._one_kind(len(genomes), rng)
        level = (rng.random((len(genomes), 1)) * self._n_choices).astype(np.int64)
        return np.where(chosen, level, genomes)

    def _move_swap(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Exchanges some kinds of genes between two neighbouring layers."""
        first = rng.integers(self._n_layers - 1, size=len(genomes))
        a, b = self._columns[first], self._columns[first + 1]
        rows, kinds = np.nonzero((a >= 0) & (b >= 0) & (rng.random(a.shape) < 0.5))
        a, b = a[rows, kinds], b[rows, kinds]
        swapped = genomes.copy()
        swapped[rows, a], swapped[rows, b] = genomes[rows, b], genomes[rows, a]
        return np.asarray(np.minimum(swapped, self._n_choices - 1))

    def _move_trade(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Moves one kind of gene up in one layer and down in another, which hardly changes costs that grow with it."""
        kind = self._kind_of[rng.choice(self._free, size=len(genomes))]
        layers = rng.integers(self._n_layers, size=(2, len(genomes)))
        columns = self._columns[layers, kind]
        rows = np.flatnonzero((columns >= 0).all(axis=0))
        (up, down), moved = columns[:, rows], genomes.copy()
        moved[rows, up] += 1
        moved[rows, down] -= 1
        return np.asarray(np.clip(moved, 0, self._n_choices - 1))

    def _stepped(self, values: IntArray, columns: IntArray, rng: np.random.Generator) -> IntArray:
        """Steps single genes by one or two choices up or down, reflected at the ends; a category changes to another."""
        top = self._n_choices[columns] - 1
        step = (1 + (rng.random(len(values)) < TWO_STEPS)) * np.where(rng.random(len(values)) < 0.5, 1, -1)
        ahead, back = np.clip(values + step, 0, top), np.clip(values - step, 0, top)
        other = (values + 1 + (rng.random(len(values)) * top).astype(np.int64)) % (top + 1)
        return np.where(self._is_ordinal[columns], np.where(ahead == values, back, ahead), other)

    def _block(self, n: int, rng: np.random.Generator) -> BoolArray:
        """Selects, for n children, the genes of a run of one or more neighbouring layers, (n, genes)."""
        ends = rng.integers(self._n_layers, size=(2, n, 1))
        return np.asarray((self._layer_of >= ends.min(axis=0)) & (self._layer_of <= ends.max(axis=0)))

    def _one_kind(self, n: int, rng: np.random.Generator) -> BoolArray:
        return np.asarray(self._kind_of == self._kind_of[rng.choice(self._free, size=(n, 1))])

    def _kinds(self, n: int, rng: np.random.Generator) -> BoolArray:
        """Selects all kinds of genes for half of n children, one kind for the others, (n, genes)."""
        return self._one_kind(n, rng) | (rng.random((n, 1)) < 0.5)


MOST_MOVES = 2
"""Largest number of moves of one child."""

TWO_STEPS = 0.2
"""Probability that a single ordinal gene moves two choices instead of one."""

_MOVES = {
    Move.GENE: Variation._move_gene,
    Move.LAYER: Variation._move_layer,
    Move.BLOCK: Variation._move_block,
    Move.LEVEL: Variation._move_level,
    Move.SWAP: Variation._move_swap,
    Move.TRADE: Variation._move_trade,
}
