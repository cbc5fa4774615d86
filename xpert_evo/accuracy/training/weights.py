"""A trained network read back from its file, ready to classify."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from hw_models import CrossbarSpec, HardwareModelError
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network, earlier_proxy_depth
from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.training.checkpoints import read_tensors, weights_file
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol
from xpert_evo.backbone_file import parse_description
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig
from xpert_evo.design import Design, parse_design
from xpert_evo.errors import DataError, DesignError, TrainingError
from xpert_evo.hardware import Hardware
from xpert_evo.paths import user_path
from xpert_evo.validation import parse


class TrainedNetwork(nn.Module):
    """A design's network with quantised inputs and weights and perfect ADCs; takes images as they are.

    Attributes:
        network: With the trained weights.
        protocol: It was trained with.
        image_size: Side that the training averaged images down to [pixels]; larger images are averaged here, too.
        metadata: Design, protocol, seed, crossbar and validation accuracy, from the file.
    """

    def __init__(self, network: CrossbarNetwork, protocol: TrainingProtocol, metadata: Mapping[str, object]) -> None:
        super().__init__()
        self.network = network
        self.protocol = protocol
        self.image_size = protocol.image_size
        self.metadata = dict(metadata)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores (n, classes) of images in [0, 1], (n, channels, side, side).

        Raises:
            DataError: The images have other planes or another shape than the network was trained for, or are bytes or
                numbers beyond that range, which would be clipped without a word.
        """
        planes, side = self.network.backbone.image_channels, self.image_size
        if images.ndim != 4 or images.shape[1] != planes or any(size % side or not size for size in images.shape[2:]):
            raise DataError(
                f"images must have the shape (n, {planes}, {side}, {side}), or sides of several times {side} pixels, "
                f"which are averaged down; got {tuple(images.shape)}. Smaller ones, such as the 28 x 28 pixels of "
                "Fashion-MNIST, take a black border."
            )
        if not torch.compiler.is_compiling():
            _check_range(images)
        if images.dtype == torch.float64:  # which a program around this one may have made the default
            images = images.float()
        small = nn.functional.adaptive_avg_pool2d(images, self.image_size)
        return torch.as_tensor(self.network(small, CrossbarLayer.product))


def _check_range(images: torch.Tensor) -> None:
    if not images.is_floating_point():
        raise DataError(
            f"images must be floats from 0 to 1, got {images.dtype}; divide bytes by 255, as in images.float() / 255."
        )
    if images.numel() and not (images.min() >= 0 and images.max() <= 1):
        raise DataError(
            f"images must be from 0 to 1, got {float(images.min()):.4g} to {float(images.max()):.4g}; give them as "
            "trainings see them: bytes divided by 255, neither mean nor deviation taken out."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a file of weights tells of its training.

    Attributes:
        design: That was trained.
        dataset: Digest of the data set; None where it is not told, as in older files.
        crossbar: That its weights are for; None likewise.
        image_channels: Planes of its images.
        n_classes: Its classes.
        protocol: It was trained with.
        is_proxy: Whether at a smaller width than the design's.
        is_exact: Whether through the exact emulation, which its validation accuracy is by, too.
        lacks_start: Whether the protocol goes on from trained weights and there were none, as earlier versions allowed.
        validation: Accuracy on validation images, a fraction; 0 where it is not told.
    """

    design: Design
    dataset: str | None
    crossbar: CrossbarSpec | None
    image_channels: int
    n_classes: int
    protocol: str
    is_proxy: bool
    is_exact: bool
    lacks_start: bool
    validation: float


def training_of(path: Path) -> Training | None:
    """From the head of a safetensors file, its tensors left unread; None where it tells of no design."""
    try:
        with safe_open(path, framework="np") as file:
            entries = [json.loads(text) for text in (file.metadata() or {}).values()]
            n_layers = sum(name.endswith(".weight") for name in file.keys())  # noqa: SIM118
            first, last = (file.get_slice(f"layers.{i}.weight").get_shape() for i in (0, n_layers - 1))
        entry = next((entry for entry in entries if isinstance(entry, dict) and "design" in entry), None)
        if entry is None:
            return None
        return Training(
            design=parse_design(entry["design"], where=str(path)),
            dataset=entry.get("dataset"),
            crossbar=_own_crossbar(entry, path),
            image_channels=first[1],
            n_classes=last[0],
            protocol=(protocol := str(entry["protocol"]["name"])),
            is_proxy=entry["protocol"]["width_divisor"] > 1,
            is_exact=entry["protocol"].get("exact", False),
            lacks_start=protocol in PROTOCOLS and PROTOCOLS[protocol].needs_weights and "started_from" not in entry,
            validation=float(entry.get("validation_accuracy") or 0.0),
        )
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError, DesignError, TrainingError):
        return None


@own_numerics()
def load_network(path: str | PathLike[str], crossbar: CrossbarSpec | None = None) -> TrainedNetwork:
    """The network that `xpert-evo train` or `xpert-evo export --format torch` wrote, ready to classify.

    Args:
        path: A safetensors file, or the folder of a training.
        crossbar: What shall hold its weights; None for what it was trained for, which older files do not tell: then the
            default settings' crossbars.

    Raises:
        TrainingError: The file is missing, none of ours, or damaged.
    """
    path = weights_file(user_path(path))
    tensors, metadata = read_tensors(path)
    if not {"design", "protocol"} <= set(metadata):
        raise TrainingError(f"{path} holds no trained design; give a weights.safetensors of `xpert-evo train`.")
    design = parse_design(metadata["design"], where=str(path))
    protocol = parse(TrainingProtocol, metadata["protocol"], where=str(path), error=TrainingError)
    n_layers = sum(name.endswith(".weight") for name in tensors)
    weights = [tensors[f"layers.{i}.weight"] for i in range(n_layers)]
    first, last = weights[0], weights[-1]
    own = metadata.get("backbone")
    described = parse_description(own, where=f"{path}, backbone") if own is not None else design.backbone
    network = build_network(
        design,
        load_backbone(described, n_classes=last.shape[0], image_channels=first.shape[1]),
        crossbar=crossbar or _own_crossbar(metadata, path) or Hardware.of(RunConfig()).crossbar,
        width_divisor=protocol.width_divisor,
        image_size=protocol.image_size,
        depths=_earlier_depths(design, protocol, [weight.shape[0] for weight in weights]),
    )
    try:
        network.load_state_dict(tensors)
    except RuntimeError as failure:
        raise TrainingError(f"{path} does not fit its own design: {str(failure).splitlines()[-1].strip()}") from None
    return TrainedNetwork(network, protocol, metadata).eval()


def _earlier_depths(design: Design, protocol: TrainingProtocol, found: list[int]) -> list[int] | None:
    """The channels of a file's layers where they are those of an earlier version's proxy; else None."""
    earlier = [
        found[-1] if layer.channel_depth is None else earlier_proxy_depth(layer.channel_depth, protocol.width_divisor)
        for layer in design.layers
    ]
    return found if found == earlier else None


def _own_crossbar(metadata: Mapping[str, object], path: str | PathLike[str]) -> CrossbarSpec | None:
    """The crossbar in the metadata of a file; None where it tells of none."""
    plain = metadata.get("crossbar")
    if plain is None:
        return None
    try:
        return CrossbarSpec(**plain)  # type: ignore[arg-type]
    except (TypeError, HardwareModelError) as failure:
        raise TrainingError(f"{path}: its crossbar cannot be read ({failure}).") from None
