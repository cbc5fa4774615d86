"""Signs of the nodes of a graph: which tensors cannot be negative, so that a crossbar needs a single pass for them."""

from collections.abc import Sequence

from xpert_evo.networks.nodes import INPUT, NodeEntry, Op

_NEVER_NEGATIVE = frozenset(
    {Op.RELU, Op.SIGMOID, Op.HARD_SIGMOID, Op.SOFTMAX, Op.EXP, Op.SQRT, Op.ABSOLUTE, Op.SOFTPLUS}
)
_IF_INPUTS_ARE = frozenset(
    {
        *(Op.ADD, Op.MULTIPLY, Op.DIVIDE, Op.MAXIMUM, Op.MINIMUM, Op.MATMUL, Op.CONCATENATE, Op.POWER, Op.RECIPROCAL),
        *(Op.MAX_POOL, Op.AVERAGE_POOL, Op.ADAPTIVE_AVERAGE_POOL, Op.ADAPTIVE_MAX_POOL, Op.CHANNEL_AVERAGE),
        *(Op.MEAN, Op.SUM, Op.LARGEST, Op.FLATTEN, Op.SPLIT_AXIS, Op.PERMUTE, Op.SQUEEZE, Op.UNSQUEEZE, Op.SLICE),
        *(Op.REPEAT, Op.RESIZE, Op.HARD_SWISH, Op.SILU, Op.GELU, Op.TANH, Op.ERF, Op.LEAKY_RELU, Op.ELU),
    }
)
"""Operations that give no negative value if no input is negative."""


def not_negative(nodes: Sequence[NodeEntry]) -> frozenset[str]:
    """Returns the names of the nodes whose output cannot be negative, for inputs from 0 to 1.

    The input of the network is in this range: data sets give images so.
    """
    found = {INPUT}
    for node in nodes:
        inputs_are = all(name in found for name in node.inputs)
        if (
            node.op in _NEVER_NEGATIVE
            or (node.op in _IF_INPUTS_ARE and inputs_are)
            or (
                node.op is Op.CLIP and ((node.low is not None and node.low >= 0) or _stays(node, inputs_are=inputs_are))
            )
            or (node.op is Op.AFFINE and inputs_are and node.factor >= 0 and node.offset >= 0)
            or (node.op is Op.PAD and inputs_are and node.offset >= 0)
            or (node.op is Op.POWER and node.factor % 2 == 0)
            or (node.op is Op.MULTIPLY and len(set(node.inputs)) == 1)
        ):
            found.add(node.name)
    return frozenset(found)


def _stays(node: NodeEntry, *, inputs_are: bool) -> bool:
    """Whether a clip of values that are not negative gives none."""
    return inputs_are and (node.high is None or node.high >= 0)
