"""Converters that differ: references, offsets by type and bits, ranges fixed at design time, steps joined by shifts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models import AdcType, CrossbarSpec, WeightCoding
from tests.accuracy.crossbars.test_emulation import make_geometry, random_codes
from xpert_evo.accuracy.crossbars import fused, fused_loading
from xpert_evo.accuracy.crossbars.arrays import Cells, program
from xpert_evo.accuracy.crossbars.converter_draws import Disturbance
from xpert_evo.accuracy.crossbars.converters import AdcRange, ranges_between, with_binary_steps
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, disturbed
from xpert_evo.accuracy.crossbars.shared_ranges import shared_ends
from xpert_evo.accuracy.crossbars.snr import PERCENTILE
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design
from xpert_evo.errors import ConfigError
from xpert_evo.validation import parse

CROSSBAR = CrossbarSpec()


def devices(**values: object) -> NonIdealities:
    """Settings as read from a command line or a file."""
    return parse(NonIdealities, values, where="noise", error=ConfigError)


def converters(column_sharing: int = 4, adc_type: AdcType = AdcType.SAR, **strengths: object) -> Disturbance:
    """Drawn converters of a layer of 20 columns on two crossbars."""
    codes = random_codes((20, 100), CROSSBAR, 0)
    _, found = disturbed(
        codes,
        program(codes, (64, 36), CROSSBAR),
        CROSSBAR,
        column_sharing=column_sharing,
        nonidealities=devices(**strengths),
        generator=torch.Generator().manual_seed(1),
        adc_precision=5,
        adc_type=adc_type,
    )
    assert found is not None
    return found


def test_columns_of_a_slice_share_a_reference_and_slices_and_crossbars_do_not() -> None:
    gains = converters(column_sharing=4, adc_reference_ratio=0.05).gains
    assert gains is not None
    assert gains.shape == (2, 2, 20)
    groups = gains.view(2, 2, 5, 4)
    assert torch.equal(groups, groups[..., :1].expand(-1, -1, -1, 4))
    assert len(gains.unique()) == 2 * 2 * 5, "as many as there are ADCs"


def test_a_reference_scales_the_steps_of_its_converter_by_its_own_deviation() -> None:
    gains = converters(column_sharing=1, adc_reference_ratio=0.02).gains
    assert gains is not None
    references = gains.reciprocal()
    assert float(references.mean()) == pytest.approx(1, abs=0.01)
    assert float(references.std()) == pytest.approx(0.02, rel=0.25)


def test_offsets_depend_on_type_and_bits_and_add_up_with_others() -> None:
    listed = {"sar": [0.0, 0.0, 0.0, 0.0, 0.3], "flash": [0.0] * 5}
    sar = converters(adc_offsets=listed)
    assert float(sar.offsets.std()) == pytest.approx(0.3, rel=0.3)
    both = devices(adc_offsets=listed, adc_offset_steps=0.4)
    assert both.offset_steps(AdcType.SAR, 5) == pytest.approx(0.5)
    assert both.offset_steps(AdcType.SAR, 4) == pytest.approx(0.4)
    assert both.offset_steps(AdcType.SAR, 9) == pytest.approx(0.4), "beyond the list"
    assert float(converters(adc_type=AdcType.FLASH, adc_offsets=listed).offsets.abs().max()) == 0


@pytest.mark.skipif(bool(fused_loading.kernel().refusal), reason="no fused kernel")
@pytest.mark.parametrize("coding", WeightCoding)
@pytest.mark.parametrize("variation", [0.0, 0.05])
def test_the_fused_kernel_converts_like_the_torch_form(
    coding: WeightCoding, variation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossbar = CrossbarSpec(coding=coding)
    layer = CrossbarLayer(
        make_geometry(crossbar, n_in=24, n_out=10, adc_precision=5, input_precision=4), normalised=True
    )
    layer.initialise(torch.Generator().manual_seed(0))
    inputs = torch.rand(3, 24, 4, 4, generator=torch.Generator().manual_seed(2))
    noise = {"adc_reference_ratio": 0.03, "adc_offset_steps": 0.4, "adc_noise_steps": 0.2, "slice_steps": "binary"}
    found = []
    for n_sums in (0, 1 << 60):
        monkeypatch.setattr(fused.changeover, "n_sums", n_sums)
        settings_ = devices(**noise, variation_ratio=variation)
        emulated = emulate_layer(layer, inputs, nonidealities=settings_, generator=torch.Generator().manual_seed(3))
        found.append(emulated(inputs))
    assert torch.equal(found[0], found[1])


@settings(max_examples=100, deadline=None)
@given(
    adc_precision=st.integers(1, 10),
    ends=st.lists(st.tuples(st.integers(-900, 0), st.integers(1, 900)), min_size=1, max_size=4),
)
def test_binary_steps_are_powers_of_two_apart_and_cover_what_own_steps_cover(
    adc_precision: int, ends: list[tuple[int, int]]
) -> None:
    cells = cells_of(len(ends))
    own = ranges_between(ends, cells, adc_precision)
    joined = with_binary_steps(own, cells)
    assert joined[-1].gain == own[-1].gain
    for before, after in zip(own, joined, strict=True):
        ratio = math.log2(after.gain / joined[-1].gain)
        assert ratio == round(ratio)
        assert 1 <= after.step / before.step < 2
        assert after.lowest <= 0 <= after.highest
        assert after.highest - after.lowest == before.highest - before.lowest
        if adc_precision > 1:
            assert (after.lowest - 1) * after.step <= before.lowest * before.step
            assert (after.highest + 1) * after.step >= before.highest * before.step


def cells_of(n_slices: int) -> Cells:
    codes = random_codes((2, 64), CROSSBAR, 0)
    cells = program(codes, (64,), CROSSBAR)
    return Cells(
        digits=cells.digits[:1] * n_slices,
        array_rows=cells.array_rows,
        digit_range=cells.digit_range,
        sum_spacing=cells.sum_spacing,
    )


def ranges_of(inputs: torch.Tensor, **values: object) -> tuple[AdcRange, ...]:
    layer = CrossbarLayer(
        make_geometry(CROSSBAR, n_in=24, n_out=10, adc_precision=5, input_precision=4), normalised=True
    )
    layer.initialise(torch.Generator().manual_seed(0))
    return emulate_layer(layer, inputs, nonidealities=devices(**values)).ranges


def test_ranges_fixed_at_design_time_ignore_the_chip_and_calibrated_ones_follow_it() -> None:
    inputs = torch.rand(3, 24, 4, 4, generator=torch.Generator().manual_seed(2))
    drifted = {"drift_exponent": 0.1, "drift_time_s": 1e6}
    ideal, calibrated = ranges_of(inputs), ranges_of(inputs, **drifted)
    assert ranges_of(inputs, adc_ranges="layer", **drifted) == ideal
    assert calibrated[-1].step < 0.5 * ideal[-1].step, "a quarter of the current is left"
    with pytest.raises(ValueError, match="ranges that all layers share must be given"):
        ranges_of(inputs, adc_ranges="shared")


def test_shared_ranges_are_the_same_in_all_layers_and_lie_among_their_own(design: Design, backbone: Backbone) -> None:
    network = small_network(design, backbone)
    images = torch.rand(16, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    ends = shared_ends(network, images, PERCENTILE)
    own, shared = [], []
    for layer in network.crossbar_layers[1:4]:
        size = layer.geometry.output_size
        inputs = torch.rand(4, layer.geometry.in_channels, size, size, generator=torch.Generator().manual_seed(1))
        own.append(emulate_layer(layer, inputs).ranges[-1].step)
        settings_ = devices(adc_ranges="shared")
        shared.append(emulate_layer(layer, inputs, nonidealities=settings_, shared_ends=ends).ranges[-1].step)
    assert len(ends) == 2, "one for each slice"
    assert len(set(shared)) == 1
    assert len(set(own)) == 3


def small_network(design: Design, backbone: Backbone) -> CrossbarNetwork:
    network = build_network(design, backbone, crossbar=CROSSBAR, width_divisor=32, image_size=(16, 16))
    network.initialise(torch.Generator().manual_seed(0))
    return network.eval()
