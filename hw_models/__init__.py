"""Area, latency and energy of in-memory-computing hardware, in NumPy.

A layer is mapped onto crossbars, processing elements and tiles (`mapping`). The tile's circuits give its area (`area`),
the clock and the cycle counts its time (`latency`), and counted events its energy (`energy`). `evaluate` computes all
of them for arrays of shape (designs, layers); a `CostTable` does so once for a search space and then scores whole
populations.
"""

from hw_models.adc import AdcType
from hw_models.adc_library import AdcFigures, AdcTable, adc_names, load_adc, offset_steps_by_bits
from hw_models.adc_survey import AdcModel
from hw_models.area_bounds import AreaBounds
from hw_models.chip import ChipReport, chip_level
from hw_models.cost_model import DEFAULT_MODEL, CostModel, Schedule, load_model, model_names
from hw_models.cost_table import CostTable
from hw_models.crossbar import AdcReferences, CrossbarSpec, WeightCoding
from hw_models.crossbar_groups import with_choices
from hw_models.errors import HardwareModelError
from hw_models.explain import explain
from hw_models.layer_choices import DigitalWork, LayerChoices
from hw_models.macro import CellKind, Macro, MacroCosts, macro_costs
from hw_models.model import evaluate
from hw_models.periphery import CROSSBAR_CHOICES, Peripherals
from hw_models.population_costs import PopulationCosts
from hw_models.report import HardwareReport
from hw_models.sources import Source, sources
from hw_models.technology import Device, Technology, device_names, load_device, load_technology, technology_names
from hw_models.trace import TraceNode
from hw_models.upstream_network import NetworkReport, upstream_network
from hw_models.workload import LayerShapes

__all__ = [
    "CROSSBAR_CHOICES",
    "DEFAULT_MODEL",
    "AdcFigures",
    "AdcModel",
    "AdcReferences",
    "AdcTable",
    "AdcType",
    "AreaBounds",
    "CellKind",
    "ChipReport",
    "CostModel",
    "CostTable",
    "CrossbarSpec",
    "Device",
    "DigitalWork",
    "HardwareModelError",
    "HardwareReport",
    "LayerChoices",
    "LayerShapes",
    "Macro",
    "MacroCosts",
    "NetworkReport",
    "Peripherals",
    "PopulationCosts",
    "Schedule",
    "Source",
    "Technology",
    "TraceNode",
    "WeightCoding",
    "adc_names",
    "chip_level",
    "device_names",
    "evaluate",
    "explain",
    "load_adc",
    "load_device",
    "load_model",
    "load_technology",
    "macro_costs",
    "model_names",
    "offset_steps_by_bits",
    "sources",
    "technology_names",
    "upstream_network",
    "with_choices",
]
