"""Time of a layer for one image [ns]: the clock of its circuits, and cycles of it by component.

Every layer has a clock of its own: select a column, let it settle, convert it. All digital work of the layer is counted in
cycles of that clock.
"""

from __future__ import annotations

import numpy as np

from hw_models.adc import flash_encoder_ns, flash_sense_ns, sar_conversion_ns
from hw_models.area import Periphery, TileArea, tree_stages
from hw_models.arrays import FloatArray, IntArray
from hw_models.crossbar import CrossbarSpec
from hw_models.mapping import Mapping
from hw_models.technology import Device, Technology

COMPONENTS = ("adc", "accumulation", "buffers", "interconnect", "activation")


def column_ohm(spec: CrossbarSpec, device: Device, reference_activity: float = 0.25) -> float:
    """Resistance of a full column at the activity for which the comparators are designed [ohm]."""
    cells = reference_activity * spec.rows * cell_ratio(spec, device)
    return device.cell.on_ohm / cells


def cell_ratio(spec: CrossbarSpec, device: Device) -> float:
    """Mean conductance of a cell that holds weights, in parts of its on-conductance.

    The device file has the ratio for cells of 4 bits. Fewer levels put more of an offset-coded weight's small values into
    the lowest level: 2 % less above the off-conductance at 2 bits, 7 % less at 1 bit (fitted to sets cellbit2, cellbit1).
    """
    off = 1 / device.cell.on_off_ratio
    few_levels = {1: 0.934, 2: 0.981}.get(spec.cell_bits, 1.0)
    return off + (device.cell.conductance_ratio - off) * few_levels


def clock_ns(p: Periphery, spec: CrossbarSpec, device: Device, technology: Technology) -> FloatArray:
    """Clock period of a layer [ns]."""
    timing = technology.timing
    parts = clock_parts(p, spec, device, technology)
    return timing.layout_ratio * sum(parts.values())


def clock_parts(p: Periphery, spec: CrossbarSpec, device: Device, technology: Technology) -> dict[str, FloatArray]:
    """What one clock period consists of [ns], before the layout ratio.

    The multiplexer's decoder grows with the columns that share an ADC, while the line that it drives has a load for
    each ADC: many ADCs (little sharing) are slow to switch as well, so the delay has a minimum between.
    """
    timing = technology.timing
    log2_sharing = np.log2(p.sharing)
    points = np.log2(timing.mux_sharing)
    decoder = np.interp(log2_sharing, points, timing.mux_decoder_ns)
    decoder = decoder * 2.0 ** np.maximum(0.0, log2_sharing - points[-1])
    drive = np.interp(log2_sharing, points, timing.mux_drive_ns)
    sense = np.where(
        p.flash,
        flash_sense_ns(p.precision, column_ohm(spec, device), technology.flash),
        sar_conversion_ns(p.precision, technology.sar),
    )
    return {
        "multiplexer": decoder + drive * p.n_adcs,
        "column": np.full(sense.shape, timing.column_base_ns + timing.column_ns_per_ohm * device.cell.settling_ohm),
        "sensing": sense,
        "encoder": np.where(p.flash, flash_encoder_ns(p.precision, technology.flash), 0.0),
    }


