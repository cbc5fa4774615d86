"""Noise of the inputs: alike in the exact emulation and in the fast form, from device files, and off by default."""

from pathlib import Path

import pytest
import torch

from hw_models import CrossbarSpec, WeightCoding, load_device
from tests.accuracy.crossbars.fused_layers import geometry_of
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.emulation import EmulatedLayer, Emulator
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.accuracy.training.exact_training import ExactProduct

NOISY = NonIdealities(input_noise_ratio=0.02)


@pytest.fixture
def layer() -> CrossbarLayer:
    """A layer whose ADCs and input bits resolve far more than the noise."""
    crossbar = CrossbarSpec(coding=WeightCoding.DIFFERENTIAL)
    geometry = geometry_of(
        crossbar, n_in=16, n_out=12, kernel=3, stride=1, size=12, n_bits=8, evenly=True, adc_precision=10
    )
    layer = CrossbarLayer(geometry, normalised=True).eval()
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(0))
    return layer


@pytest.fixture
def inputs(layer: CrossbarLayer) -> torch.Tensor:
    """Inputs within the full scale, five deviations from its ends."""
    drawn = torch.rand(24, 16, 12, 12, generator=torch.Generator().manual_seed(1))
    return (0.1 + 0.8 * drawn) * layer.clip


def _deviation(layer: CrossbarLayer, inputs: torch.Tensor, noisy: torch.Tensor, clean: torch.Tensor) -> float:
    """Root mean square of what the noise changes, relative to its theory; without the edges, where windows are cut."""
    found = (noisy - clean)[:, :, 1:-1, 1:-1].square().mean(dim=(0, 2, 3)).sqrt()
    theory = NOISY.input_noise_ratio * layer.clip * layer.weight.detach().square().sum(dim=(1, 2, 3)).sqrt()
    return float((found / theory).mean())


@torch.no_grad()
def test_fast_and_exact_form_have_the_deviation_that_the_noise_gives(
    layer: CrossbarLayer, inputs: torch.Tensor
) -> None:
    exact = Emulator(nonidealities=NOISY)(layer, inputs)
    clean = Emulator()(layer, inputs)
    assert _deviation(layer, inputs, exact, clean) == pytest.approx(1.0, abs=0.03)
    fast = NoisyProduct(torch.Generator().manual_seed(2), torch.device("cpu"), NOISY)(layer, inputs)
    assert _deviation(layer, inputs, fast, layer.product(inputs)) == pytest.approx(1.0, abs=0.03)
    training = ExactProduct(NOISY, torch.Generator().manual_seed(3))(layer.train(), inputs)
    assert _deviation(layer, inputs, training, clean) == pytest.approx(1.0, abs=0.03)


@torch.no_grad()
def test_rows_of_inputs_far_below_zero_stay_idle(layer: CrossbarLayer, inputs: torch.Tensor) -> None:
    below = torch.where(inputs > 0.5 * layer.clip, inputs, -inputs - 0.2 * layer.clip)
    emulator = Emulator(nonidealities=NOISY)
    emulator(layer, below)
    nothing = torch.full_like(inputs, -0.2 * layer.clip)
    assert torch.equal(emulator(layer, nothing), torch.zeros_like(emulator(layer, nothing)))
    assert not torch.equal(emulator(layer, below), emulator(layer, below)), "each call has its own errors"


@torch.no_grad()
def test_cells_do_not_depend_on_the_number_of_images(layer: CrossbarLayer, inputs: torch.Tensor) -> None:
    devices = NOISY.model_copy(update={"variation_ratio": 0.1})

    def cells(n_images: int) -> list[torch.Tensor]:
        other = CrossbarLayer(layer.geometry, normalised=True)
        other.load_state_dict(layer.state_dict())
        emulator = Emulator(nonidealities=devices, generator=torch.Generator().manual_seed(4))
        for one in (layer, other):
            emulator(one, inputs[:n_images])
        found = emulator.layers[other]
        assert isinstance(found, EmulatedLayer)
        return list(found.cells.digits)

    assert all(torch.equal(one, same) for one, same in zip(cells(2), cells(8), strict=True))


def test_gradients_pass_to_the_inputs(layer: CrossbarLayer, inputs: torch.Tensor) -> None:
    given = inputs.requires_grad_()
    product = NoisyProduct(torch.Generator().manual_seed(2), torch.device("cpu"), NOISY)
    (gradient,) = torch.autograd.grad(product(layer, given).sum(), given)
    (clean,) = torch.autograd.grad(layer.product(given).sum(), given)
    torch.testing.assert_close(gradient, clean)


@torch.no_grad()
def test_slices_of_larger_tensors_have_errors_too(layer: CrossbarLayer, inputs: torch.Tensor) -> None:
    whole = inputs.repeat(1, 16, 1, 1)
    part = whole[:, 32:48]
    product = NoisyProduct(torch.Generator().manual_seed(2), torch.device("cpu"), NOISY, n_numbers=1 << 16)
    again = NoisyProduct(torch.Generator().manual_seed(2), torch.device("cpu"), NOISY, n_numbers=1 << 16)
    for _ in range(5):
        assert torch.equal(product(layer, part), again(layer, part.contiguous()))


def test_it_is_read_from_a_device_and_leaves_no_trace_where_it_is_off(tmp_path: Path) -> None:
    cell = "[cell]\non_ohm = 50e3\non_off_ratio = 20\n"
    files = {}
    for name, table in (("noisy", "[input_noise]\nratio = 0.01\n"), ("quiet", "")):
        files[name] = tmp_path / f"{name}.toml"
        files[name].write_text(cell + table)
    settings = nonidealities_of(load_device(str(files["noisy"])))
    assert settings.input_noise_ratio == 0.01
    assert settings.is_random, "several chips are judged"
    assert settings.identity.endswith(" input_noise_ratio=0.01")
    off = nonidealities_of(load_device(str(files["quiet"])))
    assert "input_noise" not in off.identity
    assert "input_noise_ratio" not in off.model_dump(exclude_defaults=True)
    assert not off.is_random
