"""Channel pruning: channels that contribute nothing go first, in any kind of graph, and the network stays the same."""

from functools import cache

import pytest
import torch
from torch import nn

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network
from xpert_evo.accuracy.training.pruning import pruned_weights
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.design import Design, parse_design
from xpert_evo.workbench.importing import backbone_from

KINDS = ("vgg8", "resnet20", "mobilenet_v2", "joined")
GENES = {"column_sharing": 8, "adc_type": "flash", "adc_precision": 6, "input_precision": 5}


class Joined(nn.Module):
    """Joins the channels of two layers, and flattens maps of 2 x 2 before its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.right = nn.Sequential(nn.Conv2d(3, 10, 3, padding=1, bias=False), nn.BatchNorm2d(10), nn.ReLU())
        self.both = nn.Sequential(nn.Conv2d(16, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.pool, self.classifier = nn.AvgPool2d(16), nn.Linear(8 * 4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores of images of 32 x 32."""
        joined = torch.cat([self.left(images), self.right(images)], 1)
        return torch.as_tensor(self.classifier(self.pool(self.both(joined)).flatten(1)))


@cache
def _backbone(kind: str) -> Backbone:
    if kind == "joined":
        return backbone_from(Joined(), torch.zeros(1, 3, 32, 32)).backbone
    return load_backbone(kind, n_classes=10, image_channels=3)


def _design(backbone: Backbone, divisor: int, less: int = 0) -> Design:
    """A design with a fraction of the backbone's own depths, each lower by some channels."""
    layers = []
    for layer, owner in zip(backbone.layers, backbone.depth_owners, strict=True):
        depth = None if owner is None else max(4, (layer.reference_depth or 0) // divisor) - less
        layers.append({"name": layer.name, "channel_depth": depth, **GENES})
    return parse_design({"backbone": backbone.name, "layers": layers})


def _network(backbone: Backbone, design: Design, seed: int = 1) -> CrossbarNetwork:
    """A network with random weights and statistics, in evaluation mode."""
    network = build_network(design, backbone, crossbar=CrossbarSpec(), image_size=(32, 32))
    generator = torch.Generator().manual_seed(seed)
    network.initialise(generator)
    for name, tensor in network.state_dict().items():
        if name.endswith((".bias", ".mean")):
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
        elif name.endswith((".gain", ".variance")):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return network.eval()


def _scores(network: CrossbarNetwork) -> torch.Tensor:
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        return network(images, CrossbarLayer.float_product)


@pytest.mark.parametrize("kind", KINDS)
def test_channels_that_contribute_nothing_are_dropped_and_the_scores_stay(kind: str) -> None:
    backbone = _backbone(kind)
    divisor = 1 if kind == "joined" else 4
    trained = _network(backbone, _design(backbone, divisor))
    generator = torch.Generator().manual_seed(3)
    dead: dict[int, torch.Tensor] = {}
    for layer, owner in zip(trained.crossbar_layers, backbone.depth_owners, strict=True):
        if owner is not None:
            dead.setdefault(owner, torch.randperm(layer.geometry.out_channels, generator=generator)[:2])
            with torch.no_grad():
                layer.gain[dead[owner]], layer.bias[dead[owner]] = 0.0, 0.0
    narrower = build_network(_design(backbone, divisor, less=2), backbone, crossbar=CrossbarSpec(), image_size=(32, 32))
    weights = pruned_weights(trained.state_dict(), narrower)
    assert weights is not None
    narrower.load_state_dict(weights)
    torch.testing.assert_close(_scores(narrower.eval()), _scores(trained), rtol=1e-4, atol=1e-4)
    first = trained.crossbar_layers[0].weight
    assert len(narrower.crossbar_layers[0].weight) == len(first) - 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_the_same_depths_takes_all_weights(kind: str) -> None:
    backbone = _backbone(kind)
    trained, other = (_network(backbone, _design(backbone, 4), seed) for seed in (1, 2))
    weights = pruned_weights(trained.state_dict(), other)
    assert weights is not None
    assert all(torch.equal(weights[name], tensor) for name, tensor in trained.state_dict().items())


def test_what_a_channel_passes_on_decides_and_not_its_own_weights() -> None:
    backbone = _backbone("vgg8")
    trained = _network(backbone, _design(backbone, 16))
    first, second = trained.crossbar_layers[:2]
    with torch.no_grad():
        first.weight[0] *= 100  # batch norm divides by the deviation that this causes
        first.variance[0] *= 10_000
        second.weight[:, 0] *= 1e-3
    design = _design(backbone, 16)
    fewer = design.layers[0].model_copy(update={"channel_depth": len(first.weight) - 1})
    narrower = _network(backbone, design.model_copy(update={"layers": (fewer, *design.layers[1:])}))
    weights = pruned_weights(trained.state_dict(), narrower)
    assert weights is not None
    assert torch.equal(weights["layers.0.weight"], first.weight[1:])
    assert torch.equal(weights["layers.1.weight"], second.weight[:, 1:])


def test_wider_networks_and_other_kernels_take_nothing() -> None:
    backbone = _backbone("vgg8")
    narrow, wide = (_network(backbone, _design(backbone, divisor)) for divisor in (32, 16))
    assert pruned_weights(narrow.state_dict(), wide) is None
    other = {**wide.state_dict(), "layers.1.weight": torch.zeros(8, 8, 5, 5)}
    assert pruned_weights(other, narrow) is None
    assert pruned_weights({}, narrow) is None
