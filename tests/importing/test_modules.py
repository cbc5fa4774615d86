"""Networks of users: imported, they compute what they computed before, and every part of the program takes them."""

import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import nn

from hw_models import CrossbarSpec, WeightCoding
from tests.importing import modules
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network
from xpert_evo.backbones import Backbone
from xpert_evo.config import RunConfig
from xpert_evo.genes import GeneKind
from xpert_evo.hardware import Hardware
from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.imported import ImportedNetwork, import_module
from xpert_evo.space import SearchSpace
from xpert_evo.workbench.importing import own_design

CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "resnet18": (modules.resnet18, (3, 32, 32)),
    "mobilenet": (modules.mobilenet, (3, 32, 32)),
    "gated mobilenet": (lambda: modules.mobilenet(nn.Hardswish, gated=True), (3, 32, 24)),
    "ds_cnn": (modules.ds_cnn, (1, 49, 10)),
    "mlp": (modules.mlp, (1, 28, 28)),
    "dense": (modules.Dense, (3, 12, 12)),
    "shuffled": (modules.Shuffled, (3, 17, 15)),
    "attended": (modules.Attended, (3, 13, 11)),
    "signal": (modules.Signal, (2, 128)),
    "vit": (modules.Vit, (3, 16, 16)),
}


@lru_cache
def imported_case(name: str) -> tuple[nn.Module, ImportedNetwork, tuple[int, ...]]:
    make, shape = CASES[name]
    torch.manual_seed(0)
    module = modules.with_statistics(make(), shape)
    return module, import_module(module, torch.rand(2, *shape)), shape


def backbone_of(network: ImportedNetwork) -> Backbone:
    output = network.graph.shapes()[network.graph.nodes[-1].name]
    return Backbone.of_graph(
        "mine", network.graph, n_classes=int(np.prod(output)), image_channels=network.graph.input_shape[0]
    )


def on_crossbars(network: ImportedNetwork, crossbar: CrossbarSpec) -> CrossbarNetwork:
    backbone = backbone_of(network)
    built = build_network(own_design(backbone), backbone, crossbar=crossbar, image_size=backbone.image_size)
    missing = built.load_state_dict(network.tensors, strict=False)
    assert not missing.unexpected_keys
    assert {name.rpartition(".")[2] for name in missing.missing_keys} == {"input_power", "noise_correction"}
    return built.eval()


@pytest.mark.parametrize("name", CASES)
def test_an_imported_network_computes_what_the_module_computes(name: str) -> None:
    module, network, shape = imported_case(name)
    images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(2))
    built = on_crossbars(network, CrossbarSpec())
    with torch.no_grad():
        wanted, found = module(images), built(images, CrossbarLayer.float_product)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


