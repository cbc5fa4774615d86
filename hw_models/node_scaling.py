"""Scaling of a cost model's constants from 32 nm at nominal supply to another node and supply voltage.

Switched charge: capacitances of transistors and of wires between neighbours shrink with the feature size L, so the
energy of an event is proportional to L V^2 and the area of a circuit to L^2. The charge of a memory column shrinks more
slowly, because its capacitors (metal-oxide-metal plates, bit lines) do not scale with the node: L^p V^2 with
`scaling.column_exponent`. Delays follow L^q with `scaling.delay_exponent` at nominal supply, and the alpha-power law V
/ (V - Vt)^a (T. Sakurai, A. R. Newton, IEEE JSSC 25(2), 1990) away from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw_models.model_constants import ScalingAssumptions

REFERENCE_NM = 32.0
_NODES_NM = (3.0, 5.0, 7.0, 10.0, 14.0, 22.0, 32.0, 45.0, 65.0, 90.0, 130.0, 180.0, 250.0, 350.0)
_SUPPLIES_V = (0.65, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0, 1.1, 1.2, 1.3, 1.8, 2.5, 3.3)
"""Nominal supplies of low-power logic: the table of DNN+NeuroSim V1.3 from 130 to 7 nm, and foundries' core supplies
beyond."""
_LEAST_OVERDRIVE_V = 0.1
_MOST_ABOVE_NOMINAL = 1.5


def nominal_v(feature_nm: float) -> float:
    """Nominal supply of a node [V]; between the table's nodes linear in the logarithm of the feature size."""
    return float(np.interp(np.log(feature_nm), np.log(_NODES_NM), _SUPPLIES_V))


def core_v(feature_nm: float, supply_v: float | None) -> float:
    """Supply of the core [V]: the given value, unless it is missing or evidently that of the pads or for writing."""
    nominal = nominal_v(feature_nm)
    if supply_v is None or not 0 < supply_v <= _MOST_ABOVE_NOMINAL * nominal:
        return nominal
    return supply_v


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRatios:
    """Factors from 32 nm to a node and supply.

    Attributes:
        area: Factor for the area of circuits.
        energy: Factor for the energy of logic and converters.
        column: Factor for the charge of a column.
        delay: Factor for times.
    """

    area: float
    energy: float
    column: float
    delay: float


def node_ratios(feature_nm: float, scaling: ScalingAssumptions, supply_v: float | None = None) -> NodeRatios:
    """Factors from 32 nm at its nominal supply to a node, at its nominal supply unless a supply is given."""
    length = feature_nm / REFERENCE_NM
    nominal, volts = nominal_v(feature_nm), core_v(feature_nm, supply_v)
    volts = nominal if np.isclose(volts, nominal, rtol=1e-9) else volts
    squared = (volts / nominal_v(REFERENCE_NM)) ** 2
    return NodeRatios(
        area=length**2,
        energy=length * squared,
        column=length**scaling.column_exponent * squared,
        delay=length**scaling.delay_exponent * _slowness(volts, scaling) / _slowness(nominal, scaling),
    )


def factor_text(ratio: float) -> str:
    """End of a formula whose constants hold at 32 nm; empty where they hold as they are."""
    return "" if ratio == 1 else f" x {ratio:.4g}, the node's factor"


def _slowness(volts: float, scaling: ScalingAssumptions) -> float:
    """Delay of a gate by the alpha-power law, in arbitrary units."""
    overdrive = max(volts - scaling.threshold_v, _LEAST_OVERDRIVE_V)
    return float(volts / overdrive**scaling.velocity_exponent)
