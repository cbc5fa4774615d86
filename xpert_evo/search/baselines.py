"""Baselines that a search must beat within the same number of scored designs."""

from collections.abc import Callable, Mapping

import numpy as np

from xpert_evo.search.gradient import GradientSettings, gradient_designs
from xpert_evo.search.seeding import DEPTH_FACTORS, homogeneous_designs
from xpert_evo.space import Genomes, SearchSpace

__all__ = ["BASELINES", "GradientSettings", "gradient_designs", "homogeneous_settings", "random_designs"]


def random_designs(space: SearchSpace, n_designs: int, rng: np.random.Generator) -> Genomes:
    """Uniform random designs, (designs, genes)."""
    return space.random(rng, n_designs)


def random_homogeneous(space: SearchSpace, n_designs: int, rng: np.random.Generator) -> Genomes:
    """Homogeneous designs with factors on the channel depths, in random order, none twice, (at most designs, genes)."""
    designs = homogeneous_designs(space, DEPTH_FACTORS)
    return designs[rng.permutation(len(designs))[:n_designs]]


def homogeneous_settings(space: SearchSpace, n_designs: int, rng: np.random.Generator) -> Genomes:
    """The backbone with its own channel depths under every setting of the peripherals: 480 in the paper's space.

    If `n_designs` is smaller, a random choice of them.
    """
    designs = homogeneous_designs(space)
    return designs if n_designs >= len(designs) else designs[rng.permutation(len(designs))[:n_designs]]


BASELINES: Mapping[str, Callable[[SearchSpace, int, np.random.Generator], Genomes]] = {
    "random": random_designs,
    "random-homogeneous": random_homogeneous,
    "homogeneous": homogeneous_settings,
}
"""Generators of at most n designs at once, by name; the gradient method is separate because it needs costs."""
