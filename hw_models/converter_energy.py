"""Energy of the conversions of designs beside the limit of published converters: the same conversions, no currents."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hw_models.adc_library import AdcTable
from hw_models.adc_survey import survey_pj
from hw_models.arrays import FloatArray, check_shape
from hw_models.cost_model import CostModel, Schedule
from hw_models.crossbar import CrossbarSpec
from hw_models.crossbar_groups import CrossbarGroup, by_crossbar, joined
from hw_models.distinct_parts import distinct_parts
from hw_models.energy_conversion import conversion_terms
from hw_models.model import REFERENCE_ACTIVITY, checked_setting
from hw_models.periphery import Peripherals
from hw_models.setting import Setting
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionEnergy:
    """Energy of the conversions of each layer for one image [pJ], (designs, layers).

    Attributes:
        own: By the cost model's converters, without the current of the columns that they convert.
        survey: As many conversions at the limit of the published survey.
    """

    own: FloatArray
    survey: FloatArray


def conversion_energy(
    shapes: LayerShapes,
    peripherals: Peripherals,
    *,
    crossbar: CrossbarSpec,
    device: Device,
    technology: Technology,
    activity: float = REFERENCE_ACTIVITY,
    model: CostModel | None = None,
    schedule: Schedule | None = None,
    adc: AdcTable | None = None,
) -> ConversionEnergy:
    """Computes the energy of all conversions, and of as many by the best published converters; see `evaluate`.

    Raises:
        HardwareModelError: If `evaluate` would refuse the arguments.
    """
    setting = checked_setting(
        peripherals,
        crossbar=crossbar,
        device=device,
        technology=technology,
        activity=activity,
        model=model,
        schedule=schedule,
        adc=adc,
    )
    shape = check_shape(shapes.arrays() | peripherals.arrays())
    groups = by_crossbar(shapes, peripherals, crossbar)
    parts = [_of_group(group, setting, shape) for group in groups]
    return ConversionEnergy(
        own=joined([part.own for part in parts], groups, shape),
        survey=joined([part.survey for part in parts], groups, shape),
    )


def _of_group(group: CrossbarGroup, of_chip: Setting, whole: tuple[int, int]) -> ConversionEnergy:
    """The layers that share a crossbar; `whole` is the shape (designs, layers)."""
    setting = replace(of_chip, crossbar=group.crossbar)
    found = distinct_parts(group.shapes, group.peripherals, setting)
    pairing = found.pairing.broadcast(whole if group.places is None else (1, len(group.places)))
    conversion, encoders = conversion_terms(found.mapping, found.periphery, setting)
    p = found.periphery
    own = [pairing.by_shape(t.count) * pairing.by_periphery(t.energy_pj) for t in (conversion, encoders)]
    limit_pj = p.bits * survey_pj(p.precision, setting.technology.survey)
    return ConversionEnergy(
        own=own[0] + own[1],
        survey=pairing.by_shape(conversion.count) * pairing.by_periphery(limit_pj),
    )
