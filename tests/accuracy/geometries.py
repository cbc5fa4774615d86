"""Layers on crossbars that several tests of the emulation share."""

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry


def fine_geometry(crossbar: CrossbarSpec) -> LayerGeometry:
    """A 3 x 3 convolution on two crossbars, with ADCs of 14 bits so that only the cells are at work."""
    return LayerGeometry(
        in_channels=12,
        out_channels=20,
        kernel_size=3,
        stride=1,
        output_size=6,
        adc_precision=14,
        input_precision=4,
        column_sharing=8,
        reads_image=True,
        depth_ratio=0.5,
        array_rows=(64, 44),
        crossbar=crossbar,
    )
