"""Time of a layer for one image [ns]: the clock of its circuits and the cycles of each component.

Every layer has its own clock: select a column, let it settle, convert it. All digital work of the layer is counted in
cycles of that clock or of a clock of the node, depending on the cost model. A term is a count that depends on the
layer's shape, times cycles that depend on its peripherals; terms in whole cycles have functions of their own. The
schedule (`schedule.py`) then combines the components into the layer's time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw_models.adc import flash_encoder_ns, sar_conversion_ns
from hw_models.area import Periphery, TileArea
from hw_models.arrays import FloatArray, IntArray
from hw_models.columns import clock_sense_ns, settling_ns
from hw_models.copies import copy_share
from hw_models.cost_model import DigitalClock, Schedule
from hw_models.digital_cycles import (
    chip_transfer_cycles,
    extra_carry_cycles,
    global_sum_cycles,
    pe_output_cycles,
    stages_of,
    tile_input_slowdown,
    tile_output_slowdown,
    tile_transfer_cycles,
)
from hw_models.distinct import Pairing
from hw_models.mapping import Mapping
from hw_models.setting import Setting
from hw_models.simulator_choices import GlobalSum

COMPONENTS = ("adc", "accumulation", "buffers", "interconnect", "activation")


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleTerm:
    """One kind of work.

    Attributes:
        component: Component under which its time is reported.
        work: Description of the work.
        count: Number of times it is done for one image, (1, distinct shapes).
        cycles: Cycles each time, (1, distinct peripherals).
        formula: Formula of the cycles.
    """

    component: str
    work: str
    count: FloatArray | IntArray
    cycles: FloatArray | IntArray
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Clock periods of a layer [ns], (1, distinct peripherals).

    Attributes:
        conversion: Time from one conversion of an ADC to the next.
        digital: Clock period of adders, buffers and wires.
    """

    conversion: FloatArray
    digital: FloatArray

    def of(self, component: str) -> FloatArray:
        """Returns the period in which a component's cycles are counted."""
        return self.conversion if component == "adc" else self.digital


def clocks_of(p: Periphery, setting: Setting) -> Clocks:
    """Returns both periods of a layer."""
    conversion = clock_ns(p, setting)
    own_ns = setting.digital_ns
    return Clocks(conversion=conversion, digital=conversion if own_ns is None else np.full_like(conversion, own_ns))


def clock_parts(p: Periphery, setting: Setting) -> dict[str, FloatArray]:
    """Phases of one conversion [ns], before the layout ratio.

    The multiplexer's decoder grows with the number of columns that share an ADC, while the line that it drives is
    loaded by each column that it connects to an ADC. With little sharing there are many ADCs, and switching is slow as
    well, so the delay has a minimum in between.
    """
    technology, timing = setting.technology, setting.technology.timing
    log2_sharing = np.log2(p.sharing)
    points = np.log2(timing.mux_sharing)
    decoder = np.interp(log2_sharing, points, timing.mux_decoder_ns)
    decoder = decoder * 2.0 ** np.maximum(0.0, log2_sharing - points[-1])
    drive = np.interp(log2_sharing, points, timing.mux_drive_ns)
    multiplexer = decoder + drive * p.n_adcs * setting.crossbar.columns_per_conversion
    if setting.own_converters:
        return {"multiplexer": multiplexer, **_sampled_parts(p, setting)}
    sense = np.where(
        p.flash,
        clock_sense_ns(p, setting),
        sar_conversion_ns(p.precision, technology.sar),
    )
    return {
        "multiplexer": multiplexer,
        "column": np.full(sense.shape, settling_ns(setting)),
        "sensing": sense,
        "encoder": np.where(p.flash, flash_encoder_ns(p.precision, technology.flash), 0.0),
    }


def _sampled_parts(p: Periphery, setting: Setting) -> dict[str, FloatArray]:
    """Sampling and conversion of a column [ns]; unless the schedule is sequential, the next is sampled meanwhile."""
    conversion = setting.adc_figures(p).time_ns
    sampling = np.full_like(conversion, setting.sample_ns)
    if setting.schedule is not Schedule.SEQUENTIAL:
        sampling = np.maximum(0.0, sampling - conversion)
    return {"sampling": sampling, "conversion": conversion}


