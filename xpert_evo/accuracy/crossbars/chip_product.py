"""The products of drawn cells with perfect converters, which the fast form and the gradients of the exact one use.

The columns' wires lose the more the more rows are active. A matrix of weights holds the loss at the share of rows that
is active on average; each bit of each input is then scaled by what the share of active rows at its own place changes.
A row's loss depends on which other rows of its window and array are active; their share is taken around the input
itself, among the channels that its arrays hold. Layers with groups, inputs of both signs, other kernels than square
ones around their pixel, or dilation do without that.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F  # noqa: N812

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.arrays import Cells
from xpert_evo.accuracy.crossbars.blocks import Emulated, EmulatedBlocks, blocks_of, diagonal
from xpert_evo.accuracy.crossbars.coding import slice_weights
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, cells_holding
from xpert_evo.accuracy.crossbars.quantisers import input_codes, quantise_input, weight_codes

_ACTIVITY_IMAGES = 8
"""Images of a training step from which the mean share of active rows is estimated."""


def chip_product(layer: CrossbarLayer, emulated: Emulated, inputs: torch.Tensor) -> torch.Tensor:
    """Product of a layer's unquantised inputs with the weights of a programmed chip; gradients pass to the weights."""
    g = layer.geometry
    if isinstance(emulated, EmulatedBlocks):
        stored = [
            straight_through(
                block.codes * block.scale,
                programmed.cells,
                g.crossbar,
                scale=block.scale,
                activity=_activity(layer, programmed.cells, inputs),
            )
            for block, programmed in zip(blocks_of(layer), emulated.blocks, strict=True)
        ]
        return layer.product(inputs, layer.weight + (diagonal(g, stored) - layer.weight).detach())
    return _product(layer, emulated.cells, inputs)


def drawn_product(
    layer: CrossbarLayer, inputs: torch.Tensor, devices: NonIdealities, generator: torch.Generator
) -> torch.Tensor:
    """The same with newly drawn cells.

    Args:
        layer: Layer with its trained weights.
        inputs: Unquantised inputs.
        devices: Non-idealities of the cells; those of converters are ignored.
        generator: Random generator, on the device where numbers are drawn.
    """
    g = layer.geometry
    cells = cells_holding(
        layer.weight,
        g.crossbar,
        array_rows=g.own_rows,
        nonidealities=devices,
        generator=generator,
        column_sharing=g.column_sharing,
    )
    return _product(layer, cells, inputs)


def _product(layer: CrossbarLayer, cells: Cells, inputs: torch.Tensor) -> torch.Tensor:
    g, activity = layer.geometry, _activity(layer, cells, inputs)
    scale = weight_codes(layer.weight.detach(), g.crossbar)[1]
    weights = straight_through(layer.weight, cells, g.crossbar, scale=scale, activity=activity)
    plain = g.groups == 1 and not g.signed and g.padding is None and g.dilation == (1, 1)
    if cells.column_drop is None or not plain or g.kernel[0] != g.kernel[1]:
        return layer.product(inputs, weights)
    quantised = quantise_input(inputs, layer.clip_on_device, g.input_precision)
    return layer.convolved(quantised * _kept(layer, cells, inputs.detach(), activity), weights.to(quantised.dtype))


def _activity(layer: CrossbarLayer, cells: Cells, inputs: torch.Tensor) -> torch.Tensor | float:
    return 0.0 if cells.column_drop is None else active_share(layer, inputs.detach()[:_ACTIVITY_IMAGES])


def straight_through(
    weights: torch.Tensor,
    cells: Cells,
    crossbar: CrossbarSpec,
    *,
    scale: torch.Tensor | float,
    activity: float | torch.Tensor,
) -> torch.Tensor:
    """Effective weights of cells that hold `weights` (columns, ...); gradients pass straight through to those.

    Args:
        weights: Weights as trained.
        cells: Cells programmed with their codes.
        crossbar: Cells and coding.
        scale: Value of code 1.
        activity: Share of rows active at once.
    """
    digits = cells.digits
    if cells.column_drop is not None:
        digits = tuple(cells.column_drop.weights(digit, cells.array_rows, activity) for digit in digits)
    total = sum((digit * worth for digit, worth in zip(digits, slice_weights(crossbar), strict=True)))
    assert isinstance(total, torch.Tensor)
    if cells.digital_reference:
        total = total[:-1] - total[-1:]
    total = total - cells.counted_offset
    return weights + (total.view_as(weights) * scale - weights.detach())


@torch.no_grad()
def _kept(layer: CrossbarLayer, cells: Cells, inputs: torch.Tensor, activity: torch.Tensor | float) -> torch.Tensor:
    """What each input delivers, relative to the mean share of active rows, (n, channels, side, side)."""
    g, drop = layer.geometry, cells.column_drop
    assert drop is not None
    per_channel = drop.full_drop(cells.array_rows).view(g.in_channels, -1).mean(1).to(inputs.dtype)[:, None, None]
    mean = (per_channel * activity + 1).square()
    codes = input_codes(inputs, layer.clip_on_device, g.input_precision).int()
    gather, spread = (m.to(inputs) for m in _shares(g.in_channels, g.kernel_size, cells.array_rows))
    delivered = torch.zeros_like(inputs)
    for bit in range(g.input_precision):
        plane = (codes >> bit & 1).to(inputs.dtype)
        around = F.avg_pool2d(plane, g.kernel_size, 1, g.kernel_size // 2)
        active = F.conv2d(F.conv2d(around, gather), spread)
        delivered.addcdiv_(plane * mean, active.mul_(per_channel).add_(1).square_(), value=float(1 << bit))
    return torch.where(codes > 0, delivered / codes.clamp_min(1), 1.0)


@lru_cache(maxsize=256)
def _shares(n_channels: int, kernel_size: int, array_rows: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Convolutions of one pixel from channels to the arrays that hold them, and back; rows run channel by channel.

    The first averages over an array's rows, (arrays, channels, 1, 1), the second over a channel's arrays, (channels,
    arrays, 1, 1).
    """
    array = torch.repeat_interleave(torch.arange(len(array_rows)), torch.tensor(array_rows))
    counts = torch.zeros(len(array_rows), n_channels)
    channel = torch.arange(n_channels).repeat_interleave(kernel_size**2)
    counts.index_put_((array, channel), torch.ones(len(array)), accumulate=True)
    gather = counts / counts.sum(1, keepdim=True)
    spread = (counts / counts.sum(0, keepdim=True)).T
    return gather[:, :, None, None], spread[:, :, None, None]


def active_share(layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
    """Share of the rows that are active at once, a scalar tensor.

    Averaged over the bits of a layer's inputs, weighted by the contribution of each bit to the product: its
    significance times its own share.
    """
    n_bits = layer.geometry.input_precision
    codes = input_codes(inputs.float(), layer.clip_on_device, n_bits).int()
    shares = torch.stack([(codes >> bit & 1).float().mean() for bit in range(n_bits)])
    brought = shares * 2.0 ** torch.arange(n_bits, device=shares.device)
    return (brought * shares).sum() / brought.sum().clamp_min(1e-12)
