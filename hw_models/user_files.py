"""Completes users' files: the constants that they may omit, and what is assumed instead.

A device needs its on-resistance and on/off ratio. A technology needs its feature size: the rest is taken from the
nearest node that comes with the package and scaled according to each constant's unit. A cost model needs nothing: it is
`published` with the file's changes. Every constant that was not given is marked as such in its source, which `explain`
and `sources` show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from hw_models.constants import Constant, ConstantFile, available, load_file
from hw_models.device_checks import SIGNED, check_device
from hw_models.errors import HardwareModelError
from hw_models.model_constants import SECTIONS, SIMULATOR_SECTIONS, ScalingAssumptions, tables_of
from hw_models.node_scaling import core_v, node_ratios, nominal_v

_MEAN_LEVEL = 0.42
_CELL_DEFAULTS = (
    ("read_v", 0.2, "V", "a read voltage that disturbs no resistive cell"),
    ("write_v", 2.0, "V", "the write voltage of the reference's RRAM"),
    ("cell_width_f", 12.0, "F", "the layout of the reference's cell"),
    ("cell_height_f", 4.0, "F", "the layout of the reference's cell"),
    ("max_cell_bits", 4.0, "bits", "the most levels of the reference's cell"),
    ("leakage_pw", 0.0, "pW per cell", "resistive cells do not leak"),
)
_CELL_RANGES = {
    "cell.on_ohm": (1.0, 1e12),
    "cell.read_v": (1e-3, 10.0),
    "cell.conductance_ratio": (1e-9, 1.0),
    "cell.cell_width_f": (0.1, 1e4),
    "cell.cell_height_f": (0.1, 1e4),
    "cell.max_cell_bits": (1.0, 8.0),
}
_TECHNOLOGY_RANGES = {
    "node.feature_nm": (1.0, 1000.0),
    "layout.flipflop_width_um": (1e-4, 1e4),
    "timing.layout_ratio": (1e-3, 1e3),
    "timing.buffer_core_bits": (1.0, 1e9),
    "timing.tree_um_per_ns": (1e-3, 1e9),
    "flash.slowest_column_ratio": (1e-3, 1e3),
    "flash.sense_onset_ohm": (1e-3, 1e12),
    "wires.width_um": (1e-4, 1e3),
    "wires.aspect_ratio": (1e-3, 1e3),
}
_LEAST_SUPPLY, _MOST_SUPPLY = 0.5, 1.5
"""Supply of a technology as a fraction of the node's nominal one."""
_MODEL_RANGES = {
    "digital.period_ns": (1e-3, 1e6),
    "converters.full_scale_v": (1e-3, 10.0),
    "converters.sar_bit_ns": (1e-6, 1e6),
    "converters.flash_ns": (1e-6, 1e6),
    "converters.fitted_bits": (1.0, 16.0),
    "scaling.delay_exponent": (0.0, 3.0),
    "scaling.column_exponent": (0.0, 3.0),
    "scaling.threshold_v": (0.0, 1.0),
    "scaling.velocity_exponent": (0.0, 3.0),
    "buffers.tile_core_bits": (1.0, 1e9),
}
_CLOCKS = frozenset({"sar.cycle_ns", "flash.sense_ns"})
"""Times that a designer chooses: 1 GHz at every node."""


def completed_device(file: ConstantFile) -> ConstantFile:
    """Completes a user's device.

    Raises:
        HardwareModelError: If the on-resistance or the on/off ratio is missing, or a number is impossible for a cell.
    """
    on_ohm, ratio = _given(file, "cell.on_ohm"), _given(file, "cell.on_off_ratio")
    _check_not_negative(file, signed=SIGNED)
    _check_ranges(file, _CELL_RANGES)
    check_device(file)
    off = 1 / ratio
    derived = (
        ("settling_ohm", on_ohm, "ohm", "the column settles through the on-resistance"),
        ("conductance_ratio", off + _MEAN_LEVEL * (1 - off), "1", f"the mean level of the weights is {_MEAN_LEVEL:g}"),
    )
    assumed = {
        f"cell.{key}": Constant(name=f"cell.{key}", value=value, unit=unit, source=f"assumed: {why}")
        for key, value, unit, why in (*derived, *_CELL_DEFAULTS)
    }
    return replace(file, constants=MappingProxyType(assumed | dict(file.constants)))


def _check_not_negative(file: ConstantFile, signed: Collection[str] = ()) -> None:
    """Refuses negative constants except those in `signed`: no cost or size is negative."""
    for constant in file.constants.values():
        if constant.name not in signed and np.min(constant.value) < 0:
            raise HardwareModelError(f"{file.name}: {constant.name} must not be negative, got {constant.value}.")


