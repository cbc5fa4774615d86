"""Settings and shorthands that the tests of the hardware model share."""

from __future__ import annotations

from importlib import resources
from typing import Any

from hw_models import (
    AdcType,
    CrossbarSpec,
    HardwareReport,
    LayerShapes,
    Peripherals,
    evaluate,
    load_device,
    load_technology,
)

TECHNOLOGY = load_technology("cmos-32nm-lstp")
DEVICE = load_device("rram-6k")


def text_of(folder: str, name: str) -> str:
    """The text of a file of constants that comes with the hardware model."""
    return resources.files("hw_models").joinpath(folder, f"{name}.toml").read_text(encoding="utf-8")


def shapes(**changes: Any) -> LayerShapes:
    """A convolution 64 -> 128 on an 8 x 8 map, or what the changes make of it."""
    return LayerShapes(**({"output_size": 8, "in_channels": 64, "kernel_size": 3, "out_channels": 128} | changes))


def peripherals(**changes: Any) -> Peripherals:
    """A 6-bit SAR ADC for 8 columns and 4 input bits, or what the changes make of it."""
    default = {"column_sharing": 8, "adc_type": AdcType.SAR.code, "adc_precision": 6, "input_precision": 4}
    return Peripherals(**(default | changes))


def cost(
    layers: LayerShapes | None = None, choices: Peripherals | None = None, *, device: str = "rram-6k", **crossbar: Any
) -> HardwareReport:
    """The report of a layer with the reference data's array, or what the keywords make of it."""
    return evaluate(
        layers or shapes(),
        choices or peripherals(),
        crossbar=CrossbarSpec(**crossbar),
        device=load_device(device),
        technology=TECHNOLOGY,
    )
