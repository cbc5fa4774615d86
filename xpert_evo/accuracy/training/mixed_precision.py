"""Where a training may compute in bfloat16 beside float32, and where that is worth it."""

import torch

from xpert_evo.accuracy.training.protocols import TrainingProtocol


def compute_type(protocol: TrainingProtocol, device: torch.device) -> torch.dtype:
    """Type of the activations and the products in a training's steps: bfloat16 where protocol and processor have it."""
    return torch.bfloat16 if protocol.bfloat16 and multiplies_bfloat16(device) else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 faster than float32: CUDA from Ampere on, CPUs with AVX-512 BF16 or AMX.

    CPUs are asked through torch, and torch before `torch.cpu.get_capabilities` knows of none.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16"))
