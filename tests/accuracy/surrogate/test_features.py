"""Features: their names, limits, and agreement with the model they are looked up from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.crossbars.snr import conversion_snr_db
from xpert_evo.accuracy.surrogate.features import SUMMARIES, FeatureMap, macs
from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.space import SearchSpace

CROSSBAR = CrossbarSpec()


@pytest.fixture(scope="module", params=["vgg16", "resnet20"])
def space(request: pytest.FixtureRequest) -> SearchSpace:
    name: str = request.param
    return SearchSpace(load_backbone(name))


def test_every_column_has_a_name_and_finite_values(space: SearchSpace) -> None:
    feature_map = FeatureMap(space, crossbar=CROSSBAR)
    table = feature_map(space.random(np.random.default_rng(0), 20))
    assert table.shape == (20, len(feature_map.names))
    assert feature_map.names[: len(SUMMARIES)] == SUMMARIES
    assert feature_map.weights.shape == (len(feature_map.names),)
    assert len(set(feature_map.names)) == len(feature_map.names)
    assert np.isfinite(table).all()


def test_genes_that_do_not_change_the_network_do_not_change_its_features(space: SearchSpace) -> None:
    rng = np.random.default_rng(1)
    space = SearchSpace(space.backbone, {GeneKind.COPIES: (1, 2, 4)})
    genomes = space.random(rng, 5)
    other = genomes.copy()
    for column, gene in enumerate(space.genes):
        if gene.kind in {GeneKind.COLUMN_SHARING, GeneKind.ADC_TYPE, GeneKind.COPIES}:
            other[:, column] = rng.integers(len(gene.choices), size=5)
    feature_map = FeatureMap(space, crossbar=CROSSBAR)
    assert_allclose(feature_map(other), feature_map(genomes))


@pytest.mark.parametrize("crossbar", [CROSSBAR, CrossbarSpec(rows_read=16)])
def test_the_looked_up_ratio_is_that_of_the_analytic_model(space: SearchSpace, crossbar: CrossbarSpec) -> None:
    genomes = space.random(np.random.default_rng(2), 6)
    kernels = np.array([layer.kernel_size**2 for layer in space.backbone.layers])
    expected = conversion_snr_db(
        n_rows=space.in_channels(genomes) * kernels,
        adc_precision=space.values(genomes, GeneKind.ADC_PRECISION),
        input_precision=space.values(genomes, GeneKind.INPUT_PRECISION),
        crossbar=crossbar,
    )
    assert_allclose(FeatureMap(space, crossbar=crossbar).snr_db(genomes), expected)


def test_multiply_accumulates_of_vgg16_are_those_counted_by_hand() -> None:
    space = SearchSpace(load_backbone("vgg16"))
    reference = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    first, full, half, last, classifier = (
        27 * 64 * 1024,
        9 * 64 * 64 * 1024,
        9 * 64 * 128 * 256,
        9 * 512 * 512 * 4,
        5120,
    )
    assert macs(space, reference).tolist() == [first + 6 * full + 3 * half + 3 * last + classifier]


def test_losses_in_wires_are_features_where_they_are_given() -> None:
    space = SearchSpace(load_backbone("vgg8"))
    genomes = space.random(np.random.default_rng(0), 6)
    sharing = space.values(genomes, GeneKind.COLUMN_SHARING)
    without, with_losses = (
        FeatureMap(space, crossbar=CROSSBAR, losses=losses)
        for losses in (None, lambda g: 1 / space.values(g, GeneKind.COLUMN_SHARING))
    )
    n_layers = len(space.backbone.layers)
    assert len(with_losses.names) == len(with_losses.weights) == len(without.names) + 2 + n_layers
    table = dict(zip(with_losses.names, with_losses(genomes).T, strict=True))
    assert_allclose(table["most_loss"], 1 / sharing.min(axis=1))
    assert_allclose(table["mean_loss"], (1 / sharing).mean(axis=1))
    assert_allclose(table[f"loss_{space.backbone.layers[0].name}"], 1 / sharing[:, 0])
    for name, column in zip(without.names, without(genomes).T, strict=True):
        assert_allclose(table[name], column)
