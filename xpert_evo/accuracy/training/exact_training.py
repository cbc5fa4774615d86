"""Training steps with the exact emulation, for a network's last epochs.

The fast form models the ADC error as Gaussian noise; the real error depends on the partial sums and is the same for
the same image. A network trained with the errors of its own converters can learn to correct them, just as networks
adapt to quantised activations (straight-through gradients: Y. Bengio et al., arXiv 1308.3432).
"""

import torch

from xpert_evo.accuracy.crossbars.emulation import Emulator, reprogrammed
from xpert_evo.accuracy.crossbars.network import CrossbarLayer


class ExactProduct:
    """A `network.Product` with outputs of the exact emulation and gradients of the product with perfect ADCs.

    The ADC ranges of a layer are calibrated on its first inputs, which must come from training images. In training
    mode, a layer's arrays are reprogrammed in every call, because its weights have changed.
    """

    def __init__(self) -> None:
        self._emulator = Emulator()

    def __call__(self, layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the product of a layer."""
        perfect = layer.product(inputs)
        with torch.no_grad():
            known = self._emulator.layers
            if layer.training and layer in known:
                known[layer] = reprogrammed(known[layer], layer)
            error = self._emulator(layer, inputs).sub_(perfect)
        return perfect + error
