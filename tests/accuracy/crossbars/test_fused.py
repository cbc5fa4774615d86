"""The fused kernel against the torch form, which defines it bit for bit; where it is used, and where not."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import llvmlite.binding
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from llvmlite import ir

from hw_models import CrossbarSpec, WeightCoding
from tests.accuracy.crossbars.fused_layers import geometries, geometry_of, images_for, watched_calls
from tests.accuracy.crossbars.test_emulation import make_geometry, random_codes
from xpert_evo.accuracy.crossbars import arrays, emulation, fused, fused_kernel, fused_levels, fused_loading
from xpert_evo.accuracy.crossbars.arrays import Cells, program
from xpert_evo.accuracy.crossbars.converted_products import converted_product
from xpert_evo.accuracy.crossbars.converters import AdcRange, calibrated_ranges, fit_in_32_bits
from xpert_evo.accuracy.crossbars.emulation import EmulatedLayer, emulate_layer
from xpert_evo.accuracy.crossbars.fused import fused_outputs
from xpert_evo.accuracy.crossbars.fused_level_lookup import ByteLookup
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.crossbars.windows import integer_codes, unfolded

ARM_SHUFFLE = "llvm.aarch64.neon.tbl1.v16i8"
needs_kernel = pytest.mark.skipif(bool(fused_loading.kernel().refusal), reason=fused_loading.kernel().refusal)


@pytest.fixture(autouse=True)
def _much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after many partial sums, when loading the kernel is worth while."""
    monkeypatch.setattr(fused.changeover, "n_sums", 1 << 60)


def by_torch(codes: torch.Tensor, cells: Cells, ranges: tuple[AdcRange, ...], g: LayerGeometry) -> torch.Tensor:
    product = converted_product(unfolded(codes, g), cells, ranges, g)
    return product.view(g.out_channels, len(codes), g.output_size, g.output_size).transpose(0, 1)


@needs_kernel
@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    g=geometries(rows=[4, 16, 64, 200], most_outputs=5, most_bits=18, most_adc_bits=10),
    percentile=st.sampled_from([90.0, 99.9, 100.0]),
    memory_format=st.sampled_from([torch.contiguous_format, torch.channels_last]),
    n_threads=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**16),
)
def test_the_fused_kernel_is_bit_identical_to_the_torch_form(
    *,
    data: st.DataObject,
    g: LayerGeometry,
    percentile: float,
    memory_format: torch.memory_format,
    n_threads: int,
    seed: int,
) -> None:
    n_bits, side = g.input_precision, g.output_size * g.stride
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(2**n_bits, (data.draw(images_for(g)), g.in_channels, side, side), generator=generator)
    codes = codes.to(torch.uint8 if n_bits <= 8 else torch.int32)
    cells = program(random_codes((g.out_channels, g.n_rows), g.crossbar, seed), g.array_rows, g.crossbar)
    assume(cells.tabled is not None)  # partial sums of columns that long are left to the torch form
    ranges = calibrated_ranges(unfolded(codes, g)[:, :50], cells, n_bits, g.adc_precision, percentile)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: n_threads)
        found = fused_outputs(codes.contiguous(memory_format=memory_format), cells, ranges, g)
    if not fit_in_32_bits(ranges, len(g.array_rows), n_bits):
        assert found is None  # the kernel adds codes in 32 bits
        return
    assert found is not None
    assert torch.equal(found, by_torch(codes, cells, ranges, g))
    assert found.is_contiguous(memory_format=torch.channels_last)


