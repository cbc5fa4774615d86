"""The state of a training between epochs, and its checkpoints: safetensors with a readable JSON of the loop variables.

A checkpoint is written aside, flushed and moved into place: a kill leaves the previous one or the new one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch.optim.swa_utils import AveragedModel

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.accuracy.training.packing import unpacked
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.design import parse_design
from xpert_evo.errors import CheckpointError, DesignError, TrainingError
from xpert_evo.files import write_atomically

WEIGHTS_NAME = "weights.safetensors"

METADATA_KEY = "xpert_evo"
"""Of a file's metadata, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the training images.

    Attributes:
        number: Counts from 1.
        loss: Mean training loss.
        seconds: Time since the training began, interruptions left out [s].
    """

    number: int
    loss: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """All that a training needs in order to go on after an epoch.

    Attributes:
        network: Its weights and statistics.
        optimisers: Their momenta.
        generator: Draws order, augmentation and noise; on the CPU.
        losses: Of each training image when it was last trained on, on the CPU; NaN where it never was.
        average: Of the network's weights over the last steps; None where the protocol averages none.
        history: The epochs so far.
    """

    network: CrossbarNetwork
    optimisers: list[torch.optim.Optimizer]
    generator: torch.Generator
    losses: torch.Tensor
    average: AveragedModel | None = None
    history: list[Epoch] = field(default_factory=list)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, object]) -> None:
    """Writes a safetensors file with `metadata` as JSON in one step: flushed to disk, then moved into place."""
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {METADATA_KEY: json.dumps(metadata)},
    )
    write_atomically(path, lambda stream: stream.write(content))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """Tensors, packed ones unpacked, and metadata of a file by `write_tensors`; TrainingError where it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})[METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as failure:
        raise TrainingError(
            f"{path} cannot be read as a file of `xpert-evo train` ({failure}); it is damaged or something else."
        ) from None
    return unpacked(tensors, metadata, where=str(path)), metadata


def weights_file(path: Path) -> Path:
    """The file that `path`, or the folder of a training, names; raises TrainingError where there is none."""
    file = path / WEIGHTS_NAME if path.is_dir() else path
    if not file.is_file():
        raise TrainingError(f"{file} does not exist; give a {WEIGHTS_NAME} of `xpert-evo train`, or its folder.")
    return file


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A trained network that another training goes on from, instead of random weights.

    Attributes:
        tensors: Of the network, by name.
        design: Id of the trained design.
        protocol: It was trained with.
        digest: First sixteen hexadecimal digits of the file's SHA-256.
    """

    tensors: dict[str, torch.Tensor]
    design: str
    protocol: str
    digest: str

    def told(self) -> dict[str, str]:
        """For results and weights: what the training began with."""
        return {"design": self.design, "protocol": self.protocol, "weights_sha256": self.digest}


def read_start(path: Path) -> Start:
    """The network in a `weights.safetensors` of `xpert-evo train`, or in its folder; raises TrainingError."""
    path = weights_file(path)
    tensors, metadata = read_tensors(path)
    try:
        design = parse_design(metadata["design"], where=str(path)).digest
        protocol = str(TrainingProtocol.model_validate_json(json.dumps(metadata["protocol"])).name)
    except (KeyError, ValueError, DesignError):
        raise TrainingError(
            f"{path} does not say which design was trained how; give the weights.safetensors that `train` leaves."
        ) from None
    return Start(
        tensors=tensors, design=design, protocol=protocol, digest=hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    )


def take_weights(network: CrossbarNetwork, start: Start) -> None:
    """Copies all weights and statistics of a trained network; raises TrainingError where its layers are others."""
    for spec, (name, own) in zip(network.backbone.layers, _filters(network.state_dict()), strict=True):
        found = start.tensors.get(name)
        if found is None or found.shape != own.shape:
            there = "is missing" if found is None else f"has {_channels(found)} there"
            raise TrainingError(
                f"the weights of design {start.design[:8]}, trained by '{start.protocol}', do not fit: {spec.name} "
                f"{there} and {_channels(own)} here (channels written x read); start from a design with the same "
                "channel depths that was trained at the same width."
            )
    try:
        network.load_state_dict(start.tensors)
    except RuntimeError as failure:
        raise TrainingError(
            f"the weights of design {start.design[:8]} do not fit ({str(failure).splitlines()[-1].strip()})."
        ) from None


def _filters(tensors: Mapping[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
    """The layers' weights among a network's tensors, in execution order."""
    return [(name, tensor) for name, tensor in tensors.items() if name.endswith(".weight")]


def _channels(weight: torch.Tensor) -> str:
    return " x ".join(str(n) for n in weight.shape[:2])


def save_checkpoint(path: Path, state: TrainingState, identity: Mapping[str, str]) -> bool:
    """Writes all loop variables of `state`; `identity` has all that tells the training from others, by its name.

    Returns:
        Whether it could be written. On a full disk it cannot: that costs time after an interruption, not the training.
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
    """Fills a fresh `state` from a checkpoint; raises CheckpointError where it is damaged or of another training."""
    try:
        tensors, metadata = read_tensors(path)
    except TrainingError as failure:
        raise CheckpointError(f"{failure} Remove it to start anew.") from None
    other = metadata.get("training")
    if other != identity:
        known = other if isinstance(other, dict) else {}
        names = [name for name, value in identity.items() if known.get(name) != value]
        raise CheckpointError(
            f"{path} is the checkpoint of another training, which has another {' and '.join(names)}; choose another "
            "folder, or remove it to start anew."
        )
    try:
        _fill(state, tensors, metadata)
    except (KeyError, RuntimeError, TypeError, ValueError) as failure:
        raise CheckpointError(
            f"{path} does not hold what a checkpoint does ({failure}); remove it to start anew."
        ) from None


def _fill(state: TrainingState, tensors: dict[str, torch.Tensor], metadata: dict[str, object]) -> None:
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
    if "losses" in tensors:  # which older checkpoints lack
        state.losses.copy_(tensors["losses"])
    history = metadata.get("history")
    state.history[:] = [Epoch(**entry) for entry in history] if isinstance(history, list) else []


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _momenta(state: TrainingState) -> dict[str, torch.Tensor]:
    """Each weight's momentum, by the weight's name."""
    buffers = {
        id(parameter): values["momentum_buffer"]
        for optimiser in state.optimisers
        for parameter, values in optimiser.state.items()
        if "momentum_buffer" in values
    }
    return {name: buffers[id(p)] for name, p in state.network.named_parameters() if id(p) in buffers}
