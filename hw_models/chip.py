"""The chip around the tiles: buffer, tree, accumulation, activation and pooling [um2], and residual additions.

Off by default in the sums over layers, which count tiles only, as in the paper. One chip holds all layers of a design,
which run one after another, so a shared unit is sized for the most demanding layer. For a design with one layer this is
the reference's chip.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from hw_models.adder_tree import adder_tree
from hw_models.arrays import FloatArray, as_int_array, check_shape
from hw_models.chip_tree import by_doublings
from hw_models.cost_model import CostModel
from hw_models.crossbar import CrossbarSpec
from hw_models.crossbar_groups import CrossbarGroup, by_crossbar, joined
from hw_models.distinct_parts import distinct_parts
from hw_models.model import REFERENCE_ACTIVITY, checked_setting
from hw_models.periphery import Peripherals
from hw_models.setting import Setting
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

_TREE_AREA = (0.0, 0.0, 9.52857, 30.11429, 72.81429)
"""Area of the chip's tree, as bus width x wire pitch x tile side, by doublings of the grid of tiles (reference data).

Beyond the table the area grows 2.4 times per doubling; a full grid of 2 x 2 or 4 x 4 tiles adds 4."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChipReport:
    """Circuits of the chip outside the tiles.

    Attributes:
        area_um2: Area by unit [um2], each of shape (designs,): "tiles", "global_buffer", "tree", "accumulation",
            "activation", "pooling".
        residual_pj: Energy of residual additions for one image [pJ], (designs,).
    """

    area_um2: MappingType[str, FloatArray]
    residual_pj: FloatArray

    @property
    def area_mm2(self) -> FloatArray:
        """Area of the whole chip [mm2], (designs,)."""
        total = np.zeros_like(self.area_um2["tiles"])
        for value in self.area_um2.values():
            total = total + value
        return 1e-6 * total


def chip_level(
    shapes: LayerShapes,
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    model: CostModel | None = None,
    residual_elements: npt.ArrayLike = 0,
) -> ChipReport:
    """Computes the chip that holds all layers of a design.

    Args:
        shapes: See `evaluate`.
        peripherals: See `evaluate`.
        crossbar: See `evaluate`.
        device: See `evaluate`.
        technology: See `evaluate`.
        model: See `evaluate`. It applies to the tiles; the units around them are always the reference's.
        residual_elements: Number of elements that a residual connection adds to each layer's output, for one image.

    Raises:
        HardwareModelError: If `evaluate` would refuse the arguments.
    """
    setting = checked_setting(
        peripherals,
        crossbar=crossbar,
        device=device,
        technology=technology,
        activity=REFERENCE_ACTIVITY,
        model=model,
    )
    added = as_int_array("residual_elements", residual_elements, low=0, high=1 << 40)
    shape = check_shape(shapes.arrays() | peripherals.arrays() | {"residual_elements": added})
    groups = by_crossbar(shapes, peripherals, crossbar)
    parts = [_layer_parts(group, setting, shape) for group in groups]
    of = {name: joined([part[name] for part in parts], groups, shape) for name in parts[0]}
    area, bits, at_once = technology.area, of["bits"], of["columns_at_once"]
    tiles_um2, n_tiles = (of["tiles"] * of["tile_um2"]).sum(axis=1), of["tiles"].sum(axis=1)
    tile_side_um = np.sqrt(tiles_um2 / n_tiles)
    bus_um = technology.layout.wire_pitch_um * of["bus_bits"].max(axis=1)
    units = {
        "tiles": tiles_um2,
        "global_buffer": area.buffer_core_um2 * of["buffer_cores"].max(axis=1),
        "tree": bus_um * tile_side_um * by_doublings(n_tiles, _TREE_AREA, growth=2.4, full=4.0),
        "accumulation": area.full_adder_um2 * (at_once * of["accumulator_bits"]).max(axis=1),
        "activation": area.flipflop_um2 * (bits * at_once).max(axis=1),
        "pooling": crossbar.tile_side
        * of["converted_columns"].max(axis=1)
        * (area.pooling_base_um2 + area.pooling_bit_um2 * bits.max(axis=1)),
    }
    return ChipReport(area_um2=MappingProxyType(units), residual_pj=_residual_pj(added, bits, setting).sum(axis=1))


def _layer_parts(group: CrossbarGroup, of_chip: Setting, whole: tuple[int, int]) -> dict[str, FloatArray]:
    """What the units of the chip need to know of layers that share a crossbar; `whole` is (designs, layers).

    Tiles and the area of one [um2], input bits, cores of the global buffer, columns that a crossbar converts, those
    of a tile converted at once, width of the chip's bus, and the adder bits of the accumulator over tiles for each of
    the columns converted at once.
    """
    setting = replace(of_chip, crossbar=group.crossbar)
    found = distinct_parts(group.shapes, group.peripherals, setting)
    pairing = found.pairing.broadcast(whole if group.places is None else (1, len(group.places)))
    m, p = found.mapping, found.periphery
    bits = pairing.by_periphery(p.bits)
    adders, growth = adder_tree(m.tile_rows)
    core_bits = setting.technology.timing.buffer_core_bits**2
    return {
        "tiles": pairing.by_shape(m.n_tiles) * pairing.by_periphery(p.copies),
        "tile_um2": pairing.by_periphery(found.tile.tile_side_um**2),
        "bits": bits,
        "converted_columns": np.full_like(bits, group.crossbar.converted_columns),
        "buffer_cores": np.ceil(pairing.by_shape(m.buffered_inputs / core_bits) * bits),
        "columns_at_once": pairing.by_periphery(setting.columns_at_once(p)),
        "bus_bits": pairing.by_periphery(setting.bus_bits(p)),
        "accumulator_bits": pairing.by_shape(adders) * (1 + pairing.by_periphery(p.tile_bits))
        + pairing.by_shape(growth),
    }


def _residual_pj(elements: npt.NDArray[np.int64], bits: FloatArray, setting: Setting) -> FloatArray:
    """Energy of residual additions [pJ], (designs, layers): read, add and write back, bit by bit."""
    energy = setting.technology.energy
    a_bit = energy.tree_adder_pj + energy.global_buffer_read_pj + energy.global_buffer_write_pj
    return elements * bits * a_bit