def _check_ranges(file: ConstantFile, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuses numbers that the formulas cannot use."""
    for key, (low, high) in ranges.items():
        constant = file.constants.get(key)
        if constant is None or isinstance(constant.value, tuple):
            continue
        if not low <= constant.value <= high:
            raise HardwareModelError(
                f"{file.name}: {key} must be between {low:g} and {high:g}, got {constant.value:g}."
            )


def _given(file: ConstantFile, key: str) -> float:
    """Returns a positive number that a file must give."""
    constant = file.constants.get(key)
    if constant is None or isinstance(constant.value, tuple) or constant.value <= 0:
        came = "it is missing" if constant is None else f"got {constant.value}"
        raise HardwareModelError(f"{file.name}: {key} must be a positive number; {came}.")
    return float(constant.value)


def completed_model(file: ConstantFile, base: ConstantFile, simulator: ConstantFile) -> ConstantFile:
    """Completes a user's cost model.

    Args:
        file: The user's file.
        base: The model on which it builds.
        simulator: A model with the constants of formulas that `base` does not use.

    Raises:
        HardwareModelError: If a table is unknown, a constant is negative, or a formula would divide by a constant of 0.
    """
    known = (*SECTIONS, *SIMULATOR_SECTIONS)
    for key in file.constants:
        section = key.partition(".")[0]
        if section not in known:
            raise HardwareModelError(f"{file.name}: unknown table [{section}]; choose one of {', '.join(known)}.")
    _check_not_negative(file)
    _check_ranges(file, _MODEL_RANGES)
    choices = dict(base.choices) | dict(file.choices)
    tables = tables_of({key: choice.value for key, choice in choices.items()})
    constants = {
        key: constant
        for key, constant in (dict(simulator.constants) | dict(base.constants)).items()
        if key.partition(".")[0] in tables
    }
    return replace(
        file,
        constants=MappingProxyType(constants | dict(file.constants)),
        choices=MappingProxyType(choices),
    )


def completed_technology(file: ConstantFile) -> ConstantFile:
    """Completes a user's technology.

    Raises:
        HardwareModelError: If the feature size is missing, a constant is negative, or a formula would divide by it.
    """
    feature_nm = _given(file, "node.feature_nm")
    _check_not_negative(file)
    _check_ranges(file, _TECHNOLOGY_RANGES)
    supply_v = None
    if "node.vdd_v" in file.constants:
        supply_v, nominal = _given(file, "node.vdd_v"), nominal_v(feature_nm)
        _check_ranges(file, {"node.vdd_v": (_LEAST_SUPPLY * nominal, _MOST_SUPPLY * nominal)})
    scaled = scaled_technology_file(feature_nm, supply_v)
    return replace(file, constants=MappingProxyType(dict(scaled.constants) | dict(file.constants)))


def scaled_technology_file(feature_nm: float, supply_v: float | None = None) -> ConstantFile:
    """Returns the technology of any node: the nearest one that comes with the package, scaled by units.

    Lengths are proportional to the feature size L, areas to L^2, gate delays to L, energies of events and powers at a
    fixed clock to L V^2, energy per length of wire to V^2, and leakage of a circuit to L V. Ratios, counts and the
    converters' own clocks stay. Without a supply voltage, V is the nominal one; with another, gates slow down or speed
    up by the alpha-power law.
    """
    files = [load_file("technologies", name) for name in available("technologies")]
    base = min(files, key=lambda each: abs(np.log(_given(each, "node.feature_nm") / feature_nm)))
    base_nm = _given(base, "node.feature_nm")
    volts = core_v(feature_nm, supply_v) / nominal_v(base_nm)
    scale = _Scale(length=feature_nm / base_nm, volts=volts, delay=_gate_delay_ratio(feature_nm, supply_v))
    if scale.length == 1 and np.isclose(scale.volts, 1, rtol=1e-9):
        return base
    constants = {key: _scaled(constant, scale, base.name) for key, constant in base.constants.items()}
    name = f"cmos-{feature_nm:g}nm-scaled"
    return replace(
        base,
        name=name,
        description=f"{feature_nm:g} nm CMOS, scaled from {base.name}",
        constants=MappingProxyType(constants),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Ratios from a node at its nominal supply to another node and supply.

    Attributes:
        length: Feature size.
        volts: Supply.
        delay: Delay of a gate, beyond what the feature size explains.
    """

    length: float
    volts: float
    delay: float


def _gate_delay_ratio(feature_nm: float, supply_v: float | None) -> float:
    """Delay of a gate at a supply, relative to the nominal one, with the constants of the default model."""
    scaling = load_file("models", "published").section(ScalingAssumptions, "scaling")
    return node_ratios(feature_nm, scaling, supply_v).delay / node_ratios(feature_nm, scaling).delay


def _scaled(constant: Constant, scale: _Scale, base: str) -> Constant:
    """One constant at the new node."""
    factor = _factor(constant, scale)
    if factor == 1:
        return constant
    value = constant.value
    moved = tuple(factor * item for item in value) if isinstance(value, tuple) else factor * value
    return replace(constant, value=moved, source=f"scaled by {factor:.3g} from {base}: {constant.source}")


def _factor(constant: Constant, scale: _Scale) -> float:
    """Factor of one constant, by its unit."""
    length, volts = scale.length, scale.volts
    section, _, key = constant.name.partition(".")
    quantity, *rest = constant.unit.split()
    if constant.name in _CLOCKS or section == "survey":
        return 1.0
    if key == "vdd_v":
        return volts
    if quantity == "pJ" and "um" in rest:
        return volts**2
    if quantity == "uW":
        return length * volts if section in {"leakage", "circuit_leakage"} else length * volts**2
    by_quantity = {
        "um2": length**2,
        "um": length,
        "nm": length,
        "ns": length * scale.delay,
        "um/ns": 1 / scale.delay,
        "ns/ohm": length,
        "pJ": length * volts**2,
    }
    return by_quantity.get(quantity, 1.0)
