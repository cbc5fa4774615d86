"""The fast form of the crossbar: perfect products plus Gaussian noise as strong as the ADCs' error.

The noise's variance is the analytic one of `snr`, times the power n_rows E[x^2] E[w^2] that the output would have with
uncorrelated inputs, times a correction, because trained layers have wider partial sums than Gaussian ones. Training
starts with corrections from a table, which was measured once for every layer and precision, and continues with those
measured on its own layers after each epoch (`fidelity.measure_corrections`).
"""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from xpert_evo.accuracy.crossbars.chip_product import drawn_product
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.input_noise import received
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.crossbars.quantisers import largest_weights
from xpert_evo.accuracy.crossbars.snr import FloatArray, adc_noise_ratio

CORRECTION_FILE = Path(__file__).parent / "data" / "adc_noise.json"
"""Written by scripts/calibrate_adc_noise.py."""


class NoisyProduct:
    """Computes layers' products with ADC noise; a `network.Product`.

    Gaussian numbers cost more than the convolutions of small networks, so each call takes a slice, at a random
    position, of a buffer that is drawn once.

    Args:
        generator: Random generator of the buffer and the positions, on the CPU.
        device: Torch device of the network.
        devices: Non-idealities of the cells that hold the weights and of the inputs, drawn anew for each product; None
            for ideal ones.
        n_numbers: Size of the buffer; larger outputs use newly drawn numbers.
        dtype: Data type of the images that the network receives.
    """

    def __init__(
        self,
        generator: torch.Generator,
        device: torch.device,
        devices: NonIdealities | None = None,
        n_numbers: int = 1 << 21,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.generator = generator
        self._dtype = dtype
        self._devices = devices
        self._on_device = generator if devices is None or device.type == "cpu" else self._seeded(device)
        self._buffer = self._drawn(n_numbers, device)

    def __call__(self, layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the layer's product with noise."""
        if self._devices is None:
            outputs = layer.product(inputs)
        else:
            if self._devices.input_noise_ratio:
                errors = self._noise_like(inputs)
                inputs = received(layer, inputs, self._devices.input_noise_ratio, errors)
            outputs = drawn_product(layer, inputs, self._devices, self._on_device)
        noise = self._noise_like(outputs) * local_strength(layer, inputs.detach())
        deviation = noise_deviation(layer)
        strength = output_strength(layer)
        return outputs.addcmul_(noise, deviation if strength is None else deviation * strength)

    def _noise_like(self, outputs: torch.Tensor) -> torch.Tensor:
        if outputs.numel() >= len(self._buffer):
            self._buffer = self._drawn(2 * outputs.numel(), outputs.device)
        start = torch.randint(len(self._buffer) - outputs.numel(), (), generator=self.generator)
        # A view keeps the gaps between its elements in its strides, which may exceed the buffer.
        strides = torch.empty_like(outputs).stride()
        return self._buffer.as_strided(outputs.shape, strides, int(start))

    def _drawn(self, n_numbers: int, device: torch.device) -> torch.Tensor:
        if device.type == "cpu":
            return torch.randn(n_numbers, generator=self.generator).to(self._dtype)
        # An accelerator draws its hundreds of megabytes itself, from a seed given by the generator.
        return torch.randn(n_numbers, generator=self._seeded(device), device=device).to(self._dtype)

    def _seeded(self, device: torch.device) -> torch.Generator:
        return torch.Generator(device).manual_seed(int(torch.randint(1 << 62, (), generator=self.generator)))


def local_strength(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
    """Noise at each pixel relative to its root mean square, (n, 1, size, size).

    Where little current flows, partial sums are small and so are their errors: an ADC of few bits reads most of them as
    0. The noise's power therefore follows the power of the inputs in the pixel's window.
    """
    g = layer.geometry
    clip = layer.clip_on_device
    given = inputs.abs() if g.signed else inputs
    clipped = given.clamp_min(0).minimum(clip) if isinstance(clip, torch.Tensor) else given.clamp(0, clip)
    power = clipped.square_().sum(1, keepdim=True)
    local = _window_means(power, g)
    return (local / local.mean().clamp_min(1e-30)).sqrt_()


def output_strength(layer: CrossbarLayer) -> torch.Tensor | None:
    """Noise at each output relative to its root mean square, (outputs, 1, 1); None where it is the same at all outputs.

    The ADCs of a layer have one range in weight codes, so their error is proportional to the output's weight scale.
    """
    largest = largest_weights(layer.weight.detach(), layer.geometry.crossbar)
    if largest.ndim == 0:
        return None
    return (largest / largest.square().mean().clamp_min(1e-30).sqrt()).view(-1, 1, 1)


def _window_means(power: torch.Tensor, geometry: LayerGeometry) -> torch.Tensor:
    """Mean over the window of each pixel, (n, 1, height, width)."""
    g = geometry
    top, left, bottom, right = g.margins
    if g.dilation == (1, 1) and (top, left) == (bottom, right) and 2 * top <= g.kernel[0] and 2 * left <= g.kernel[1]:
        return F.avg_pool2d(power, g.kernel, g.strides, (top, left))
    padded = F.pad(power, (left, right, top, bottom))
    share = padded.new_full((1, 1, *g.kernel), 1 / (g.kernel[0] * g.kernel[1]))
    return F.conv2d(padded, share, None, g.strides, 0, g.dilation)


def noise_deviation(layer: CrossbarLayer) -> torch.Tensor:
    """Root mean square of the ADC noise on a layer's output, a scalar tensor."""
    return (analytic_noise_power(layer) * layer.noise_correction).sqrt_()


def analytic_noise_power(layer: CrossbarLayer) -> torch.Tensor:
    """Variance of the ADC noise on a layer's output for Gaussian partial sums, a scalar tensor."""
    g = layer.geometry
    power = layer.input_power * layer.weight.detach().square().mean()
    return power * _power_ratio(g)


@lru_cache(maxsize=4096)
def _power_ratio(geometry: LayerGeometry) -> float:
    """ADC noise relative to input power times weight power; cached, because a step of a small network is short."""
    return noise_ratio(geometry) * geometry.n_rows * geometry.coverage_ratio


def set_tabled_corrections(network: CrossbarNetwork) -> None:
    """Sets all layers of a network to the corrections of the table, until measured ones are available."""
    for layer in network.crossbar_layers:
        g = layer.geometry
        layer.noise_correction.fill_(10 ** (correction_db(g.depth_ratio, g.adc_precision, g.input_precision) / 10))


def correction_db(depth_ratio: float, adc_precision: int, input_precision: int) -> float:
    """Measured noise power of trained layers relative to the analytic one [dB]; precisions are clipped to the table.

    Args:
        depth_ratio: Position of the layer in its network, 0 to 1.
        adc_precision: Bits of the layer's ADC.
        input_precision: Bits of the layer's input.
    """
    table, least_adc, least_input = _corrections()
    position = np.rint(depth_ratio * (table.shape[0] - 1))
    place = (position, adc_precision - least_adc, input_precision - least_input)
    return float(table[tuple(int(np.clip(p, 0, n - 1)) for p, n in zip(place, table.shape, strict=True))])


@lru_cache(maxsize=1)
def _corrections() -> tuple[FloatArray, int, int]:
    """Returns the table (layers, ADC precisions, input precisions) and the lowest precisions in it."""
    data = json.loads(CORRECTION_FILE.read_text(encoding="utf-8"))
    return np.array(data["correction_db"]), data["adc_precision"][0], data["input_precision"][0]


def noise_ratio(geometry: LayerGeometry) -> float:
    """Power of the ADCs' error relative to that of an output with uncorrelated inputs."""
    g = geometry
    largest = max(g.own_rows)
    # Arrays share the range of the fullest one, so arrays that are not full add as much noise for less signal.
    full = adc_noise_ratio(
        n_rows=min(largest, g.crossbar.rows_at_once),
        adc_precision=g.adc_precision,
        input_precision=g.input_precision,
        crossbar=g.crossbar,
    )
    return float(full) * len(g.own_rows) * largest / g.n_rows
