"""Whole networks under the accounting of DNN+NeuroSim V1.3: layers one after another, or as pipeline stages.

A single clock, that of the slowest layer, drives all layers. All layers share the chip's tree and its global buffer, so
their words are as wide as the tree's bus and pass through all tiles of the chip, and the buffer serves all tiles in
turn. Layers may be stored more than once; these repeats share the conversions, and the chip's accumulators add up their
sums like those of rows of tiles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hw_models import energy, latency
from hw_models.adder_tree import adder_tree
from hw_models.arrays import FloatArray, IntArray, as_int_array, check_shape
from hw_models.chip_tree import tree_length, wire_delay_length
from hw_models.cost_model import CostModel, DigitalClock, Overheads
from hw_models.crossbar import CrossbarSpec
from hw_models.crossbar_groups import by_crossbar, layer_crossbars
from hw_models.digital_cycles import extra_carry_cycles, pe_output_cycles, stages_of
from hw_models.distinct_parts import DistinctParts, distinct_parts
from hw_models.energy_term import EnergyTerm
from hw_models.errors import HardwareModelError
from hw_models.leakage import layer_leakage_uw
from hw_models.mapping import map_layers
from hw_models.model import REFERENCE_ACTIVITY, checked_setting
from hw_models.periphery import Peripherals
from hw_models.setting import Setting
from hw_models.simulator_choices import DelayCycles, GlobalSum
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

_COUNTED = (DigitalClock.LAYER, DelayCycles.NANOSECOND, GlobalSum.TWO_COLUMNS, Overheads.NONE)
"""Choices of V1.3 on which its networks rely: `digital_clock`, `delay_cycles`, `global_sum`, `overheads`."""
_MOST_BUS_BITS = 2048
_PIPELINE_SUM_BITS = 4
"""Additional width of the accumulators of a pipelined chip, in bits."""
_POOLED = 4
"""Number of outputs of a layer that the following pooling unit reduces to one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkReport:
    """Throughput and energy of networks.

    Attributes:
        clock_ns: Clock period of each design [ns], (designs,).
        layer_latency_ns: Time of a layer for one image at the design's clock [ns], (designs, layers).
        interval_ns: Time from one image to the next [ns], (designs,).
        latency_ns: Time of one image through all layers [ns], (designs,).
        energy_pj: Dynamic energy of a layer for one image [pJ], (designs, layers).
        leakage_uw: Leakage power of all tiles [uW], (designs,).
        idle_leakage_pj: Leakage energy of waiting tiles: those of the other layers or, in a pipeline, each layer's own
            until the slowest has finished [pJ per image], (designs,).
        n_tiles: Tiles of a layer, including repeats, (designs, layers).
    """

    clock_ns: FloatArray
    layer_latency_ns: FloatArray
    interval_ns: FloatArray
    latency_ns: FloatArray
    energy_pj: FloatArray
    leakage_uw: FloatArray
    idle_leakage_pj: FloatArray
    n_tiles: IntArray

    @property
    def throughput_fps(self) -> FloatArray:
        """Images per second, (designs,)."""
        return 1e9 / self.interval_ns


