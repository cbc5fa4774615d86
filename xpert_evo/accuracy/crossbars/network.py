"""The network of a design: crossbar layers with quantised inputs and weights, connected according to the backbone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.arrays import crossbar_rows
from xpert_evo.accuracy.crossbars.quantisers import Clip, quantise_input, quantise_weights
from xpert_evo.accuracy.crossbars.snr import input_statistics
from xpert_evo.backbones import Backbone, LayerKind
from xpert_evo.design import Design

_LEAST_CHANNELS = 4
_NARROW = 64
"""Number of channels below which a proxy's layers are divided by less."""

_NORM_MOMENTUM = 0.1
_POWER_MOMENTUM = 0.1
_POWER_SAMPLE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGeometry:
    """Shape and precision of one layer.

    Attributes:
        in_channels: Input channels.
        out_channels: Output channels.
        kernel_size: Side of the kernel.
        stride: Stride of the convolution.
        output_size: Side of the output map [pixels].
        adc_precision: Bits of the ADC.
        input_precision: Bits of the inputs.
        column_sharing: Columns that share one ADC.
        reads_image: Whether the input is the image, which has a known range.
        depth_ratio: Position in the network, from 0 for the first layer to 1 for the classifier.
        array_rows: Rows of each array that stores part of the layer; they add up to `n_rows`.
        crossbar: Cells and coding.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    output_size: int
    adc_precision: int
    input_precision: int
    column_sharing: int
    reads_image: bool
    depth_ratio: float
    array_rows: tuple[int, ...]
    crossbar: CrossbarSpec

    @property
    def n_rows(self) -> int:
        """Rows of the weight matrix."""
        return self.in_channels * self.kernel_size**2

    @property
    def n_conversions(self) -> int:
        """Conversions of one slice for one image, to which the time of the exact emulation is proportional."""
        return len(self.array_rows) * self.out_channels * self.output_size**2 * self.input_precision

    @property
    def n_crossbars(self) -> int:
        """Crossbars that store the layer's weights."""
        c = self.crossbar
        side_by_side = -(-self.out_channels * c.columns_per_weight // c.columns)
        return len(crossbar_rows(self.array_rows, c)) * side_by_side

    @property
    def coverage_ratio(self) -> float:
        """Share of a window's pixels that lie inside the image, averaged over the map; the rest is zero padding."""
        side, margin = self.output_size * self.stride, self.kernel_size // 2
        taps = [
            sum(0 <= centre + tap < side for tap in range(-margin, margin + 1))
            for centre in range(0, side, self.stride)
        ]
        return (sum(taps) / (len(taps) * self.kernel_size)) ** 2


def array_rows(n_rows: int, crossbar: CrossbarSpec, *, evenly: bool) -> tuple[int, ...]:
    """Distributes `n_rows` of a weight matrix over arrays, that is rows that are read together in one conversion.

    Args:
        n_rows: Rows of the layer.
        crossbar: An array is a crossbar, or a group of its rows if not all rows are read at once.
        evenly: For proxies: whether to use about as many rows in every array, and the number of arrays that comes
            closest to full ones. A proxy's 72 rows make one array of 72 (not one of 64 and one of 8), which has the
            signal-to-noise ratio of the nine full arrays of the full-width layer.
    """
    if not evenly:
        full, rest = divmod(n_rows, crossbar.rows)
        held = (crossbar.rows,) * full + ((rest,) if rest else ())
        return tuple(group for rows in held for group in _groups(rows, crossbar.rows_at_once))
    n_arrays = max(1, round(n_rows / crossbar.rows_at_once))
    return tuple(n_rows // n_arrays + (i < n_rows % n_arrays) for i in range(n_arrays))


def _groups(n_rows: int, at_once: int) -> tuple[int, ...]:
    """Splits the rows of one crossbar into groups of at most `at_once`."""
    full, rest = divmod(n_rows, at_once)
    return (at_once,) * full + ((rest,) if rest else ())


Product: TypeAlias = Callable[["CrossbarLayer", torch.Tensor], torch.Tensor]
"""Computes a layer's matrix product from its unquantised input: the fast form or the exact one."""


class CrossbarLayer(nn.Module):
    """A convolution or linear layer on crossbars, and the batch norm (or bias) computed digitally after it."""

    input_power: torch.Tensor
    noise_correction: torch.Tensor
    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, geometry: LayerGeometry, *, normalised: bool) -> None:
        super().__init__()
        g = self.geometry = geometry
        self.normalised = normalised
        self.momentum = _NORM_MOMENTUM
        self.weight = nn.Parameter(torch.zeros(g.out_channels, g.in_channels, g.kernel_size, g.kernel_size))
        self.bias = nn.Parameter(torch.zeros(g.out_channels))
        self.register_buffer("input_power", torch.ones(()))
        self.register_buffer("noise_correction", torch.ones(()))
        if normalised:
            self.gain = nn.Parameter(torch.ones(g.out_channels))
            self.register_buffer("mean", torch.zeros(g.out_channels))
            self.register_buffer("variance", torch.ones(g.out_channels))

    def initialise(self, generator: torch.Generator, *, identity: bool = False) -> None:
        """Applies He's normal initialisation, plus the identity where channels pass from layer to layer."""
        with torch.no_grad():
            fan_in = self.geometry.n_rows
            scale = (2 / fan_in) ** 0.5 * (0.5 if identity else 1.0)
            self.weight.copy_(torch.randn(self.weight.shape, generator=generator) * scale)
            if identity:
                n_out, n_in, side, _ = self.weight.shape
                channel = torch.arange(max(n_out, n_in))
                self.weight[channel % n_out, channel % n_in, side // 2, side // 2] += 1.0

    @property
    def clip(self) -> float:
        """Input value at the largest code: 1 for images, otherwise a multiple of the input's root mean square."""
        if self.geometry.reads_image:
            return 1.0
        rms = math.sqrt(max(float(self.input_power), 1e-12))
        return input_statistics(self.geometry.input_precision).clip * rms

    @property
    def clip_on_device(self) -> Clip:
        """`clip`, as a tensor on an accelerator, because reading a number there would stall the training."""
        if self.geometry.reads_image or self.input_power.device.type == "cpu":
            return self.clip
        return self.input_power.clamp_min(1e-12).sqrt() * input_statistics(self.geometry.input_precision).clip

    def track(self, inputs: torch.Tensor) -> None:
        """Updates the mean square of the rectified inputs with a moving average."""
        power = inputs.detach()[:_POWER_SAMPLE].float().clamp_min(0).square_().mean()
        self.input_power.lerp_(power, _POWER_MOMENTUM)

    def product(self, inputs: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Matrix product with quantised inputs and perfect ADCs; `weights` default to the layer's own, quantised."""
        g = self.geometry
        quantised = quantise_input(inputs, self.clip_on_device, g.input_precision)
        if weights is None:
            weights = quantise_weights(self.weight, g.crossbar)
        weights = weights.to(quantised.dtype)
        if g.output_size == 1 and g.stride == 1 and g.kernel_size > 1:
            middle = g.kernel_size // 2
            return F.conv2d(quantised, weights[:, :, middle : middle + 1, middle : middle + 1])
        return F.conv2d(quantised, weights, stride=g.stride, padding=g.kernel_size // 2)

    def digital(self, outputs: torch.Tensor) -> torch.Tensor:
        """Batch norm, or the classifier's bias."""
        if not self.normalised:
            return outputs + self.bias[:, None, None]
        return F.batch_norm(outputs, self.mean, self.variance, self.gain, self.bias, self.training, self.momentum)


class CrossbarNetwork(nn.Module):
    """A design's network; `forward` takes images in [0, 1] of shape (n, channels, side, side).

    Activations and products have the images' type, which may be bfloat16; weights and statistics stay in float32.

    Args:
        backbone: Connections of the layers.
        geometries: Shape, precisions and crossbar of each layer.
        crossbar: Crossbars of the chip, without what single layers choose.
    """

    def __init__(self, backbone: Backbone, geometries: list[LayerGeometry], crossbar: CrossbarSpec) -> None:
        super().__init__()
        self.backbone = backbone
        self.crossbar = crossbar
        last = len(geometries) - 1
        self.layers = nn.ModuleList(CrossbarLayer(g, normalised=i < last) for i, g in enumerate(geometries))

    def initialise(self, generator: torch.Generator, *, identity: bool = False) -> None:
        """Draws all weights from `generator`; with `identity`, convolutions start by passing their input on."""
        for spec, layer in zip(self.backbone.layers, self.crossbar_layers, strict=True):
            layer.initialise(generator, identity=identity and spec.kind is LayerKind.CONVOLUTION)

    @property
    def crossbar_layers(self) -> list[CrossbarLayer]:
        """The layers in execution order."""
        return [layer for layer in self.layers if isinstance(layer, CrossbarLayer)]

    def forward(self, images: torch.Tensor, product: Product) -> torch.Tensor:
        """Returns class scores (n, classes); `product` computes each layer's matrix product."""
        passed_on: list[torch.Tensor] = []
        outputs = images
        for spec, source, layer in zip(self.backbone.layers, self.backbone.sources, self.crossbar_layers, strict=True):
            inputs = images if source is None else passed_on[source]
            if spec.kind is LayerKind.LINEAR:
                inputs = F.relu(inputs).mean((2, 3), keepdim=True)
            if self.training:
                layer.track(inputs)
            outputs = layer.digital(product(layer, inputs))
            if spec.adds is not None:
                outputs = outputs + F.relu(passed_on[self.backbone.index(spec.adds)])
            # Layers rectify their own inputs during quantisation, and rectification commutes with maximum pooling.
            pooled = spec.pool and outputs.shape[-1] > 1
            passed_on.append(F.max_pool2d(outputs, 2) if pooled else outputs)
        return outputs.flatten(1)


def proxy_depth(channel_depth: int, width_divisor: int) -> int:
    """Number of channels of a proxy for a layer's `channel_depth`; never larger, and monotonic in the depth.

    From 64 channels on the depth is divided, down to 4 at least. Below 64, where division would map several depths to
    the same network, it shrinks only with the square root: divided by 8, depths of 8, 16, 32 and 64 become 3, 4, 6 and
    8.
    """
    if width_divisor == 1:
        return channel_depth
    if channel_depth >= _NARROW:
        return earlier_proxy_depth(channel_depth, width_divisor)
    widest = max(_LEAST_CHANNELS, _NARROW // width_divisor)
    return min(channel_depth, max(1, round(widest * math.sqrt(channel_depth / _NARROW))))


def earlier_proxy_depth(channel_depth: int, width_divisor: int) -> int:
    """`proxy_depth` as it was when depths below 64 were divided like others; old weight files may use it."""
    return max(_LEAST_CHANNELS, channel_depth // width_divisor)


def build_network(
    design: Design,
    backbone: Backbone,
    *,
    crossbar: CrossbarSpec,
    width_divisor: int = 1,
    image_size: int = 32,
    depths: Sequence[int] | None = None,
) -> CrossbarNetwork:
    """Builds the network of a design, or its proxy with 1 / `width_divisor` of the channels; raises DesignError.

    Args:
        design: Channel depths and precisions.
        backbone: Connections of the layers.
        crossbar: Crossbars of the chip; layers may choose other precisions of their weights.
        width_divisor: Divisor of the channel depths (see `proxy_depth`); above 1, rows are distributed evenly over
            arrays.
        image_size: Side of the network's input images [pixels].
        depths: Channels of each layer if known, as for trained weights.
    """
    design.check(backbone)
    if depths is None:
        depths = [
            backbone.n_classes if layer.channel_depth is None else proxy_depth(layer.channel_depth, width_divisor)
            for layer in design.layers
        ]
    geometries = []
    columns = zip(backbone.layers, backbone.sources, design.layers, backbone.output_sizes(image_size), strict=True)
    for i, (spec, source, genes, size) in enumerate(columns):
        in_channels = backbone.image_channels if source is None else depths[source]
        own = genes.crossbar(crossbar)
        geometries.append(
            LayerGeometry(
                in_channels=in_channels,
                out_channels=depths[i],
                kernel_size=spec.kernel_size,
                stride=spec.stride,
                output_size=size,
                adc_precision=genes.adc_precision,
                input_precision=genes.input_precision,
                column_sharing=genes.column_sharing,
                reads_image=source is None,
                depth_ratio=i / (len(depths) - 1),
                array_rows=array_rows(in_channels * spec.kernel_size**2, own, evenly=width_divisor > 1),
                crossbar=own,
            )
        )
    return CrossbarNetwork(backbone, geometries, crossbar)