def clock_ns(p: Periphery, setting: Setting) -> FloatArray:
    """Time from one conversion to the next [ns], (1, distinct peripherals).

    The layout ratio stretches simulated circuits; figures of fabricated converters already include their layout.
    """
    parts = clock_parts(p, setting)
    if setting.own_converters:
        ratio = setting.technology.timing.layout_ratio
        return ratio * parts["multiplexer"] + parts["sampling"] + parts["conversion"]
    total = np.zeros_like(parts["sensing"])
    for part in parts.values():
        total = total + part
    return setting.technology.timing.layout_ratio * total


def latency_components(
    terms: list[CycleTerm],
    *,
    m: Mapping,
    p: Periphery,
    tile: TileArea,
    clocks: Clocks,
    setting: Setting,
    pairing: Pairing,
) -> dict[str, FloatArray]:
    """Time of a layer for one image by component [ns], each working alone, shape (designs, layers).

    In a sequential schedule the buffers of PEs, tiles and chip take turns. If parts overlap, the buffers work in
    parallel, each written and read at the same time because it has two halves, and the slowest one counts.
    """
    side_by_side = setting.schedule is not Schedule.SEQUENTIAL
    sums: dict[str, FloatArray] = {}
    for term in terms:
        time = pairing.by_shape(term.count)
        time *= pairing.by_periphery(clocks.of(term.component) * term.cycles)
        if side_by_side and term.component == "buffers":
            sums["buffers"] = np.maximum(sums.get("buffers", 0.0), time / 2)
        elif term.component in sums:
            sums[term.component] += time
        else:
            sums[term.component] = time
    period = pairing.by_periphery(clocks.digital)
    local, shared = pe_output_cycles(m, p, setting, pairing), global_buffer_cycles(m, p, setting, pairing)
    if setting.choices.global_sum is GlobalSum.TWO_COLUMNS:
        sums["accumulation"] += period * global_sum_cycles(m, p, clock=clocks.digital, setting=setting, pairing=pairing)
    wires = period * chip_wire_cycles(m, p, tile, clock=clocks.digital, setting=setting, pairing=pairing)
    sums["activation"] = period * activation_cycles(m, p, setting, pairing)
    share = copy_share(m, p, pairing)
    if share is not None:
        # Copies share the positions of the output map; the global buffer and the chip's tree serve all copies.
        sums = {name: time * share for name, time in sums.items()}
        local *= share
    if side_by_side:
        sums["buffers"] = np.maximum(sums["buffers"], period * np.maximum(local / 2, shared))
    else:
        sums["buffers"] += period * (local + shared)
    sums["interconnect"] += wires
    return {name: sums[name] for name in COMPONENTS}


