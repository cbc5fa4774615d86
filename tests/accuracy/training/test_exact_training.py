"""Trainings through the exact emulation: what a step sees is what the crossbars deliver, and it pays."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.exact_training import ExactProduct
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import read_start, save_weights
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design


@pytest.fixture
def network(design: Design, backbone: Backbone) -> CrossbarNetwork:
    built = build_network(design, backbone, crossbar=CrossbarSpec(), width_divisor=16, image_size=16)
    built.initialise(torch.Generator().manual_seed(0))
    return built


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(24, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def test_outputs_are_those_of_the_emulation(network: CrossbarNetwork, images: torch.Tensor) -> None:
    network.eval()
    emulated = network(images, Emulator())
    torch.testing.assert_close(network(images, ExactProduct()), emulated, rtol=1e-4, atol=1e-4)
    perfect = network(images, lambda layer, inputs: layer.product(inputs))
    assert (emulated - perfect).abs().max() > 1e-2, "the ADCs must have something to add"


def test_gradients_are_those_of_perfect_converters(network: CrossbarNetwork, images: torch.Tensor) -> None:
    layer = network.eval().crossbar_layers[1]
    inputs = torch.rand(4, layer.geometry.in_channels, 16, 16, requires_grad=True)
    passed = torch.rand(4, layer.geometry.out_channels, 16, 16)
    given = [layer.weight, inputs]
    exact = torch.autograd.grad(ExactProduct()(layer, inputs), given, passed)
    perfect = torch.autograd.grad(layer.product(inputs), given, passed)
    for one, other in zip(exact, perfect, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@torch.no_grad()
def test_arrays_follow_the_weights_of_a_training_alone(network: CrossbarNetwork, images: torch.Tensor) -> None:
    product, layer = ExactProduct(), network.crossbar_layers[0]
    first = product(layer.eval(), images)
    layer.weight.mul_(-1)
    torch.testing.assert_close(product(layer, images), first, rtol=1e-4, atol=1e-4)
    moved = product(layer.train(), images)
    assert torch.nn.functional.cosine_similarity(moved.flatten(), -first.flatten(), dim=0) > 0.9


@pytest.fixture
def trained(
    design: Design, backbone: Backbone, dataset: Dataset, protocol: TrainingProtocol, tmp_path: Path
) -> Callable[[TrainingProtocol, TrainedDesign | None], TrainedDesign]:
    layers = tuple(layer.model_copy(update={"adc_precision": 2}) for layer in design.layers)
    few_bits = design.model_copy(update={"layers": layers})

    def train(chosen: TrainingProtocol, start: TrainedDesign | None = None) -> TrainedDesign:
        path = tmp_path / "weights.safetensors"
        if start is not None:
            save_weights(start, path)
        return train_design(
            few_bits,
            backbone,
            dataset,
            chosen,
            crossbar=CrossbarSpec(),
            seed=0,
            device="cpu",
            start_from=None if start is None else read_start(path),
        )

    return train


def test_a_tuned_network_is_more_accurate_on_its_converters_and_says_so(
    trained: Callable[..., TrainedDesign], protocol: TrainingProtocol, dataset: Dataset
) -> None:
    first = trained(protocol)
    rates = {"learning_rate": 0.01, "classifier_learning_rate": 0.01}
    longer = protocol.model_copy(update={"epochs": 2, **rates})
    as_long, tuned = trained(longer, first), trained(longer.model_copy(update={"exact": True}), first)
    before, control, after = (judge(t, dataset, "validation").mean for t in (first, as_long, tuned))
    assert after > max(before, control) + 0.1
    assert tuned.validation_accuracy == pytest.approx(after, abs=0.05)
    assert as_long.validation_accuracy > control + 0.3, "the fast form does not know what two bits do"
