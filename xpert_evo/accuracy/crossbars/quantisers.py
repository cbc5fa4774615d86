"""Straight-through quantisers of layer inputs and weights."""

from typing import Any, TypeAlias

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.coding import code_spacing, max_code

Clip: TypeAlias = float | torch.Tensor
"""Input value at the largest code: a number, or a scalar tensor that stays on its device."""


class _QuantiseInput(torch.autograd.Function):
    """Rectifies, clips and rounds; gradients pass where the input is neither rectified nor clipped."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, clip: Clip, n_bits: int) -> torch.Tensor:
        ctx.save_for_backward(inputs)
        ctx.clip = clip
        return input_codes(inputs, clip, n_bits).mul_(clip / (2**n_bits - 1))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (inputs,) = ctx.saved_tensors
        if isinstance(ctx.clip, torch.Tensor):
            return gradients[0] * (inputs > 0).logical_and_(inputs < ctx.clip), None, None
        gradient: torch.Tensor = torch.ops.aten.hardtanh_backward(gradients[0], inputs, 0.0, ctx.clip)
        return gradient, None, None


def input_codes(inputs: torch.Tensor, clip: Clip, n_bits: int) -> torch.Tensor:
    """Integer codes 0 ... 2^n_bits - 1 of inputs, as floats; `clip` is the value of the largest code."""
    top = (1 << n_bits) - 1
    return (inputs * (top / clip)).clamp_(0, top).round_()


def quantise_input(inputs: torch.Tensor, clip: Clip, n_bits: int) -> torch.Tensor:
    """Inputs as the crossbar's rows see them: rectified, `n_bits` levels up to `clip`, a straight-through gradient."""
    apply: Any = _QuantiseInput.apply
    quantised: torch.Tensor = apply(inputs, clip, n_bits)
    return quantised


MANY_BITS = 8
"""Weights of at least this many bits have one scale per layer, weights of fewer bits one for each output."""


_CLIP_RATIOS = {3: 0.45, 4: 0.45, 7: 0.85}
"""Magnitude at the largest code relative to the largest weight, by the number of codes; 1 for others. Requantised
CIFAR-10 networks kept the most accuracy with these; see docs/emulation.md."""


def largest_weights(weights: torch.Tensor, crossbar: CrossbarSpec) -> torch.Tensor:
    """Returns the largest magnitude of weights: a scalar, or at few bits one for each output, (outputs, 1, ...).

    With few bits, outputs with small weights would be left with a few codes if all outputs shared a scale. A scale of
    their own costs no circuit: the digital batch norm multiplies each output by a number of its own in any case.
    """
    magnitudes = weights.abs()
    if crossbar.weight_bits >= MANY_BITS:
        return magnitudes.amax()
    return magnitudes.flatten(1).amax(1).view(-1, *(1,) * (weights.ndim - 1))


def weight_scale(largest: torch.Tensor, crossbar: CrossbarSpec) -> torch.Tensor:
    """Returns the value of code 1 of weights with these largest magnitudes; larger ones are clipped."""
    top = max_code(crossbar)
    n_codes = 2 * top // code_spacing(crossbar) + 1
    return _CLIP_RATIOS.get(n_codes, 1.0) * largest.clamp_min(1e-12) / top


class _QuantiseSigned(torch.autograd.Function):
    """Clips on both sides and rounds; gradients pass where the input is not clipped."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, clip: Clip, n_bits: int) -> torch.Tensor:
        ctx.save_for_backward(inputs)
        ctx.clip = clip
        top = (1 << n_bits) - 1
        return (inputs * (top / clip)).clamp_(-top, top).round_().mul_(clip / top)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (inputs,) = ctx.saved_tensors
        return gradients[0] * (inputs.abs() < ctx.clip), None, None


def quantise_signed(inputs: torch.Tensor, clip: Clip, n_bits: int) -> torch.Tensor:
    """Inputs as two passes see them: `n_bits` levels on each side of 0, up to `clip`, a straight-through gradient."""
    apply: Any = _QuantiseSigned.apply
    quantised: torch.Tensor = apply(inputs, clip, n_bits)
    return quantised


def weight_codes(weights: torch.Tensor, crossbar: CrossbarSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns integer codes of weights, as floats, and the value of code 1, in the form of `largest_weights`."""
    top, spacing = max_code(crossbar), code_spacing(crossbar)
    scale = weight_scale(largest_weights(weights, crossbar), crossbar)
    offset = (top % spacing) / spacing
    codes = (weights / (scale * spacing)).sub_(offset).round_().add_(offset).mul_(spacing).clamp_(-top, top)
    return codes, scale


def quantise_weights(weights: torch.Tensor, crossbar: CrossbarSpec) -> torch.Tensor:
    """Weights as stored in cells; the gradient passes straight through."""
    codes, scale = weight_codes(weights.detach(), crossbar)
    return weights + (codes * scale - weights.detach())
