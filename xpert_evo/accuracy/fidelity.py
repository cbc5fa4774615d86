"""How well the fast form's noise matches the exact emulation's error, layer by layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from xpert_evo.accuracy.adc_noise import noise_deviation
from xpert_evo.accuracy.emulation import emulate_layer
from xpert_evo.accuracy.network import CrossbarLayer, CrossbarNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFidelity:
    """Powers at one layer's output, averaged over images, places and channels.

    Attributes:
        signal_power: Variance of the output with quantised inputs and weights and perfect ADCs.
        exact_noise_power: Mean square of what the exact emulation adds to it.
        fast_noise_power: Variance of the fast form's noise.
    """

    signal_power: float
    exact_noise_power: float
    fast_noise_power: float


@torch.no_grad()
def layer_inputs(network: CrossbarNetwork, images: torch.Tensor) -> list[torch.Tensor]:
    """Each layer's unquantised input for prepared images, with perfect ADCs."""
    inputs: list[torch.Tensor] = []

    def record(layer: CrossbarLayer, values: torch.Tensor) -> torch.Tensor:
        inputs.append(values)
        return layer.product(values)

    network.eval()
    network(images, record)
    return inputs


@torch.no_grad()
def layer_fidelity(
    layer: CrossbarLayer, inputs: torch.Tensor, *, adc_precision: int, input_precision: int
) -> LayerFidelity:
    """One layer's powers, had it these precisions; the first half of `inputs` calibrates, the second is measured."""
    with _precisions(layer, adc_precision, input_precision):
        calibration, measured = inputs.tensor_split(2)
        perfect = layer.product(measured)
        error = emulate_layer(layer, calibration)(measured) - perfect
        centred = perfect - perfect.mean((0, 2, 3), keepdim=True)
        return LayerFidelity(
            signal_power=float(centred.square().mean()),
            exact_noise_power=float(error.square().mean()),
            fast_noise_power=float(noise_deviation(layer)) ** 2,
        )


@contextmanager
def _precisions(layer: CrossbarLayer, adc_precision: int, input_precision: int) -> Iterator[None]:
    """Lends a layer other precisions for a while."""
    own = layer.geometry
    layer.geometry = replace(own, adc_precision=adc_precision, input_precision=input_precision)
    try:
        yield
    finally:
        layer.geometry = own


@contextmanager
def all_precisions(network: CrossbarNetwork, *, adc_precision: int, input_precision: int) -> Iterator[None]:
    """Lends all layers of a network other precisions for a while."""
    own = [layer.geometry for layer in network.crossbar_layers]
    for layer in network.crossbar_layers:
        layer.geometry = replace(layer.geometry, adc_precision=adc_precision, input_precision=input_precision)
    try:
        yield
    finally:
        for layer, geometry in zip(network.crossbar_layers, own, strict=True):
            layer.geometry = geometry
