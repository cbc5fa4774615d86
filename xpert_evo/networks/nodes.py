"""Nodes of a network's graph, as in the `[[nodes]]` of a backbone file."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from xpert_evo.validation import Frozen

INPUT = "input"
"""Name by which nodes read the network's input."""

Shape = tuple[int, ...]
"""Shape of one image's tensor, without the batch axis."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]
_Side = Annotated[int, Field(ge=0, le=1 << 20)]
_Pair = tuple[_Side, _Side]


class Op(StrEnum):
    """Operation of a node. The first two run on crossbars, all others on the digital unit."""

    CONVOLUTION = "convolution"
    LINEAR = "linear"

    BATCH_NORM = "batch_norm"
    LAYER_NORM = "layer_norm"
    GROUP_NORM = "group_norm"
    PARAMETER = "parameter"

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    MATMUL = "matmul"
    CONCATENATE = "concatenate"

    AFFINE = "affine"
    CLIP = "clip"
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"
    HARD_SIGMOID = "hard_sigmoid"
    HARD_SWISH = "hard_swish"
    SIGMOID = "sigmoid"
    SILU = "silu"
    GELU = "gelu"
    TANH = "tanh"
    SOFTPLUS = "softplus"
    EXP = "exp"
    LOG = "log"
    ERF = "erf"
    SQRT = "sqrt"
    ABSOLUTE = "absolute"
    POWER = "power"
    RECIPROCAL = "reciprocal"
    SOFTMAX = "softmax"

    MAX_POOL = "max_pool"
    AVERAGE_POOL = "average_pool"
    ADAPTIVE_AVERAGE_POOL = "adaptive_average_pool"
    ADAPTIVE_MAX_POOL = "adaptive_max_pool"
    CHANNEL_AVERAGE = "channel_average"
    MEAN = "mean"
    SUM = "sum"
    LARGEST = "largest"

    FLATTEN = "flatten"
    SPLIT_AXIS = "split_axis"
    PERMUTE = "permute"
    SQUEEZE = "squeeze"
    UNSQUEEZE = "unsqueeze"
    SLICE = "slice"
    PAD = "pad"
    REPEAT = "repeat"
    RESIZE = "resize"


CROSSBAR_OPS = frozenset({Op.CONVOLUTION, Op.LINEAR})
ELEMENTWISE = frozenset(
    {
        *(Op.AFFINE, Op.CLIP, Op.RELU, Op.LEAKY_RELU, Op.ELU, Op.HARD_SIGMOID, Op.HARD_SWISH, Op.SIGMOID, Op.SILU),
        *(Op.GELU, Op.TANH, Op.SOFTPLUS, Op.EXP, Op.LOG, Op.ERF, Op.SQRT, Op.ABSOLUTE, Op.POWER, Op.RECIPROCAL),
        *(Op.BATCH_NORM, Op.SOFTMAX, Op.LAYER_NORM, Op.GROUP_NORM),
    }
)
"""Operations that keep the shape of their only input."""
BINARY = frozenset({Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE, Op.MAXIMUM, Op.MINIMUM})
"""Operations on two inputs whose shapes are broadcast, element by element."""
WITH_PARAMETERS = frozenset({Op.BATCH_NORM, Op.LAYER_NORM, Op.GROUP_NORM, Op.PARAMETER})
"""Digital operations with trained parameters of their own."""


class NodeEntry(Frozen):
    """One node; an operation uses only some of the fields.

    Axes are counted without the batch axis.

    Attributes:
        name: A letter, then letters, digits and underscores; unique in the graph.
        op: Operation.
        inputs: Nodes that are read, or `input`.
        depth: Output channels of a crossbar layer in the original network.
        depth_choices: Channel depths offered to a search; empty for multiples of `depth`. Only where the depth can
            vary, and for the first of the layers that share it.
        kernel: Height and width of the kernel of a convolution or pooling.
        stride: Stride, downwards and to the right.
        padding: Rows and columns of zeros at the top, left, bottom and right.
        dilation: Distance of the kernel's elements, downwards and to the right.
        groups: Groups of a convolution or of a group norm.
        depthwise: Whether a convolution has one group for each input channel, whatever their number.
        normalised: Whether batch norm follows a crossbar layer, folded into its digital step; otherwise the step is a
            gain and an offset for each output.
        rectifies: Whether a crossbar layer sets negative inputs to 0, so that no ReLU is needed before it.
        ceil: Whether a pooling keeps incomplete windows at the end.
        counts_padding: Whether an average includes the padding.
        keep_single: Whether a maximum pooling leaves axes of one pixel alone.
        size: Output height and width of an adaptive pooling.
        scale: Factors of a resizing, downwards and to the right.
        axes: Axes that are reduced, flattened (first and last), inserted, removed, sliced, padded or normalised.
        keep_axes: Whether reduced axes remain, with length 1.
        sizes: Lengths into which an axis is split, one of them -1; counts of a repetition; or the shape of a
            parameter.
        order: Order of the axes of a permutation.
        start: First element of a slice, or elements in front of a padding.
        stop: End of a slice, exclusive; None for the end of the axis. Elements behind a padding.
        step: Distance of the elements of a slice.
        low: Lower limit of a clip; None for none.
        high: Upper limit of a clip; None for none.
        factor: Factor of an affine function, slope of a leaky ReLU or hard sigmoid, exponent of a power.
        offset: Offset of an affine function or hard sigmoid, or the value of a padding.
        variant: Kind of a resizing (`nearest`, `bilinear`) or of a GELU (`tanh`).
        epsilon: Small number that a norm adds to the variance.
    """

    name: Name
    op: Op
    inputs: tuple[str, ...] = ()
    depth: Annotated[int, Field(ge=1, le=1 << 20)] | None = None
    depth_choices: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = ()
    kernel: _Pair = (1, 1)
    stride: _Pair = (1, 1)
    padding: tuple[_Side, _Side, _Side, _Side] = (0, 0, 0, 0)
    dilation: _Pair = (1, 1)
    groups: Annotated[int, Field(ge=1, le=1 << 20)] = 1
    depthwise: bool = False
    normalised: bool = False
    rectifies: bool = False
    ceil: bool = False
    counts_padding: bool = False
    keep_single: bool = False
    size: _Pair = (1, 1)
    scale: tuple[Annotated[int, Field(ge=1, le=64)], Annotated[int, Field(ge=1, le=64)]] = (1, 1)
    axes: tuple[int, ...] = ()
    keep_axes: bool = False
    sizes: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    start: int = 0
    stop: int | None = None
    step: Annotated[int, Field(ge=1)] = 1
    low: float | None = None
    high: float | None = None
    factor: float = 1.0
    offset: float = 0.0
    variant: str = ""
    epsilon: float = 1e-5

    @property
    def on_crossbars(self) -> bool:
        """Whether the node is a crossbar layer."""
        return self.op in CROSSBAR_OPS
