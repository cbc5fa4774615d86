"""First populations and first designs: legal, distinct, within limits, and spread."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from hw_models import AdcType
from xpert_evo.backbones import load_backbone
from xpert_evo.errors import InfeasibleError
from xpert_evo.genes import GeneKind
from xpert_evo.search.seeding import (
    DEPTH_FACTORS,
    first_designs,
    first_population,
    homogeneous_designs,
    varied_designs,
)
from xpert_evo.space import SearchSpace

SPACE = SearchSpace(load_backbone("vgg16"))


def cost(genomes):
    return SPACE.values(genomes, GeneKind.CHANNEL_DEPTH).mean(axis=1) / 100


def narrow(genomes):
    return cost(genomes) < 2.5


@pytest.mark.parametrize("backbone", ["vgg16", "vgg8", "resnet20"])
def test_homogeneous_designs_are_those_that_the_space_names(backbone):
    space = SearchSpace(load_backbone(backbone))
    designs = homogeneous_designs(space, DEPTH_FACTORS)
    rows = set(map(tuple, designs))
    assert len(rows) == len(designs)
    for factor in DEPTH_FACTORS:
        expected = space.homogeneous(
            column_sharing=8, adc_type=AdcType.FLASH, adc_precision=5, input_precision=3, depth_factor=factor
        )
        assert tuple(expected[0]) in rows


def test_the_paper_space_has_480_homogeneous_settings():
    assert len(homogeneous_designs(SPACE)) == 480


def test_varied_designs_are_legal_and_differ_more_in_their_averages_than_random_ones():
    rng = np.random.default_rng(0)
    varied, random = SPACE.check(varied_designs(SPACE, 300, rng)), SPACE.random(rng, 300)
    precisions = [SPACE.values(genomes, GeneKind.ADC_PRECISION).mean(axis=1).std() for genomes in (varied, random)]
    assert precisions[0] > 2 * precisions[1]


def test_a_first_population_is_distinct_and_keeps_the_limits():
    genomes = first_population(SPACE, 60, np.random.default_rng(0), feasible=narrow)
    assert genomes.shape == (60, SPACE.n_genes)
    assert len(np.unique(genomes, axis=0)) == 60
    assert narrow(genomes).all()


def test_a_first_population_depends_on_its_generator_alone():
    a, b, c = (first_population(SPACE, 20, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_the_reference_is_among_the_first_designs_even_where_it_breaks_a_limit():
    reference = SPACE.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    assert not narrow(reference).any()
    genomes = first_designs(SPACE, 12, np.random.default_rng(0), costs=cost, feasible=narrow, reference=reference)
    assert_array_equal(genomes[:1], reference)
    assert narrow(genomes[1:]).all()
    assert len(np.unique(genomes, axis=0)) == 12


def test_first_designs_lie_farther_apart_than_a_first_population():
    chosen = first_designs(
        SPACE, 16, np.random.default_rng(0), costs=cost, feasible=lambda g: np.ones(len(g), dtype=bool)
    )
    nearest = []
    for genomes in (chosen, first_population(SPACE, 16, np.random.default_rng(0))):
        share = genomes / (SPACE.n_choices - 1)
        kinds = [[gene.kind is kind for gene in SPACE.genes] for kind in SPACE.kinds]
        means = np.stack([share[:, mask].mean(axis=1) for mask in kinds], axis=1)
        distances = np.linalg.norm(means[:, None] - means[None], axis=2) + 99 * np.eye(16)
        nearest.append(distances.min())
    assert nearest[0] > nearest[1]


def test_limits_that_no_candidate_keeps_are_said_so():
    with pytest.raises(InfeasibleError, match="keeps the limits"):
        first_designs(SPACE, 4, np.random.default_rng(0), costs=cost, feasible=lambda g: np.zeros(len(g), dtype=bool))