def cycle_terms(m: Mapping, p: Periphery, tile: TileArea, clocks: Clocks, setting: Setting) -> list[CycleTerm]:
    """All work except that in whole cycles: PE output buffers, global buffer, chip tree and ReLU units."""
    clock = clocks.digital
    spec, v = setting.crossbar, m.positions
    k, side = spec.cells_per_weight, spec.pes_per_side
    steps = np.maximum(1, p.sharing // k)
    bus = side * spec.rows
    one = np.ones_like(p.sharing)
    vectors = v / m.working_copies * m.row_groups
    hops = tile_transfer_cycles(tile, clock, setting)
    rows = (
        ("adc", "input-bit vector, converted", vectors, p.bits * p.sharing, "IP x CS"),
        ("accumulation", "input-bit vector, cells of a weight joined", vectors, p.bits * p.sharing, "IP x CS"),
        (
            "accumulation",
            "output position, input bits joined",
            v / m.working_copies,
            np.where(p.bits > 1, p.bits * steps, 0),
            "IP x CS / k for IP > 1",
        ),
        (
            "buffers",
            "input bit into and out of a tile",
            2 * v * m.tile_inputs / bus,
            p.bits * tile_input_slowdown(p, setting),
            "IP / rows of the tile's PEs",
        ),
        (
            "buffers",
            "sum into and out of a tile",
            2 * v * m.tile_outputs / side,
            (one if setting.choices.digital_clock is DigitalClock.OWN else (1 + p.tile_bits) / p.tile_bits)
            * tile_output_slowdown(p, setting),
            "bits / width",
        ),
        ("buffers", "input into and out of a PE", v * m.pe_inputs / spec.rows / m.pe_speedup, one, "1 / rows"),
        ("interconnect", "input bit on a tile's tree", v * m.tile_inputs / bus, p.bits * hops, "IP / bus width"),
        (
            "interconnect",
            "sum on a tile's tree",
            v * m.tile_outputs / bus,
            (1 + p.tile_bits) * hops,
            "bits / bus width",
        ),
    )
    terms = [
        CycleTerm(component=component, work=work, count=count, cycles=cycles, formula=formula)
        for component, work, count, cycles, formula in rows
    ]
    trees: list[tuple[str, FloatArray | IntArray, IntArray, FloatArray | IntArray, IntArray]] = [
        ("a PE's tree", v / m.working_copies, stages_of(m.crossbar_rows), steps, p.sum_bits),
        ("a tile's accumulator", v, stages_of(m.pe_rows), steps, p.tile_bits),
    ]
    if setting.model.choices.global_sum is GlobalSum.TILE_COLUMNS:
        across = v * m.outputs * m.tile_columns
        at_once = setting.columns_at_once(p)
        trees.append(("the sum over tiles", across, stages_of(m.tile_rows), 1 / at_once, p.tile_bits + 1))
    for name, count, stages, repeats, first_bits in trees:
        terms += _tree_terms(name, np.asarray(count * stages), repeats, "repeats")
        for stage in range(int(stages.max())):
            longer = extra_carry_cycles(first_bits + stage, clock, setting)
            if longer.any():
                terms += _tree_terms(
                    f"{name}, stage {stage + 1}, slow carry",
                    np.asarray(count * (stages > stage), dtype=np.float64),
                    repeats * longer,
                    "repeats x extra cycles",
                )
    return terms


def _tree_terms(
    name: str, count: FloatArray | IntArray, cycles: FloatArray | IntArray, formula: str
) -> list[CycleTerm]:
    """Work of an adder tree: one cycle per stage, more if the carry of a wide adder exceeds a clock period."""
    return [CycleTerm(component="accumulation", work=f"stage of {name}", count=count, cycles=cycles, formula=formula)]


def global_buffer_cycles(m: Mapping, p: Periphery, setting: Setting, pairing: Pairing) -> FloatArray:
    """Cycles in which the global buffer is read and written; its cores work in parallel up to the bus width."""
    core = setting.technology.timing.buffer_core_bits
    bits = pairing.by_periphery(p.bits)
    cores = np.ceil(pairing.by_shape(m.buffered_inputs / core**2) * bits)
    useful = np.minimum(cores, pairing.by_periphery(np.ceil(setting.bus_bits(p) / core)))
    bits *= pairing.by_shape(m.positions * (m.inputs + m.outputs) / core)
    bits /= useful
    return bits


def chip_wire_cycles(
    m: Mapping, p: Periphery, tile: TileArea, *, clock: FloatArray, setting: Setting, pairing: Pairing
) -> FloatArray:
    """Cycles on the chip's tree; zero for a layer with one tile.

    If a signal takes longer than a clock period to cross the tree, every transfer takes several cycles.
    """
    hops = chip_transfer_cycles(m, tile, clock=clock, setting=setting, pairing=pairing)
    hops *= pairing.by_shape(m.positions * (m.inputs + m.outputs))
    hops *= pairing.by_periphery(p.bits / setting.bus_bits(p))
    whole: FloatArray = np.maximum(0.0, np.ceil(hops - 1e-9))
    return whole


def activation_cycles(m: Mapping, p: Periphery, setting: Setting, pairing: Pairing) -> FloatArray:
    """Cycles of the ReLU units, which serve all column groups of a tile at a time."""
    calls = pairing.by_shape(m.positions * m.outputs)
    calls *= pairing.by_periphery(1 / setting.columns_at_once(p))
    whole: FloatArray = np.maximum(0.0, np.ceil(calls - 1e-9))
    return whole
