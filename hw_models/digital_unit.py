"""Digital unit: arithmetic between crossbar layers, such as residual additions, gates, norms and attention.

A lane adds 16-bit numbers, with 16 full adders and a 16-bit register, and multiplies 8 by 8 bits in an array of 64 full
adders (N. Weste and D. Harris, CMOS VLSI Design, 4th ed., section 11.9.1) with a register for the product. Energy per
bit is that of the technology's own full adders and flip-flops. At 32 nm this gives 0.11 pJ for an addition and 0.21 pJ
for a multiplication; M. Horowitz (ISSCC 2014, figure 1.1.9) gives 0.05 pJ and 0.2 pJ at 45 nm, without registers.
Operands come from the global buffer and results go there, with the buffer's energy per bit and 8 bits each.

There are as many lanes as ReLU units in a tile of the layer: one for each group of columns that is converted at the
same time. One lane finishes one operation in a cycle of the digital clock. The unit is not part of the tiles' area.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hw_models.area import Periphery
from hw_models.arrays import FloatArray, IntArray
from hw_models.constants import Constant
from hw_models.cost_model import Buffers, Overheads
from hw_models.distinct import Pairing
from hw_models.node_scaling import factor_text
from hw_models.setting import Setting
from hw_models.trace import TraceNode, node

COMPONENT = "digital unit"
"""Component under which its time and energy are reported; absent where no layer has digital work."""

_SUM_BITS = 16
_FACTOR_BITS = 8


def addition_pj(setting: Setting) -> float:
    """Energy of a 16-bit addition with its register [pJ]."""
    energy = setting.technology.energy
    return _layout(setting) * _SUM_BITS * (energy.full_adder_pj + energy.flipflop_pj)


def multiplication_pj(setting: Setting) -> float:
    """Energy of a multiplication of two 8-bit numbers with the register of the product [pJ]."""
    energy = setting.technology.energy
    return _layout(setting) * (_FACTOR_BITS**2 * energy.full_adder_pj + _SUM_BITS * energy.flipflop_pj)


def moved_pj(setting: Setting) -> float:
    """Energy of reading a value from the global buffer, or writing it [pJ]."""
    if setting.choices.buffers is Buffers.SRAM:
        return _FACTOR_BITS * setting.assumed.digital.buffer_bit_pj * setting.ratios.energy / 2
    energy = setting.technology.energy
    return _layout(setting) * _FACTOR_BITS * (energy.global_buffer_read_pj + energy.global_buffer_write_pj) / 2


def _layout(setting: Setting) -> float:
    if setting.choices.overheads is Overheads.NONE:
        return 1.0
    return setting.assumed.digital.layout_energy_ratio


def has_work(shapes: dict[str, IntArray]) -> bool:
    """Whether any layer has digital work."""
    return any(shapes[name].any() for name in ("additions", "multiplications", "moved"))


def digital_pj(shapes: dict[str, IntArray], setting: Setting, pairing: Pairing) -> FloatArray:
    """Energy of the digital unit for one image [pJ], (designs, layers)."""
    total = (
        shapes["additions"] * addition_pj(setting)
        + shapes["multiplications"] * multiplication_pj(setting)
        + shapes["moved"] * moved_pj(setting)
    )
    return pairing.by_shape(total)


def digital_ns(
    shapes: dict[str, IntArray], p: Periphery, clock_ns: FloatArray, setting: Setting, pairing: Pairing
) -> FloatArray:
    """Time of the digital unit for one image [ns], (designs, layers)."""
    operations = pairing.by_shape(shapes["additions"] + shapes["multiplications"])
    cycles: FloatArray = np.ceil(operations * pairing.by_periphery(1 / setting.columns_at_once(p)) - 1e-9)
    return cycles * pairing.by_periphery(clock_ns)


def energy_trace(shapes: dict[str, IntArray], setting: Setting, known: Mapping[str, Constant]) -> TraceNode:
    """Traces the energy of one layer's digital work down to constants."""
    sram = setting.choices.buffers is Buffers.SRAM
    layout = ("digital.layout_energy_ratio",) if _layout(setting) != 1 else ()
    times = " x layout_energy_ratio" if layout else ""
    adders = ("energy.full_adder_pj", "energy.flipflop_pj", *layout)
    if sram:
        moved, buffers = f"buffer_bit / 2{factor_text(setting.ratios.energy)}", ("digital.buffer_bit_pj",)
    else:
        moved = f"(global_buffer_read + global_buffer_write) / 2{times}"
        buffers = ("energy.global_buffer_read_pj", "energy.global_buffer_write_pj", *layout)
    rows = (
        ("additions", addition_pj(setting), f"{_SUM_BITS} x (full_adder + flipflop){times}", adders),
        (
            "multiplications",
            multiplication_pj(setting),
            f"({_FACTOR_BITS**2} full_adder + {_SUM_BITS} flipflop){times}",
            adders,
        ),
        ("moved", moved_pj(setting), f"{_FACTOR_BITS} bits x {moved}", buffers),
    )
    parts = []
    for name, each, formula, constants in rows:
        count = int(shapes[name].item())
        text = f"{count:g} x {each:.6g} pJ, each {formula}"
        parts.append(node(name, "pJ", text, count * each, constants=[known[key] for key in constants]))
    return node(COMPONENT, "pJ", "sum", sum(part.value for part in parts), parts)
