"""The graph under construction: its nodes, their trained tensors, and the values that operators pass on."""

import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from xpert_evo.errors import XpertEvoError
from xpert_evo.networks.nodes import INPUT, NodeEntry, Op, Shape


class ImportFailedError(XpertEvoError):
    """A network cannot be imported; the message names the operator and its place."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that depends on the input.

    Attributes:
        node: Node that gives it.
        shape: Shape without the batch axis.
        batch: Position of the batch axis in the original tensor.
    """

    node: str
    shape: Shape
    batch: int = 0

    def axis(self, position: int) -> int:
        """Returns the axis without the batch axis for an axis of the original tensor; raises ImportFailedError."""
        rank = len(self.shape) + 1
        full = position % rank
        if full == self.batch:
            raise ImportFailedError("works across the images of a batch")
        return full - (full > self.batch)


@dataclass(slots=True)
class Builder:
    """Collects nodes and tensors.

    Attributes:
        input_shape: Shape of the input, without the batch axis.
        batch: Images in the traced batch.
        nodes: Nodes so far.
        tensors: Trained tensors of nodes, by node and name.
        place: Name of the original operation, for names of nodes and for messages.
    """

    input_shape: Shape
    batch: int
    nodes: list[NodeEntry] = field(default_factory=list)
    tensors: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)
    place: str = ""
    _names: set[str] = field(default_factory=lambda: {INPUT})

    def add(self, op: Op, inputs: list[str], shape: Shape, *, batch: int = 0, **fields: Any) -> Value:
        """Adds a node and returns its value; `shape` and `batch` are those of its output."""
        name = self._named(op)
        self.nodes.append(NodeEntry(name=name, op=op, inputs=tuple(inputs), **fields))
        return Value(name, tuple(int(n) for n in shape), batch)

    def after(self, value: Value, op: Op, **fields: Any) -> Value:
        """Adds an operation that keeps the shape of its only input."""
        return self.add(op, [value.node], value.shape, batch=value.batch, **fields)

    def parameter(self, tensor: torch.Tensor) -> str:
        """Adds a parameter, whose shape has no batch axis, and returns its name."""
        name = self._named(Op.PARAMETER)
        self.nodes.append(NodeEntry(name=name, op=Op.PARAMETER, sizes=tuple(tensor.shape)))
        self.tensors[name] = {"value": tensor.detach().float().clone()}
        return name

    def _named(self, op: Op) -> str:
        base = re.sub(r"[^A-Za-z0-9_]", "_", self.place).strip("_")[-60:].lstrip("_") or str(op)
        if not base[0].isalpha() or hasattr(nn.ModuleDict, base):
            base = f"m{base}"
        name, n = base, 2
        while name in self._names:
            name, n = f"{base}_{op}" if n == 2 else f"{base}_{op}{n - 1}", n + 1
        self._names.add(name)
        return name


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted network.

    Attributes:
        nodes: Nodes in execution order.
        tensors: Trained tensors of nodes, by node and name.
        input_shape: Shape of the input, without the batch axis.
        notes: What was changed, in sentences.
    """

    nodes: tuple[NodeEntry, ...]
    tensors: dict[str, dict[str, torch.Tensor]]
    input_shape: Shape
    notes: tuple[str, ...] = ()
