"""NSGA-II with ask and tell: pymoo provides selection and survival, this project sampling and variation.

`ask` returns genomes, `tell` takes their minimised objectives and violations; the search does not depend on how they
were scored. `SearchState` contains everything needed to continue: a search built from the same settings and a saved
state continues bit for bit.

K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
Transactions on Evolutionary Computation 6(2), 2002.
"""

from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xpert_evo.errors import ConfigError
from xpert_evo.objectives import FloatArray
from xpert_evo.search.screening import predict_scores
from xpert_evo.search.selection import select_parents, survive
from xpert_evo.search.state import SearchState, pack_generator, unpack_generator
from xpert_evo.search.variation import Variation, VariationSettings
from xpert_evo.space import Genomes, IntArray, SearchSpace

Hashes: TypeAlias = NDArray[np.uint64]
Number = TypeVar("Number", np.float64, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Settings of the evolution.

    Attributes:
        population_size: Number of designs that survive a generation.
        offspring_size: Number of designs requested per generation.
        neighbours: Number of nearest neighbours along the front among which a parent's mate is chosen.
        screening: Children made for each one requested; predicted scores screen out the rest. 1 switches screening off.
        unscreened_ratio: Share of the requested designs that bypass the screening, to offset its blind spots.
        memory_size: Number of latest designs, in addition to the population, that train the screening and are not
            requested again.
        variation: Settings of the variation operators.
    """

    population_size: int = 100
    offspring_size: int = 50
    neighbours: int = 10
    screening: int = 6
    unscreened_ratio: float = 0.1
    memory_size: int = 100
    variation: VariationSettings = field(default_factory=VariationSettings)

    def __post_init__(self) -> None:
        """Raises ConfigError for sizes that are too small and ratios outside [0, 1]."""
        if not 0 <= self.unscreened_ratio <= 1:
            raise ConfigError(f"SearchSettings.unscreened_ratio must be from 0 to 1, got {self.unscreened_ratio}.")
        least = {"population_size": 4, "offspring_size": 1, "neighbours": 1, "screening": 1, "memory_size": 0}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ConfigError(
                    f"SearchSettings.{name} must be at least {smallest}, got {getattr(self, name)}; increase it."
                )


class Nsga2:
    """The NSGA-II search.

    Args:
        space: Search space.
        settings: Settings of the evolution.
        seed: Random seed of a new search; give either a seed or a `state`.
        state: State of a search to continue.
        initial: First designs of a new search, (designs, genes); by default a random population. A search that
            continues from a state before its first `tell` needs them again.

    Raises:
        ConfigError: If neither or both of seed and state are given.
        DesignError: If `initial` contains invalid genomes.
    """

    def __init__(
        self,
        space: SearchSpace,
        settings: SearchSettings | None = None,
        *,
        seed: int | np.random.SeedSequence | None = None,
        state: SearchState | None = None,
        initial: Genomes | None = None,
    ) -> None:
        if (seed is None) == (state is None):
            raise ConfigError("give a search either a seed to begin or a state to continue, not both or neither.")
        self.space = space
        self.settings = settings or SearchSettings()
        self._state = state if state is not None else _empty_state(space, np.random.default_rng(seed))
        self._initial = space.check(initial) if initial is not None else np.empty((0, space.n_genes), np.int64)
        self._variation = Variation(space, self.settings.variation)
        self._hash_weights = _hash_weights(space.n_genes)
        self._asked: tuple[Genomes, np.random.Generator] | None = None

    @property
    def state(self) -> SearchState:
        """State after the latest `tell`."""
        return self._state

    def ask(self) -> Genomes:
        """Returns new designs to score, (designs, genes), without duplicates or designs already in the state.

        There may be fewer than requested, as in tiny spaces, and none if all designs are known: the search is then
        over.

        Raises:
            RuntimeError: If the results of the previous designs were not reported.
        """
        if self._asked is not None:
            raise RuntimeError("ask was called twice; pass the first results to tell before asking again.")
        rng = unpack_generator(self._state.random_state)
        genomes = self._offspring(rng) if len(self._state.genomes) else self._first(rng)
        self._asked = genomes, rng
        return genomes.copy()

    def tell(self, objectives: ArrayLike, violations: ArrayLike | None = None) -> SearchState:
        """Takes the results of the requested designs and returns the state after survival.

        Args:
            objectives: Objectives of the requested designs, minimised, (designs, objectives).
            violations: Violations (designs, constraints); a value above 0 breaks a limit. None for no constraints.

        Raises:
            RuntimeError: If no designs were requested.
            ValueError: If a table has the wrong shape or contains NaN or infinity.
        """
        if self._asked is None:
            raise RuntimeError("tell was called before ask; call ask first.")
        genomes, rng = self._asked
        scores, broken = _checked(objectives, violations, len(genomes))
        self._state = self._survived(genomes, scores, broken, rng)
        self._asked = None
        return self._state

    def _survived(self, told: Genomes, scores: FloatArray, broken: FloatArray, rng: np.random.Generator) -> SearchState:
        """Returns the state that follows from the results of designs."""
        old = self._state
        genomes, objectives = _stacked(old.genomes, told), _stacked(old.objectives, scores)
        violations = _stacked(old.violations, broken)
        kept, rank, crowding = survive(objectives, violations, self.settings.population_size)
        recent = self._recent(told, scores, broken)
        return SearchState(
            generation=old.generation + 1,
            n_evaluated=old.n_evaluated + len(told),
            genomes=genomes[kept],
            objectives=objectives[kept],
            violations=violations[kept],
            rank=rank,
            crowding=crowding,
            random_state=pack_generator(rng),
            recent_genomes=recent[0],
            recent_objectives=recent[1],
            recent_violations=recent[2],
        )

    def _recent(
        self, genomes: Genomes, objectives: FloatArray, violations: FloatArray
    ) -> tuple[Genomes, FloatArray, FloatArray]:
        """Returns the latest designs, including those just reported."""
        old = self._state
        kept = slice(max(0, len(old.recent_genomes) + len(genomes) - self.settings.memory_size), None)
        return (
            _stacked(old.recent_genomes, genomes)[kept],
            _stacked(old.recent_objectives, objectives)[kept],
            _stacked(old.recent_violations, violations)[kept],
        )

    def _first(self, rng: np.random.Generator) -> Genomes:
        """Returns the given designs, or a random population."""
        genomes = self._initial if len(self._initial) else self.space.random(rng, self.settings.population_size)
        _, first = np.unique(self._hashes(genomes), return_index=True)
        return genomes[np.sort(first)]

    def _offspring(self, rng: np.random.Generator) -> Genomes:
        """Returns the most promising of many new children; if all of them are known, unknown random designs."""
        state, wanted = self._state, self.settings.offspring_size
        known, index = np.unique(self._hashes(np.concatenate([state.genomes, state.recent_genomes])), return_index=True)
        found = np.empty((0, self.space.n_genes), dtype=np.int64)
        if not self._variation.is_free:
            return found
        for _ in range(_ATTEMPTS):
            n_pairs = wanted * self.settings.screening
            parents, mates = select_parents(state, n_pairs, self.settings.neighbours, rng)
            children = self._variation.children(state.genomes[parents], state.genomes[mates], rng)
            found = self._unknown(np.concatenate([found, children]), known)
            if len(found) >= wanted:
                return self._promising(found, index) if self.settings.screening > 1 else found[:wanted]
        return found if len(found) else self._unknown(self.space.random(rng, wanted), known)

    def _unknown(self, genomes: Genomes, known: Hashes) -> Genomes:
        """Returns the genomes whose hashes are not among the known ones, in order, without duplicates."""
        hashes, first = np.unique(self._hashes(genomes), return_index=True)
        return genomes[np.sort(first[~np.isin(hashes, known, assume_unique=True)])]

    def _promising(self, children: Genomes, index: IntArray) -> Genomes:
        """Returns the children that would survive among themselves by predicted scores, and a few of the others.

        Args:
            children: New designs.
            index: Positions among the population and the recent designs to learn from.
        """
        state, n_objectives = self._state, self._state.objectives.shape[1]
        genomes = np.concatenate([state.genomes, state.recent_genomes])[index]
        objectives = np.concatenate([state.objectives, state.recent_objectives])[index]
        violations = np.concatenate([state.violations, state.recent_violations])[index]
        scores = np.concatenate([objectives, violations], axis=1)
        predicted = predict_scores(genomes, scores, children, self.space.n_choices)
        wanted = self.settings.offspring_size
        n_screened = wanted - round(wanted * self.settings.unscreened_ratio)
        kept, _, _ = survive(predicted[:, :n_objectives], predicted[:, n_objectives:], n_screened)
        others = np.delete(np.arange(len(children)), kept)[: wanted - n_screened]
        return np.asarray(children[np.concatenate([kept, others])])

    def _hashes(self, genomes: Genomes) -> Hashes:
        return np.asarray(genomes.astype(np.uint64) @ self._hash_weights)


_ATTEMPTS = 20
"""Number of attempts at making children when too few are unknown."""


def _hash_weights(n_genes: int) -> Hashes:
    """Odd 64-bit weights: a genome's weighted sum modulo 2^64 is its hash."""
    return np.random.default_rng(n_genes).integers(2**63, size=n_genes, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _empty_state(space: SearchSpace, rng: np.random.Generator) -> SearchState:
    return SearchState(
        generation=0,
        n_evaluated=0,
        genomes=np.empty((0, space.n_genes), dtype=np.int64),
        objectives=np.empty((0, 0)),
        violations=np.empty((0, 0)),
        rank=np.empty(0, dtype=np.int64),
        crowding=np.empty(0),
        random_state=pack_generator(rng),
        recent_genomes=np.empty((0, space.n_genes), dtype=np.int64),
        recent_objectives=np.empty((0, 0)),
        recent_violations=np.empty((0, 0)),
    )


def _stacked(old: NDArray[Number], new: NDArray[Number]) -> NDArray[Number]:
    return np.concatenate([old, new]) if len(old) else new


def _checked(objectives: ArrayLike, violations: ArrayLike | None, n: int) -> tuple[FloatArray, FloatArray]:
    """Returns both tables as float arrays with n rows."""
    scores = np.asarray(objectives, dtype=np.float64)
    broken = np.zeros((n, 0)) if violations is None else np.asarray(violations, dtype=np.float64)
    for name, table in (("objectives", scores), ("violations", broken)):
        if table.ndim != 2 or len(table) != n:
            raise ValueError(f"{name} must have one row for each of the {n} designs, got the shape {table.shape}.")
        if not np.isfinite(table).all():
            raise ValueError(f"{name} must be finite, got NaN or infinity; leave failed designs out.")
    return scores, broken
