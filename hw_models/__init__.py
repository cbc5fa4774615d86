"""Area, latency and energy of in-memory-computing hardware, in NumPy.

A layer is placed on crossbars, processing elements and tiles (`mapping`); the tile's circuits give its area (`area`),
the clock and counts of cycles its time (`latency`), and counted events its energy (`energy`). `evaluate` does all of it
for arrays of shape (designs, layers); a `CostTable` does it once for a search space and then scores whole populations.
"""

from hw_models.adc import AdcType
from hw_models.adc_survey import AdcModel
from hw_models.area_bounds import AreaBounds
from hw_models.chip import ChipReport, chip_level
from hw_models.cost_model import CostModel, load_model, model_names
from hw_models.cost_table import CostTable, LayerChoices, PopulationCosts
from hw_models.crossbar import CrossbarSpec, WeightCoding
from hw_models.errors import HardwareModelError
from hw_models.explain import TraceNode, explain
from hw_models.model import evaluate
from hw_models.periphery import Peripherals
from hw_models.report import HardwareReport
from hw_models.sources import Source, sources
from hw_models.technology import Device, Technology, device_names, load_device, load_technology, technology_names
from hw_models.upstream_network import NetworkReport, upstream_network
from hw_models.workload import LayerShapes

__all__ = [
    "AdcModel",
    "AdcType",
    "AreaBounds",
    "ChipReport",
    "CostModel",
    "CostTable",
    "CrossbarSpec",
    "Device",
    "HardwareModelError",
    "HardwareReport",
    "LayerChoices",
    "LayerShapes",
    "NetworkReport",
    "Peripherals",
    "PopulationCosts",
    "Source",
    "Technology",
    "TraceNode",
    "WeightCoding",
    "chip_level",
    "device_names",
    "evaluate",
    "explain",
    "load_device",
    "load_model",
    "load_technology",
    "model_names",
    "sources",
    "technology_names",
    "upstream_network",
]
