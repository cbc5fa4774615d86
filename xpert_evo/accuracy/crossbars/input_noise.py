"""Noise of the circuits that drive a layer's rows: a Gaussian error of each input value.

The error is relative to the full scale of the inputs, the value of the largest code, and adds to the value before it
is rectified, clipped and rounded. An input that is well below 0 therefore leaves its row idle and free of noise, as
the gated rows of the other models are; one near 0 may switch a row on or off. An input has one error, which all windows
that read it and all of its bits share; another call draws another one. Both the exact emulation and the fast form add
it here. M. J. Rasch et al. (IBM Analog Hardware Acceleration Kit, AICAS 2021) define input noise alike, except that it
follows the rounding.
"""

import torch

from xpert_evo.accuracy.crossbars.network import CrossbarLayer


def received(layer: CrossbarLayer, inputs: torch.Tensor, noise_ratio: float, noise: torch.Tensor) -> torch.Tensor:
    """Inputs with their errors, of the shape of `inputs`; gradients pass to the inputs.

    Args:
        layer: Layer that receives the inputs.
        inputs: Unquantised inputs.
        noise_ratio: Root mean square of the errors relative to the full scale.
        noise: Standard normal numbers of the same shape.
    """
    return inputs + noise * (noise_ratio * layer.clip_on_device)


def normal_like(inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Standard normal numbers from a seed that a generator draws: one draw a call, whatever the number of inputs."""
    seed = int(torch.randint(1 << 62, (), generator=generator, device=generator.device))
    own = torch.Generator(inputs.device).manual_seed(seed)
    return torch.randn(inputs.shape, generator=own, device=inputs.device, dtype=inputs.dtype)
