"""Variation of genomes: how children differ from their parents.

Designs are chains of layers with like genes, so besides single genes whole layers and blocks of layers move together,
neighbouring layers trade places, and mates exchange blocks. Every operator works on all children at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import ConfigError
from xpert_evo.space import GeneKind, Genomes, SearchSpace

BoolArray = NDArray[np.bool_]


class Move(StrEnum):
    """How a child departs from its parent; the values are names in settings."""

    GENE = "gene"
    LAYER = "layer"
    BLOCK = "block"
    LEVEL = "level"
    SWAP = "swap"


DEFAULT_MOVES: Mapping[Move, float] = {
    Move.GENE: 0.4,
    Move.LAYER: 0.15,
    Move.BLOCK: 0.2,
    Move.LEVEL: 0.1,
    Move.SWAP: 0.15,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariationSettings:
    """How children are made.

    Attributes:
        moves: Relative frequency of each move; one left out is switched off.
        crossover_rate: Share of the children that first take a block of layers from a mate.
        repeat_rate: Chance that a child moves once more, again after each move.
    """

    moves: Mapping[Move, float] = field(default_factory=lambda: dict(DEFAULT_MOVES))
    crossover_rate: float = 0.5
    repeat_rate: float = 0.3

    def __post_init__(self) -> None:
        """Raises ConfigError for frequencies that are none."""
        if not self.moves or min(self.moves.values()) < 0 or sum(self.moves.values()) <= 0:
            raise ConfigError(f"search moves need frequencies of at least 0, one above it; got {dict(self.moves)}.")
        for name in ("crossover_rate", "repeat_rate"):
            if not 0 <= getattr(self, name) <= (1 if name == "crossover_rate" else 0.9):
                raise ConfigError(f"search.{name} must be from 0 to 1 (repeat_rate: 0.9), got {getattr(self, name)}.")


class Variation:
    """The operators, with the layout of a space laid out in arrays.

    Args:
        space: Whose genomes vary.
        settings: Which operators, and how often.
    """

    def __init__(self, space: SearchSpace, settings: VariationSettings) -> None:
        self.n_choices = space.n_choices
        self.n_layers = space.n_layers
        kinds = list(GeneKind)
        self.layer_of = np.array([gene.layer for gene in space.genes])
        self.kind_of = np.array([kinds.index(gene.kind) for gene in space.genes])
        self.is_ordinal = np.array([gene.kind.ordinal for gene in space.genes])
        self.free = np.flatnonzero(self.n_choices > 1)
        self.settings = settings
        self.moves = list(settings.moves)
        self.move_shares = np.cumsum(list(settings.moves.values())) / sum(settings.moves.values())
        columns = np.full((self.n_layers, len(kinds)), -1)
        for i in range(self.n_layers):
            for k, kind in enumerate(kinds):
                column = space.column(i, kind)
                columns[i, k] = -1 if column is None else column
        self.columns = columns

    def children(self, parents: Genomes, mates: Genomes, rng: np.random.Generator) -> Genomes:
        """One child of each pair (children, genes)."""
        children = parents.copy()
        crossed = rng.random(len(children)) < self.settings.crossover_rate
        taken = self._blocks(len(children), rng) & self._kinds(len(children), rng) & crossed[:, None]
        children = np.where(taken, mates, children)
        moving = np.arange(len(children))
        while len(moving):
            children[moving] = self._moved(children[moving], rng)
            moving = moving[rng.random(len(moving)) < self.settings.repeat_rate]
        return children

    def _moved(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Each genome after one move."""
        which = np.searchsorted(self.move_shares, rng.random(len(genomes)), side="right")
        moved = genomes.copy()
        for index, move in enumerate(self.moves):
            rows = np.flatnonzero(which == index)
            if len(rows):
                moved[rows] = _MOVES[move](self, genomes[rows], rng)
        return moved

    def _move_gene(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        chosen = np.zeros(genomes.shape, dtype=bool)
        chosen[np.arange(len(genomes)), rng.choice(self.free, len(genomes))] = True
        return self._stepped(genomes, chosen, rng)

    def _move_layer(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        layers = self.layer_of == rng.integers(self.n_layers, size=(len(genomes), 1))
        return self._stepped(genomes, layers & (rng.random(genomes.shape) < 0.5), rng)

    def _move_block(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """One kind of gene takes the same step in all layers of a block."""
        chosen = self._blocks(len(genomes), rng) & self._one_kind(len(genomes), rng)
        return self._stepped(genomes, chosen, rng, together=True)

    def _move_level(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """One kind of gene takes one value throughout a block."""
        chosen = self._blocks(len(genomes), rng) & self._one_kind(len(genomes), rng)
        level = (rng.random((len(genomes), 1)) * self.n_choices).astype(np.int64)
        return np.where(chosen, level, genomes)

    def _move_swap(self, genomes: Genomes, rng: np.random.Generator) -> Genomes:
        """Two neighbouring layers exchange some kinds of genes."""
        rows = np.arange(len(genomes))[:, None]
        first = rng.integers(self.n_layers - 1, size=len(genomes))
        a, b = self.columns[first], self.columns[first + 1]
        usable = (a >= 0) & (b >= 0) & (rng.random(a.shape) < 0.5)
        a, b = np.where(usable, a, 0), np.where(usable, b, 0)
        swapped = genomes.copy()
        swapped[rows, a], swapped[rows, b] = genomes[rows, b], genomes[rows, a]
        swapped[:, 0] = np.where((usable & ((a == 0) | (b == 0))).any(axis=1), swapped[:, 0], genomes[:, 0])
        return np.minimum(swapped, self.n_choices - 1)

    def _stepped(
        self, genomes: Genomes, chosen: BoolArray, rng: np.random.Generator, *, together: bool = False
    ) -> Genomes:
        """Chosen ordinal genes one step (sometimes two) up or down, back at the ends; categories to another choice."""
        shape = (len(genomes), 1) if together else genomes.shape
        step = (1 + (rng.random(shape) < 0.2)) * np.where(rng.random(shape) < 0.5, 1, -1)
        stepped = np.clip(genomes + step, 0, self.n_choices - 1)
        if not together:
            stepped = np.where(stepped == genomes, np.clip(genomes - step, 0, self.n_choices - 1), stepped)
        other = (genomes + 1 + (rng.random(shape) * (self.n_choices - 1)).astype(np.int64)) % self.n_choices
        return np.where(chosen, np.where(self.is_ordinal, stepped, other), genomes)

    def _blocks(self, n: int, rng: np.random.Generator) -> BoolArray:
        """For n children the genes of a run of one or more neighbouring layers, (n, genes)."""
        ends = rng.integers(self.n_layers, size=(2, n, 1))
        return np.asarray((self.layer_of >= ends.min(axis=0)) & (self.layer_of <= ends.max(axis=0)))

    def _one_kind(self, n: int, rng: np.random.Generator) -> BoolArray:
        return np.asarray(self.kind_of == self.kind_of[rng.choice(self.free, size=(n, 1))])

    def _kinds(self, n: int, rng: np.random.Generator) -> BoolArray:
        """All kinds of genes for half of n children, one kind for the others, (n, genes)."""
        return self._one_kind(n, rng) | (rng.random((n, 1)) < 0.5)


_MOVES = {
    Move.GENE: Variation._move_gene,
    Move.LAYER: Variation._move_layer,
    Move.BLOCK: Variation._move_block,
    Move.LEVEL: Variation._move_level,
    Move.SWAP: Variation._move_swap,
}
