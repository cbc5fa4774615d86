"""VGG16's fourth convolution on the chip of this folder."""

from pathlib import Path

from hw_models import (
    AdcType,
    CrossbarSpec,
    LayerShapes,
    Peripherals,
    evaluate,
    load_adc,
    load_device,
    load_model,
    load_technology,
)

FOLDER = Path(__file__).parent

report = evaluate(
    LayerShapes(output_size=16, in_channels=128, kernel_size=3, out_channels=128),
    Peripherals(column_sharing=8, adc_type=AdcType.SAR.code, adc_precision=[[5], [6], [7]], input_precision=4),
    crossbar=CrossbarSpec(rows=128, columns=128, cell_bits=2),
    device=load_device(str(FOLDER / "my-cell.toml")),
    technology=load_technology(str(FOLDER / "my-node.toml")),
    adc=load_adc(str(FOLDER / "my-adc.toml")),
    model=load_model(str(FOLDER / "my-model.toml")),
)
for bits, area_mm2, latency_us, energy_uj in zip(
    (5, 6, 7), report.area_mm2, report.latency_us, report.energy_uj, strict=True
):
    print(f"{bits} bits: {area_mm2:.3f} mm2, {latency_us:.1f} us, {energy_uj:.3f} uJ")
