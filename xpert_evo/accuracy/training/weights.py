"""Files of trained weights: written by `train`, read to continue, judge, pack or export them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network, earlier_proxy_depth
from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.training.checkpoints import read_metadata, read_tensors, write_tensors
from xpert_evo.accuracy.training.packing import packed, unpacked
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.pruning import pruned_weights
from xpert_evo.accuracy.training.trained_network import TrainedNetwork
from xpert_evo.accuracy.training.weights_header import NetworkReference, WeightsHeader
from xpert_evo.accuracy.training.weights_path import WEIGHTS_NAME, weights_file
from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.config import RunConfig
from xpert_evo.design import Design
from xpert_evo.errors import ConfigError, TrainingError
from xpert_evo.hardware import Hardware
from xpert_evo.networks.graph import Graph
from xpert_evo.paths import user_path

__all__ = [
    "IMPORTED",
    "WEIGHTS_NAME",
    "Savable",
    "Start",
    "TrainedNetwork",
    "WeightsFile",
    "file_digest",
    "find_weights",
    "load_network",
    "read_start",
    "read_weights",
    "save_packed",
    "save_weights",
    "take_weights",
    "weights_file",
]

IMPORTED = "imported"
"""Metadata of a file with weights of an imported network: the name of its backbone."""


class Savable(Protocol):
    """A trained network with its header, from `train_design` or `load_network`."""

    @property
    def network(self) -> CrossbarNetwork:
        """The trained network."""

    @property
    def header(self) -> WeightsHeader:
        """Header of its file."""


def save_weights(trained: Savable, path: Path) -> None:
    """Writes a network's weights and statistics as safetensors, with its header as JSON."""
    write_tensors(path, trained.network.state_dict(), trained.header.to_plain())


def save_packed(trained: Savable, path: Path) -> None:
    """Writes the same with each weight as the code stored in its cells, in a quarter of the space."""
    network = trained.network
    crossbars = [layer.geometry.crossbar for layer in network.crossbar_layers]
    header = replace(trained.header, crossbar=network.crossbar)
    write_tensors(path, packed(network.state_dict(), crossbars), header.to_plain())


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], WeightsHeader]:
    """Reads the (unpacked) tensors and the header of a file of trained weights; raises TrainingError."""
    tensors, metadata = read_tensors(path)
    header = WeightsHeader.from_plain(metadata, where=str(path))
    crossbars = None if header.crossbar is None else [layer.crossbar(header.crossbar) for layer in header.design.layers]
    return unpacked(tensors, crossbars, where=str(path)), header


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """A file of trained weights, without its tensors.

    Attributes:
        path: Path of the file.
        header: Header of the file.
        image_channels: Number of image channels.
        n_classes: Number of classes.
    """

    path: Path
    header: WeightsHeader
    image_channels: int
    n_classes: int


def find_weights(path: Path) -> WeightsFile | None:
    """Describes a file of trained weights by its header and the shapes of its layers; None for other files."""
    try:
        header = WeightsHeader.from_plain(read_metadata(path), where=str(path))
        with safe_open(path, framework="np") as file:
            n_layers = sum(name.endswith(".weight") for name in file.keys())  # noqa: SIM118
            shapes = [file.get_slice(f"layers.{i}.weight").get_shape() for i in range(n_layers)]
        channels, depths = header.image_channels or shapes[0][1], [shape[0] for shape in shapes]
        is_graph = header.backbone is not None and header.backbone.nodes
        n_classes = _backbone_of(header, depths, channels).n_classes if is_graph else depths[-1]
        return WeightsFile(path=path, header=header, image_channels=channels, n_classes=n_classes)
    except (OSError, SafetensorError, IndexError, TrainingError, ConfigError):
        return None