def upstream_network(
    shapes: LayerShapes,
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    model: CostModel,
    pipelined: bool,
    pooled: npt.ArrayLike = 0,
    activity: float = REFERENCE_ACTIVITY,
) -> NetworkReport:
    """Computes throughput and energy of networks with V1.3's accounting.

    Args:
        shapes: See `evaluate`.
        peripherals: See `evaluate`; `copies` is V1.3's repetition of layers.
        crossbar: See `evaluate`.
        device: See `evaluate`.
        technology: See `evaluate`.
        model: `load_model("neurosim")`, or a model with the same clock, delays, sums and overheads.
        pipelined: Whether layers work at the same time on different images.
        pooled: 1 for a layer whose outputs are pooled 2 x 2 before they are stored; (designs, layers).
        activity: See `evaluate`.

    Raises:
        HardwareModelError: If `evaluate` would refuse the arguments, or the model is a different one.
    """
    setting = checked_setting(
        peripherals, crossbar=crossbar, device=device, technology=technology, activity=activity, model=model
    )
    choices = model.choices
    if (choices.digital_clock, choices.delay_cycles, choices.global_sum, choices.overheads) != _COUNTED:
        raise HardwareModelError(
            f"V1.3's accounting of networks needs its way of counting delays and sums, which model {model.name!r} does "
            "not have; use 'neurosim'."
        )
    if len(layer_crossbars(peripherals, crossbar)[0]) > 1:
        raise HardwareModelError(
            "V1.3's accounting of networks has one crossbar for all layers; give all layers the same weight_bits and "
            "other choices of the crossbar."
        )
    pools = as_int_array("pooled", pooled, low=0, high=1)
    shape = check_shape(shapes.arrays() | peripherals.arrays() | {"pooled": pools})
    (group,) = by_crossbar(shapes, peripherals, crossbar)
    setting = replace(setting, crossbar=group.crossbar)
    found = distinct_parts(group.shapes, group.peripherals, setting)
    chip = _Chip(
        found=found,
        setting=setting,
        shape=shape,
        repeats=np.broadcast_to(peripherals.arrays()["copies"], shape),
        pooled=np.broadcast_to(pools, shape),
        pipelined=pipelined,
    )
    clock = chip.by_periphery(found.clocks.conversion).max(axis=1)
    layer_ns = clock[:, np.newaxis] * (chip.own_cycles() + chip.shared_cycles())
    leakage = layer_leakage_uw(found.mapping, found.periphery, setting, found.pairing.broadcast(shape))
    interval = layer_ns.max(axis=1) if pipelined else layer_ns.sum(axis=1)
    if pipelined:
        waiting_pj = 1e-3 * ((interval[:, np.newaxis] - layer_ns) * leakage).sum(axis=1)
    else:
        waiting_pj = 1e-3 * (layer_ns * leakage * (chip.all_tiles / chip.n_tiles - 1)).sum(axis=1)
    return NetworkReport(
        clock_ns=clock,
        layer_latency_ns=layer_ns,
        interval_ns=interval,
        latency_ns=interval * shape[1] if pipelined else interval,
        energy_pj=chip.energy_pj(),
        leakage_uw=leakage.sum(axis=1),
        idle_leakage_pj=waiting_pj,
        n_tiles=chip.n_tiles,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chip:
    """Layers on the chip that they share; every result has the shape (designs, layers)."""

    found: DistinctParts
    setting: Setting
    shape: tuple[int, int]
    repeats: IntArray
    pooled: IntArray
    pipelined: bool

    def by_shape(self, values: FloatArray | IntArray) -> FloatArray:
        """Expands values of the distinct shapes."""
        return self.found.pairing.broadcast(self.shape).by_shape(values)

    def by_periphery(self, values: FloatArray | IntArray) -> FloatArray:
        """Expands values of the distinct peripherals."""
        return self.found.pairing.broadcast(self.shape).by_periphery(values)

    @property
    def n_tiles(self) -> IntArray:
        """Tiles of each layer, including its repeats."""
        return self.by_shape(self.found.mapping.n_tiles).astype(np.int64) * self.repeats

    @property
    def all_tiles(self) -> IntArray:
        """Tiles of the chip, (designs, 1)."""
        return np.asarray(self.n_tiles.sum(axis=1, keepdims=True))

    @property
    def bus_bits(self) -> FloatArray:
        """Width of the chip's bus: a tile's for each layer, or each tile in a pipeline, halved until narrow enough."""
        members = self.all_tiles if self.pipelined else np.full_like(self.all_tiles, self.shape[1])
        bits = self.by_periphery(self.setting.bus_bits(self.found.periphery)).max(axis=1, keepdims=True) * members
        halvings = np.maximum(0.0, np.ceil(np.log2(bits / _MOST_BUS_BITS)))
        return np.asarray(bits / 2**halvings)

    @property
    def moved_bits(self) -> FloatArray:
        """Bits moved between the global buffer and the tiles for one image; pooled outputs count as fewer."""
        m = self.found.mapping
        outputs = self.by_shape(m.outputs) / np.where(self.pooled > 0, _POOLED, 1)
        return (
            self.by_shape(m.positions)
            * (self.by_shape(m.inputs) + outputs)
            * self.by_periphery(self.found.periphery.bits)
        )

    def own_cycles(self) -> FloatArray:
        """Cycles of a layer in its own tiles; repeats divide conversions and sums, but not the buffers' traffic."""
        cycles = np.zeros(self.shape)
        for term in self.found.cycle_terms:
            work = self.by_shape(term.count) * self.by_periphery(term.cycles)
            cycles += work / self.repeats if term.component in {"adc", "accumulation"} else work
        pairing = self.found.pairing.broadcast(self.shape)
        m, p = self.found.mapping, self.found.periphery
        cycles += pe_output_cycles(m, p, self.setting, pairing)
        cycles += latency.activation_cycles(m, p, self.setting, pairing)
        return cycles

    def shared_cycles(self) -> FloatArray:
        """Cycles of a layer on the chip's tree, in the global buffer and in the accumulators."""
        m, p = self.found.mapping, self.found.periphery
        bus = self.bus_bits
        core = self.setting.technology.timing.buffer_core_bits
        bits = self.by_periphery(p.bits)
        cores = np.ceil(self.by_shape(m.buffered_inputs) * bits / core**2).max(axis=1, keepdims=True)
        turns = np.ceil(self.all_tiles / self.n_tiles)
        buffer = self.moved_bits * turns / core / np.minimum(cores, np.ceil(bus / core))
        reach_um = self.setting.technology.timing.tree_um_per_ns
        path_um = wire_delay_length(self.all_tiles) * self.by_periphery(self.found.tile.tile_side_um)
        wires = np.ceil(np.ceil(path_um / reach_um) * self.moved_bits / bus - 1e-9)
        return np.asarray(buffer + wires) + self._sum_cycles()

    def _sum_cycles(self) -> FloatArray:
        """Cycles of the chip's accumulators."""
        p, clock = self.found.periphery, self.found.clocks.digital
        rows = self.by_shape(self.found.mapping.tile_rows).astype(np.int64) * self.repeats
        stages = stages_of(rows)
        wider = _PIPELINE_SUM_BITS if self.pipelined else 0
        cycles = stages.astype(np.float64)
        for stage in range(int(stages.max())):
            extra = extra_carry_cycles(p.tile_bits + 1 + wider + stage, clock, self.setting)
            cycles += np.where(stages > stage, self.by_periphery(extra), 0.0)
        m = self.found.mapping
        calls = self.by_shape(2 * m.positions * m.outputs) / self.by_periphery(self.setting.columns_at_once(p))
        return np.asarray(np.ceil(calls - 1e-9) * cycles)

    def energy_pj(self) -> FloatArray:
        """Dynamic energy of a layer for one image [pJ]."""
        m, p = self.found.mapping, self.found.periphery
        once = self._events_pj(self.found.energy_terms)
        shapes = LayerShapes(**self.found.shapes)
        repeated = map_layers(shapes, self.setting.crossbar, self.setting.activity, empty_charged=False)
        terms = energy.energy_terms(repeated, p, self.found.tile, self.setting)
        total = np.where(self.repeats > 1, self._events_pj(terms) + self._repeated_sums_pj(), once)
        bus = self.bus_bits
        side_um = self.by_periphery(self.found.tile.tile_side_um)
        wire_pj = self.setting.technology.energy.wire_pj_per_um * bus * side_um * tree_length(self.all_tiles)
        total += np.ceil(self.moved_bits / bus - 1e-9) * wire_pj
        total += energy.activation_pj(m, p, self.setting, self.found.pairing.broadcast(self.shape))
        return total

    def _events_pj(self, terms: list[EnergyTerm]) -> FloatArray:
        """Energy of a list of events [pJ]."""
        total = np.zeros(self.shape)
        for term in terms:
            total += self.by_shape(term.count) * self.by_periphery(term.energy_pj)
        return total

    def _repeated_sums_pj(self) -> FloatArray:
        """Energy of the accumulators for the repeats of a layer, in addition to that for its own rows of tiles [pJ]."""
        m, p = self.found.mapping, self.found.periphery
        rows = self.by_shape(m.tile_rows).astype(np.int64)
        adders, growth = adder_tree(rows * self.repeats)
        own_adders, own_growth = adder_tree(rows)
        bits = (adders - own_adders) * self.by_periphery(p.tile_bits + 1) + growth - own_growth
        sums = self.by_shape(2 * m.positions * m.outputs) * bits
        return self.setting.technology.energy.tree_adder_pj * (sums + self._trees_of_copies())

    def _trees_of_copies(self) -> FloatArray:
        """Additional adder bits of the PEs' trees charged to repeated layers with copies in their tiles.

        V1.3's networks have one tree per crossbar and row of PEs there, as single layers have when their copies share
        one PE.
        """
        m, p = self.found.mapping, self.found.periphery
        adders, growth = adder_tree(m.crossbar_rows)
        spec = self.setting.crossbar
        sums = m.positions * m.n_crossbars * m.pe_rows * np.where(m.copies > 1, 1, 0)
        sums = sums * spec.pe_side * (spec.columns // spec.columns_per_weight)
        return self.by_shape(sums * adders) * self.by_periphery(p.sum_bits) + self.by_shape(sums * growth)