@needs_kernel
@pytest.mark.parametrize("gain", [1.0, 0.5, 0.25, 1.5, 1025 / 2048, 2047 / 65536])
def test_ties_and_sums_beyond_the_range_are_converted_as_by_torch(gain: float) -> None:
    crossbar = CrossbarSpec(cell_bits=2, rows=128)
    g = geometry_of(crossbar, n_in=300, n_out=7, kernel=1, stride=1, size=8, n_bits=3, evenly=False)
    codes = torch.randint(8, (2, 300, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    cells = program(random_codes((7, 300), crossbar, 1), g.array_rows, crossbar)
    ranges = (AdcRange(gain=gain, lowest=-7, highest=8),) * len(cells.digits)
    found = fused_outputs(codes, cells, ranges, g)
    assert found is not None
    assert torch.equal(found, by_torch(codes, cells, ranges, g))


@pytest.fixture
def layer() -> CrossbarLayer:
    geometry = make_geometry(CrossbarSpec(), n_in=24, n_out=8, adc_precision=5, input_precision=4)
    layer = CrossbarLayer(geometry, normalised=True).requires_grad_(requires_grad=False)
    layer.initialise(torch.Generator().manual_seed(0), identity=False)
    return layer


@pytest.fixture
def inputs() -> torch.Tensor:
    return torch.randn(6, 24, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    with watched_calls(monkeypatch) as calls:
        yield calls


@needs_kernel
def test_a_layer_has_the_same_outputs_before_and_after_the_kernel_is_loaded(
    layer: CrossbarLayer, inputs: torch.Tensor, used: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated = emulate_layer(layer, inputs)
    monkeypatch.setattr(fused.changeover, "n_sums", 0)
    before = emulated(inputs)
    monkeypatch.setattr(fused.changeover, "n_sums", 1 << 60)
    after = emulated(inputs)
    assert used == [False, True]
    assert torch.equal(before, after)
    assert before.stride() == after.stride()


def test_without_a_kernel_the_torch_form_computes(
    layer: CrossbarLayer, inputs: torch.Tensor, used: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = emulate_layer(layer, inputs)(inputs)
    monkeypatch.setattr(arrays, "kernel", lambda: SimpleNamespace(loops=None))
    assert torch.equal(emulate_layer(layer, inputs)(inputs), expected)
    assert used[-1] is False


@pytest.mark.parametrize("shape", [(1, 24, 5, 5), (1, 24, 4, 3), (1, 23, 4, 4)])
def test_maps_of_another_shape_are_refused_as_by_torch(
    layer: CrossbarLayer, inputs: torch.Tensor, shape: tuple[int, ...]
) -> None:
    emulated = emulate_layer(layer, inputs)
    with pytest.raises(RuntimeError, match="shape"):
        emulated(torch.rand(shape))


def test_disturbed_converters_draw_the_same_noise_however_much_was_computed(
    layer: CrossbarLayer, inputs: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outputs() -> torch.Tensor:
        noise = NonIdealities(adc_noise_steps=0.5, adc_offset_steps=0.5)
        return emulate_layer(layer, inputs, nonidealities=noise)(inputs)

    after = outputs()
    monkeypatch.setattr(fused.changeover, "n_sums", 0)
    assert torch.equal(after, outputs())


@pytest.mark.parametrize(
    "crossbar", [CrossbarSpec(cell_bits=8), CrossbarSpec(rows=1024, coding=WeightCoding.OFFSET_DIGITAL)]
)
def test_cells_of_too_many_levels_and_too_long_columns_go_by_torch(crossbar: CrossbarSpec) -> None:
    g = geometry_of(crossbar, n_in=1024, n_out=2, kernel=1, stride=1, size=2, n_bits=4, evenly=False)
    cells = program(random_codes((2, 1024), crossbar, 0), g.array_rows, crossbar)
    codes = torch.ones(1, 1024, 2, 2, dtype=torch.uint8)
    assert fused_outputs(codes, cells, (AdcRange(gain=1.0, lowest=-3, highest=4),) * len(cells.digits), g) is None


@torch.no_grad()
@pytest.mark.parametrize("devices", [None, NonIdealities(adc_offset_steps=0.1)])
def test_codes_that_add_up_to_more_than_32_bits_do_not_wrap(devices: NonIdealities | None) -> None:
    crossbar = CrossbarSpec(coding=WeightCoding.OFFSET_DIGITAL)
    g = geometry_of(crossbar, n_in=6400, n_out=2, kernel=1, stride=1, size=1, n_bits=16, evenly=False, adc_precision=10)
    layer = CrossbarLayer(g, normalised=True).eval()
    layer.initialise(torch.Generator().manual_seed(0), identity=False)
    inputs = torch.rand(8, 6400, 1, 1, generator=torch.Generator().manual_seed(1))
    inputs[0] = 1.0
    emulated = emulate_layer(layer, inputs, nonidealities=devices)
    assert isinstance(emulated, EmulatedLayer)
    sums = emulated.cells.digits[-1].sum(1).abs().max() * emulated.ranges[-1].gain * 65535
    assert sums > 2**31, "white images need more than 32 bits"
    torch.testing.assert_close(emulated(inputs), layer.product(inputs), atol=0.02, rtol=0)


def test_numba_is_asked_for_only_after_much_work() -> None:
    code = (
        "import sys, torch; import xpert_evo.accuracy.training.exact_training;"
        "from xpert_evo.accuracy.crossbars.fused import changeover;"
        "assert not changeover.due(10**6) and changeover.due(2**31); assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


@pytest.mark.parametrize("missing", ["numba", "llvmlite"])
def test_a_missing_package_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("numba", "xpert_evo.accuracy.crossbars.fused_"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    found = fused_loading.kernel.__wrapped__()
    assert found.loops is None
    assert missing in found.refusal


@needs_kernel
def test_a_kernel_that_computes_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = fused_loading.kernel().loops
    monkeypatch.setattr(loops, "product", lambda *arguments: arguments[3].fill(7))
    assert "differ" in fused_loading.kernel.__wrapped__().refusal


@needs_kernel
@pytest.mark.skipif(fused_kernel.PIXELS != 64, reason="only a processor with wider registers has narrower ones as well")
@pytest.mark.parametrize("width", ["32", "16"])
def test_narrower_registers_compute_the_same(width: str, tmp_path: Path) -> None:
    code = [sys.executable, "-m", "tests.accuracy.crossbars.narrow_registers", width]
    subprocess.run(code, check=True, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)})


@needs_kernel
def test_the_kernel_loads_where_no_folder_can_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = fused_loading.kernel().loops

    def without_cache(*, nogil: bool, cache: bool = False) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: (function, nogil)

    monkeypatch.setattr(loops, "njit", without_cache)
    assert loops._outer(len) == (len, True)


@pytest.mark.parametrize(
    "build",
    [
        lambda module: fused_kernel._Builder(module, 16, ARM_SHUFFLE, 4),
        lambda module: fused_levels._Builder(module, fused_levels.Form(levels=True), ByteLookup(16, ARM_SHUFFLE)),
    ],
)
def test_the_kernels_are_written_in_a_shuffle_that_arm_has(build: Callable[[ir.Module], Any]) -> None:
    llvmlite.binding.initialize_all_targets()
    llvmlite.binding.initialize_all_asmprinters()
    module = ir.Module()
    built = build(module).build()
    built.linkage = "external"
    target = llvmlite.binding.Target.from_triple("aarch64-unknown-linux-gnu").create_target_machine(opt=2)
    assert "tbl" in target.emit_assembly(llvmlite.binding.parse_assembly(str(module)))


def test_the_layer_is_computed_by_the_kernel_it_was_programmed_for(layer: CrossbarLayer, inputs: torch.Tensor) -> None:
    emulated = emulate_layer(layer, inputs)
    assert isinstance(emulated, EmulatedLayer)
    with torch.no_grad():
        emulated(inputs)
        layer.weight.neg_()
        again = emulation.reprogrammed(emulated, layer)
    assert not torch.equal(again(inputs), emulated(inputs))
    assert torch.equal(
        again(inputs),
        by_torch(integer_codes(inputs, again.clip, 4), again.cells, again.ranges, layer.geometry) * again.scale,
    )
