"""The network of a design: crossbar layers with quantised inputs and weights, connected according to the backbone."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.digital import DigitalParameters, digital
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry, array_rows
from xpert_evo.accuracy.crossbars.node_steps import node_steps
from xpert_evo.accuracy.crossbars.quantisers import Clip, quantise_input, quantise_signed, quantise_weights
from xpert_evo.accuracy.crossbars.snr import input_statistics
from xpert_evo.backbone import Backbone, map_of
from xpert_evo.design import Design
from xpert_evo.image_sources import IMAGE_SIZE, ImageSize
from xpert_evo.networks.nodes import INPUT, WITH_PARAMETERS, NodeEntry, Op, Shape

_LEAST_CHANNELS = 4
_NARROW = 64
"""Number of channels below which a proxy's layers are divided by less."""

_NORM_MOMENTUM = 0.1
_POWER_MOMENTUM = 0.1
_POWER_SAMPLE = 16


Product: TypeAlias = Callable[["CrossbarLayer", torch.Tensor], torch.Tensor]
"""Computes a layer's matrix product from its unquantised input: the fast form or the exact one."""


class Step(Enum):
    """What is computed digitally after a layer's product."""

    NORM = "batch norm"
    GAIN = "a gain and an offset for each output"
    OFFSET = "an offset for each output"


