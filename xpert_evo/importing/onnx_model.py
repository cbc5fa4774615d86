"""ONNX models as torch modules, which `converter` then traces like any other.

Nodes whose inputs are constant, such as the arithmetic of shapes that exporters write, are computed while the model is
built or traced, by the reference implementation of the package `onnx`. All others call torch.
"""

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.onnx_operators import RULES
from xpert_evo.importing.onnx_values import Attributes
from xpert_evo.importing.outputs import chosen_output, note_on_outputs


def load_model(path: Path) -> tuple["OnnxModule", tuple[int, ...]]:
    """Reads an ONNX model.

    Returns:
        The module, and the shape of its input without the batch axis; axes without a fixed length are 0.

    Raises:
        ImportFailedError: The file is missing or damaged, has several inputs, or an operator that is not supported.
    """
    onnx = _onnx()
    if not path.is_file():
        raise ImportFailedError(f"{path} does not exist.")
    try:
        model = onnx.load(str(path))
    except Exception as failure:  # the parser raises many kinds of errors
        raise ImportFailedError(f"{path} is not a readable ONNX model ({_first_line(failure)}).") from None
    stored = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in stored]
    if len(given) != 1:
        names = ", ".join(value.name for value in given) or "none"
        raise ImportFailedError(f"{path} has {len(given)} inputs ({names}); networks with one input are supported.")
    kind = given[0].type.tensor_type
    if kind.elem_type not in {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}:
        kinds = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        raise ImportFailedError(f"{path} reads {kinds} values; networks that read floats are supported.")
    shape = tuple(dim.dim_value for dim in kind.shape.dim)
    return OnnxModule(model, given[0].name), shape[1:]


def _onnx() -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise ImportFailedError(
            "reading ONNX models needs the package onnx: `pip install 'xpert-evo[onnx]'`."
        ) from None


def _first_line(failure: Exception) -> str:
    return next(iter(str(failure).splitlines()), type(failure).__name__)


class OnnxModule(nn.Module):
    """An ONNX model with one input; returns the class scores, or the first of its outputs.

    Attributes:
        notes: Which of several outputs is used, in a sentence.
    """

    def __init__(self, model: Any, input_name: str) -> None:
        super().__init__()
        onnx = _onnx()
        names = [value.name for value in model.graph.output]
        chosen = chosen_output(names)
        self._input, self._output, self.notes = input_name, names[chosen], note_on_outputs(names, chosen)
        self._opset = next((entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), 1)
        self._constants: dict[str, Any] = {
            tensor.name: _array(onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer
        }
        self.steps = nn.ModuleDict()
        self._names: list[str] = []
        unsupported: list[str] = []
        for i, node in enumerate(model.graph.node):
            if all(name in self._constants for name in node.input if name) and not _has_graph(node):
                self._fold(node)
                continue
            if node.domain not in {"", "ai.onnx"} or node.op_type not in RULES:
                unsupported.append(f"{node.op_type} in {node.name or node.output[0]}")
                continue
            name = _module_name(node, i, self.steps)
            self.steps[name] = _Step(node, self._opset)
            self._names.append(name)
        if unsupported:
            more = f", and {len(unsupported) - 1} more" if len(unsupported) > 1 else ""
            raise ImportFailedError(f"{unsupported[0]}{more}: this operator is not supported.")

    def _fold(self, node: Any) -> None:
        for name, value in zip(node.output, _evaluated(node, self._constants, self._opset), strict=False):
            self._constants[name] = _array(value)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the output that is used."""
        values: dict[str, Any] = {self._input: inputs}
        for name in self._names:
            step = self.steps[name]
            assert isinstance(step, _Step)
            given = [None if not key else values[key] if key in values else self._constants[key] for key in step.reads]
            if not any(isinstance(value, torch.Tensor) for value in given):
                results: Any = _evaluated(step.node, {**self._constants, **values}, self._opset)
            else:
                results = step(*given)
                results = results if isinstance(results, tuple) else (results,)
            values.update(zip(step.gives, results, strict=False))
        return torch.as_tensor(values[self._output])


class _Step(nn.Module):
    """One node; a module of its own, so that tracing knows its name."""

    def __init__(self, node: Any, opset: int) -> None:
        super().__init__()
        onnx = _onnx()
        self.node, self.reads, self.gives = node, tuple(node.input), tuple(node.output)
        values = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        plain = {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}
        self.attributes = Attributes(plain, opset=opset, n_outputs=len(node.output))

    def forward(self, *given: Any) -> Any:
        """Returns the outputs; raises ImportFailedError with the node's place."""
        try:
            return RULES[self.node.op_type](self.attributes, *given)
        except ImportFailedError as failure:
            place = self.node.name or self.node.output[0]
            raise ImportFailedError(f"{self.node.op_type} in {place} {failure}.") from None


def _has_graph(node: Any) -> bool:
    return any(entry.HasField("g") for entry in node.attribute)


def _module_name(node: Any, position: int, taken: nn.ModuleDict) -> str:
    base = re.sub(r"[^A-Za-z0-9_]", "_", node.name or node.output[0]).strip("_") or f"{node.op_type}_{position}"
    return base if base not in taken and not hasattr(taken, base) else f"{base}_{position}"


def _array(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _evaluated(node: Any, values: dict[str, Any], opset: int) -> Sequence[Any]:
    """Computes one node with constant inputs by the reference implementation."""
    onnx = _onnx()
    helper, evaluator = onnx.helper, importlib.import_module("onnx.reference").ReferenceEvaluator
    inputs = {name: values[name] for name in node.input if name}
    info = [helper.make_empty_tensor_value_info(name) for name in (*inputs, *node.output)]
    graph = helper.make_graph([node], "one", info[: len(inputs)], info[len(inputs) :])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    try:
        return list(evaluator(model).run(None, inputs))
    except Exception as failure:  # the reference raises many kinds of errors
        raise ImportFailedError(f"{node.op_type} in {node.name or node.output[0]}: {_first_line(failure)}") from None
