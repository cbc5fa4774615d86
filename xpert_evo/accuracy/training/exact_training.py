"""The exact emulation inside a training's steps, for a network's last epochs.

The fast form draws the ADCs' error as Gaussian noise; the real error depends on the partial sums and is the same for
the same image. A network that sees its own converters' errors can learn to correct them, as networks learn to live
with quantised activations (straight-through gradients: Y. Bengio et al., arXiv 1308.3432).
"""

import torch

from xpert_evo.accuracy.crossbars.emulation import Emulator, reprogrammed
from xpert_evo.accuracy.crossbars.network import CrossbarLayer


class ExactProduct:
    """Outputs of the exact emulation, gradients of the product with perfect ADCs; a `network.Product`.

    A layer's ADC ranges are set on the inputs that it sees first, which must stem from training images. While the
    layer is in training mode, its arrays are programmed anew in every call, since its weights have moved.
    """

    def __init__(self) -> None:
        self._emulator = Emulator()

    def __call__(self, layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        """The layer's product."""
        perfect = layer.product(inputs)
        with torch.no_grad():
            known = self._emulator.layers
            if layer.training and layer in known:
                known[layer] = reprogrammed(known[layer], layer)
            error = self._emulator(layer, inputs).sub_(perfect)
        return perfect + error
