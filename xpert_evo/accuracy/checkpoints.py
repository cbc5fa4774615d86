"""The state of a training between epochs, and its checkpoints: safetensors with a readable JSON of the loop variables.

A checkpoint is written aside, flushed and moved into place: a kill leaves the previous one or the new one.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from xpert_evo.accuracy.network import CrossbarNetwork
from xpert_evo.errors import CheckpointError, TrainingError
from xpert_evo.files import write_atomically

_METADATA = "xpert_evo"


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
        history: The epochs so far.
    """

    network: CrossbarNetwork
    optimisers: list[torch.optim.Optimizer]
    generator: torch.Generator
    history: list[Epoch] = field(default_factory=list)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, object]) -> None:
    """Writes a safetensors file with `metadata` as JSON in one step: flushed to disk, then moved into place."""
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        {_METADATA: json.dumps(metadata)},
    )
    write_atomically(path, lambda stream: stream.write(content))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """Tensors and metadata of a file by `write_tensors`; raises TrainingError where it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})[_METADATA])
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as failure:
        raise TrainingError(
            f"{path} cannot be read as weights of xpert-evo ({failure}); remove it to start anew."
        ) from None


def save_checkpoint(path: Path, state: TrainingState, identity: str) -> bool:
    """Writes all loop variables of `state`; `identity` names the training.

    Returns:
        Whether it could be written. On a full disk it cannot: that costs time after an interruption, not the training.
    """
    tensors = {f"network.{name}": tensor for name, tensor in state.network.state_dict().items()}
    for name, momentum in _momenta(state).items():
        tensors[f"momentum.{name}"] = momentum
    tensors["generator"] = state.generator.get_state()
    try:
        write_tensors(path, tensors, {"training": identity, "history": [asdict(epoch) for epoch in state.history]})
    except OSError:
        return False
    return True


def load_checkpoint(path: Path, state: TrainingState, identity: str) -> None:
    """Fills a fresh `state` from a checkpoint; raises CheckpointError where it is damaged or of another training."""
    try:
        tensors, metadata = read_tensors(path)
    except TrainingError as failure:
        raise CheckpointError(str(failure)) from None
    if metadata.get("training") != identity:
        raise CheckpointError(
            f"{path} is the checkpoint of another training ({metadata.get('training')}), not of {identity}; remove it."
        )
    try:
        _fill(state, tensors, metadata)
    except (KeyError, RuntimeError, TypeError, ValueError) as failure:
        raise CheckpointError(
            f"{path} does not hold what a checkpoint does ({failure}); remove it to start anew."
        ) from None


def _fill(state: TrainingState, tensors: dict[str, torch.Tensor], metadata: dict[str, object]) -> None:
    device = next(state.network.parameters()).device
    state.network.load_state_dict(
        {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")}
    )
    named = dict(state.network.named_parameters())
    for optimiser in state.optimisers:
        held = {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}
        for name, parameter in named.items():
            if id(parameter) in held and f"momentum.{name}" in tensors:
                optimiser.state[parameter]["momentum_buffer"] = tensors[f"momentum.{name}"].to(device)
    state.generator.set_state(tensors["generator"])
    history = metadata.get("history")
    state.history[:] = [Epoch(**entry) for entry in history] if isinstance(history, list) else []


def _momenta(state: TrainingState) -> dict[str, torch.Tensor]:
    """Each weight's momentum, by the weight's name."""
    buffers = {
        id(parameter): values["momentum_buffer"]
        for optimiser in state.optimisers
        for parameter, values in optimiser.state.items()
        if "momentum_buffer" in values
    }
    return {name: buffers[id(p)] for name, p in state.network.named_parameters() if id(p) in buffers}
