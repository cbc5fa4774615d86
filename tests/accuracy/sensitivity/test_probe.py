"""Networks run again from the first changed layer on, against a run of the whole network."""

from dataclasses import replace

import pytest
import torch

from hw_models import CrossbarSpec
from tests.refinable import PROTOCOL, trained
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import build_network
from xpert_evo.accuracy.sensitivity.probe import Probe
from xpert_evo.accuracy.sensitivity.statistics import set_statistics, statistics_of
from xpert_evo.accuracy.training.images import prepared
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.space import SearchSpace

N_CALIBRATION, N_IMAGES = 64, 40


def _images() -> tuple[torch.Tensor, torch.Tensor]:
    dataset = cached_dataset(RunConfig().dataset)
    device = torch.device("cpu")
    calibration = prepared(dataset.train, PROTOCOL, device, N_CALIBRATION).images
    return calibration, prepared(dataset.validation, PROTOCOL, device, N_IMAGES).images


def _geometry(place: int, **changes: int) -> LayerGeometry:
    return replace(trained().network.crossbar_layers[place].geometry, **changes)


def test_an_unchanged_network_has_the_scores_of_the_exact_emulation() -> None:
    calibration, images = _images()
    network = trained().network
    probe = Probe(network, calibration, images)
    emulator = Emulator()
    with torch.no_grad():
        network(calibration, emulator)
        expected = network(images, emulator)
    assert torch.allclose(probe.scores, expected, atol=1e-5)
    for place in range(4):
        assert torch.equal(probe.changed({place: _geometry(place)}), probe.scores)


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (3,), (0, 2), (1, 3)])
def test_a_change_gives_the_scores_of_a_run_of_all_layers(places: tuple[int, ...]) -> None:
    """The backbone adds its first layer's output to its third, which a run from the second on must know."""
    calibration, images = _images()
    network = trained().network
    probe = Probe(network, calibration, images)
    changes = {place: _geometry(place, adc_precision=3) for place in places}
    # As a change of the first layer that changes nothing, everything is computed again.
    whole = probe.changed({0: _geometry(0), **changes})
    found = probe.changed(changes)
    assert torch.allclose(found, whole, atol=1e-4)
    assert not torch.allclose(found, probe.scores, atol=1e-2)
    assert [layer.geometry.adc_precision for layer in network.crossbar_layers] == [6] * 4


def test_statistics_follow_a_change_and_the_network_keeps_its_own() -> None:
    calibration, images = _images()
    network = trained().network
    before = statistics_of(network)
    probe = Probe(network, calibration, images)
    moved = probe.statistics({1: _geometry(1, adc_precision=2)})
    kept = statistics_of(network)
    for place, (own, later, new) in enumerate(zip(before, kept, moved, strict=True)):
        assert (own is None) == (place == 3)
        if own is None or later is None or new is None:
            continue
        assert torch.equal(own.mean, later.mean)
        assert torch.equal(own.mean, new.mean) == (place == 0), "layers before the change keep their statistics"
        assert torch.equal(own.variance, new.variance) == (place == 0)


def test_calibrated_statistics_recover_a_constant_error() -> None:
    """A layer with ADCs of 2 bits shifts whole channels, which batch norm takes away."""
    calibration, images = _images()
    network = trained().network
    change = {0: _geometry(0, adc_precision=2)}
    probe = Probe(network, calibration, images)
    calibrated = (probe.changed(change) - probe.scores).square().mean()
    own = statistics_of(network)
    layer = network.crossbar_layers[0]
    geometry = layer.geometry
    try:
        layer.geometry = change[0]
        uncalibrated = (Probe(network, calibration, images).scores - probe.scores).square().mean()
    finally:
        layer.geometry = geometry
        set_statistics(network, own)
    assert calibrated < uncalibrated


def test_in_isolation_a_fine_layer_changes_nothing_and_a_coarse_one_does() -> None:
    calibration, images = _images()
    network = trained().network
    before = statistics_of(network)
    probe = Probe(network, calibration, images, isolated=True)
    # 14 bits convert every sum, and other layers have inputs of 8 bits, too.
    fine = probe.changed({1: _geometry(1, adc_precision=14, input_precision=8)})
    assert torch.allclose(fine, probe.scores, atol=1e-3)
    coarse = [
        float((probe.changed({1: _geometry(1, adc_precision=bits)}) - probe.scores).square().mean()) for bits in (5, 3)
    ]
    assert 1e-6 < coarse[0] < coarse[1]
    for own, later in zip(before, statistics_of(network), strict=True):
        assert own is None or later is None or torch.equal(own.mean, later.mean)


@pytest.mark.parametrize("name", ["vgg8", "resnet20", "mobilenet_v2", "ds_cnn", "mlp", "vit"])
def test_layers_of_every_backbone_can_be_run_again_alone(name: str) -> None:
    """Layers before the changed one compute a single image, whose number must not reach those behind."""
    backbone = load_backbone(name)
    design = SearchSpace(backbone).decode(SearchSpace(backbone).baseline())[0]
    network = build_network(design, backbone, crossbar=CrossbarSpec(), width_divisor=32, image_size=(16, 16))
    generator = torch.Generator().manual_seed(0)
    shown = [torch.rand(n, backbone.image_channels, 16, 16, generator=generator) for n in (6, 4)]
    probe = Probe(network, *shown, isolated=True)
    layers = network.crossbar_layers
    for place in {0, 1, len(layers) // 2, len(layers) - 2, len(layers) - 1}:
        scores = probe.changed({place: layers[place].geometry})
        assert scores.shape == probe.scores.shape
        assert scores.isfinite().all()
