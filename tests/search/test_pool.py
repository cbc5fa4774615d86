"""The pool holds what is best under each function, complete, and follows from its generator."""

import numpy as np

from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.search.pool import evolved_pool
from xpert_evo.space import Genomes, SearchSpace

SPACE = SearchSpace(load_backbone("vgg8"), {GeneKind.COLUMN_SHARING: (8,)})
WEIGHTS = np.random.default_rng(0).random((3, SPACE.n_genes))


def drawn(genomes: Genomes) -> tuple[np.ndarray, np.ndarray]:
    """Three functions of the genes against a cost; designs with an odd first gene are not allowed."""
    share = genomes / np.maximum(SPACE.n_choices - 1, 1)
    cost = share.mean(axis=1)
    return np.stack([np.stack([-(share**0.5) @ w, cost], axis=1) for w in WEIGHTS]), genomes[:, 0] % 2 == 0


def pool(seed: int, n_generations: int = 8) -> Genomes:
    start = SPACE.random(np.random.default_rng(1), 40)
    return evolved_pool(
        SPACE,
        start[start[:, 0] % 2 == 0],
        drawn,
        np.random.default_rng(seed),
        own=lambda rows: rows,
        whole=lambda rows: np.where(np.arange(SPACE.n_genes) == 1, 3, rows),
        n_generations=n_generations,
    )


def best(genomes: Genomes) -> np.ndarray:
    objectives, allowed = drawn(genomes)
    return objectives[:, allowed].sum(axis=2).min(axis=1)


def test_it_improves_under_every_function_with_designs_that_are_complete_and_allowed() -> None:
    found, before = pool(0), pool(0, n_generations=0)
    assert (best(found) < best(before)).all()
    new = found[[not (row == before).all(axis=1).any() for row in found]]
    assert (new[:, 1] == 3).all()
    assert (new[:, 0] % 2 == 0).all()
    assert len(np.unique(found, axis=0)) == len(found)


def test_it_follows_from_its_generator() -> None:
    assert np.array_equal(pool(3), pool(3))
    assert not np.array_equal(pool(3), pool(4))


def test_a_space_without_choices_has_what_it_began_with() -> None:
    genomes = SPACE.random(np.random.default_rng(0), 1)
    frozen = {kind: (SPACE.choices[kind][0],) for kind in SPACE.choices}
    space = SearchSpace(load_backbone("vgg8"), frozen)
    same = evolved_pool(
        space, 0 * genomes, drawn, np.random.default_rng(0), own=lambda rows: rows, whole=lambda rows: rows
    )
    assert np.array_equal(same, 0 * genomes)