def latency_cycles(
    m: Mapping, p: Periphery, tile: TileArea, clock: FloatArray, spec: CrossbarSpec, technology: Technology
) -> dict[str, FloatArray]:
    """Cycles of a layer for one image, by component, shape (designs, layers)."""
    k = spec.columns_per_weight
    steps = np.maximum(1, p.sharing // k)
    v = m.positions
    cell_adds = p.sharing * p.bits
    input_adds = np.where(p.bits > 1, steps * p.bits, 0)
    in_pe = cell_adds + input_adds + steps * stages_of(m.crossbar_rows)
    accumulation = v * (in_pe / m.copies + steps * stages_of(m.pe_rows))
    outputs_per_cycle = spec.tile_side * spec.columns / p.sharing
    across = v * m.outputs / outputs_per_cycle * m.tile_columns * stages_of(m.tile_rows)
    return {
        "adc": v * p.bits * p.sharing / m.copies,
        "accumulation": accumulation + across,
        "buffers": tile_buffer_cycles(m, p, spec) + global_buffer_cycles(m, p, spec, technology),
        "interconnect": tile_wire_cycles(m, p, spec) + chip_wire_cycles(m, p, tile, clock, spec, technology),
        "activation": np.ceil(v * m.outputs / outputs_per_cycle),
    }


def stages_of(n_inputs: IntArray) -> IntArray:
    """Stages of an adder tree: log2 of its inputs, rounded up."""
    most = int(n_inputs.max(initial=1))
    table = np.ceil(np.log2(np.arange(most + 1), where=np.arange(most + 1) > 0, out=np.zeros(most + 1))).astype(
        np.int64
    )
    return table[n_inputs]


def tile_buffer_cycles(m: Mapping, p: Periphery, spec: CrossbarSpec) -> FloatArray:
    """Cycles in which tile and PE buffers are written and read.

    The tile's input buffer moves a bit a row in a cycle; its output buffer one sum a PE. A PE's output buffer takes what
    its ADCs deliver, once a stage of its tree. Copies share the work of the PEs.
    """
    stages = tree_stages(spec.pe_side)
    side = spec.pes_per_side
    k = spec.columns_per_weight
    tile_in = 2 * m.tile_inputs * p.bits / (side * spec.rows)
    tile_out = 2 * m.tile_outputs * (1 + p.tile_bits) / (side * p.tile_bits)
    fill = m.pe_columns / (spec.pe_side * spec.weight_columns)
    pe_out = 2 * np.floor(stages * p.sharing / k * p.sum_bits / p.tile_bits * fill * m.positions + 1e-9)
    pe_in = m.pe_inputs / spec.rows * m.positions
    return m.positions * (tile_in + tile_out) + (pe_in + pe_out) / m.pe_speedup


def chip_bits(m: Mapping, p: Periphery) -> IntArray:
    """Bits between the global buffer and the tiles for one image: all inputs and outputs of the layer."""
    return (m.inputs + m.outputs) * p.bits * m.positions


def chip_bus_bits(p: Periphery, spec: CrossbarSpec) -> FloatArray:
    """Width of the chip's bus: the rows of a tile, and a bit for each of its column groups."""
    return spec.tile_side * (spec.rows + spec.columns / p.sharing)


def global_buffer_cycles(m: Mapping, p: Periphery, spec: CrossbarSpec, technology: Technology) -> FloatArray:
    """Cycles in which the global buffer is read and written; its cores work side by side up to the bus width."""
    core = technology.timing.buffer_core_bits
    cores = np.ceil(m.buffered_inputs * p.bits / core**2)
    useful = np.minimum(cores, np.ceil(chip_bus_bits(p, spec) / core))
    return chip_bits(m, p) / (core * useful)


def tile_wire_cycles(m: Mapping, p: Periphery, spec: CrossbarSpec) -> FloatArray:
    """Cycles on the tile's H-tree, a bus as wide as the tile's rows."""
    return tile_wire_bits(m, p) / (spec.pes_per_side * spec.rows)


def tile_wire_bits(m: Mapping, p: Periphery) -> FloatArray:
    """Bits on the H-tree of the fullest tile for one image."""
    return m.positions * (m.tile_inputs * p.bits + m.tile_outputs * (1 + p.tile_bits))


def tree_length(n_tiles: IntArray) -> FloatArray:
    """Length of the chip's H-tree, in sides of a tile.

    Tiles stand in a nearly square grid of ceil(sqrt(n)) rows. Each doubling of the grid adds a stage of the tree; the
    lengths are those of the reference: 0.5, 2, 4.5, 9 tile sides for 2, 4, 8, 16 a side, 0.5 more for a full grid of up to 4.
    """
    n = np.asarray(n_tiles)
    rows = np.ceil(np.sqrt(n))
    columns = np.ceil(n / rows)
    stage = np.ceil(np.log2(np.maximum(rows, 1))).astype(np.int64)
    base = np.asarray([0.0, 0.5, 2.0, 4.5])
    length = np.where(stage < 4, base[np.minimum(stage, 3)], 9.0 * 2.0 ** (stage - 4))
    full = (columns == rows) & (rows == 2.0**stage) & (stage > 0) & (stage < 3)
    return length + np.where(full, 0.5, 0.0)


def chip_wire_cycles(
    m: Mapping, p: Periphery, tile: TileArea, clock: FloatArray, spec: CrossbarSpec, technology: Technology
) -> FloatArray:
    """Cycles on the chip's H-tree; none for a layer of one tile.

    When a signal takes longer than a clock to cross the tree, every transfer takes several cycles.
    """
    length_um = tree_length(m.n_tiles) * tile.tile_side_um
    hops = np.maximum(1.0, np.ceil(length_um / (technology.timing.tree_um_per_ns * clock)))
    transfers = np.ceil(chip_bits(m, p) * hops / chip_bus_bits(p, spec))
    return np.where(m.n_tiles > 1, transfers, 0.0)
