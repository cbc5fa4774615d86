"""Selects between bfloat16 and float32 for training steps."""

import torch

from xpert_evo.accuracy.training.protocols import TrainingProtocol


def compute_type(protocol: TrainingProtocol, device: torch.device) -> torch.dtype:
    """Returns the type of activations and products in training: bfloat16 if protocol and processor support it."""
    return torch.bfloat16 if protocol.bfloat16 and multiplies_bfloat16(device) else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 faster than float32: CUDA from Ampere on, CPUs with AVX-512 BF16 or AMX.

    CPU capabilities are queried through torch; versions without `torch.cpu.get_capabilities` report none.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16"))
