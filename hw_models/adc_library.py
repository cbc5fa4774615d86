"""ADCs as interchangeable parts: area, energy, time and offset of a converter, by type, precision and node.

There are three sources. (1) The reference's circuits (`adc.py`) belong to a technology file. (2) Published converters
follow two formulas with constants from a cost model: a SAR ADC has a cost per bit (control, comparisons) and a cost per
step (capacitors, matching), and beyond `fitted_bits` its energy doubles with each bit; a Flash ADC has a cost per
comparator, and beyond `matched_bits` its comparators need better matching: the offset of a transistor pair falls with
the square root of its area (M. J. M. Pelgrom et al., IEEE JSSC 24(5), 1989), so the area of each comparator grows
fourfold per bit. Its energy is assumed to double, because the matched pair accounts for only part of what a comparator
switches. (3) A table, from `adcs/` or a user's file, lists the
figures of measured or designed converters by bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from hw_models.adc import AdcType
from hw_models.arrays import FloatArray, IntArray
from hw_models.circuit_constants import Table
from hw_models.constants import Constant, ConstantFile, available, load_file
from hw_models.errors import HardwareModelError
from hw_models.model_constants import Assumptions, ConverterAssumptions
from hw_models.node_scaling import NodeRatios, node_ratios

_COLUMNS = ("bits", "energy_fj", "area_um2", "time_ns", "offset_steps")
_NO_OFFSET = "offset_steps"
_MOST_BITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcFigures:
    """A converter and one of its conversions; all arrays have the same shape.

    Attributes:
        area_um2: Area of the converter.
        energy_pj: Energy of a conversion, excluding the column's current.
        time_ns: Time from the sampled value to the code.
        offset_steps: Standard deviation of a threshold's offset, in ADC steps. A SAR ADC has a single comparator, so
            its offset shifts all thresholds together.
    """

    area_um2: FloatArray
    energy_pj: FloatArray
    time_ns: FloatArray
    offset_steps: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcPoints:
    """Figures of one ADC type by number of bits, as listed in a file."""

    bits: Table
    energy_fj: Table
    area_um2: Table
    time_ns: Table
    offset_steps: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcTable:
    """Converters read from a file.

    Attributes:
        name, description: Name and description given in the file.
        feature_nm: Node at which the figures hold.
        points: Figures by type. A type that the file omits is not available.
        constants: The same figures with unit and source, by "section.key".
    """

    name: str
    description: str
    feature_nm: float
    points: Mapping[AdcType, AdcPoints]
    constants: Mapping[str, Constant]


def adc_names() -> list[str]:
    """Returns the names that `load_adc` accepts."""
    return available("adcs")


def load_adc(name: str) -> AdcTable:
    """Returns a table of converters by name, or by the path of a `.toml` file.

    Raises:
        HardwareModelError: If the name is unknown or the file is invalid.
    """
    return adc_from(load_file("adcs", name))


def adc_from(file: ConstantFile) -> AdcTable:
    """Builds a table of converters from a checked file.

    Raises:
        HardwareModelError: If keys are missing or unknown, lists differ in length, bits are not in ascending order, or
            figures decrease as bits are added.
    """
    known = {"node", *AdcType}
    for key in file.constants:
        section, _, entry = key.partition(".")
        if section not in known:
            raise HardwareModelError(f"{file.name}: unknown table [{section}]; choose one of {', '.join(known)}.")
        if section != "node" and entry not in _COLUMNS:
            raise HardwareModelError(f"{file.name}: unknown key {key}; choose one of {', '.join(_COLUMNS)}.")
    feature = file.constants.get("node.feature_nm")
    if feature is None or isinstance(feature.value, tuple) or feature.value <= 0:
        raise HardwareModelError(f"{file.name}: [node] must give feature_nm, the node at which the figures hold.")
    points = {kind: _points(file, kind) for kind in AdcType if f"{kind}.bits" in file.constants}
    if not points:
        raise HardwareModelError(f"{file.name}: no converter given; add a table [sar] or [flash].")
    return AdcTable(
        name=file.name,
        description=file.description,
        feature_nm=float(feature.value),
        points=MappingProxyType(points),
        constants=MappingProxyType(dict(file.constants)),
    )


def _points(file: ConstantFile, kind: AdcType) -> AdcPoints:
    """Checks and returns the figures of one type."""
    found: dict[str, Table] = {}
    for column in _COLUMNS:
        constant = file.constants.get(f"{kind}.{column}")
        if constant is None:
            if column == _NO_OFFSET:
                continue
            raise HardwareModelError(f"{file.name}: [{kind}] must give {column}, one figure per entry of bits.")
        values = constant.value if isinstance(constant.value, tuple) else (constant.value,)
        if len(values) != len(found.get("bits", values)):
            raise HardwareModelError(
                f"{file.name}: {kind}.{column} must have {len(found['bits'])} entries, as bits has; got {len(values)}."
            )
        if min(values) < 0 or (column != _NO_OFFSET and min(values) <= 0):
            raise HardwareModelError(f"{file.name}: {kind}.{column} must be positive, got {min(values):g}.")
        falls = any(b <= a for a, b in pairwise(values))
        if column == "bits" and falls:
            raise HardwareModelError(f"{file.name}: {kind}.bits must be in ascending order, got {list(values)}.")
        if column in {"energy_fj", "area_um2", "time_ns"} and any(b < a for a, b in pairwise(values)):
            raise HardwareModelError(f"{file.name}: {kind}.{column} must not decrease as bits are added.")
        found[column] = values
    return AdcPoints(**found)


def table_figures(
    table: AdcTable, precision: IntArray, flash: np.ndarray, here: NodeRatios, assumed: Assumptions
) -> AdcFigures:
    """Returns figures from a table, scaled to a node (`here`) and interpolated exponentially between precisions.

    Raises:
        HardwareModelError: If the table does not contain the type or precision.
    """
    there = node_ratios(table.feature_nm, assumed.scaling)
    shape = np.shape(precision)
    values = {column: np.zeros(shape) for column in _COLUMNS[1:]}
    for kind in AdcType:
        mask = flash if kind is AdcType.FLASH else ~flash
        if not mask.any():
            continue
        points = _offered(table, kind, precision[mask])
        for column, found in values.items():
            listed = getattr(points, column)
            if listed is not None:
                found[mask] = _between(precision[mask], points.bits, listed)
    return AdcFigures(
        area_um2=values["area_um2"] * here.area / there.area,
        energy_pj=1e-3 * values["energy_fj"] * here.energy / there.energy,
        time_ns=values["time_ns"] * here.delay / there.delay,
        offset_steps=values["offset_steps"],
    )


def _offered(table: AdcTable, kind: AdcType, precision: IntArray) -> AdcPoints:
    """Returns the points of a type if they cover all requested precisions."""
    if kind not in table.points:
        have = " and ".join(table.points)
        raise HardwareModelError(
            f"the ADC table {table.name!r} has no {kind} converter; use {have} or add a table [{kind}] to the file."
        )
    points = table.points[kind]
    low, high = int(precision.min()), int(precision.max())
    if low < points.bits[0] or high > points.bits[-1]:
        wrong = low if low < points.bits[0] else high
        raise HardwareModelError(
            f"the ADC table {table.name!r} has {kind} converters of {points.bits[0]:g} to {points.bits[-1]:g} bits, "
            f"got {wrong}; choose a precision in this range or add figures to the file."
        )
    return points


def _between(precision: IntArray, bits: Table, values: Table) -> FloatArray:
    """Interpolates linearly in the logarithm, or linearly where a value is 0 (possible only for offsets)."""
    if min(values) <= 0:
        return np.asarray(np.interp(precision, bits, values))
    return np.asarray(np.exp(np.interp(precision, bits, np.log(values))))


def published_figures(precision: IntArray, flash: np.ndarray, feature_nm: float, assumed: Assumptions) -> AdcFigures:
    """Figures of published converters, from the formulas and constants of a cost model."""
    ratios = node_ratios(feature_nm, assumed.scaling)
    return scaled_figures(precision, flash, assumed.converters, ratios)


def scaled_figures(
    precision: IntArray, flash: np.ndarray, constants: ConverterAssumptions, ratios: NodeRatios
) -> AdcFigures:
    """Figures of published converters, scaled to a node and supply voltage."""
    bits = np.asarray(precision, dtype=np.float64)
    steps = 2.0**bits
    better = 4.0 ** np.maximum(0.0, bits - constants.matched_bits)
    sar_um2 = constants.sar_bit_um2 * bits + constants.sar_step_um2 * steps
    flash_um2 = constants.comparator_um2 * (steps - 1) * better + constants.encoder_step_um2 * steps
    fitted = np.minimum(bits, constants.fitted_bits)
    sar_fj = (constants.sar_bit_fj * fitted + constants.sar_step_fj * 2.0**fitted) * 2.0 ** (bits - fitted)
    flash_fj = constants.comparator_fj * (steps - 1) * np.sqrt(better) + constants.encoder_step_fj * steps
    step_v = constants.full_scale_v / steps
    offset_v = constants.comparator_offset_v / np.where(flash, np.sqrt(better), 1.0)
    return AdcFigures(
        area_um2=ratios.area * np.where(flash, flash_um2, sar_um2),
        energy_pj=1e-3 * ratios.energy * np.where(flash, flash_fj, sar_fj),
        time_ns=ratios.delay * np.where(flash, constants.flash_ns, constants.sar_bit_ns * bits),
        offset_steps=offset_v / step_v,
    )


def offset_steps_by_bits(
    assumed: Assumptions, feature_nm: float, table: AdcTable | None = None
) -> dict[AdcType, tuple[float, ...]]:
    """Standard deviations of the offsets [steps] of 1, 2, ... bits by type; 0 where a table lists none.

    Args:
        assumed: Constants of the cost model.
        feature_nm: Node of the converters.
        table: Converters that replace the model's; None for the model's.
    """
    found = {}
    for kind in AdcType:
        bits = np.arange(1, _MOST_BITS + 1)
        flash = np.full(bits.shape, kind is AdcType.FLASH)
        if table is None:
            found[kind] = tuple(published_figures(bits, flash, feature_nm, assumed).offset_steps.tolist())
            continue
        points = table.points.get(kind)
        steps = np.zeros(bits.shape)
        if points is not None and points.offset_steps is not None:
            listed = (bits >= points.bits[0]) & (bits <= points.bits[-1])
            steps[listed] = _between(bits[listed], points.bits, points.offset_steps)
        found[kind] = tuple(steps.tolist())
    return found
