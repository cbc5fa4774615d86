"""Settings of the emulation from a device's file and a technology's wires."""

import math
from typing import Any

from hw_models import Device, Technology
from hw_models.device_laws import DriftConstants, ReadNoiseConstants
from hw_models.wires import wire_resistances
from xpert_evo.accuracy.crossbars.cell_laws import DriftLaw, LogLine, ReadNoise
from xpert_evo.accuracy.crossbars.device_settings import NonIdealities


def nonidealities_of(
    device: Device, technology: Technology | None = None, *, time_s: float = 1.0, **changes: Any
) -> NonIdealities:
    """Returns the emulation's settings for a device's cells and a technology's wires.

    Args:
        device: Cells; properties that its file omits are ideal.
        technology: Wires; None, or a technology without wire data, for wires without resistance.
        time_s: Time since programming [s], at least 1.
        changes: Further settings, such as those of converters, or settings that replace the device's.

    Raises:
        ValueError: If the time or another setting is out of range.
    """
    if not 1 <= time_s < math.inf:
        raise ValueError(f"the time since programming must be at least 1 s and finite, got {time_s:g} s.")
    highest_us = 1e6 / device.cell.on_ohm
    found: dict[str, Any] = {
        "on_off_ratio": device.cell.on_off_ratio,
        "on_ohm": device.cell.on_ohm,
        "drift_time_s": time_s,
    }
    if device.programming is not None:
        polynomial = device.programming.polynomial_us(time_s)
        found["programming_polynomial"] = tuple(coefficient / highest_us for coefficient in polynomial)
    if device.drift is not None:
        found["drift_law"] = _drift_law(device.drift)
    if device.read_noise is not None:
        found["read_noise"] = _read_noise(device.read_noise)
    if device.input_noise is not None:
        found["input_noise_ratio"] = device.input_noise.ratio
    if device.stuck is not None:
        found |= {"stuck_on_ratio": device.stuck.on_ratio, "stuck_off_ratio": device.stuck.off_ratio}
    if technology is not None and technology.wires is not None:
        wires = wire_resistances(device, technology)
        found |= {
            "row_wire_ohm": wires.row_ohm,
            "column_wire_ohm": wires.column_ohm,
            "driver_ohm": wires.driver_ohm,
            "sense_ohm": wires.sense_ohm,
        }
    return NonIdealities(**(found | changes))


def _drift_law(drift: DriftConstants) -> DriftLaw:
    return DriftLaw(
        reference_s=drift.reference_s,
        exponent=LogLine(
            at_one=drift.exponent_at_one,
            per_ln=drift.exponent_per_ln,
            least=drift.exponent_least,
            most=drift.exponent_most,
        ),
        spread=LogLine(
            at_one=drift.spread_at_one, per_ln=drift.spread_per_ln, least=drift.spread_least, most=drift.spread_most
        ),
    )


def _read_noise(noise: ReadNoiseConstants) -> ReadNoise:
    return ReadNoise(
        ratio=noise.ratio, power=noise.power, most_ratio=noise.most_ratio, read_s=noise.read_s if noise.read_s else None
    )
