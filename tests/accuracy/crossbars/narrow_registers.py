"""Compares the fused kernels with the torch form in registers of 32 or 16 bytes: `python narrow_registers.py WIDTH`.

It runs in a process of its own, because a process computes in one width, the greatest that its processor has.
"""

import sys
from typing import Any
from unittest.mock import patch

import llvmlite.binding
import torch

WIDTH = int(sys.argv[1])
has: Any = llvmlite.binding.get_host_cpu_features()
has.update({name: False for name in has if name.startswith("avx512")})
with patch.object(llvmlite.binding, "get_host_cpu_features", return_value=has):
    from xpert_evo.accuracy.crossbars import fused_kernel

    if WIDTH == 16:
        fused_kernel.PIXELS, fused_kernel.SHUFFLE = 16, "llvm.x86.ssse3.pshuf.b.128"
    assert fused_kernel.PIXELS == WIDTH

    from hw_models import CrossbarSpec
    from tests.accuracy.crossbars.fused_layers import geometry_of
    from tests.accuracy.crossbars.test_fused_varied import EFFECTS, by_kernel, by_torch, emulated_layer
    from xpert_evo.accuracy.crossbars import fused, fused_loading

    fused.changeover.n_sums = 1 << 60
    assert fused_loading.kernel().loops is not None, fused_loading.kernel().refusal
    crossbar = CrossbarSpec(cell_bits=4, rows=24)
    g = geometry_of(crossbar, n_in=9, n_out=7, kernel=3, stride=1, size=5, n_bits=9, evenly=True, adc_precision=6)
    for effect in EFFECTS:
        emulated, inputs = emulated_layer(g, effect, 3, seed=0)
        assert torch.equal(by_kernel(emulated, inputs, 1), by_torch(emulated, inputs)), effect
