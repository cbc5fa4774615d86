"""The exact emulation of a layer on crossbars: every array, input bit and slice is converted separately.

Inputs are streamed bit by bit and the rows are split into arrays. The current of each column of each slice, minus its
reference as the coding requires, is converted by an ADC whose range was calibrated per layer and slice on training
data. Codes are shifted, added and accumulated digitally. With ideal devices all of this is integer arithmetic, and the
result is bit-identical to the plain loops that define it in the tests.
"""

from dataclasses import dataclass, replace

import torch

from xpert_evo.accuracy.crossbars.arrays import Cells, program
from xpert_evo.accuracy.crossbars.blocks import (
    Block,
    Emulated,
    EmulatedBlocks,
    blocks_of,
    both_signs,
    split_inputs,
)
from xpert_evo.accuracy.crossbars.converted_products import chunk_sums, converted_product
from xpert_evo.accuracy.crossbars.converters import (
    AdcRange,
    Ends,
    calibrated_ranges,
    ranges_between,
    with_binary_steps,
)
from xpert_evo.accuracy.crossbars.device_settings import AdcRanges, SliceSteps
from xpert_evo.accuracy.crossbars.fused import fused_outputs
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.input_noise import normal_like, received
from xpert_evo.accuracy.crossbars.integer_products import true_float32
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nonidealities import Disturbance, NonIdealities, disturbed
from xpert_evo.accuracy.crossbars.snr import PERCENTILE
from xpert_evo.accuracy.crossbars.windows import calibration_windows, integer_codes, unfolded

