"""The state of a training between epochs, and its checkpoints: safetensors with JSON metadata on the training.

A checkpoint is written to a temporary file, flushed and moved into place, so that an interruption leaves either the
previous checkpoint or the new one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch.optim.swa_utils import AveragedModel

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.errors import CheckpointError, TrainingError
from xpert_evo.files import write_atomically

METADATA_KEY = "xpert_evo"
"""Key of the JSON metadata in a file."""

CHECKSUM = "sha256"
"""Entry of the metadata with the checksum of all tensors and of the other entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the training images.

    Attributes:
        number: Number of the epoch, from 1.
        loss: Mean training loss.
        seconds: Time since the training began, without interruptions [s].
    """

    number: int
    loss: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """Everything needed to continue a training after an epoch.

    Attributes:
        network: Network with weights and statistics.
        optimisers: Optimisers with their momenta.
        generator: Random generator of order, augmentation and noise; on the CPU.
        losses: Loss of each training image when it was last trained on, on the CPU; NaN if it never was.
        average: Average of the network's weights over the last steps; None if the protocol does not average.
        history: Epochs so far.
    """

    network: CrossbarNetwork
    optimisers: list[torch.optim.Optimizer]
    generator: torch.Generator
    losses: torch.Tensor
    average: AveragedModel | None = None
    history: list[Epoch] = field(default_factory=list)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, object]) -> None:
    """Writes a safetensors file with `metadata` and a checksum as JSON, atomically and flushed to disk."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # The checksum is part of the JSON, because safetensors writes several entries of metadata in any order.
    known = json.dumps({**metadata, CHECKSUM: _checksum(plain, metadata)})
    content = save(plain, {METADATA_KEY: known})
    write_atomically(path, lambda stream: stream.write(content))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Returns tensors and metadata of a file by `write_tensors`.

    Raises:
        TrainingError: It is another file, or does not match its checksum; files of earlier versions have none.
    """
    metadata = _all_metadata(path)
    with _told_as_damaged(path), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    checksum = metadata.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(tensors, metadata):
        raise TrainingError(f"{path} does not match its own checksum; it is damaged. Copy it again if you can.")
    return tensors, metadata


def read_metadata(path: Path) -> dict[str, Any]:
    """Returns only the metadata of a file by `write_tensors`; raises TrainingError if it is another file."""
    metadata = _all_metadata(path)
    metadata.pop(CHECKSUM, None)
    return metadata


def _all_metadata(path: Path) -> dict[str, Any]:
    with _told_as_damaged(path), safe_open(path, framework="np") as file:
        return dict(json.loads((file.metadata() or {})[METADATA_KEY]))


def _checksum(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, object]) -> str:
    """SHA-256 of the metadata as JSON, then of each tensor's name, type, shape and bytes, by name."""
    found = hashlib.sha256(json.dumps(metadata).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


@contextmanager
def _told_as_damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as failure:
        raise TrainingError(
            f"{path} cannot be read as a file of `xpert-evo train` ({failure}); it is damaged or of another kind."
        ) from None


def save_checkpoint(path: Path, state: TrainingState, identity: Mapping[str, str]) -> bool:
    """Writes all loop variables of `state`; `identity` contains the settings that identify the training, by name.

    Returns:
        Whether the checkpoint could be written. On a full disk it cannot, which does not stop the training.
    """
    tensors = {f"network.{name}": tensor for name, tensor in state.network.state_dict().items()}
    for name, momentum in _momenta(state).items():
        tensors[f"momentum.{name}"] = momentum
    tensors["generator"] = state.generator.get_state()
    tensors["losses"] = state.losses
    if state.average is not None:
        tensors |= {f"average.{name}": tensor for name, tensor in state.average.state_dict().items()}
    try:
        write_tensors(
            path, tensors, {"training": dict(identity), "history": [asdict(epoch) for epoch in state.history]}
        )
    except OSError:
        return False
    return True


def load_checkpoint(path: Path, state: TrainingState, identity: Mapping[str, str]) -> None:
    """Fills a fresh `state` from a checkpoint; raises CheckpointError if it is damaged or of another training."""
    try:
        tensors, metadata = read_tensors(path)
    except TrainingError as failure:
        raise CheckpointError(f"{failure} Remove it to start again.") from None
    other = metadata.get("training")
    if other != identity:
        known = other if isinstance(other, dict) else {}
        names = [name for name, value in identity.items() if known.get(name) != value]
        raise CheckpointError(
            f"{path} is the checkpoint of another training with a different {' and '.join(names)}; choose another "
            "folder, or remove the file to start again."
        )
    try:
        _fill(state, tensors, metadata)
    except (KeyError, RuntimeError, TypeError, ValueError) as failure:
        raise CheckpointError(f"{path} is not a valid checkpoint ({failure}); remove it to start again.") from None


def _fill(state: TrainingState, tensors: dict[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    device = next(state.network.parameters()).device
    state.network.load_state_dict(_part(tensors, "network."))
    if state.average is not None:
        state.average.load_state_dict(_part(tensors, "average."))
    named = dict(state.network.named_parameters())
    for optimiser in state.optimisers:
        held = {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}
        for name, parameter in named.items():
            if id(parameter) in held and f"momentum.{name}" in tensors:
                optimiser.state[parameter]["momentum_buffer"] = tensors[f"momentum.{name}"].to(device)
    state.generator.set_state(tensors["generator"])
    if "losses" in tensors:  # missing in older checkpoints
        state.losses.copy_(tensors["losses"])
    history = metadata.get("history")
    state.history[:] = [Epoch(**entry) for entry in history] if isinstance(history, list) else []


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _momenta(state: TrainingState) -> dict[str, torch.Tensor]:
    """Returns the momentum of each weight, by name."""
    buffers = {
        id(parameter): values["momentum_buffer"]
        for optimiser in state.optimisers
        for parameter, values in optimiser.state.items()
        if "momentum_buffer" in values
    }
    return {name: buffers[id(p)] for name, p in state.network.named_parameters() if id(p) in buffers}
