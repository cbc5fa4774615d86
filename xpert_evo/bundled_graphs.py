"""The built-in backbones with operations other than those of chains, each in a function."""

from collections.abc import Callable, Mapping

from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import INPUT, Op
from xpert_evo.networks.writer import GraphWriter

_N_CLASSES = 10
"""Classes before a data set gives its own number."""


def _resnet18() -> Graph:
    """ResNet18 (He et al., CVPR 2016) with the stem for small images: 3 x 3 without pooling."""
    w = GraphWriter()
    w.convolution("stem", 64)
    last = w.relu("stem_relu")
    for stage, depth in enumerate((64, 128, 256, 512), 1):
        for block in (1, 2):
            name, stride = f"s{stage}b{block}", 2 if stage > 1 and block == 1 else 1
            w.convolution(f"{name}a", depth, 3, last, stride=stride)
            w.relu(f"{name}a_relu")
            second = w.convolution(f"{name}b", depth)
            shortcut = w.convolution(f"s{stage}projection", depth, 1, last, stride=2) if stride == 2 else last
            w.add(Op.ADD, f"{name}_sum", second, shortcut)
            last = w.relu(f"{name}_relu")
    w.classifier(_N_CLASSES)
    return w.graph((3, 32, 32))


def _mobilenet_v2() -> Graph:
    """MobileNetV2 (M. Sandler et al., CVPR 2018) for small images: strides of 1 in the stem and the second stage."""
    w = GraphWriter()
    w.convolution("stem", 32)
    last, channels = w.add(Op.CLIP, "stem_relu6", low=0.0, high=6.0), 32
    rows = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for stage, (widening, depth, n_blocks, first_stride) in enumerate(rows, 1):
        for block in range(1, n_blocks + 1):
            name, stride = f"s{stage}b{block}", first_stride if block == 1 else 1
            begin = last
            if widening > 1:
                w.convolution(f"{name}_expand", widening * channels, 1, last)
                last = w.add(Op.CLIP, f"{name}_expand_relu6", low=0.0, high=6.0)
            w.convolution(f"{name}_depthwise", widening * channels, 3, last, stride=stride, depthwise=True)
            w.add(Op.CLIP, f"{name}_depthwise_relu6", low=0.0, high=6.0)
            last = w.convolution(f"{name}_project", depth, 1)
            if stride == 1 and channels == depth:
                last = w.add(Op.ADD, f"{name}_sum", last, begin)
            channels = depth
    w.convolution("head", 1280, 1, last)
    w.add(Op.CLIP, "head_relu6", low=0.0, high=6.0)
    w.classifier(_N_CLASSES)
    return w.graph((3, 32, 32))


def _ds_cnn() -> Graph:
    """DS-CNN for keyword spotting (Y. Zhang et al., arXiv 1711.07128, 2017): 10 x 4 kernels on 49 x 10 inputs."""
    w = GraphWriter()
    w.convolution("stem", 64, (10, 4), stride=2)
    w.relu("stem_relu")
    for block in range(1, 5):
        w.convolution(f"b{block}_depthwise", 64, depthwise=True)
        w.relu(f"b{block}_depthwise_relu")
        w.convolution(f"b{block}_pointwise", 64, 1)
        w.relu(f"b{block}_pointwise_relu")
    w.classifier(_N_CLASSES)
    return w.graph((1, 49, 10))


def _mlp() -> Graph:
    """A perceptron of three layers, 784-256-128-10 for images of 28 x 28 pixels."""
    w = GraphWriter()
    w.add(Op.FLATTEN, "pixels", axes=(0, 2))
    for i, depth in enumerate((256, 128), 1):
        w.linear(f"hidden{i}", depth)
        w.relu(f"hidden{i}_relu")
    w.linear("classifier", _N_CLASSES)
    return w.graph((1, 28, 28))


def _vit() -> Graph:
    """A small vision transformer (A. Dosovitskiy et al., ICLR 2021): patches of 4 x 4, 6 blocks of width 192."""
    w = GraphWriter()
    n_heads, width = 3, 192
    w.add(Op.CONVOLUTION, "patches", INPUT, depth=width, kernel=(4, 4), stride=(4, 4))
    w.add(Op.FLATTEN, "positions", axes=(1, 2))
    tokens = w.add(Op.PERMUTE, "tokens", order=(1, 0))
    last = _with_places(w, tokens, width)
    for block in range(1, 7):
        last = _attention(w, f"b{block}", last, n_heads, width)
        w.add(Op.LAYER_NORM, f"b{block}_norm2", last, axes=(1,))
        w.linear(f"b{block}_wide", 4 * width)
        w.add(Op.GELU, f"b{block}_gelu")
        narrow = w.linear(f"b{block}_narrow", width)
        last = w.add(Op.ADD, f"b{block}_sum2", narrow, last)
    w.add(Op.LAYER_NORM, "norm", last, axes=(1,))
    w.add(Op.MEAN, "mean", axes=(0,))
    w.linear("classifier", _N_CLASSES)
    return w.graph((3, 32, 32))


def _with_places(w: GraphWriter, tokens: str, width: int) -> str:
    """Adds a learned vector to each token."""
    w.parameter("places", (64, width))
    return w.add(Op.ADD, "placed", tokens, "places")


def _attention(w: GraphWriter, name: str, given: str, n_heads: int, width: int) -> str:
    """Adds self-attention with its norm and shortcut."""
    norm = w.add(Op.LAYER_NORM, f"{name}_norm1", given, axes=(1,))
    heads = {}
    for part in ("query", "key", "value"):
        w.linear(f"{name}_{part}", width, norm)
        w.add(Op.SPLIT_AXIS, f"{name}_{part}_heads", axes=(1,), sizes=(n_heads, -1))
        order = (1, 2, 0) if part == "key" else (1, 0, 2)
        heads[part] = w.add(Op.PERMUTE, f"{name}_{part}_turned", order=order)
    w.add(Op.MATMUL, f"{name}_scores", heads["query"], heads["key"])
    w.add(Op.AFFINE, f"{name}_scaled", factor=(n_heads / width) ** 0.5)
    weights = w.add(Op.SOFTMAX, f"{name}_weights", axes=(2,))
    w.add(Op.MATMUL, f"{name}_mixed", weights, heads["value"])
    w.add(Op.PERMUTE, f"{name}_joined", order=(1, 0, 2))
    w.add(Op.FLATTEN, f"{name}_flat", axes=(1, 2))
    out = w.linear(f"{name}_out", width)
    return w.add(Op.ADD, f"{name}_sum1", out, given)


BUNDLED_GRAPHS: Mapping[str, Callable[[], Graph]] = {
    "resnet18": _resnet18,
    "mobilenet_v2": _mobilenet_v2,
    "ds_cnn": _ds_cnn,
    "mlp": _mlp,
    "vit": _vit,
}
"""Graphs by name."""
