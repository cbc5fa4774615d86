"""Exact matrix products of small integers with 0 and 1 by the processor's eight-bit instructions, as float32.

Such an instruction (AVX-512 VNNI, AVX-VNNI, AMX) multiplies four times as many numbers as a float32 instruction. torch
provides them through `torch._int_mm`, which is not part of its public interface, so the function is used only if
present and correct.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

ROUNDER = 1.5 * 2**23
"""float32 numbers of this size are integers: adding it rounds, half to even."""

ROUNDER_BITS = 0x4B400000
"""The bit pattern of `ROUNDER`; that of `ROUNDER + n` is `n` more."""

_LARGEST = 127
_CAPABILITIES = ("avx512_vnni", "avx_vnni", "amx_int8")


def multiplies_eight_bits(largest: float, device: torch.device) -> bool:
    """Returns whether a device correctly multiplies integers up to magnitude `largest` by eight-bit instructions."""
    return largest <= _LARGEST and device.type == "cpu" and _works()


def product_into(buffer: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Product of int8 matrices (m, k) and (k, n) as float32, stored in `buffer`, an int32 matrix (m, n).

    Its elements must be smaller than 2^22.
    """
    # torch 2.13 takes a single row with strides (1, 1) for a column, and reads past its end.
    torch._int_mm(left, right if len(right) > 1 else right.clone(memory_format=torch.contiguous_format), out=buffer)
    # Converting int32 to float32 takes longer than this: adding n to the bits of ROUNDER gives ROUNDER + n.
    return buffer.add_(ROUNDER_BITS).view(torch.float32).sub_(ROUNDER)


@lru_cache(maxsize=1)
def _works() -> bool:
    """Checks that the processor has such instructions and that torch's product with them is correct."""
    if not (hasattr(torch, "_int_mm") and hasattr(torch.cpu, "get_capabilities")):
        return False
    capabilities = torch.cpu.get_capabilities()
    with_library = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not (with_library and any(capabilities.get(name) for name in _CAPABILITIES)):
        return False
    left = torch.arange(-_LARGEST, _LARGEST + 1, dtype=torch.int8).repeat(3, 1)
    right = (torch.arange(left.shape[1])[:, None] % torch.arange(2, 7) == 0).to(torch.int8)
    try:
        found = product_into(torch.empty(3, 5, dtype=torch.int32), left, right)
    except (RuntimeError, TypeError):
        return False
    return torch.equal(found, left.float() @ right.float())


@contextmanager
def true_float32() -> Iterator[None]:
    """Temporarily disables TensorFloat-32 in matrix products: its 11 bits would round partial sums."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
