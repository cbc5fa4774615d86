"""The fused kernel on cells and converters that vary, against the torch form, which defines it bit for bit."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hw_models import CrossbarSpec, WeightCoding
from tests.accuracy.crossbars.fused_layers import geometries, geometry_of, images_for, watched_calls
from xpert_evo.accuracy.crossbars import converted_products, emulation, fused, fused_loading, integer_products
from xpert_evo.accuracy.crossbars.conversion_noise import N_STARTS, noise_of, normal_numbers, start_of
from xpert_evo.accuracy.crossbars.emulation import EmulatedLayer, emulate_layer
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities

needs_kernel = pytest.mark.skipif(fused_loading.level_loops() is None, reason="no kernel for this processor")


@pytest.fixture(autouse=True)
def _much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused.changeover, "n_sums", 1 << 60)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    with watched_calls(monkeypatch) as calls:
        yield calls


def layer_of(geometry: LayerGeometry, seed: int = 0) -> CrossbarLayer:
    layer = CrossbarLayer(geometry, normalised=True).requires_grad_(requires_grad=False)
    layer.initialise(torch.Generator().manual_seed(seed), identity=False)
    return layer


def by_torch(emulated: EmulatedLayer, inputs: torch.Tensor, *, eight_bits: bool = True, chunk: int = 1 << 18) -> Any:
    with (
        patch.object(emulation, "fused_outputs", return_value=None),
        patch.object(integer_products, "_works", return_value=eight_bits),
        patch.object(converted_products, "_CHUNK_SUMS", chunk),
    ):
        return again(emulated, inputs)


def again(emulated: EmulatedLayer, inputs: torch.Tensor) -> torch.Tensor:
    """Outputs with the noise of the first call."""
    if emulated.disturbance is not None:
        emulated.disturbance.generator.manual_seed(7)
    return emulated(inputs)


WIRES = {"on_ohm": 5e4, "row_wire_ohm": 1.5, "column_wire_ohm": 4.4, "driver_ohm": 50.0, "sense_ohm": 100.0}
EFFECTS: dict[str, dict[str, float]] = {
    "variation": {"variation_ratio": 0.1},
    "on/off": {"on_off_ratio": 20.0},
    "stuck": {"variation_ratio": 0.05, "stuck_on_ratio": 0.05, "stuck_off_ratio": 0.1},
    "offsets": {"adc_offset_steps": 0.7},
    "noise": {"adc_noise_steps": 0.6},
    "references": {"adc_reference_ratio": 0.05, "adc_offset_steps": 0.2},
    "thin wires": {"variation_ratio": 0.1, "on_off_ratio": 20.0, **WIRES, "on_ohm": 6000.0},
    "wires": {"adc_offset_steps": 0.4, **WIRES},
    "thick wires": {"adc_noise_steps": 0.3, "on_off_ratio": 50.0, **WIRES, "on_ohm": 1e6},
    "all": {
        "variation_ratio": 0.05,
        "adc_reference_ratio": 0.01,
        "on_off_ratio": 10.0,
        "adc_offset_steps": 0.5,
        "adc_noise_steps": 0.3,
    },
}


@needs_kernel
@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    effect=st.sampled_from(sorted(EFFECTS)),
    g=geometries(rows=[8, 17, 64, 130], most_outputs=70, most_bits=9, most_adc_bits=9),
    chunk=st.sampled_from([700, 1 << 18]),
    eight_bits=st.booleans(),
    n_threads=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**16),
)
def test_the_fused_kernel_is_bit_identical_to_the_torch_form(
    *,
    data: st.DataObject,
    effect: str,
    g: LayerGeometry,
    chunk: int,
    eight_bits: bool,
    n_threads: int,
    seed: int,
) -> None:
    emulated, inputs = emulated_layer(g, effect, data.draw(images_for(g)), seed)
    assume(emulated.cells.fits_in_levels)  # digits of a few cells far apart may not be rounded for fine ADCs
    expected = by_torch(emulated, inputs, eight_bits=eight_bits, chunk=chunk)
    assert torch.equal(by_kernel(emulated, inputs, n_threads), expected)


@needs_kernel
def test_thin_wires_with_digital_reference_columns_are_bit_identical_too() -> None:
    crossbar = CrossbarSpec(coding=WeightCoding.OFFSET_DIGITAL, cell_bits=4, reference_columns=2)
    g = geometry_of(crossbar, n_in=37, n_out=37, kernel=3, stride=1, size=6, n_bits=4, evenly=False, adc_precision=6)
    emulated, inputs = emulated_layer(g, "thin wires", 3, seed=0)
    assert torch.equal(by_kernel(emulated, inputs, 1), by_torch(emulated, inputs, eight_bits=False))


def emulated_layer(g: LayerGeometry, effect: str, n_images: int, seed: int) -> tuple[EmulatedLayer, torch.Tensor]:
    """A layer with random weights on drawn devices, and inputs for it."""
    generator, side = torch.Generator().manual_seed(seed), g.output_size * g.stride
    inputs = torch.rand(n_images, g.in_channels, side, side, generator=generator) * 3
    effects: Any = EFFECTS[effect]
    emulated = emulate_layer(layer_of(g, seed), inputs, nonidealities=NonIdealities(**effects), generator=generator)
    assert isinstance(emulated, EmulatedLayer)
    return emulated, inputs


def by_kernel(emulated: EmulatedLayer, inputs: torch.Tensor, n_threads: int) -> torch.Tensor:
    with (
        patch.object(torch, "get_num_threads", return_value=n_threads),
        patch.object(emulation, "converted_product", side_effect=AssertionError("not computed by the kernel")),
    ):
        return again(emulated, inputs)


def test_cells_rounded_for_a_fine_adc_change_few_of_its_codes() -> None:
    crossbar = CrossbarSpec()
    g = geometry_of(crossbar, n_in=64, n_out=16, kernel=3, stride=1, size=8, n_bits=4, evenly=False)
    g = replace(g, adc_precision=6)
    layer, inputs = layer_of(g), torch.randn(16, 64, 8, 8, generator=torch.Generator().manual_seed(1))
    settings = NonIdealities(variation_ratio=0.05)
    rounded = emulate_layer(layer, inputs, nonidealities=settings)
    with patch("xpert_evo.accuracy.crossbars.nonidealities.rounded", side_effect=lambda cells, _: cells):
        drawn = emulate_layer(layer, inputs, nonidealities=settings)
    assert rounded.cells.digit_steps
    assert not drawn.cells.digit_steps
    perfect = layer.product(inputs)
    error, apart = drawn(inputs) - perfect, rounded(inputs) - drawn(inputs)
    assert 0 < apart.square().mean() < 0.03 * error.square().mean()


def test_noise_is_normal_and_neither_columns_arrays_bits_nor_calls_share_it() -> None:
    noise = torch.stack([noise_of(seed, place, 512, 4096, range(640)) for seed in (3, 4) for place in (0, 512)])
    flat = noise.reshape(-1, noise.shape[-1])
    assert abs(float(noise.mean())) < 0.01
    assert abs(float(noise.std()) - 1) < 0.01
    correlation = np.corrcoef(flat[:1024:2].numpy()) - np.eye(512)
    assert np.abs(correlation).mean() < 1.1 * np.sqrt(2 / np.pi / 640)
    assert np.sqrt((correlation**2).mean()) < 1.15 / np.sqrt(640)


@pytest.mark.parametrize(("first", "n"), [(0, 200), (64, 64), (63, 2), (130, 1), (5, 300)])
def test_noise_does_not_depend_on_how_pixels_are_divided(first: int, n: int) -> None:
    whole = noise_of(11, 40, 3, 100, range(400))
    assert torch.equal(noise_of(11, 40, 3, 100, range(first, first + n)), whole[:, first : first + n])
    starts = start_of(np.uint64(1), np.arange(10**6, dtype=np.uint64))
    assert starts.max() < N_STARTS
    assert len(np.unique(starts)) > 0.99 * N_STARTS
    assert len(normal_numbers()) >= N_STARTS + 64


def test_noise_differs_from_call_to_call_and_is_the_same_from_the_same_generator(used: list[bool]) -> None:
    g = geometry_of(CrossbarSpec(), n_in=8, n_out=5, kernel=3, stride=1, size=4, n_bits=3, evenly=False)
    inputs = torch.rand(5, 8, 4, 4, generator=torch.Generator().manual_seed(1))
    emulated = emulate_layer(layer_of(g), inputs, nonidealities=NonIdealities(adc_noise_steps=0.5))
    first = again(emulated, inputs)
    assert not torch.equal(emulated(inputs), first)
    assert torch.equal(again(emulated, inputs), first)
    assert len(set(used)) == 1


def test_columns_too_long_for_exact_products_go_by_torch(used: list[bool]) -> None:
    crossbar = CrossbarSpec(rows=1024, coding=WeightCoding.OFFSET_DIGITAL)
    g = geometry_of(crossbar, n_in=1024, n_out=2, kernel=1, stride=1, size=2, n_bits=2, evenly=False)
    inputs = torch.rand(2, 1024, 2, 2)
    emulate_layer(layer_of(g), inputs, nonidealities=NonIdealities(adc_offset_steps=0.5))(inputs)
    assert used == [False]


def test_digits_without_a_step_that_suits_stay_as_drawn(used: list[bool]) -> None:
    g = geometry_of(CrossbarSpec(), n_in=8, n_out=2, kernel=1, stride=1, size=2, n_bits=2, evenly=False)
    g = replace(g, adc_precision=15)
    inputs = torch.rand(2, 8, 2, 2)
    emulated = emulate_layer(layer_of(g), inputs, nonidealities=NonIdealities(variation_ratio=0.1))
    emulated(inputs)
    assert not emulated.cells.digit_steps
    assert not emulated.cells.exact
    assert used == [False]


@needs_kernel
def test_a_processor_without_the_instructions_uses_torch(used: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    g = geometry_of(CrossbarSpec(), n_in=8, n_out=3, kernel=1, stride=1, size=4, n_bits=4, evenly=False)
    inputs = torch.rand(2, 8, 4, 4)
    emulated = emulate_layer(layer_of(g), inputs, nonidealities=NonIdealities(variation_ratio=0.1))
    with_kernel = emulated(inputs)
    monkeypatch.setattr(fused, "level_loops", lambda: None)
    assert torch.equal(emulated(inputs), with_kernel)
    assert used == [True, False]


@needs_kernel
def test_a_kernel_that_fails_or_computes_wrongly_is_not_used(used: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    g = geometry_of(CrossbarSpec(), n_in=8, n_out=3, kernel=1, stride=1, size=4, n_bits=4, evenly=False)
    inputs = torch.rand(2, 8, 4, 4)
    emulated = emulate_layer(layer_of(g), inputs, nonidealities=NonIdealities(variation_ratio=0.1))
    expected = emulated(inputs)
    loops = fused_loading.level_loops()
    for product in (
        lambda *arguments: arguments[3].fill(7),
        lambda *_: (_ for _ in ()).throw(RuntimeError("LLVM cannot compile")),
    ):
        monkeypatch.setattr(loops, "product", product)
        fused_loading.level_loops.cache_clear()
        try:
            assert fused_loading.level_loops() is None
            assert torch.equal(emulated(inputs), expected)
        finally:
            fused_loading.level_loops.cache_clear()
    assert used == [True, False, False]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({}, "4000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_idle_threads_of_torch_soon_sleep_unless_the_environment_says_otherwise(
    chosen: dict[str, str], expected: str
) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
    code = "import os, xpert_evo; print(os.environ.get('GOMP_SPINCOUNT'))"
    found = subprocess.run([sys.executable, "-c", code], env=kept | chosen, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == expected
