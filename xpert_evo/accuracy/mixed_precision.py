"""Where a training may compute in bfloat16 beside float32, and where that is worth it."""

import torch

from xpert_evo.accuracy.protocols import TrainingProtocol


def compute_type(protocol: TrainingProtocol, device: torch.device) -> torch.dtype:
    """Type of the activations and the products in a training's steps: bfloat16 where protocol and processor have it."""
    return torch.bfloat16 if protocol.bfloat16 and multiplies_bfloat16(device) else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 faster than float32: CUDA, and CPUs with AVX-512 BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not hasattr(torch.cpu, "get_capabilities"):  # newer than the oldest torch that is allowed
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16"))
