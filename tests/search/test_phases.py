"""Frozen spaces of the two phases."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.search.phases import FIRST_PHASE, SECOND_PHASE, frozen_space, to_whole_space
from xpert_evo.space import SearchSpace


@pytest.mark.parametrize("backbone", ["vgg16", "resnet20"])
@pytest.mark.parametrize("phase", [FIRST_PHASE, SECOND_PHASE])
def test_only_the_searched_kinds_vary_and_the_rest_is_the_frozen_design(backbone, phase):
    whole = SearchSpace(load_backbone(backbone))
    rng = np.random.default_rng(0)
    design = whole.random(rng, 1)
    frozen = frozen_space(whole, design, phase)
    genomes = to_whole_space(frozen, whole, frozen.random(rng, 50))
    searched = np.array([gene.kind in phase for gene in whole.genes])
    assert_array_equal(genomes[:, ~searched], np.repeat(design[:, ~searched], 50, axis=0))
    assert (np.ptp(genomes[:, searched], axis=0) > 0).all()


def test_the_phases_together_search_every_kind_once():
    assert sorted((*FIRST_PHASE, *SECOND_PHASE)) == sorted(GeneKind)


def test_a_frozen_genome_means_the_same_design_in_the_whole_space():
    whole = SearchSpace(load_backbone("vgg8"))
    rng = np.random.default_rng(1)
    frozen = frozen_space(whole, whole.random(rng, 1), SECOND_PHASE)
    genomes = frozen.random(rng, 5)
    assert whole.decode(to_whole_space(frozen, whole, genomes)) == frozen.decode(genomes)
