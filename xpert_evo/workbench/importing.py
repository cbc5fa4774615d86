"""Imports a network from PyTorch or ONNX: a backbone, its original design, and its trained weights."""

import importlib
import importlib.util
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from hw_models import AdcType
from xpert_evo.accuracy.training.checkpoints import write_tensors
from xpert_evo.accuracy.training.weights import IMPORTED
from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.design import Design, LayerDesign
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.importing.imported import ImportedNetwork, import_module
from xpert_evo.importing.onnx_model import load_model
from xpert_evo.networks.nodes import Shape

_BITS = 8
"""Precision of inputs and ADCs in the design of an imported network."""

ONNX_SUFFIX = ".onnx"


@dataclass(frozen=True, slots=True)
class ImportedBackbone:
    """An imported network as a backbone.

    Attributes:
        description: The backbone, as in its file.
        network: The graph and its trained tensors.
    """

    description: BackboneDescription
    network: ImportedNetwork

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed or cannot vary, in sentences."""
        return self.network.notes

    @property
    def backbone(self) -> Backbone:
        """The backbone for the network's own number of classes and image channels."""
        graph = self.network.graph
        n_classes = math.prod(graph.shapes()[graph.nodes[-1].name])
        return load_backbone(self.description, n_classes=n_classes, image_channels=graph.input_shape[0])

    @property
    def design(self) -> Design:
        """The network with its own depths and 8-bit converters and inputs."""
        return own_design(self.backbone)

    def save(self, path: Path) -> list[Path]:
        """Writes the backbone to `path`, and its design and weights beside it; returns the files.

        Raises:
            UsageError: A file exists already or cannot be written.
        """
        files = [path, path.with_suffix(".json"), path.with_suffix(".safetensors")]
        for file in files:
            if file.exists():
                raise UsageError(f"{file} already exists and is not overwritten; choose another file or name.")
        try:
            write_text(path, self.description.to_toml())
            write_text(files[1], self.design.to_json() + "\n")
            write_tensors(files[2], self.network.tensors, {IMPORTED: self.backbone.name})
        except OSError as failure:
            raise UsageError(f"{path} cannot be written ({failure.strerror}); choose another file.") from None
        return files


def backbone_from(module: nn.Module, example: torch.Tensor, *, name: str = "mine") -> ImportedBackbone:
    """Imports a PyTorch network.

    Args:
        module: The network; it is not changed.
        example: One or more inputs whose first axis is the batch: (n, channels, height, width), (n, channels, length)
            or (n, values).
        name: Name of the backbone: a letter, then letters, digits and underscores.

    Raises:
        ImportFailedError: An operator is not supported; the message names it and its place.
    """
    network = import_module(module, example)
    description = BackboneDescription(name=name, input=network.graph.input_shape, nodes=network.graph.nodes)
    return ImportedBackbone(description, network)


def backbone_from_source(source: str, *, input_shape: Shape | None, name: str | None) -> ImportedBackbone:
    """Imports `model.onnx`, `package.module:factory` or `file.py:factory`.

    Args:
        source: File of a model, or function (or class) that returns a module when called without arguments.
        input_shape: Shape of one input; None for that of an ONNX model.
        name: Name of the backbone; None for one from the source.

    Raises:
        UsageError: The source or the shape of its input is missing or wrong.
        ImportFailedError: An operator is not supported.
    """
    chosen = name or _name_from(source)
    if source.lower().endswith(ONNX_SUFFIX):
        module, known = load_model(Path(source))
        shape = input_shape or known
        if not shape or 0 in shape:
            raise UsageError(
                f"{source} leaves the shape of its input open ({_text(known)}, 0 for any); give it, such as "
                "--input 3,224,224."
            )
        found = backbone_from(module, torch.rand(1, *shape), name=chosen)
        network = replace(found.network, notes=(*module.notes, *found.network.notes))
        return replace(found, network=network)
    if input_shape is None:
        raise UsageError(f"importing {source} needs the shape of one input, such as --input 3,32,32.")
    return backbone_from(_made(source), torch.rand(1, *input_shape), name=chosen)


def _made(source: str) -> nn.Module:
    """Calls the factory of a source."""
    place, _, function = source.rpartition(":")
    try:
        found: Any = _module(place)
        for part in function.split("."):
            if not hasattr(found, part):
                raise UsageError(f"{place} has no function {function}; it has {_offered(found)}.")
            found = getattr(found, part)
        made = found() if callable(found) and not isinstance(found, nn.Module) else found
    except UsageError:
        raise
    except Exception as failure:  # the user's own code may raise anything
        raise UsageError(f"{source} cannot be called: {type(failure).__name__}: {failure}.") from failure
    if not isinstance(made, nn.Module):
        raise UsageError(f"{source} must return a torch.nn.Module, got {type(made).__name__}.")
    return made


def _offered(owner: Any) -> str:
    """Returns the functions and classes that a module or class defines itself."""
    own = owner.__name__ if isinstance(owner, ModuleType) else getattr(owner, "__module__", None)
    names = [
        name
        for name, value in vars(owner).items()
        if callable(value) and getattr(value, "__module__", None) == own and not name.startswith("_")
    ]
    return ", ".join(names) or "none"


def _module(place: str) -> ModuleType:
    """Imports a package's module, or a file ending in .py."""
    if not place.endswith(".py"):
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        return importlib.import_module(place)
    if not Path(place).is_file():
        raise UsageError(f"{place} does not exist.")
    spec = importlib.util.spec_from_file_location(f"imported_{Path(place).stem}", place)
    if spec is None or spec.loader is None:
        raise UsageError(f"{place} is not a Python file; give FILE.py:FUNCTION.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _name_from(source: str) -> str:
    base = source.rpartition(":")[2] if not source.lower().endswith(ONNX_SUFFIX) else Path(source).stem
    name = re.sub(r"[^A-Za-z0-9_]", "_", base)[:40]
    return name if name[:1].isalpha() else f"network_{name}"[:40]


def _text(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def own_design(backbone: Backbone) -> Design:
    """Returns the design of a network with its own depths, 8-bit SAR ADCs shared by 8 columns, and 8-bit inputs."""
    depths = zip(backbone.layers, backbone.depth_owners, backbone.fixed_depths, strict=True)
    return Design(
        backbone=backbone.name,
        layers=tuple(
            LayerDesign(
                name=layer.name,
                channel_depth=None if owner is None else depth,
                column_sharing=8,
                adc_type=AdcType.SAR,
                adc_precision=_BITS,
                input_precision=_BITS,
            )
            for layer, owner, depth in depths
        ),
    )
