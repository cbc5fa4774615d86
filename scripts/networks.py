"""The networks of the reference data: VGG16 with homogeneous peripherals, and the design published with XPert."""

from __future__ import annotations

import re

import numpy as np

from hw_models.adc import AdcType
from hw_models.errors import HardwareModelError
from hw_models.periphery import Peripherals
from hw_models.workload import LayerShapes

VGG16_SIZES = (32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2)
VGG16_CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)

PUBLISHED_DESIGN = (
    (128, 16, "flash", 6, 4),
    (128, 16, "flash", 6, 5),
    (256, 4, "flash", 6, 4),
    (64, 4, "flash", 6, 4),
    (64, 8, "flash", 6, 4),
    (256, 2, "flash", 6, 4),
    (512, 4, "sar", 5, 4),
    (64, 16, "flash", 5, 4),
    (256, 4, "sar", 5, 4),
    (512, 32, "flash", 5, 4),
    (512, 2, "sar", 5, 4),
    (128, 32, "sar", 5, 4),
    (128, 16, "sar", 5, 4),
)
"""Channel depth, column sharing, ADC, ADC bits, input bits of the 13 convolutions (Moitra et al., DAC 2023)."""


def vgg16_shapes(channels: tuple[int, ...] = VGG16_CHANNELS, *, classes: int | None = 10) -> LayerShapes:
    """Returns the shapes of VGG16 on 32 x 32 images, one design; without the classifier if `classes` is None."""
    out = [*channels, *([classes] if classes else [])]
    n_linear = len(out) - len(VGG16_SIZES)
    return LayerShapes(
        output_size=np.array([*VGG16_SIZES, *([1] * n_linear)]),
        in_channels=np.array([3, *out[:-1]]),
        kernel_size=np.array([*([3] * len(VGG16_SIZES)), *([1] * n_linear)]),
        out_channels=np.array(out),
    )


def reference_network(name: str) -> tuple[LayerShapes, Peripherals, int, str]:
    """Returns a network of networks.csv by its name: shapes, peripherals, side of a PE in crossbars, and device.

    Raises:
        HardwareModelError: If the name follows neither pattern.
    """
    pe_side = 2 if "_pe4" in name else 4
    device = "rram-6k" if name.endswith("_6k") else "rram-100k"
    if name.startswith("XPert_60mm2"):
        design = PUBLISHED_DESIGN if "noFC" in name else (*PUBLISHED_DESIGN, PUBLISHED_DESIGN[-1])
        channels = tuple(layer[0] for layer in PUBLISHED_DESIGN)
        peripherals = Peripherals(
            column_sharing=[layer[1] for layer in design],
            adc_type=[AdcType(layer[2]).code for layer in design],
            adc_precision=[layer[3] for layer in design],
            input_precision=[layer[4] for layer in design],
        )
        return vgg16_shapes(channels, classes=None if "noFC" in name else 10), peripherals, pe_side, device
    match = re.match(r"VGG16_(SAR|Flash)_AP(\d+)_CS(\d+)_IP(\d+)", name)
    if match is None:
        raise HardwareModelError(f"network {name!r} is unknown; expected VGG16_<ADC>_AP<n>_CS<n>_IP<n> or XPert_60mm2.")
    adc, precision, sharing, bits = match.groups()
    peripherals = Peripherals(
        column_sharing=int(sharing),
        adc_type=AdcType(adc.lower()).code,
        adc_precision=int(precision),
        input_precision=int(bits),
    )
    return vgg16_shapes(), peripherals, pe_side, device
