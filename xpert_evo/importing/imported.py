"""An imported network: its graph and its trained tensors, named as in a network on crossbars."""

from dataclasses import dataclass

import torch
from torch import nn

from xpert_evo.errors import ConfigError
from xpert_evo.importing.building import Converted, ImportFailedError
from xpert_evo.importing.converter import convert_module
from xpert_evo.importing.folding import folded
from xpert_evo.networks.graph import Graph
from xpert_evo.networks.nodes import Op
from xpert_evo.words import counted

_EPSILON = 1e-5
_KINDS = {
    "weight": "weights",
    "bias": "biases",
    "gain": "factors",
    "mean": "means",
    "variance": "variances",
    "value": "values",
}
"""Kinds of tensors in messages."""


@dataclass(frozen=True, slots=True)
class ImportedNetwork:
    """An imported network.

    Attributes:
        graph: Its graph.
        tensors: Trained tensors by their names in a network on crossbars.
        notes: What was changed, and which depths cannot vary, in sentences.
    """

    graph: Graph
    tensors: dict[str, torch.Tensor]
    notes: tuple[str, ...]


def import_module(module: nn.Module, example: torch.Tensor) -> ImportedNetwork:
    """Imports a torch module.

    Args:
        module: The module, which is not changed.
        example: One or more inputs (n, channels, height, width), (n, channels, length) or (n, values).

    Raises:
        ImportFailedError: An operator is not supported, or values are NaN or infinite; named with their place.
    """
    if not isinstance(example, torch.Tensor) or example.ndim < 2 or not example.is_floating_point():
        raise ImportFailedError(
            "the example must be a float tensor whose first axis is the batch, such as torch.rand(1, 3, 32, 32)."
        )
    converted = convert_module(module, example)
    _check_finite(converted)
    return imported(folded(converted))


def _check_finite(converted: Converted) -> None:
    """Raises ImportFailedError for NaN, and for infinite values other than those of parameters, which may be masks."""
    masks = {node.name for node in converted.nodes if node.op is Op.PARAMETER}
    for name, own in converted.tensors.items():
        for kind, tensor in own.items():
            n_nan, n_infinite = int(tensor.isnan().sum()), int(tensor.isinf().sum())
            if n_nan or (n_infinite and name not in masks):
                found = f"{n_nan} NaN" if n_nan else counted(n_infinite, "infinite value")
                raise ImportFailedError(
                    f"the {_KINDS.get(kind, kind)} of {name} contain {found}; repair the network and import it again."
                )


def imported(converted: Converted) -> ImportedNetwork:
    """Names the tensors of a converted network as in a network on crossbars."""
    try:
        graph = Graph(converted.nodes, converted.input_shape)
    except ConfigError as failure:
        raise ImportFailedError(str(failure)) from None
    tensors: dict[str, torch.Tensor] = {}
    position = 0
    for node in graph.nodes:
        own = converted.tensors.get(node.name, {})
        if node.on_crossbars:
            named = _with_equal_rows(own, normalised=node.normalised)
            tensors |= {f"layers.{position}.{name}": tensor for name, tensor in named.items()}
            position += 1
        else:
            tensors |= {f"digital.{node.name}.{name}": tensor for name, tensor in own.items()}
    return ImportedNetwork(graph, tensors, (*converted.notes, *graph.notes))


def _with_equal_rows(own: dict[str, torch.Tensor], *, normalised: bool) -> dict[str, torch.Tensor]:
    """Returns a layer's tensors with equally large weights for all outputs; the digital step restores the scale.

    The weights of a layer share one scale of codes. Layers trained without such codes, above all depthwise ones, have
    outputs with weights many times smaller than others, of which few codes would remain.
    """
    weight = own["weight"]
    largest = weight.abs().flatten(1).amax(1)
    ratio = torch.where(largest > 0, largest / largest.max().clamp_min(1e-30), torch.ones_like(largest))
    gain, bias = own.get("gain", torch.ones_like(ratio)), own.get("bias", torch.zeros_like(ratio))
    named = {"weight": weight / ratio[:, None, None, None], "bias": bias}
    if not normalised:
        return {**named, "gain": gain * ratio}
    variance = own["variance"] / ratio**2
    gain = gain * ratio * ((variance + _EPSILON) / (own["variance"] + _EPSILON)).sqrt()
    return {**named, "gain": gain, "mean": own["mean"] / ratio, "variance": variance}
