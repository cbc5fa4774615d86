"""The range of the data behind each cost model: layers, crossbars, peripherals, devices and nodes.

`xpertsim` reproduces the layers and networks of the simulator published with XPert (Moitra, Bhattacharjee, Kim, Panda,
DAC 2023, arXiv 2303.17646), `neurosim` those of DNN+NeuroSim V1.3 (Peng, Huang, Luo, Sun, Yu, IEDM 2019) at nine nodes.
A model without an entry of its own is measured against both: the layers of the first and the nodes of the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hw_models.cost_model import CostModel
from hw_models.technology import CellConstants


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The range of a design quantity in the data.

    Attributes:
        name: Name of the quantity, as it begins a sentence.
        least, most: Smallest and largest value in the data.
        unit: Text appended to a number, including its space.
    """

    name: str
    least: int
    most: int
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The range of the data behind one model.

    Attributes:
        technologies: Names of nodes.
        cells: On-resistance [ohm] and on/off ratio of cells other than those of the reference devices, by node.
        sides: Side lengths of square crossbars.
        cell_bits, weight_bits, pe_sides, tile_sides, kernels: Values that occur.
        activities: The smallest and the largest.
        shapes, peripherals: Ranges by field.
    """

    technologies: tuple[str, ...]
    cells: Mapping[str, frozenset[tuple[float, float]]] = field(default_factory=dict)
    sides: tuple[int, ...]
    cell_bits: tuple[int, ...]
    weight_bits: tuple[int, ...]
    pe_sides: tuple[int, ...]
    tile_sides: tuple[int, ...]
    kernels: tuple[int, ...]
    activities: tuple[float, float]
    shapes: Mapping[str, Range]
    peripherals: Mapping[str, Range]

    def has_cell(self, technology: str, cell: CellConstants) -> bool:
        """Returns whether the data contain this cell at this node, whatever the name of its file."""
        usual = (cell.read_v, cell.write_v, cell.cell_width_f, cell.cell_height_f) == (0.5, 2.0, 12.0, 4.0)
        return usual and (cell.on_ohm, cell.on_off_ratio) in self.cells.get(technology, frozenset())


XPERTSIM = Coverage(
    technologies=("cmos-32nm-lstp",),
    sides=(32, 64, 128),
    cell_bits=(1, 2, 4),
    weight_bits=(8,),
    pe_sides=(2, 4),
    tile_sides=(8,),
    kernels=(1, 3),
    activities=(0.1, 0.5),
    shapes=MappingProxyType(
        {
            "output_size": Range(name="The height of the output map", least=1, most=32),
            "output_width": Range(name="The width of the output map", least=1, most=32),
            "in_channels": Range(name="The number of input channels", least=3, most=512),
            "out_channels": Range(name="The number of output channels", least=10, most=512),
            "stride": Range(name="The stride", least=1, most=1),
            "groups": Range(name="The number of groups", least=1, most=1),
        }
    ),
    peripherals=MappingProxyType(
        {
            "column_sharing": Range(name="The column sharing", least=2, most=128),
            "adc_precision": Range(name="The ADC precision", least=3, most=8, unit=" bits"),
            "input_precision": Range(name="The input precision", least=1, most=8, unit=" bits"),
            "copies": Range(name="The number of copies", least=1, most=1),
        }
    ),
)
NODES_NM = (130, 90, 65, 45, 32, 22, 14, 10, 7)
_USUAL_CELLS = frozenset({(6000.0, 150.0), (100000.0, 10.0)})
_MORE_CELLS = frozenset({(20000.0, 100.0), (40000.0, 50.0)})
NEUROSIM = replace(
    XPERTSIM,
    technologies=tuple(f"cmos-{node}nm-lstp" for node in NODES_NM),
    cells=MappingProxyType(
        {f"cmos-{node}nm-lstp": _USUAL_CELLS | (_MORE_CELLS if node in {32, 22} else set()) for node in NODES_NM}
    ),
    sides=(64,),
    cell_bits=(4,),
    pe_sides=(4,),
    activities=(0.25, 0.25),
    shapes=MappingProxyType(
        {
            **XPERTSIM.shapes,
            "in_channels": replace(XPERTSIM.shapes["in_channels"], most=8192),
            "out_channels": replace(XPERTSIM.shapes["out_channels"], most=1024),
        }
    ),
    peripherals=MappingProxyType(
        {**XPERTSIM.peripherals, "column_sharing": replace(XPERTSIM.peripherals["column_sharing"], most=32)}
    ),
)
_OTHERS = replace(XPERTSIM, technologies=NEUROSIM.technologies, cells=NEUROSIM.cells)
_BY_MODEL: Mapping[str, Coverage] = MappingProxyType({"xpertsim": XPERTSIM, "neurosim": NEUROSIM})


def coverage(model: CostModel) -> Coverage:
    """Returns the range of the data behind a cost model; a user's file is no simulator, whatever its name."""
    return _OTHERS if model.own_file else _BY_MODEL.get(model.name, _OTHERS)
