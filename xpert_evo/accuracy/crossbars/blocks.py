"""Layers with groups as blocks on the diagonals of crossbars, and inputs of both signs in two passes.

The groups of a grouped convolution share no inputs. As many as fit lie on the diagonal of one crossbar, as in the cost
model (`hw_models.mapping`). The cells beside them are read with the others. They hold the code 0 or, in codings that
have none, the smallest positive and negative code in turn, whose currents cancel for similar inputs. Each such block
is emulated like a layer of its own, with its own ADC ranges.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch

from xpert_evo.accuracy.crossbars.arrays import Cells
from xpert_evo.accuracy.crossbars.coding import code_spacing, max_code
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.quantisers import weight_codes


class Programmed(Protocol):
    """A layer without groups, or a block of one, that is programmed and calibrated."""

    @property
    def geometry(self) -> LayerGeometry:
        """Shape and precisions."""

    @property
    def cells(self) -> Cells:
        """Programmed arrays."""

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the output map (n, outputs, height, width) for unquantised inputs (n, channels, height, width)."""


@dataclass(frozen=True, slots=True)
class Block:
    """A layer without groups, or one block of a layer with groups.

    Attributes:
        geometry: Shape and precisions.
        codes: Weight codes (outputs, inputs, kernel height, kernel width).
        scale: Value of code 1: a scalar, or one for each output.
    """

    geometry: LayerGeometry
    codes: torch.Tensor
    scale: torch.Tensor


@dataclass(frozen=True, slots=True)
class EmulatedBlocks:
    """A layer with groups.

    Attributes:
        geometry: Shape and precisions of the layer.
        blocks: Its blocks, in the order of their channels.
    """

    geometry: LayerGeometry
    blocks: tuple[Programmed, ...]

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the output map of the layer."""
        parts = split_inputs(self.geometry, inputs)
        return torch.cat([block(part) for block, part in zip(self.blocks, parts, strict=True)], dim=1)


Emulated: TypeAlias = Programmed | EmulatedBlocks


def diagonal(geometry: LayerGeometry, blocks: Sequence[torch.Tensor]) -> torch.Tensor:
    """Returns the weights of groups (outputs, inputs of a group, ...) from the dense weights of blocks."""
    n_out, n_in = geometry.out_channels // geometry.groups, geometry.in_channels // geometry.groups
    parts = []
    for dense in blocks:
        for group in range(dense.shape[1] // n_in):
            rows, columns = slice(group * n_out, (group + 1) * n_out), slice(group * n_in, (group + 1) * n_in)
            parts.append(dense[rows, columns])
    return torch.cat(parts)


def split_inputs(geometry: LayerGeometry, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Returns the inputs of each block."""
    if geometry.groups == 1:
        return (inputs,)
    channels = [geometry.block(i).in_channels for i in range(geometry.n_blocks)]
    return tuple(torch.split(inputs, channels, dim=1))


def blocks_of(layer: CrossbarLayer) -> Iterator[Block]:
    """Yields the blocks of a layer with its current weights; a layer without groups is one."""
    g = layer.geometry
    codes, scale = weight_codes(layer.weight.detach(), g.crossbar)
    if g.groups == 1:
        yield Block(g, codes, scale)
        return
    first = 0
    for i in range(g.n_blocks):
        block = g.block(i)
        rows = slice(first, first + block.out_channels)
        own = scale if scale.ndim == 0 else scale[rows]
        yield Block(block, _on_diagonal(g, block, codes[rows]), own)
        first += block.out_channels


def _on_diagonal(geometry: LayerGeometry, block: LayerGeometry, codes: torch.Tensor) -> torch.Tensor:
    """The dense codes of a block whose groups have the codes (outputs, inputs of a group, ...)."""
    n_out, n_in = geometry.out_channels // geometry.groups, geometry.in_channels // geometry.groups
    dense = codes.new_zeros(block.out_channels, block.in_channels, *codes.shape[2:])
    least = max_code(geometry.crossbar) % code_spacing(geometry.crossbar)
    if least:
        place = torch.arange(len(dense))[:, None] + torch.arange(dense[0].numel())
        dense += (least * (1 - 2 * (place % 2))).view(dense.shape).to(dense)
    for group in range(block.in_channels // n_in):
        rows, columns = slice(group * n_out, (group + 1) * n_out), slice(group * n_in, (group + 1) * n_in)
        dense[rows, columns] = codes[rows]
    return dense


def both_signs(apply: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, *, signed: bool) -> torch.Tensor:
    """Returns a product in one pass, or in two for inputs that can be negative: of their positive and negative part."""
    return apply(inputs) - apply(-inputs) if signed else apply(inputs)


def windows_of(windows: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, *, signed: bool) -> torch.Tensor:
    """Returns the windows (rows, pixels) of all passes of the inputs."""
    return torch.cat([windows(inputs), windows(-inputs)], dim=1) if signed else windows(inputs)
