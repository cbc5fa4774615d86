"""Weights of few bits: a scale for each output in every form of a layer, and bits of its own for each layer."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hw_models import CrossbarSpec, WeightCoding
from tests.accuracy.geometries import fine_geometry
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.coding import max_code
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry, array_rows
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, build_network
from xpert_evo.accuracy.crossbars.quantisers import largest_weights, quantise_weights, weight_codes
from xpert_evo.accuracy.crossbars.snr import conversion_snr_db
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design, parse_design
from xpert_evo.errors import DesignError

CODINGS = st.sampled_from(list(WeightCoding))


def layer_of(crossbar: CrossbarSpec, seed: int = 0) -> CrossbarLayer:
    """A layer whose outputs have weights of very different sizes."""
    layer = CrossbarLayer(fine_geometry(crossbar), normalised=True)
    generator = torch.Generator().manual_seed(seed)
    layer.initialise(generator)
    with torch.no_grad():
        layer.weight.mul_(torch.logspace(-2, 0, len(layer.weight))[:, None, None, None])
    return layer


@given(bits=st.integers(2, 7), coding=CODINGS, seed=st.integers(0, 1 << 16))
def test_every_output_uses_its_largest_code_and_errs_by_half_a_step_at_most(
    bits: int, coding: WeightCoding, seed: int
) -> None:
    crossbar = CrossbarSpec(weight_bits=bits, coding=coding)
    weights = layer_of(crossbar, seed).weight.detach()
    codes, scale = weight_codes(weights, crossbar)
    assert scale.shape == (len(weights), 1, 1, 1)
    assert (codes.abs().amax((1, 2, 3)) == max_code(crossbar)).all()
    half_step = scale * (0.5 if coding is WeightCoding.DIFFERENTIAL else 1.0)
    within = weights.clamp(-max_code(crossbar) * scale, max_code(crossbar) * scale)
    assert ((codes * scale - within).abs() <= half_step * (1 + 1e-5)).all()
    clipped = (weights.abs() > max_code(crossbar) * scale * (1 + 1e-5)).float().mean()
    few = bits == 2 or (coding is WeightCoding.DIFFERENTIAL and bits == 3)
    assert bool(clipped > 0) is few
    assert clipped < 0.3


@pytest.mark.parametrize("bits", [8, 9, 16])
def test_weights_of_many_bits_share_one_scale(bits: int) -> None:
    crossbar = CrossbarSpec(weight_bits=bits)
    weights = layer_of(crossbar).weight.detach()
    assert largest_weights(weights, crossbar) == weights.abs().max()
    assert weight_codes(weights, crossbar)[1].ndim == 0


@pytest.mark.parametrize("bits", [2, 4, 5, 8])
@pytest.mark.parametrize("coding", list(WeightCoding))
def test_with_fine_adcs_the_exact_emulation_computes_the_quantised_product(coding: WeightCoding, bits: int) -> None:
    layer = layer_of(CrossbarSpec(weight_bits=bits, coding=coding))
    inputs = torch.rand(4, 12, 6, 6, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact, perfect = emulate_layer(layer, inputs)(inputs), layer.product(inputs)
    deviation = perfect.std((0, 2, 3), keepdim=True)
    assert ((exact - perfect).abs() <= 1e-3 * deviation).all(), "also at outputs with small weights"


def test_adc_noise_follows_the_scale_of_each_output() -> None:
    inputs = torch.rand(64, 12, 6, 6, generator=torch.Generator().manual_seed(1))

    def spread(bits: int) -> torch.Tensor:
        layer = layer_of(CrossbarSpec(weight_bits=bits))
        layer.geometry = replace(layer.geometry, adc_precision=4)
        noisy = NoisyProduct(torch.Generator().manual_seed(2), torch.device("cpu"))
        with torch.no_grad():
            return (noisy(layer, inputs) - layer.product(inputs)).std((0, 2, 3))

    scales = largest_weights(layer_of(CrossbarSpec()).weight.detach(), CrossbarSpec(weight_bits=4)).flatten()
    few, many = spread(4), spread(8)
    torch.testing.assert_close(few / few.mean(), scales / scales.mean(), rtol=0.1, atol=0)
    assert float(many.max() / many.min()) < 1.2


def test_the_signal_to_noise_ratio_rises_with_the_weight_bits() -> None:
    for coding in WeightCoding:
        ratios = [
            float(
                conversion_snr_db(
                    n_rows=576,
                    adc_precision=12,
                    input_precision=8,
                    crossbar=CrossbarSpec(weight_bits=bits, coding=coding),
                )
            )
            for bits in range(2, 8)
        ]
        assert np.diff(ratios).min() > 2, coding
        assert 4 < np.diff(ratios).mean() < 8, "about 6 dB a bit"


def test_layers_have_the_weight_bits_of_their_design(design: Design, backbone: Backbone) -> None:
    plain = design.to_plain()
    layers = plain["layers"]
    assert isinstance(layers, list)
    for number, layer in enumerate(layers):
        layer["weight_precision"] = 2 + number % 7
    chosen = parse_design(plain)
    network = build_network(chosen, backbone, crossbar=CrossbarSpec(rows=128), width_divisor=32, image_size=(16, 16))
    found = [layer.geometry.crossbar for layer in network.crossbar_layers]
    assert [crossbar.weight_bits for crossbar in found] == [2 + number % 7 for number in range(len(found))]
    assert {crossbar.rows for crossbar in found} == {128}
    assert network.crossbar == CrossbarSpec(rows=128)
    del layers[1]["weight_precision"]
    with pytest.raises(DesignError, match="layer conv2 needs a weight_precision, because other layers have one"):
        parse_design(plain).check(backbone)


def test_a_network_runs_on_the_chip_of_its_design(design: Design, backbone: Backbone) -> None:
    plain = design.to_plain()
    layers = plain["layers"]
    assert isinstance(layers, list)
    for number, layer in enumerate(layers):
        layer |= {"coding": "differential" if number % 2 else "offset-analog", "cell_bits": 2, "weight_precision": 4}
    chosen = parse_design({**plain, "crossbar": {"rows": 96, "rows_read": 32}})
    network = build_network(chosen, backbone, crossbar=CrossbarSpec(columns=128), image_size=(16, 16))
    own = [layer.geometry for layer in network.crossbar_layers]
    assert {(g.crossbar.rows, g.crossbar.rows_at_once, g.crossbar.columns) for g in own} == {(96, 32, 128)}
    assert {max(g.array_rows) for g in own[1:]} == {32}
    assert [g.crossbar.coding for g in own[:2]] == [WeightCoding.OFFSET_ANALOG, WeightCoding.DIFFERENTIAL]
    assert network.crossbar == CrossbarSpec(rows=96, rows_read=32, columns=128, cell_bits=2), "what all layers share"
    again = build_network(chosen, backbone, crossbar=network.crossbar, image_size=(16, 16))
    assert [layer.geometry for layer in again.crossbar_layers] == own


def test_gradients_reach_weights_of_few_bits() -> None:
    weights = layer_of(CrossbarSpec()).weight
    quantise_weights(weights, CrossbarSpec(weight_bits=3)).sum().backward()
    assert torch.equal(weights.grad, torch.ones_like(weights))


@torch.no_grad()
def test_cells_beside_depthwise_weights_add_the_error_that_the_page_states() -> None:
    page = (Path(__file__).parents[3] / "docs" / "your-own-network.md").read_text(encoding="utf-8")
    words = r"an error of ([\d.]+) % .* of 8 bits, ([\d.]+) % with 6, (\d+) % with 4 and (\d+) % with 2"
    stated = re.search(words, " ".join(page.split()))
    assert stated is not None
    for bits, percent in zip((8, 6, 4, 2), stated.groups(), strict=True):
        assert 100 * depthwise_error(WeightCoding.OFFSET_ANALOG, bits) == pytest.approx(float(percent), rel=0.02)
        assert depthwise_error(WeightCoding.DIFFERENTIAL, bits) < 1e-5


def depthwise_error(coding: WeightCoding, weight_bits: int) -> float:
    """Error of a depthwise layer with ADCs that lose nothing, relative to the standard deviation of its output."""
    crossbar = CrossbarSpec(coding=coding, weight_bits=weight_bits)
    g = LayerGeometry(
        in_channels=64,
        out_channels=64,
        groups=64,
        kernel_size=3,
        stride=1,
        output_size=8,
        adc_precision=12,
        input_precision=8,
        column_sharing=8,
        reads_image=False,
        depth_ratio=0.5,
        array_rows=(),
        crossbar=crossbar,
    )
    g = replace(g, array_rows=array_rows(g.groups_together * g.n_rows, crossbar, evenly=False))
    layer = CrossbarLayer(g, normalised=True).eval()
    layer.initialise(torch.Generator().manual_seed(3))
    inputs = torch.randn(4, 64, 8, 8, generator=torch.Generator().manual_seed(0)).relu()
    layer.input_power.fill_(float(inputs.square().mean()))
    expected = layer.product(inputs)
    error = emulate_layer(layer, inputs)(inputs) - expected
    return float(error.square().mean().sqrt() / expected.std())
