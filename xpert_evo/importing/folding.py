"""Folds batch norms and constants for each channel into the digital step of the layer before them."""

from collections import Counter
from dataclasses import replace

import torch

from xpert_evo.importing.building import Converted
from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import NodeEntry, Op

Tensors = dict[str, torch.Tensor]


def folded(converted: Converted) -> Converted:
    """Returns an equal network whose layers contain the norms, factors and offsets that follow them.

    A final softmax is left out: a network gives scores, and the largest is the same.
    """
    nodes, notes = _without_softmax(list(converted.nodes)), list(converted.notes)
    if len(nodes) < len(converted.nodes):
        notes.append("the final softmax is left out: the network gives scores instead of probabilities")
    tensors = {name: dict(own) for name, own in converted.tensors.items()}
    shapes = Graph(converted.nodes, converted.input_shape).shapes()
    renamed: dict[str, str] = {}
    readers = Counter(name for node in nodes for name in set(node.inputs))
    kept: dict[str, NodeEntry] = {}
    for original in nodes:
        node = original.model_copy(update={"inputs": tuple(renamed.get(name, name) for name in original.inputs)})
        before = _before(node, kept, readers)
        target = kept.get(before) if before else None
        if before is not None and target is not None and _fold(kept, tensors, target, node, rank=len(shapes[before])):
            renamed[node.name] = target.name
            readers[target.name] = readers[node.name]
            tensors.pop(node.name, None)
            continue
        kept[node.name] = node
    remaining = [n for n in kept.values() if n.op is not Op.PARAMETER or _is_read(n, kept)]
    names = {node.name for node in remaining}
    return replace(
        converted,
        nodes=tuple(remaining),
        tensors={name: own for name, own in tensors.items() if name in names},
        notes=tuple(notes),
    )


def _without_softmax(nodes: list[NodeEntry]) -> list[NodeEntry]:
    if nodes[-1].op is Op.LOG and nodes[-2].op is Op.SOFTMAX and nodes[-1].inputs == (nodes[-2].name,):
        return nodes[:-2]
    return nodes[:-1] if nodes[-1].op is Op.SOFTMAX and len(nodes) > 1 else nodes


def _is_read(node: NodeEntry, kept: dict[str, NodeEntry]) -> bool:
    return any(node.name in other.inputs for other in kept.values())


def _before(node: NodeEntry, kept: dict[str, NodeEntry], readers: Counter[str]) -> str | None:
    """Returns the layer or norm into which a node could be folded: read by no other node."""
    inputs = [name for name in node.inputs if name in kept and kept[name].op is not Op.PARAMETER]
    if len(inputs) != 1 or readers[inputs[0]] != 1:
        return None
    target = kept[inputs[0]]
    return target.name if target.on_crossbars or target.op is Op.BATCH_NORM else None


def _fold(
    kept: dict[str, NodeEntry], tensors: dict[str, Tensors], target: NodeEntry, node: NodeEntry, *, rank: int
) -> bool:
    """Folds a node into a layer or norm, if it works on each channel by itself; returns whether it did."""
    own = tensors[target.name]
    if node.op is Op.BATCH_NORM:
        along_channels = target.op is Op.CONVOLUTION or (target.op is Op.LINEAR and rank == 1)
        if not along_channels or target.normalised or "gain" in own:
            return False
        _norm(own, tensors[node.name], node.epsilon)
        kept[target.name] = target.model_copy(update={"normalised": True})
        return True
    step = _factor_and_offset(kept, tensors, target, node, rank)
    if step is None:
        return False
    factor, offset = step
    length = own["gain"].shape if "gain" in own else own["weight"].shape[:1]
    bias = own.get("bias", torch.zeros(length))
    own["gain"] = own.get("gain", torch.ones(length)) * factor
    own["bias"] = bias * factor + offset
    return True


_EPSILON = 1e-5
"""Number that the batch norm of a crossbar layer adds to the variance."""


def _norm(own: Tensors, norm: Tensors, epsilon: float) -> None:
    """Makes a batch norm the digital step of a layer; the layer's offset moves into the mean."""
    variance = norm["variance"]
    own["gain"] = norm["gain"] * ((variance + _EPSILON) / (variance + epsilon)).sqrt()
    own["mean"] = norm["mean"] - own.pop("bias", torch.zeros_like(variance))
    own["variance"], own["bias"] = variance, norm["bias"]


def _factor_and_offset(
    kept: dict[str, NodeEntry], tensors: dict[str, Tensors], target: NodeEntry, node: NodeEntry, rank: int
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Returns the factor and the offset of each channel, if a node has no other effect."""
    if node.op is Op.AFFINE:
        return torch.tensor(node.factor), torch.tensor(node.offset)
    if node.op not in {Op.ADD, Op.MULTIPLY} or len(node.inputs) != 2:
        return None
    name = next((name for name in node.inputs if name in kept and kept[name].op is Op.PARAMETER), None)
    if name is None:
        return None
    value, channels = tensors[name]["value"], _channels(tensors[target.name])
    axis = rank - 1 if target.op is Op.LINEAR else 0
    spread = value.ndim - (rank - axis)
    if value.numel() != channels or spread < 0 or value.shape[spread] != channels:
        return None
    flat = value.flatten()
    if node.op is Op.ADD:
        return torch.ones_like(flat), flat
    return flat, torch.zeros_like(flat)


def _channels(own: Tensors) -> int:
    return len(own["gain"] if "gain" in own else own["weight"])
