"""Work of the digital unit: additions and multiplications of every node that does not run on crossbars.

Comparisons and shifts count as additions, and divisions as eight of them (one per bit of the quotient). Functions
without a formula of a few steps (exponential, sigmoid, tanh, GELU and others) count as a multiplication and an
addition: they are interpolated linearly between the entries of a small table, as in NN-LUT (J. Yu et al., DAC 2022),
whose 16-entry tables keep the accuracy of transformers. ReLUs are not counted: the ReLU units of the tiles are part of
the cost of every crossbar layer. Operations on several tensors, norms, softmaxes and poolings read their inputs from
the global buffer and write their result there; functions of one input are computed while it passes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xpert_evo.networks.nodes import INPUT, NodeEntry, Op, Shape

_DIVISION = 8
"""Additions of an eight-bit division, one for each bit of the quotient."""


@dataclass(frozen=True, slots=True)
class Work:
    """Digital work for one image.

    Attributes:
        additions: Additions of 16 bits.
        multiplications: Multiplications of 8 by 8 bits.
        moved: Values read from and written to the global buffer.
    """

    additions: int = 0
    multiplications: int = 0
    moved: int = 0

    def __add__(self, other: "Work") -> "Work":
        """Returns the sum."""
        return Work(
            self.additions + other.additions,
            self.multiplications + other.multiplications,
            self.moved + other.moved,
        )

    def __iter__(self) -> Iterator[int]:
        """Yields the counts."""
        yield from (self.additions, self.multiplications, self.moved)

    def times(self, numerator: int, denominator: int) -> "Work":
        """Returns a fraction of the work."""
        return Work(*(n * numerator // denominator for n in self))


_EACH: Mapping[Op, Work] = {
    Op.BATCH_NORM: Work(1, 1),
    Op.LAYER_NORM: Work(5, 3),
    Op.GROUP_NORM: Work(5, 3),
    Op.ADD: Work(1),
    Op.SUBTRACT: Work(1),
    Op.MULTIPLY: Work(0, 1),
    Op.DIVIDE: Work(_DIVISION),
    Op.MAXIMUM: Work(1),
    Op.MINIMUM: Work(1),
    Op.AFFINE: Work(1, 1),
    Op.CLIP: Work(2),
    Op.LEAKY_RELU: Work(1, 1),
    Op.HARD_SIGMOID: Work(3, 1),
    Op.HARD_SWISH: Work(3, 2),
    Op.SILU: Work(1, 2),
    Op.ABSOLUTE: Work(1),
    Op.RECIPROCAL: Work(_DIVISION),
    Op.SOFTMAX: Work(3 + _DIVISION, 1),
    **dict.fromkeys(
        (Op.ELU, Op.SIGMOID, Op.GELU, Op.TANH, Op.SOFTPLUS, Op.EXP, Op.LOG, Op.ERF, Op.SQRT, Op.POWER), Work(1, 1)
    ),
}
"""Work for each element of the output. A norm sums values and squares, then scales; a softmax finds the largest value,
subtracts it, interpolates the exponential, sums and divides."""


_STREAMED = frozenset({Op.AFFINE, Op.CLIP, Op.LEAKY_RELU, Op.ELU, Op.HARD_SIGMOID, Op.HARD_SWISH, Op.SIGMOID, Op.SILU})
_STREAMED |= {Op.GELU, Op.TANH, Op.SOFTPLUS, Op.EXP, Op.LOG, Op.ERF, Op.SQRT, Op.ABSOLUTE, Op.POWER, Op.RECIPROCAL}
_STREAMED |= {Op.BATCH_NORM}
"""Functions of one input, computed while it passes on its way to the buffer."""


def work_of(node: NodeEntry, shapes: Mapping[str, Shape]) -> Work:
    """Returns the work of one node for one image; none for crossbar layers and for operations that only change shapes.

    Args:
        node: The node.
        shapes: Shapes of all nodes and of the input.
    """
    arithmetic = _arithmetic(node, shapes)
    if arithmetic == Work() or node.op in _STREAMED:
        return arithmetic
    return arithmetic + Work(moved=sum(math.prod(shapes[name]) for name in (*node.inputs, node.name)))


def _arithmetic(node: NodeEntry, shapes: Mapping[str, Shape]) -> Work:
    n_out = math.prod(shapes[node.name])
    if node.op in _EACH:
        each = _EACH[node.op]
        return Work(each.additions * n_out, each.multiplications * n_out)
    given = shapes[node.inputs[0]] if node.inputs else ()
    n_in = math.prod(given)
    if node.op is Op.MATMUL:
        return Work(n_out * given[-1], n_out * given[-1])
    if node.op in {Op.MAX_POOL, Op.AVERAGE_POOL}:
        return Work(n_out * node.kernel[0] * node.kernel[1])
    if node.op in {Op.ADAPTIVE_AVERAGE_POOL, Op.ADAPTIVE_MAX_POOL, Op.MEAN, Op.SUM, Op.LARGEST}:
        return Work(n_in)
    if node.op is Op.CHANNEL_AVERAGE:
        return Work(n_out * node.kernel[0], n_out)
    interpolates = node.op is Op.RESIZE and node.variant != "nearest"
    return Work(3 * n_out, 4 * n_out) if interpolates else Work()


def charged_to(nodes: Sequence[NodeEntry]) -> dict[str, int]:
    """Returns the crossbar layer, by position, to which each digital node's work is charged: the last one before it.

    Work before the first layer is charged to the first layer.
    """
    found: dict[str, int] = {INPUT: 0}
    n_layers = 0
    for node in nodes:
        if node.on_crossbars:
            found[node.name] = n_layers
            n_layers += 1
        else:
            found[node.name] = max((found[name] for name in node.inputs), default=0)
    return found
