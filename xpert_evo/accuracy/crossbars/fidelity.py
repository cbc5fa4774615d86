"""Agreement of the fast form's noise with the exact emulation's error, layer by layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from xpert_evo.accuracy.crossbars.adc_noise import analytic_noise_power
from xpert_evo.accuracy.crossbars.chip_product import chip_product
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, Product
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities

_LEAST_GAIN = 0.05
"""Least gain of a channel of a drawn chip that its error is divided by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFidelity:
    """Powers at one layer's output, averaged over images, pixels and channels.

    Attributes:
        signal_power: Variance of the output with quantised inputs and weights and perfect ADCs.
        exact_noise_power: Mean square of the error that the exact emulation adds to it.
        analytic_noise_power: Variance of the fast form's noise before its correction.
    """

    signal_power: float
    exact_noise_power: float
    analytic_noise_power: float


@torch.no_grad()
def layer_inputs(network: CrossbarNetwork, images: torch.Tensor) -> list[torch.Tensor]:
    """Returns each layer's unquantised input for prepared images, with perfect ADCs."""
    inputs: list[torch.Tensor] = []

    def record(layer: CrossbarLayer, values: torch.Tensor) -> torch.Tensor:
        inputs.append(values)
        return layer.product(values)

    network.eval()
    network(images, record)
    return inputs


@torch.no_grad()
def layer_fidelity(
    layer: CrossbarLayer,
    inputs: torch.Tensor,
    devices: NonIdealities | None = None,
    generator: torch.Generator | None = None,
) -> LayerFidelity:
    """Measures one layer's powers; the first half of `inputs` calibrates the ADCs, the second half is measured.

    Args:
        layer: Layer to measure.
        inputs: Its unquantised inputs (n, channels, side, side).
        devices: Non-idealities of devices and converters, drawn once; the error is then that of the drawn chip, except
            for a gain and an offset of each channel, which batch norm takes up. None for ideal ones.
        generator: Random generator of the devices.
    """
    calibration, measured = inputs.tensor_split(2)
    emulated = emulate_layer(layer, calibration, nonidealities=devices, generator=generator)
    perfect = layer.product(measured) if devices is None else chip_product(layer, emulated, measured)
    exact = emulated(measured)
    error = exact - perfect if devices is None else _residual(exact, perfect)
    centred = perfect - perfect.mean((0, 2, 3), keepdim=True)
    return LayerFidelity(
        signal_power=float(centred.square().mean()),
        exact_noise_power=float(error.square().mean()),
        analytic_noise_power=float(analytic_noise_power(layer)),
    )


def _residual(exact: torch.Tensor, perfect: torch.Tensor) -> torch.Tensor:
    """What a gain and an offset of each channel do not explain, relative to the gain; (n, channels, side, side)."""
    exact, perfect = (values - values.mean((0, 2, 3), keepdim=True) for values in (exact, perfect))
    power = perfect.square().sum((0, 2, 3), keepdim=True).clamp_min(1e-30)
    gain = (exact * perfect).sum((0, 2, 3), keepdim=True) / power
    return exact / gain.clamp_min(_LEAST_GAIN) - perfect


@torch.no_grad()
def measure_corrections(
    network: CrossbarNetwork,
    images: torch.Tensor,
    devices: NonIdealities | None = None,
    generator: torch.Generator | None = None,
) -> None:
    """Sets the fast form's noise in all layers to the exact emulation's error on prepared training images.

    Args:
        network: Network, left in evaluation mode.
        images: Images (n, channels, side, side); a few dozen suffice.
        devices: Non-idealities of devices and converters, drawn once; None for ideal ones.
        generator: Random generator of the devices.
    """
    inputs = layer_inputs(network, images)
    for layer, values in zip(network.crossbar_layers, inputs, strict=True):
        powers = layer_fidelity(layer, values, devices, generator)
        layer.noise_correction.fill_(powers.exact_noise_power / max(powers.analytic_noise_power, 1e-30))


@torch.no_grad()
def set_statistics(network: CrossbarNetwork, images: torch.Tensor, product: Product) -> None:
    """Sets the batch norm statistics, layer by layer, to those of prepared training images under `product`.

    Unlike `measuring.recalibrate` it does not change the inputs' ranges, so that forms can be compared.

    Args:
        network: Network, left in evaluation mode.
        images: Images (n, channels, side, side) in one batch; a few hundred suffice.
        product: Computes the layers; an `Emulator` that has not yet seen any layer calibrates its ADCs in the process.
    """

    def followed(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        outputs = product(layer, inputs)
        if layer.normalised:
            layer.mean.copy_(outputs.mean((0, 2, 3)))
            layer.variance.copy_(outputs.var((0, 2, 3)))
        return outputs

    network.eval()
    network(images, followed)


@contextmanager
def all_precisions(network: CrossbarNetwork, *, adc_precision: int, input_precision: int) -> Iterator[None]:
    """Temporarily gives all layers of a network other precisions."""
    own = [layer.geometry for layer in network.crossbar_layers]
    for layer in network.crossbar_layers:
        layer.geometry = replace(layer.geometry, adc_precision=adc_precision, input_precision=input_precision)
    try:
        yield
    finally:
        for layer, geometry in zip(network.crossbar_layers, own, strict=True):
            layer.geometry = geometry
