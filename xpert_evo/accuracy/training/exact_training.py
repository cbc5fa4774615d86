"""Training steps with the exact emulation, for a network's last epochs.

The fast form models the ADC error as Gaussian noise; the real error depends on the partial sums and is the same for
the same image. A network trained with the errors of its own converters can learn to correct them, just as networks
adapt to quantised activations (straight-through gradients: Y. Bengio et al., arXiv 1308.3432). With non-ideal devices
every step runs on a newly drawn chip.
"""

import torch

from xpert_evo.accuracy.crossbars.chip_product import chip_product
from xpert_evo.accuracy.crossbars.emulation import Emulator, reprogrammed
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities


class ExactProduct:
    """A `network.Product` with outputs of the exact emulation and gradients of the product with perfect ADCs.

    The ADC ranges of a layer are calibrated on its first inputs, which must come from training images. In training
    mode, a layer's arrays are reprogrammed in every call, because its weights have changed, and non-ideal devices and
    converters are drawn anew.

    Args:
        devices: Non-idealities of devices and converters; None for ideal ones.
        generator: Random generator of the devices.
    """

    def __init__(self, devices: NonIdealities | None = None, generator: torch.Generator | None = None) -> None:
        self._devices = devices
        self._generator = generator
        self._emulator = Emulator(nonidealities=devices, generator=generator)

    def __call__(self, layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the product of a layer."""
        known = self._emulator.layers
        with torch.no_grad():
            if layer.training and layer in known:
                known[layer] = reprogrammed(known[layer], layer, nonidealities=self._devices, generator=self._generator)
            exact = self._emulator(layer, inputs)
        perfect = layer.product(inputs) if self._devices is None else chip_product(layer, known[layer], inputs)
        return perfect + exact.sub_(perfect.detach())
