"""The order in which a network's nodes are executed, and which outputs are no longer needed after each."""

from dataclasses import dataclass

from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import NodeEntry


@dataclass(frozen=True, slots=True)
class NodeStep:
    """A node of the graph in execution.

    Attributes:
        node: The node.
        layer: Position of its crossbar layer; None for digital operations.
        frees: Nodes whose output no later node reads.
    """

    node: NodeEntry
    layer: int | None
    frees: tuple[str, ...]


def node_steps(graph: Graph) -> tuple[NodeStep, ...]:
    """Returns the nodes of a graph in their order of execution."""
    last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    positions = {node.name: i for i, node in enumerate(graph.layers)}
    return tuple(
        NodeStep(
            node,
            positions.get(node.name),
            tuple(name for name in dict.fromkeys(node.inputs) if last[name] == i),
        )
        for i, node in enumerate(graph.nodes)
    )