EMULATION = "exact crossbar emulation"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedLayer:
    """A layer whose weights are programmed and whose ADC ranges are set.

    Attributes:
        geometry: Shape and precisions.
        cells: Programmed arrays.
        ranges: ADC ranges, one per slice.
        clip: Input value at the largest code.
        scale: Output value of one step of input code times weight code: a number, or (outputs, 1, 1) if weights of few
            bits have a scale for each output.
        disturbance: Disturbance of the ADCs; None for ideal ones.
    """

    geometry: LayerGeometry
    cells: Cells
    ranges: tuple[AdcRange, ...]
    clip: float
    scale: float | torch.Tensor
    disturbance: Disturbance | None = None

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the output map (n, outputs, height, width) for unquantised inputs (n, channels, height, width)."""
        return both_signs(self._pass, inputs, signed=self.geometry.signed)

    def _pass(self, inputs: torch.Tensor) -> torch.Tensor:
        """One pass, in which negative inputs count as 0."""
        g = self.geometry
        codes = integer_codes(inputs, self.clip, g.input_precision)
        disturbance = None if self.disturbance is None else self.disturbance.seeded()
        fused = fused_outputs(codes, self.cells, self.ranges, g, disturbance)
        if fused is not None:
            return fused.mul_(self.scale)
        n_group = max(1, chunk_sums(codes) // g.out_channels // g.n_positions)
        with true_float32():
            products = [
                converted_product(
                    unfolded(group, g),
                    self.cells,
                    self.ranges,
                    g,
                    disturbance,
                    first_pixel=number * n_group * g.n_positions,
                )
                for number, group in enumerate(torch.split(codes, n_group))
            ]
        maps = torch.cat(products, dim=1).view(g.out_channels, len(inputs), *g.output)
        return maps.transpose(0, 1).contiguous(memory_format=torch.channels_last).mul_(self.scale)


def emulate_layer(
    layer: CrossbarLayer,
    inputs: torch.Tensor,
    *,
    percentile: float = PERCENTILE,
    nonidealities: NonIdealities | None = None,
    generator: torch.Generator | None = None,
    shared_ends: Ends | None = None,
) -> Emulated:
    """Programs a layer's arrays and calibrates its ADCs on `inputs`, which must come from training images.

    Args:
        layer: Trained layer.
        inputs: The layer's unquantised inputs (n, channels, height, width).
        percentile: Upper end of the ADCs' ranges among the partial sums; the lower end is 100 minus this.
        nonidealities: Non-idealities of devices and converters; None for ideal ones.
        generator: Random generator of the devices; by default one with a fixed seed.
        shared_ends: Ends of the ranges if all layers share them; see `shared_ranges`.
    """
    clip, drawn = layer.clip, generator or torch.Generator().manual_seed(0)
    blocks = [
        _calibrated(
            block,
            part,
            _programmed(block, nonidealities, drawn),
            clip=clip,
            percentile=percentile,
            settings=nonidealities or NonIdealities(),
            shared_ends=shared_ends,
        )
        for block, part in zip(blocks_of(layer), split_inputs(layer.geometry, inputs), strict=True)
    ]
    return blocks[0] if layer.geometry.groups == 1 else EmulatedBlocks(layer.geometry, tuple(blocks))


def _calibrated(
    block: Block,
    inputs: torch.Tensor,
    programmed: tuple[Cells, Disturbance | None],
    *,
    clip: float,
    percentile: float,
    settings: NonIdealities,
    shared_ends: Ends | None,
) -> EmulatedLayer:
    """Sets the ADC ranges of a programmed layer or block, most of them on a sample of its windows."""
    g, (cells, disturbance) = block.geometry, programmed
    if settings.adc_ranges is AdcRanges.SHARED:
        if shared_ends is None:
            raise ValueError("ranges that all layers share must be given; compute them with shared_ranges.")
        ranges = ranges_between(shared_ends[len(shared_ends) - len(cells.digits) :], cells, g.adc_precision)
    else:
        known = cells
        if settings.adc_ranges is AdcRanges.LAYER:
            known = program(block.codes.flatten(1), g.array_rows, g.crossbar)
        sample = calibration_windows(g, clip, inputs)
        with true_float32():
            ranges = calibrated_ranges(
                sample, known, g.input_precision, g.adc_precision, percentile, references=g.crossbar.adc_references
            )
    if settings.slice_steps is SliceSteps.BINARY:
        ranges = with_binary_steps(ranges, cells)
    return EmulatedLayer(
        geometry=g,
        cells=cells,
        ranges=ranges,
        clip=clip,
        scale=_step_worth(g, clip, block.scale),
        disturbance=disturbance,
    )


def reprogrammed(
    emulated: Emulated,
    layer: CrossbarLayer,
    *,
    nonidealities: NonIdealities | None = None,
    generator: torch.Generator | None = None,
) -> Emulated:
    """Returns the arrays with a layer's current weights and input range, and with the same ADC ranges.

    Args:
        emulated: The layer as programmed before.
        layer: Layer with other weights.
        nonidealities: Non-idealities of the devices and converters, drawn anew; None for ideal ones.
        generator: Random generator of the devices; by default one with a fixed seed.
    """
    clip, drawn = layer.clip, generator or torch.Generator().manual_seed(0)
    before = emulated.blocks if isinstance(emulated, EmulatedBlocks) else (emulated,)
    blocks: list[EmulatedLayer] = []
    for old, block in zip(before, blocks_of(layer), strict=True):
        assert isinstance(old, EmulatedLayer)
        cells, disturbance = _programmed(block, nonidealities, drawn)
        worth = _step_worth(block.geometry, clip, block.scale)
        blocks.append(replace(old, cells=cells, clip=clip, scale=worth, disturbance=disturbance))
    return EmulatedBlocks(emulated.geometry, tuple(blocks)) if isinstance(emulated, EmulatedBlocks) else blocks[0]


def _programmed(
    block: Block, nonidealities: NonIdealities | None, generator: torch.Generator
) -> tuple[Cells, Disturbance | None]:
    """The cells that hold the weights of a layer or block, and the disturbance of their converters."""
    g, codes = block.geometry, block.codes
    cells, disturbance = program(codes.flatten(1), g.array_rows, g.crossbar), None
    if nonidealities is not None:
        cells, disturbance = disturbed(
            codes.flatten(1),
            cells,
            g.crossbar,
            column_sharing=g.column_sharing,
            nonidealities=nonidealities,
            generator=generator,
            adc_precision=g.adc_precision,
            adc_type=g.adc_type,
        )
    return cells, disturbance


class Emulator:
    """Computes layers' products with the exact emulation; a `network.Product`.

    A layer is programmed at its first use, and its ADC ranges are set on the inputs that it then receives, so the first
    images must be calibration images from the training split.
    """

    def __init__(
        self,
        *,
        percentile: float = PERCENTILE,
        nonidealities: NonIdealities | None = None,
        generator: torch.Generator | None = None,
        shared_ends: Ends | None = None,
    ) -> None:
        self.layers: dict[CrossbarLayer, Emulated] = {}
        self._percentile = percentile
        self._nonidealities = nonidealities
        self._generator = generator
        self._shared_ends = shared_ends
        self._input_noise = 0.0 if nonidealities is None else nonidealities.input_noise_ratio
        self._noise_generator = generator or torch.Generator().manual_seed(0)

    def __call__(self, layer: CrossbarLayer, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the layer's product."""
        if self._input_noise:
            inputs = received(layer, inputs, self._input_noise, normal_like(inputs, self._noise_generator))
        if layer not in self.layers:
            self.layers[layer] = emulate_layer(
                layer,
                inputs,
                percentile=self._percentile,
                nonidealities=self._nonidealities,
                generator=self._generator,
                shared_ends=self._shared_ends,
            )
        return self.layers[layer](inputs)


def _step_worth(geometry: LayerGeometry, clip: float, weight_scale: torch.Tensor) -> float | torch.Tensor:
    """Output value of one step of input code times weight code; see `EmulatedLayer.scale`."""
    of_input = clip / (2.0**geometry.input_precision - 1)
    return of_input * (float(weight_scale) if weight_scale.ndim == 0 else weight_scale.view(-1, 1, 1))
