"""Writes a graph in code, node by node: for the built-in networks."""

from typing import Any

from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import INPUT, NodeEntry, Op, Shape


class GraphWriter:
    """Collects nodes; each method reads the latest node unless another one is named, and returns its own name."""

    def __init__(self) -> None:
        self._nodes: list[NodeEntry] = []
        self.latest = INPUT

    def add(self, op: Op, name: str, *inputs: str, **fields: Any) -> str:
        """Adds a node."""
        self._nodes.append(NodeEntry(name=name, op=op, inputs=inputs or (self.latest,), **fields))
        self.latest = name
        return name

    def convolution(
        self,
        name: str,
        depth: int,
        kernel: int | tuple[int, int] = 3,
        *inputs: str,
        stride: int | tuple[int, int] = 1,
        depthwise: bool = False,
    ) -> str:
        """Adds a convolution with batch norm, padded by half a kernel."""
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        steps = (stride, stride) if isinstance(stride, int) else stride
        ends = (sides[0] // 2, sides[1] // 2, (sides[0] - 1) // 2, (sides[1] - 1) // 2)
        return self.add(
            Op.CONVOLUTION,
            name,
            *inputs,
            depth=depth,
            kernel=sides,
            stride=steps,
            padding=ends,
            depthwise=depthwise,
            normalised=True,
        )

    def parameter(self, name: str, shape: Shape) -> str:
        """Adds a learned tensor, which reads nothing."""
        self._nodes.append(NodeEntry(name=name, op=Op.PARAMETER, sizes=shape))
        return name

    def relu(self, name: str, *inputs: str) -> str:
        """Adds a ReLU."""
        return self.add(Op.RELU, name, *inputs)

    def linear(self, name: str, depth: int, *inputs: str) -> str:
        """Adds a linear layer."""
        return self.add(Op.LINEAR, name, *inputs, depth=depth)

    def classifier(self, n_classes: int) -> str:
        """Adds the mean of each map and a linear classifier."""
        self.add(Op.MEAN, "mean", axes=(1, 2))
        return self.linear("classifier", n_classes)

    def graph(self, input_shape: Shape) -> Graph:
        """Returns the graph."""
        return Graph(tuple(self._nodes), input_shape)
