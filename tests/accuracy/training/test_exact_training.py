"""Trainings through the exact emulation: what a step sees is what the crossbars deliver, and it pays."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.chip_product import chip_product
from xpert_evo.accuracy.crossbars.emulation import Emulator, emulate_layer
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.exact_training import ExactProduct
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.teacher import Teacher
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import read_start, save_weights
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design


@pytest.fixture
def network(design: Design, backbone: Backbone) -> CrossbarNetwork:
    built = build_network(design, backbone, crossbar=CrossbarSpec(), width_divisor=16, image_size=(16, 16))
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


DEVICES = NonIdealities(variation_ratio=0.1, adc_noise_steps=0.3, on_off_ratio=20.0)


@torch.no_grad()
def test_every_step_runs_on_another_chip_and_a_measurement_on_one(
    network: CrossbarNetwork, images: torch.Tensor
) -> None:
    product, layer = ExactProduct(DEVICES, torch.Generator().manual_seed(2)), network.crossbar_layers[0]
    first, second = (product(layer.train(), images) for _ in range(2))
    assert not torch.equal(first, second)
    chip = ExactProduct(NonIdealities(variation_ratio=0.1), torch.Generator().manual_seed(2))
    measured = [chip(layer.eval(), images) for _ in range(2)]
    assert torch.equal(*measured)
    emulated = emulate_layer(
        layer, images, nonidealities=NonIdealities(variation_ratio=0.1), generator=torch.Generator().manual_seed(2)
    )
    torch.testing.assert_close(measured[0], emulated(images), rtol=1e-4, atol=1e-4)


def test_gradients_are_those_of_the_weights_that_a_chip_stores(network: CrossbarNetwork, images: torch.Tensor) -> None:
    devices = NonIdealities(variation_ratio=0.3)
    layer = network.eval().crossbar_layers[1]
    inputs = torch.rand(4, layer.geometry.in_channels, 16, 16, requires_grad=True)
    passed = torch.rand(4, layer.geometry.out_channels, 16, 16)
    product = ExactProduct(devices, torch.Generator().manual_seed(3))
    (exact,) = torch.autograd.grad(product(layer, inputs), [inputs], passed)
    chip = emulate_layer(layer, inputs.detach(), nonidealities=devices, generator=torch.Generator().manual_seed(3))
    (stored,) = torch.autograd.grad(chip_product(layer, chip, inputs), [inputs], passed)
    (ideal,) = torch.autograd.grad(layer.product(inputs), [inputs], passed)
    torch.testing.assert_close(exact, stored, rtol=0, atol=0)
    assert (ideal - stored).abs().max() > 0.01 * stored.abs().max()


@pytest.fixture
def trained(
    design: Design, backbone: Backbone, dataset: Dataset, protocol: TrainingProtocol, tmp_path: Path
) -> Callable[..., TrainedDesign]:
    def train(
        chosen: TrainingProtocol,
        start: TrainedDesign | None = None,
        devices: NonIdealities | None = None,
        adc_precision: int = 2,
        teacher: Teacher | None = None,
    ) -> TrainedDesign:
        layers = tuple(layer.model_copy(update={"adc_precision": adc_precision}) for layer in design.layers)
        few_bits = design.model_copy(update={"layers": layers})
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
            devices=devices,
            teacher=teacher,
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


def test_a_network_tuned_on_drawn_chips_is_more_accurate_on_other_chips(
    trained: Callable[..., TrainedDesign], protocol: TrainingProtocol, dataset: Dataset
) -> None:
    devices = NonIdealities(variation_ratio=0.15)
    first = trained(protocol, adc_precision=5)
    rates = {"learning_rate": 0.02, "classifier_learning_rate": 0.02}
    exact = protocol.model_copy(update={"epochs": 1, "exact": True, **rates})
    blind, aware = trained(exact, first, adc_precision=5), trained(exact, first, devices, adc_precision=5)
    on_ideal, on_chips = (judge(network, dataset, nonidealities=devices, n_draws=8).mean for network in (blind, aware))
    assert on_chips > on_ideal + 0.02
    assert aware.header.noise_aware == devices


def test_clipped_weights_stay_within_the_window(
    trained: Callable[..., TrainedDesign], protocol: TrainingProtocol
) -> None:
    first = trained(protocol)
    clipped = trained(protocol.model_copy(update={"epochs": 1, "weight_clip": 2.0}), first)
    for before, after in zip(first.network.crossbar_layers, clipped.network.crossbar_layers, strict=True):
        most, wide = (
            float(layer.weight.detach().abs().max() / layer.weight.detach().square().mean().sqrt())
            for layer in (after, before)
        )
        assert most <= 2.2 < wide


def test_targets_mix_labels_and_what_a_teacher_says(network: CrossbarNetwork, images: torch.Tensor) -> None:
    labels = torch.arange(len(images)) % 4
    network.eval()
    said = network(images, lambda layer, inputs: layer.product(inputs)).softmax(1)
    targets = Teacher(networks=(network, network), share=0.25).targets(images, labels)
    exact = torch.nn.functional.one_hot(labels, said.shape[1])
    torch.testing.assert_close(targets, 0.75 * exact + 0.25 * said)


def test_a_teacher_is_learned_from(
    trained: Callable[..., TrainedDesign], protocol: TrainingProtocol, dataset: Dataset
) -> None:
    """With a teacher that says the next class, the network learns to say it."""
    first = trained(protocol, adc_precision=5)
    wrong = first.network.eval()
    last = wrong.crossbar_layers[-1]
    with torch.no_grad():
        for own in (last.weight, last.bias):
            own.copy_(own.roll(1, 0))
    taught = trained(protocol, adc_precision=5, teacher=Teacher(networks=(wrong,), share=1.0))
    assert judge(taught, dataset).mean < 0.25 < judge(trained(protocol, adc_precision=5), dataset).mean
