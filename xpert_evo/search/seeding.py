"""Starting points of a search: homogeneous designs, varied ones, and the designs to train first.

Random genomes are all alike: if every layer is drawn independently, the averages over layers hardly differ. Homogeneous
designs and designs that vary smoothly along the network reach the corners of the space.
"""

from collections.abc import Callable, Collection
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import InfeasibleError
from xpert_evo.genes import PERIPHERALS, Choice, choice_number
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace

DEPTH_FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Factors on the backbone's own channel depths for homogeneous designs."""

MOST_SETTINGS = 4096
"""Settings of the peripherals of which all homogeneous designs are made."""

Feasible: TypeAlias = Callable[[Genomes], NDArray[np.bool_]]
Costs: TypeAlias = Callable[[Genomes], FloatArray]


def homogeneous_designs(space: SearchSpace, depth_factors: tuple[float, ...] = (1.0,)) -> Genomes:
    """Returns designs with the same peripherals in every layer, (designs, genes), without duplicates.

    The paper's space has 480 settings of the peripherals. Of a space with more than `MOST_SETTINGS`, as many random
    ones are taken, always the same.

    Args:
        space: Search space; where the choices of a gene differ between layers, the nearest one is used.
        depth_factors: Factors on the backbone's channel depths.
    """
    kinds = [kind for kind in PERIPHERALS if kind in space.kinds]
    axes = [np.array(depth_factors), *(_numbers(space.choices[kind]) for kind in kinds)]
    sizes = [len(axis) for axis in axes]
    n_all, n_most = int(np.prod(sizes, dtype=np.int64)), len(depth_factors) * MOST_SETTINGS
    taken = np.arange(n_all) if n_all <= n_most else np.random.default_rng(0).choice(n_all, n_most, replace=False)
    factor, *settings = (axis[place] for axis, place in zip(axes, np.unravel_index(taken, sizes), strict=True))
    wanted = dict(zip(kinds, settings, strict=True))
    genomes = np.empty((len(factor), space.n_genes), dtype=np.int64)
    for column, gene in enumerate(space.genes):
        reference = space.backbone.layers[gene.layer].reference_depth or 1
        value = np.log1p(wanted.get(gene.kind, factor * reference))
        genomes[:, column] = np.abs(value[:, None] - np.log1p(_numbers(gene.choices))).argmin(axis=1)
    return _distinct(genomes)


def _numbers(choices: tuple[Choice, ...]) -> FloatArray:
    return np.array([choice_number(choice) for choice in choices], dtype=np.float64)


def varied_designs(space: SearchSpace, n_designs: int, rng: np.random.Generator) -> Genomes:
    """Returns random designs whose genes rise or fall along the network, more or less smoothly, (designs, genes).

    For each kind of gene a design has its own level, slope and roughness.
    """
    kinds = list(space.kinds)
    kind_of = np.array([kinds.index(gene.kind) for gene in space.genes])
    place = np.array([gene.layer for gene in space.genes]) / max(1, space.n_layers - 1) - 0.5
    level, slope, roughness = rng.random((3, n_designs, len(kinds)))
    height = level[:, kind_of] + (slope[:, kind_of] - 0.5) * place
    height = height + 0.3 * roughness[:, kind_of] * rng.standard_normal(height.shape)
    return np.asarray(np.clip(height * space.n_choices, 0, space.n_choices - 1), dtype=np.int64)


