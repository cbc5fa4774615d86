"""First layers that start with the principal components of image patches."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.first_filters import start_from_components
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design


@pytest.fixture
def network(design: Design, backbone: Backbone) -> CrossbarNetwork:
    network = build_network(design, backbone, crossbar=CrossbarSpec(), image_size=(16, 16))
    network.initialise(torch.Generator().manual_seed(0))
    return network


@pytest.fixture
def images(dataset: Dataset) -> torch.Tensor:
    return dataset.train.images[:300].float() / 255


def filters(network: CrossbarNetwork) -> torch.Tensor:
    return network.crossbar_layers[0].weight.detach().flatten(1)


def test_filters_see_patches_without_correlation_and_largest_variance_first(
    network: CrossbarNetwork, images: torch.Tensor
) -> None:
    start_from_components(network, images, 4, torch.Generator())
    patches = F.unfold(images, 3).transpose(1, 2).flatten(0, 1)
    seen = (patches @ filters(network)[:8:2].T).T.cov()
    variances = seen.diagonal()
    torch.testing.assert_close(seen, variances.diag(), atol=1e-4 * float(variances.max()), rtol=0)
    assert variances.diff().max() < 0
    assert float(variances.sum()) > 0.8 * float(patches.T.cov().trace()) * float(filters(network)[0].square().sum())


def test_every_component_comes_with_its_negative_and_all_filters_have_the_same_norm(
    network: CrossbarNetwork, images: torch.Tensor
) -> None:
    norm_before = filters(network).norm()
    start_from_components(network, images, 4, torch.Generator())
    rows = filters(network)
    torch.testing.assert_close(rows[0:8:2], -rows[1:8:2])
    torch.testing.assert_close(rows.norm(dim=1), (norm_before / len(rows) ** 0.5).expand(len(rows)))
    assert torch.linalg.matrix_rank(rows, rtol=1e-4) == 4, "the rest are mixtures of the same components"


def test_more_components_than_a_patch_has_numbers_or_a_layer_has_filters_fit(
    network: CrossbarNetwork, images: torch.Tensor
) -> None:
    start_from_components(network, images, 1_000, torch.Generator())
    assert torch.linalg.matrix_rank(filters(network), rtol=1e-4) <= 9
    assert filters(network).isfinite().all()


def test_only_layers_that_read_the_image_change(network: CrossbarNetwork, images: torch.Tensor) -> None:
    before = [layer.weight.detach().clone() for layer in network.crossbar_layers]
    start_from_components(network, images, 4, torch.Generator())
    changed = [not torch.equal(layer.weight, old) for layer, old in zip(network.crossbar_layers, before, strict=True)]
    assert changed == [layer.geometry.reads_image for layer in network.crossbar_layers]