def _backbone_of(header: WeightsHeader, depths: Sequence[int], image_channels: int) -> Backbone:
    """Returns the backbone of a file whose layers have these outputs; the classifier need not be the last of them."""
    own, n_classes = header.backbone, depths[-1]
    if own is not None and own.nodes:
        classifier = Graph(own.nodes, own.input).classifier
        n_classes = depths[-1 if classifier is None else classifier]
    return load_backbone(
        own or header.design.backbone,
        n_classes=n_classes,
        image_channels=image_channels,
        image_size=header.image_size,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A trained network that another training continues from, instead of random weights.

    Attributes:
        tensors: Weights and statistics of the network, by name.
        design: Id of the trained design.
        protocol: Name of its training protocol.
        digest: First sixteen hexadecimal digits of the file's SHA-256.
        backbone: Custom backbone of the trained network; None for a built-in one, and for imported weights.
        is_imported: Whether the weights were trained elsewhere, without crossbars, and imported.
        float_accuracy: Fraction of validation images that imported weights classify correctly without quantisation;
            None until measured.
        quantised_accuracy: The same with the design's quantisers, before any training.
    """

    tensors: dict[str, torch.Tensor]
    design: str
    protocol: str
    digest: str
    backbone: BackboneDescription | None = None
    is_imported: bool = False
    float_accuracy: float | None = None
    quantised_accuracy: float | None = None

    @property
    def n_channels(self) -> int:
        """Number of output channels of all layers."""
        return sum(len(weight) for _, weight in _filters(self.tensors))

    def told(self) -> NetworkReference:
        """Returns the description of the start for results and headers."""
        return NetworkReference(
            design=self.design,
            protocol=self.protocol,
            weights_sha256=self.digest,
            float_accuracy=self.float_accuracy,
            quantised_accuracy=self.quantised_accuracy,
        )


def file_digest(path: Path) -> str:
    """Returns the first sixteen hexadecimal digits of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_start(path: Path) -> Start:
    """Reads weights written by `xpert-evo train` (or their folder) or `xpert-evo import`; raises TrainingError."""
    path = weights_file(path)
    digest = file_digest(path)
    metadata = read_metadata(path)
    if IMPORTED in metadata:
        tensors, _ = read_tensors(path)
        return Start(
            tensors=tensors, design=str(metadata[IMPORTED]), protocol=IMPORTED, digest=digest, is_imported=True
        )
    tensors, header = read_weights(path)
    return Start(
        tensors=tensors,
        design=header.design.digest,
        protocol=header.protocol.name,
        digest=digest,
        backbone=header.backbone,
    )


def take_weights(network: CrossbarNetwork, start: Start) -> None:
    """Copies all weights and statistics of a trained network, or those of the channels that are left.

    Raises:
        TrainingError: A layer has more channels than in the trained network, or another kernel.
    """
    if start.is_imported:
        _take_imported(network, start)
        return
    fitting = pruned_weights(start.tensors, network)
    if fitting is not None:
        network.load_state_dict(fitting)
        return
    for spec, (name, own) in zip(network.backbone.layers, _filters(network.state_dict()), strict=True):
        found = start.tensors.get(name)
        if found is None or found.shape != own.shape:
            there = "is missing" if found is None else f"has {_channels(found)} there"
            raise TrainingError(
                f"the weights of design {start.design[:8]}, trained by '{start.protocol}', do not fit: {spec.name} "
                f"{there} and {_channels(own)} here (channels written x read); start from a design whose channel "
                "depths are at least as large, trained at the same width."
            )
    try:
        network.load_state_dict(start.tensors)
    except RuntimeError as failure:
        raise TrainingError(
            f"the weights of design {start.design[:8]} do not fit ({str(failure).splitlines()[-1].strip()})."
        ) from None


def _take_imported(network: CrossbarNetwork, start: Start) -> None:
    """Copies the weights of an imported network, except a classifier for another number of classes."""
    own, classifier = network.state_dict(), network.backbone.graph.classifier
    changed = {name for name, tensor in start.tensors.items() if name in own and own[name].shape != tensor.shape}
    if classifier is not None and start.tensors.get(f"layers.{classifier}.weight") is not None:
        changed -= {name for name in changed if name.startswith(f"layers.{classifier}.")}
    missing = [name for name in own if name not in start.tensors and not name.endswith(_MEASURED)]
    wrong = [*sorted(changed), *missing, *(name for name in start.tensors if name not in own)]
    if wrong:
        raise TrainingError(
            f"the imported weights of {start.design} do not fit this design: {wrong[0]} differs. They fit the design "
            "that `xpert-evo import` wrote beside them, trained by a protocol at native width on inputs of the "
            "network's own size."
        )
    kept = {name: tensor for name, tensor in start.tensors.items() if own[name].shape == tensor.shape}
    network.load_state_dict(kept, strict=False)


_MEASURED = (".input_power", ".noise_correction")
"""Ends of the names of statistics that only networks on crossbars have."""


def _filters(tensors: Mapping[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
    """Returns the weights of the layers among a network's tensors, in execution order."""
    return [(name, tensor) for name, tensor in tensors.items() if name.endswith(".weight")]


def _channels(weight: torch.Tensor) -> str:
    return " x ".join(str(n) for n in weight.shape[:2])


@own_numerics()
def load_network(path: str | PathLike[str], crossbar: CrossbarSpec | None = None) -> TrainedNetwork:
    """Loads a network written by `xpert-evo train` or `xpert-evo export --format torch`, ready to classify.

    Args:
        path: Safetensors file, or folder of a training.
        crossbar: Crossbar that stores its weights; None for the one that it was trained for, or the default crossbar if
            an older file does not specify it.

    Raises:
        TrainingError: The file is missing, damaged or of another kind.
    """
    path = weights_file(user_path(path))
    tensors, header = read_weights(path)
    weights = [tensors[f"layers.{i}.weight"] for i in range(sum(name.endswith(".weight") for name in tensors))]
    depths = [weight.shape[0] for weight in weights]
    network = build_network(
        header.design,
        _backbone_of(header, depths, header.image_channels or weights[0].shape[1]),
        crossbar=crossbar or header.crossbar or Hardware.of(RunConfig()).crossbar,
        width_divisor=header.protocol.width_divisor,
        image_size=header.trained_size,
        depths=_earlier_depths(header.design, header.protocol, depths),
    )
    try:
        network.load_state_dict(tensors)
    except RuntimeError as failure:
        raise TrainingError(f"{path} does not fit its own design: {str(failure).splitlines()[-1].strip()}") from None
    return TrainedNetwork(network, header).eval()


def _earlier_depths(design: Design, protocol: TrainingProtocol, found: list[int]) -> list[int] | None:
    """Returns the channels of a file's layers if they match the proxy of an earlier version, else None."""
    earlier = [
        found[-1] if layer.channel_depth is None else earlier_proxy_depth(layer.channel_depth, protocol.width_divisor)
        for layer in design.layers
    ]
    return found if found == earlier else None
