"""ADCs as interchangeable parts: area, energy, time and offset of a converter of a type and precision at a node.

Three sources. The reference's circuits (`adc.py`) belong to a technology file. Published converters are two formulas
with the constants of a cost model: a SAR ADC costs a share a bit (control, comparisons) and a share a step (capacitors,
matching); a Flash ADC costs a comparator a step, and beyond `matched_bits` its comparators must match ever better:
the offset of a transistor pair falls with the root of its area (M. J. M. Pelgrom et al., IEEE JSSC 24(5), 1989), so the
area of each grows fourfold a bit. Its energy is taken to double, because the matched pair is only a part of what a
comparator switches. A table, from `adcs/` or a user's file, gives the
figures of measured or designed converters by their bits.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcFigures:
    """One conversion and the converter that does it; arrays of one shape.

    Attributes:
        area_um2: of the converter.
        energy_pj: of a conversion, without the column's current.
        time_ns: from the sampled value to the code.
        offset_steps: standard deviation of a threshold's offset in steps of the ADC; for a SAR ADC, which has one
            comparator, of all thresholds together.
    """

    area_um2: FloatArray
    energy_pj: FloatArray
    time_ns: FloatArray
    offset_steps: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcPoints:
    """Figures of one type by bits, as a file gives them."""

    bits: Table
    energy_fj: Table
    area_um2: Table
    time_ns: Table
    offset_steps: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdcTable:
    """Converters from a file.

    Attributes:
        name, description: of the file.
        feature_nm: the node that the figures hold at.
        points: figures by type; a type that the file leaves out is not offered.
        constants: the same figures with unit and source, by "section.key".
    """

    name: str
    description: str
    feature_nm: float
    points: Mapping[AdcType, AdcPoints]
    constants: Mapping[str, Constant]


def adc_names() -> list[str]:
    """Names that `load_adc` knows."""
    return available("adcs")


def load_adc(name: str) -> AdcTable:
    """A table of converters by name, or by the path of a file that ends in `.toml`.

    Raises:
        HardwareModelError: for an unknown name or a file that breaks the rules.
    """
    return adc_from(load_file("adcs", name))


def adc_from(file: ConstantFile) -> AdcTable:
    """A table of converters from a checked file.

    Raises:
        HardwareModelError: for missing or unknown keys, lists of different length, bits out of order, or figures that
            fall when bits are added.
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
        raise HardwareModelError(f"{file.name}: [node] must give feature_nm, the node that the figures hold at.")
    points = {kind: _points(file, kind) for kind in AdcType if f"{kind}.bits" in file.constants}
    if not points:
        raise HardwareModelError(f"{file.name}: give figures for at least one type: a table [sar] or [flash].")
    return AdcTable(
        name=file.name,
        description=file.description,
        feature_nm=float(feature.value),
        points=MappingProxyType(points),
        constants=MappingProxyType(dict(file.constants)),
    )


def _points(file: ConstantFile, kind: AdcType) -> AdcPoints:
    """The figures of one type after the checks."""
    found: dict[str, Table] = {}
    for column in _COLUMNS:
        constant = file.constants.get(f"{kind}.{column}")
        if constant is None:
            if column == _NO_OFFSET:
                continue
            raise HardwareModelError(f"{file.name}: [{kind}] must give {column}, a list as long as its bits.")
        values = constant.value if isinstance(constant.value, tuple) else (constant.value,)
        if len(values) != len(found.get("bits", values)):
            raise HardwareModelError(
                f"{file.name}: {kind}.{column} must be as long as its bits: {len(found['bits'])}, got {len(values)}."
            )
        if min(values) < 0 or (column != _NO_OFFSET and min(values) <= 0):
            raise HardwareModelError(f"{file.name}: {kind}.{column} must be positive, got {min(values):g}.")
        falls = any(b <= a for a, b in pairwise(values))
        if column == "bits" and falls:
            raise HardwareModelError(f"{file.name}: {kind}.bits must rise, got {list(values)}.")
        if column in {"energy_fj", "area_um2", "time_ns"} and any(b < a for a, b in pairwise(values)):
            raise HardwareModelError(f"{file.name}: {kind}.{column} must not fall when bits are added.")
        found[column] = values
    return AdcPoints(**found)


def table_figures(
    table: AdcTable, precision: IntArray, flash: np.ndarray, feature_nm: float, assumed: Assumptions
) -> AdcFigures:
    """Figures from a table, moved to a node; between two precisions of the table they are taken as exponential.

    Raises:
        HardwareModelError: for a type or a precision that the table does not have.
    """
    there, here = (node_ratios(nm, assumed.scaling) for nm in (table.feature_nm, feature_nm))
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
    """The points of a type, where they cover all precisions asked for."""
    if kind not in table.points:
        have = " and ".join(table.points)
        raise HardwareModelError(
            f"the ADC table {table.name!r} has no {kind} converter; use {have} or give the file a table [{kind}]."
        )
    points = table.points[kind]
    low, high = int(precision.min()), int(precision.max())
    if low < points.bits[0] or high > points.bits[-1]:
        wrong = low if low < points.bits[0] else high
        raise HardwareModelError(
            f"the ADC table {table.name!r} has {kind} converters of {points.bits[0]:g} to {points.bits[-1]:g} bits, "
            f"got {wrong}; choose a precision among them or give the file further figures."
        )
    return points


def _between(precision: IntArray, bits: Table, values: Table) -> FloatArray:
    """Linear in the logarithm between two points; linear where a value is 0, which only offsets may be."""
    if min(values) <= 0:
        return np.asarray(np.interp(precision, bits, values))
    return np.asarray(np.exp(np.interp(precision, bits, np.log(values))))


def published_figures(precision: IntArray, flash: np.ndarray, feature_nm: float, assumed: Assumptions) -> AdcFigures:
    """Figures of published converters, by the formulas and constants of a cost model."""
    ratios = node_ratios(feature_nm, assumed.scaling)
    return scaled_figures(precision, flash, assumed.converters, ratios)


def scaled_figures(
    precision: IntArray, flash: np.ndarray, constants: ConverterAssumptions, ratios: NodeRatios
) -> AdcFigures:
    """Figures of published converters with the ratios of a node and supply."""
    bits = np.asarray(precision, dtype=np.float64)
    steps = 2.0**bits
    better = 4.0 ** np.maximum(0.0, bits - constants.matched_bits)
    sar_um2 = constants.sar_bit_um2 * bits + constants.sar_step_um2 * steps
    flash_um2 = constants.comparator_um2 * (steps - 1) * better + constants.encoder_step_um2 * steps
    sar_fj = constants.sar_bit_fj * bits + constants.sar_step_fj * steps
    flash_fj = constants.comparator_fj * (steps - 1) * np.sqrt(better) + constants.encoder_step_fj * steps
    step_v = constants.full_scale_v / steps
    offset_v = constants.comparator_offset_v / np.where(flash, np.sqrt(better), 1.0)
    return AdcFigures(
        area_um2=ratios.area * np.where(flash, flash_um2, sar_um2),
        energy_pj=1e-3 * ratios.energy * np.where(flash, flash_fj, sar_fj),
        time_ns=ratios.delay * np.where(flash, constants.flash_ns, constants.sar_bit_ns * bits),
        offset_steps=offset_v / step_v,
    )