class CrossbarLayer(nn.Module):
    """A convolution or linear layer on crossbars, and the digital step after it."""

    input_power: torch.Tensor
    noise_correction: torch.Tensor
    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, geometry: LayerGeometry, *, normalised: bool, scaled: bool = False) -> None:
        super().__init__()
        g = self.geometry = geometry
        self.normalised = normalised
        self.step = Step.NORM if normalised else Step.GAIN if scaled else Step.OFFSET
        self.momentum = _NORM_MOMENTUM
        self.weight = nn.Parameter(torch.zeros(g.out_channels, g.in_channels // g.groups, *g.kernel))
        self.bias = nn.Parameter(torch.zeros(g.out_channels))
        self.register_buffer("input_power", torch.ones(()))
        self.register_buffer("noise_correction", torch.ones(()))
        if self.step is not Step.OFFSET:
            self.gain = nn.Parameter(torch.ones(g.out_channels))
        if normalised:
            self.register_buffer("mean", torch.zeros(g.out_channels))
            self.register_buffer("variance", torch.ones(g.out_channels))

    def initialise(self, generator: torch.Generator, *, identity: bool = False) -> None:
        """Applies He's normal initialisation, plus the identity where channels pass from layer to layer."""
        with torch.no_grad():
            fan_in = self.geometry.n_rows
            scale = (2 / fan_in) ** 0.5 * (0.5 if identity else 1.0)
            self.weight.copy_(torch.randn(self.weight.shape, generator=generator) * scale)
            if identity:
                n_out, n_in, height, width = self.weight.shape
                channel = torch.arange(max(n_out, n_in))
                self.weight[channel % n_out, channel % n_in, height // 2, width // 2] += 1.0

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
        """Updates the mean square of the inputs of a pass with a moving average: rectified, or half of signed ones."""
        sample = inputs.detach()[:_POWER_SAMPLE].float()
        power = 0.5 * sample.square().mean() if self.geometry.signed else sample.clamp_min(0).square_().mean()
        self.input_power.lerp_(power, _POWER_MOMENTUM)

    def product(self, inputs: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Matrix product with quantised inputs and perfect ADCs; `weights` default to the layer's own, quantised."""
        g = self.geometry
        quantise = quantise_signed if g.signed else quantise_input
        quantised = quantise(inputs, self.clip_on_device, g.input_precision)
        if weights is None:
            weights = quantise_weights(self.weight, g.crossbar)
        return self.convolved(quantised, weights.to(quantised.dtype))

    def float_product(self, inputs: torch.Tensor) -> torch.Tensor:
        """Matrix product without any quantisation, as in the original network."""
        return self.convolved(inputs if self.geometry.signed else inputs.clamp_min(0), self.weight)

    def convolved(self, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Convolution with the layer's shape."""
        g = self.geometry
        if g.padding is None and g.output == (1, 1) and g.strides == (1, 1) and g.kernel != (1, 1):
            down, right = g.kernel[0] // 2, g.kernel[1] // 2
            return F.conv2d(inputs, weights[:, :, down : down + 1, right : right + 1])
        top, left, bottom, right = g.margins
        if (top, left) != (bottom, right):
            inputs, top, left = F.pad(inputs, (left, right, top, bottom)), 0, 0
        return F.conv2d(inputs, weights, None, g.strides, (top, left), g.dilation, g.groups)

    def digital(self, outputs: torch.Tensor) -> torch.Tensor:
        """Batch norm, or gain and offset."""
        if self.step is Step.NORM:
            return F.batch_norm(outputs, self.mean, self.variance, self.gain, self.bias, self.training, self.momentum)
        if self.step is Step.GAIN:
            outputs = outputs * self.gain[:, None, None]
        return outputs + self.bias[:, None, None]


class CrossbarNetwork(nn.Module):
    """A design's network; `forward` takes images in [0, 1] of shape (n, channels, side, side).

    Activations and products have the images' type, which may be bfloat16; weights and statistics stay in float32.

    Args:
        backbone: Connections of the layers.
        geometries: Shape, precisions and crossbar of each layer.
        crossbar: Crossbars of the chip, without the weight bits and what else single layers choose.
        shapes: Shapes of the graph's nodes; by default those of the original network.
    """

    def __init__(
        self,
        backbone: Backbone,
        geometries: list[LayerGeometry],
        crossbar: CrossbarSpec,
        shapes: Mapping[str, Shape] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.crossbar = crossbar
        graph, sizes = backbone.graph, backbone.graph.shapes() if shapes is None else shapes
        is_graph = backbone.chain is None
        self.layers = nn.ModuleList(
            CrossbarLayer(g, normalised=node.normalised, scaled=is_graph)
            for g, node in zip(geometries, graph.layers, strict=True)
        )
        self.digital = nn.ModuleDict(
            {node.name: DigitalParameters(node, sizes[node.name]) for node in graph.nodes if node.op in WITH_PARAMETERS}
        )
        self._steps = node_steps(graph)
        self._n_axes = len(graph.input_shape)

    def initialise(self, generator: torch.Generator, *, identity: bool = False) -> None:
        """Draws all weights from `generator`; with `identity`, convolutions start by passing their input on."""
        for node, layer in zip(self.backbone.graph.layers, self.crossbar_layers, strict=True):
            layer.initialise(generator, identity=identity and (node.normalised or node.kernel != (1, 1)))
        for module in self.digital.values():
            assert isinstance(module, DigitalParameters)
            module.initialise(generator)

    @property
    def crossbar_layers(self) -> list[CrossbarLayer]:
        """The layers in execution order."""
        return [layer for layer in self.layers if isinstance(layer, CrossbarLayer)]

    @property
    def norms(self) -> list[CrossbarLayer | DigitalParameters]:
        """Everything with batch-norm statistics, and all crossbar layers."""
        return [*self.crossbar_layers, *(m for m in self.digital.values() if isinstance(m, DigitalParameters))]

    def forward(self, images: torch.Tensor, product: Product) -> torch.Tensor:
        """Returns class scores (n, classes); `product` computes each layer's matrix product."""
        values = {INPUT: images.flatten(1 if self._n_axes == 1 else 2) if self._n_axes < 3 else images}
        outputs = images
        for step in self._steps:
            node = step.node
            inputs = [values[name] for name in node.inputs]
            if step.layer is not None:
                layer = self.layers[step.layer]
                assert isinstance(layer, CrossbarLayer)
                outputs = self._product(layer, node, inputs[0], product)
            elif node.op in WITH_PARAMETERS:
                outputs = self.digital[node.name](inputs[0] if inputs else None)
            else:
                outputs = digital(node, inputs)
            for name in step.frees:
                del values[name]
            values[node.name] = outputs
        return outputs.flatten(1)

    def _product(self, layer: CrossbarLayer, node: NodeEntry, inputs: torch.Tensor, product: Product) -> torch.Tensor:
        """A layer's output; its product works on maps, whatever the shape of the node's tensors."""
        maps, shape = inputs, inputs.shape
        if node.op is Op.LINEAR:
            maps = inputs.reshape(len(inputs), -1, shape[-1]).transpose(1, 2).unsqueeze(3)
        elif inputs.ndim == 3:
            maps = inputs.unsqueeze(2)
        if self.training:
            layer.track(maps)
        outputs = layer.digital(product(layer, maps))
        if node.op is Op.LINEAR:
            rows = outputs.squeeze(3).transpose(1, 2)
            return rows.reshape(len(outputs), *shape[1:-1], rows.shape[-1])  # a product may hold other images
        return outputs.squeeze(2) if inputs.ndim == 3 else outputs


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
    image_size: ImageSize = IMAGE_SIZE,
    depths: Sequence[int] | None = None,
) -> CrossbarNetwork:
    """Builds the network of a design, or its proxy with 1 / `width_divisor` of the channels; raises DesignError.

    Args:
        design: Channel depths and precisions.
        backbone: Connections of the layers.
        crossbar: Crossbars of the chip; layers may choose other precisions of their weights.
        width_divisor: Divisor of the channel depths (see `proxy_depth`); above 1, rows are distributed evenly over
            arrays.
        image_size: Height and width of the network's input images [pixels].
        depths: Channels of each layer if known, as for trained weights.
    """
    design.check(backbone)
    if depths is None:
        depths = [
            fixed if layer.channel_depth is None else proxy_depth(layer.channel_depth, width_divisor)
            for layer, fixed in zip(design.layers, backbone.fixed_depths, strict=True)
        ]
    shapes = backbone.graph.shapes(backbone.scaled_input(image_size), depths)
    geometries = []
    for i, (node, genes) in enumerate(zip(backbone.graph.layers, design.layers, strict=True)):
        given, output = shapes[node.inputs[0]], map_of(node, shapes[node.name])
        in_channels = given[-1] if node.op is Op.LINEAR else given[0]
        groups = in_channels if node.depthwise else node.groups
        own = genes.crossbar(crossbar)
        geometry = LayerGeometry(
            in_channels=in_channels,
            out_channels=depths[i],
            kernel_size=node.kernel[0],
            kernel_width=node.kernel[1],
            stride=node.stride[0],
            stride_width=node.stride[1],
            output_size=output[0],
            output_width=output[1],
            padding=None if backbone.chain is not None else node.padding,
            dilation=node.dilation,
            groups=groups,
            signed=backbone.graph.signed[i],
            adc_precision=genes.adc_precision,
            input_precision=genes.input_precision,
            column_sharing=genes.column_sharing,
            adc_type=genes.adc_type,
            reads_image=node.inputs[0] == INPUT,
            depth_ratio=i / max(1, len(depths) - 1),
            array_rows=(),
            crossbar=own,
        )
        rows = geometry.groups_together * geometry.n_rows
        evenly = width_divisor > 1 and groups == 1
        geometries.append(replace(geometry, array_rows=array_rows(rows, own, evenly=evenly)))
    return CrossbarNetwork(backbone, geometries, design.chip_crossbar(crossbar), shapes)
