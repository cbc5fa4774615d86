"""Area of the register files of a tile [um2]: flip-flops and the entry decoder."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from hw_models.arrays import FloatArray, IntArray
from hw_models.cost_model import CostModel
from hw_models.crossbar import CrossbarSpec
from hw_models.simulator_choices import TileBuffers
from hw_models.technology import Technology


class _Widths(Protocol):
    """The part of `hw_models.area.Periphery` on which the buffers depend."""

    @property
    def bits(self) -> IntArray: ...
    @property
    def n_adcs(self) -> IntArray: ...
    @property
    def tile_bits(self) -> IntArray: ...


def tile_buffers_um2(p: _Widths, spec: CrossbarSpec, technology: Technology, model: CostModel) -> FloatArray:
    """Area of the input and output register files of one tile [um2]."""
    side = spec.pes_per_side
    area, rows = technology.area, np.full_like(p.bits, spec.rows)
    inputs: FloatArray = area.flipflop_um2 * side * rows * p.bits + _decoder_um2(
        np.asarray(p.bits, dtype=np.float64), technology
    )
    outputs: FloatArray = area.flipflop_um2 * side * p.tile_bits * p.n_adcs + _decoder_um2(p.n_adcs, technology)
    if model.choices.tile_buffers is TileBuffers.CORES:
        inputs = _in_cores_um2(inputs, side * rows * p.bits, technology, model)
        outputs = _in_cores_um2(outputs, side * p.tile_bits * p.n_adcs, technology, model)
    return inputs + outputs


def _in_cores_um2(whole_um2: FloatArray, bits: IntArray, technology: Technology, model: CostModel) -> FloatArray:
    """Area of a register file [um2] that is built from square cores once it fills one."""
    core_bits = model.simulator.buffers.tile_core_bits
    core_um2 = technology.area.flipflop_um2 * core_bits + _decoder_um2(np.asarray([np.sqrt(core_bits)]), technology)
    return np.where(bits >= core_bits, np.ceil(bits / core_bits) * core_um2, whole_um2)


def _decoder_um2(entries: FloatArray | IntArray, technology: Technology) -> FloatArray:
    """Area of the decoder for a register file's entries [um2]."""
    return interpolate_log2(
        np.log2(entries), technology.area.register_decoder_entries, technology.area.register_decoder_um2
    )


def interpolate_log2(log2_x: FloatArray, x: tuple[float, ...], y: tuple[float, ...]) -> FloatArray:
    """Interpolates a table linearly over log2 of its argument; beyond its end the value keeps doubling."""
    points = np.log2(x)
    inside: FloatArray = np.interp(log2_x, points, y)
    beyond: FloatArray = 2.0 ** np.maximum(0.0, log2_x - points[-1])
    return inside * beyond