def first_population(
    space: SearchSpace, n_designs: int, rng: np.random.Generator, *, feasible: Feasible | None = None
) -> Genomes:
    """Returns a first population: half homogeneous, half varied, without duplicates, (at most designs, genes).

    Args:
        space: Search space.
        n_designs: Number of designs.
        rng: Random generator of the designs.
        feasible: Function that returns which genomes keep the limits, if this is known at no cost; others are left out.
            Fewer designs are returned if too few are feasible.
    """
    homogeneous = homogeneous_designs(space, DEPTH_FACTORS)
    homogeneous = homogeneous[rng.permutation(len(homogeneous))]
    varied = varied_designs(space, _CANDIDATES if feasible else n_designs, rng)
    if feasible:
        homogeneous, varied = homogeneous[feasible(homogeneous)], varied[feasible(varied)]
    n_homogeneous = max(n_designs // 2, n_designs - len(varied))
    return _distinct(np.concatenate([homogeneous[:n_homogeneous], varied]))[:n_designs]


def first_designs(
    space: SearchSpace,
    n_designs: int,
    rng: np.random.Generator,
    *,
    costs: Costs,
    feasible: Feasible,
    reference: Genomes | None = None,
    within: Callable[[], Genomes] | None = None,
    complete: Callable[[Genomes], Genomes] | None = None,
    costing: Collection[int] = (),
) -> Genomes:
    """Returns the designs to train before there is a surrogate: the reference, then those that lie farthest apart.

    Distance is measured in cost and in the average of each kind of gene, which affect accuracy and EDAP more than any
    single gene; the next candidate is the one whose nearest chosen design is farthest away.

    Args:
        space: Search space of the designs.
        n_designs: Number of designs, including the reference.
        rng: Random generator of the candidates.
        costs: Function that returns a cost of genomes, (designs,), on a meaningful scale: the logarithm of EDAP.
        feasible: Function that returns which genomes keep the limits.
        reference: Designs that are trained in any case, feasible or not, (designs, genes): the homogeneous baseline.
        within: Function that returns a design that keeps the limits, (1, genes). Under tight limits, where too few
            candidates keep them, designs near this one are added.
        complete: Function that sets the genes of inhomogeneous designs that only change costs.
        costing: Columns of these genes; of homogeneous designs that differ in them alone, the cheapest is a candidate.

    Raises:
        InfeasibleError: If no candidate keeps the limits, or `within` reports so.
    """
    homogeneous, varied = homogeneous_designs(space, DEPTH_FACTORS), varied_designs(space, _CANDIDATES, rng)
    n_drawn = len(homogeneous) + len(varied)
    homogeneous = homogeneous[feasible(homogeneous)]
    if complete is not None:
        homogeneous, varied = _cheapest(homogeneous, costing, costs), complete(varied)
    pool = _distinct(np.concatenate([homogeneous, varied[feasible(varied)]]))
    if len(pool) < n_designs and within is not None:
        near = _around(space, within(), rng, feasible)
        pool = _distinct(np.concatenate([pool, near if complete is None else complete(near)]))
    chosen = np.empty((0, space.n_genes), dtype=np.int64) if reference is None else space.check(reference)[:n_designs]
    if not len(pool):
        raise InfeasibleError(f"none of {n_drawn} first designs keeps the limits; relax the limits or widen the space.")
    everything = np.concatenate([chosen, pool])
    coordinates = _coordinates(space, everything, costs(everything))
    picked = list(range(len(chosen))) or [int(rng.integers(len(pool)))]
    distance = np.full(len(everything), np.inf)
    for i in picked:
        distance = np.minimum(distance, np.linalg.norm(coordinates - coordinates[i], axis=1))
    while len(picked) < min(n_designs, len(everything)) and distance.max() > 0:
        picked.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(coordinates - coordinates[picked[-1]], axis=1))
    return everything[picked]


def _cheapest(genomes: Genomes, costing: Collection[int], costs: Costs) -> Genomes:
    """Returns, of designs that differ only in genes that change costs, the cheapest ones."""
    others = [column for column in range(genomes.shape[1]) if column not in costing]
    cheap = genomes[np.argsort(costs(genomes), kind="stable")] if len(genomes) else genomes
    _, first = np.unique(cheap[:, others], axis=0, return_index=True)
    return np.asarray(cheap[np.sort(first)])


def _around(space: SearchSpace, genomes: Genomes, rng: np.random.Generator, feasible: Feasible) -> Genomes:
    """Returns designs that keep the limits, reached from the given ones by changing one gene after another."""
    found = space.check(genomes)
    for _ in range(_STEPS):
        children = found[rng.integers(len(found), size=_CANDIDATES)]
        changed = rng.integers(space.n_genes, size=len(children))
        children[np.arange(len(children)), changed] = rng.integers(space.n_choices[changed])
        found = _distinct(np.concatenate([found, children[feasible(children)]]))[:_CANDIDATES]
    return found


_CANDIDATES = 2000
_STEPS = 20


def _coordinates(space: SearchSpace, genomes: Genomes, costs: FloatArray) -> FloatArray:
    """Cost and the average of each kind of gene over the layers, scaled to [0, 1], (designs, 6)."""
    share = genomes / np.maximum(space.n_choices - 1, 1)
    kinds = [np.array([gene.kind is kind for gene in space.genes]) for kind in space.kinds]
    columns = np.stack([costs, *(share[:, mask].mean(axis=1) for mask in kinds if mask.any())], axis=1)
    low, high = columns.min(axis=0), columns.max(axis=0)
    return np.asarray((columns - low) / np.where(high > low, high - low, 1.0))


def _distinct(genomes: Genomes) -> Genomes:
    """Returns genomes without duplicates, in order of first appearance."""
    _, first = np.unique(genomes, axis=0, return_index=True)
    return genomes[np.sort(first)]