@pytest.mark.parametrize("name", ["gated mobilenet", "ds_cnn", "shuffled", "signal", "vit"])
def test_exact_emulation_with_enough_adc_bits_is_the_quantised_network(name: str) -> None:
    _, network, shape = imported_case(name)
    # Differential cells of one bit: an ADC of eight bits has a code for every sum, so nothing is lost in converters.
    built = on_crossbars(network, CrossbarSpec(cell_bits=1, coding=WeightCoding.DIFFERENTIAL))
    images = torch.rand(3, *shape, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        exact, perfect = built(images, Emulator()), built(images, CrossbarLayer.product)
    torch.testing.assert_close(exact, perfect, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_the_cost_table_agrees_with_the_full_model(name: str) -> None:
    _, network, _ = imported_case(name)
    space, hardware = SearchSpace(backbone_of(network)), Hardware.of(RunConfig())
    genomes = np.concatenate([space.baseline(), space.random(np.random.default_rng(0), 3)])
    costs, report = hardware.table(space).score(genomes), hardware.report_of(space, genomes)
    np.testing.assert_allclose(costs.area_mm2, 1e-6 * report.area_um2.sum(axis=1))
    np.testing.assert_allclose(costs.latency_us, 1e-3 * report.latency_ns.sum(axis=1))


@pytest.mark.parametrize("name", CASES)
def test_networks_of_all_depths_of_a_space_can_be_built_and_run(name: str) -> None:
    _, network, shape = imported_case(name)
    backbone = backbone_of(network)
    space = SearchSpace(backbone)
    genomes = space.random(np.random.default_rng(1), 2)
    inputs = space.in_channels(genomes)
    for row, design in enumerate(space.decode(genomes)):
        built = build_network(design, backbone, crossbar=CrossbarSpec(), image_size=backbone.image_size)
        assert [layer.geometry.in_channels for layer in built.crossbar_layers] == inputs[row].tolist()
        built.initialise(torch.Generator().manual_seed(0))
        scores = built.eval()(torch.rand(2, *shape), CrossbarLayer.product)
        assert scores.shape == (2, backbone.n_classes)
        assert scores.isfinite().all()


def test_residual_stages_share_a_depth_and_gates_follow_their_channels() -> None:
    _, network, _ = imported_case("resnet18")
    owners = backbone_of(network).depth_owners
    # The stem and the two blocks of the first stage, whose second convolutions are added to it.
    assert owners[:5] == (0, 1, 0, 3, 0)
    _, gated, _ = imported_case("gated mobilenet")
    names = [node.name for node in gated.graph.layers]
    expand, depthwise, gate = (
        next(i for i, n in enumerate(names) if n.endswith(end)) for end in ("body_0_0", "body_2_0", "body_4_up")
    )
    owners = backbone_of(gated).depth_owners
    assert owners[depthwise] == owners[gate] == expand
    assert gated.notes == ()


def test_a_single_channel_that_is_spread_over_others_keeps_its_depth() -> None:
    _, network, _ = imported_case("attended")
    backbone = backbone_of(network)
    offered = {layer.name: backbone.offered_depths(i) for i, layer in enumerate(network.graph.layers)}
    assert (offered["pixels"], offered["saliency"]) == ((1,), (1,))
    assert offered["second"] == (4, 6, 8, 12)
    # The own design gives their depth, as before.
    own = {layer.name: layer.channel_depth for layer in own_design(backbone).layers}
    assert (own["pixels"], own["saliency"]) == (1, 1)


def test_depths_that_an_operation_needs_are_fixed_with_a_note() -> None:
    _, network, _ = imported_case("shuffled")
    backbone = backbone_of(network)
    assert backbone.depth_owners == (None, None, None, None)
    assert any("grouped has 2 groups" in note for note in network.notes)
    _, vit, _ = imported_case("vit")
    owners = backbone_of(vit).depth_owners
    assert sum(owner is None for owner in owners) == 7  # query, key and value of both blocks, and the classifier
    assert SearchSpace(backbone_of(vit)).column(0, GeneKind.CHANNEL_DEPTH) == 0


def test_negative_inputs_take_two_passes_which_cost_twice_the_conversions() -> None:
    _, network, _ = imported_case("gated mobilenet")
    signed = network.graph.signed
    assert not signed[0]
    assert sum(signed) > len(signed) // 2  # everything behind a hard-swish or a linear bottleneck
    backbone = backbone_of(network)
    space = SearchSpace(backbone)
    shapes, peripherals = space.hardware_arrays(space.baseline())
    assert shapes.arrays()["passes"][0].tolist() == [1 + s for s in signed]
    report = Hardware.of(RunConfig()).report(shapes, peripherals)
    assert report.breakdown["energy_pj"]["digital unit"].sum() > 0


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.reader = nn.LSTM(8, 8, batch_first=True)
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.reader(x)[0][:, -1])


class _Upward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.grow = nn.ConvTranspose2d(3, 3, 2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.grow(x).mean((2, 3))


class _Empty(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        maps = self.layer(inputs)
        return torch.cat([maps.mean((2, 3)), maps[:, :, :0].flatten(1)], 1)


class _Sorted(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sort(1).values


class _AcrossBatch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0, keepdim=True)


class _Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            x = 2 * x
        return self.stem(x).mean((2, 3))


class _AsNumber(_Branching):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = x.sum().item()
        return self.stem(x * scale).mean((2, 3))


class _SortedInside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.ReLU(), _Sorted())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.inner(x))


@pytest.mark.parametrize(
    ("module", "shape", "words"),
    [
        (
            _AsNumber(),
            (1, 8, 8),
            r"line \d+ of test_modules\.py \(scale = x\.sum\(\)\.item\(\)\): sum reduces all images of a batch to one",
        ),
        (
            _SortedInside(),
            (8,),
            r"line \d+ of test_modules\.py \(return x\.sort\(1\)\.values\): sort in inner.1: this operator",
        ),
        (
            _Branching(),
            (1, 8, 8),
            r"line \d+ of test_modules\.py \(if x\.sum\(\) > 0:\) branches on a value of the input, .* arithmetic",
        ),
        (_Branching(), (3, 8, 8), "input of 3 x 8 x 8: the convolution stem expects 1 channel, got 3$"),
        (_Branching(), (1, 8), "convolution stem expects channels, height, width, such as --input 1,32,32"),
        (modules.mlp(64), (1, 9, 9), "the linear layer .* expects 64 values, got 81"),
        (_Recurrent(), (5, 8), "lstm in reader"),
        (_Upward(), (3, 8, 8), "grow is a transposed convolution"),
        (_Sorted(), (8,), "sort"),
        (_Empty(), (3, 8, 8), "reshapes an empty tensor of 4 x 0 x 6; remove it"),
        (_AcrossBatch(), (8,), "mean works across the images of a batch"),
        (nn.Conv3d(1, 2, 3), (1, 5, 5, 5), "convolution in 3 dimensions"),
    ],
)
def test_what_is_not_supported_is_refused_by_name_and_place(
    module: nn.Module, shape: tuple[int, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ImportFailedError, match=words):
        import_module(module, torch.rand(2, *shape))
    assert capfd.readouterr() == ("", "")


class _TwoHeads(nn.Module):
    """A network with several outputs, as `arranged` arranges those of 6 and of 4 values."""

    def __init__(self, arranged: Callable[[torch.Tensor, torch.Tensor], object]) -> None:
        super().__init__()
        self.stem, self.six, self.four = nn.Linear(8, 8), nn.Linear(8, 6), nn.Linear(8, 4)
        self.arranged = arranged

    def forward(self, inputs: torch.Tensor) -> object:
        values = self.stem(inputs).relu()
        return self.arranged(self.six(values), self.four(values))


@pytest.mark.parametrize(
    ("arranged", "n_values", "words"),
    [
        (lambda six, four: {"aux": six, "out": four}, 4, "2 outputs (aux, out); only out is used"),
        (
            lambda six, four: {"hidden": [six, six, six], "logits": four, "b": six},
            4,
            "5 outputs (hidden.0, hidden.1, hidden.2, ...); only logits is used",
        ),
        (lambda six, four: {"one": six, "two": four}, 6, "2 outputs (one, two); only one is used"),
        (lambda six, four: [six, {"out": four}], 6, "2 outputs; only the first is used"),
        (lambda six, four: (four, torch.ones(2), six), 4, "2 outputs; only the first is used"),
        (lambda six, four: {"scores": four}, 4, None),
    ],
)
def test_of_several_outputs_the_class_scores_are_used_and_named(
    arranged: Callable[[torch.Tensor, torch.Tensor], object], n_values: int, words: str | None
) -> None:
    network = import_module(_TwoHeads(arranged), torch.rand(2, 8))
    assert network.graph.shapes()[network.graph.nodes[-1].name] == (n_values,)
    assert network.notes == (() if words is None else (f"the network has {words}",))


@pytest.mark.parametrize(("value", "told"), [(np.nan, "1 NaN"), (np.inf, "1 infinite value")])
def test_weights_that_are_no_numbers_are_refused_by_layer(value: float, told: str) -> None:
    module = modules.mlp(64)
    (*_, head) = (part for part in module.modules() if isinstance(part, nn.Linear))
    with torch.no_grad():
        head.weight[0, 0] = value
    with pytest.raises(ImportFailedError, match=f"the weights of .* contain {told}; repair the network"):
        import_module(module, torch.rand(1, 1, 8, 8))


class _Warning(nn.Module):
    """Warns whenever it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        warnings.warn("own words", DeprecationWarning, stacklevel=1)
        return self.layer(inputs).mean((2, 3))


def test_what_a_module_warns_of_is_not_kept_back() -> None:
    with pytest.warns(DeprecationWarning, match="own words"):
        imported = import_module(_Warning(), torch.rand(2, 3, 8, 8))
    assert imported.tensors
