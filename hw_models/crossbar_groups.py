"""Layers whose crossbars differ in what each layer may choose, such as the bits of its weights, grouped by crossbar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hw_models.arrays import FloatArray, IntArray, check_shape
from hw_models.crossbar import CrossbarSpec, WeightCoding
from hw_models.distinct import distinct
from hw_models.periphery import CROSSBAR_CHOICES, Peripherals
from hw_models.workload import LayerShapes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossbarGroup:
    """The layers of all designs that share a crossbar.

    Attributes:
        crossbar: Their crossbar.
        shapes, peripherals: Their fields, (1, layers of the group), without the choices that `crossbar` contains. A
            group of all layers keeps the shape (designs, layers).
        places: Their positions in the flattened array (designs, layers); None for a group of all layers.
    """

    crossbar: CrossbarSpec
    shapes: LayerShapes
    peripherals: Peripherals
    places: IntArray | None = None


def layer_crossbars(peripherals: Peripherals, crossbar: CrossbarSpec) -> tuple[list[CrossbarSpec], IntArray]:
    """Returns the distinct crossbars of layers, and which of them each layer has, (designs, layers) or broadcastable.

    Args:
        peripherals: Choices of the layers.
        crossbar: What all layers share, and what they have where they choose nothing.

    Raises:
        HardwareModelError: If the choices of a layer make no valid crossbar.
    """
    arrays = peripherals.arrays()
    chosen = {name: arrays[name] for name in CROSSBAR_CHOICES if name in arrays}
    if not chosen:
        return [crossbar], np.zeros((1, 1), dtype=np.int64)
    combinations, which = distinct(chosen)
    rows = zip(*(values[0].tolist() for values in combinations.values()), strict=True)
    return [with_choices(crossbar, dict(zip(combinations, row, strict=True))) for row in rows], which


def with_choices(crossbar: CrossbarSpec, choices: Mapping[str, Any]) -> CrossbarSpec:
    """Returns a crossbar with the choices of a layer, by field; the rows read at once are at most all of them.

    Raises:
        HardwareModelError: If the choices make no valid crossbar.
    """
    named = dict(choices)
    coding = named.get("coding")
    if isinstance(coding, int):
        named["coding"] = list(WeightCoding)[coding]
    at_once = named.get("rows_read", crossbar.rows_read)
    if at_once is not None:
        rows = named.get("rows", crossbar.rows)
        named["rows_read"] = at_once if at_once < rows else None
    return replace(crossbar, **named)


def by_crossbar(shapes: LayerShapes, peripherals: Peripherals, crossbar: CrossbarSpec) -> list[CrossbarGroup]:
    """Groups the layers of designs by their crossbars.

    Raises:
        HardwareModelError: If shapes do not broadcast, or the choices of a layer make no valid crossbar.
    """
    arrays = peripherals.arrays()
    if not set(arrays) & set(CROSSBAR_CHOICES):
        return [CrossbarGroup(crossbar=crossbar, shapes=shapes, peripherals=peripherals)]
    rest = Peripherals(**{name: values for name, values in arrays.items() if name not in CROSSBAR_CHOICES})
    crossbars, which = layer_crossbars(peripherals, crossbar)
    if len(crossbars) == 1:
        return [CrossbarGroup(crossbar=crossbars[0], shapes=shapes, peripherals=rest)]
    shape = check_shape(shapes.arrays() | arrays)
    of_layers = np.broadcast_to(which, shape).ravel()
    groups = []
    for number, own in enumerate(crossbars):
        places = np.flatnonzero(of_layers == number)
        taken = {name: _taken(values, shape, places) for name, values in shapes.arrays().items()}
        choices = {name: _taken(values, shape, places) for name, values in rest.arrays().items()}
        groups.append(
            CrossbarGroup(crossbar=own, shapes=LayerShapes(**taken), peripherals=Peripherals(**choices), places=places)
        )
    return groups


def joined(parts: list[FloatArray], groups: list[CrossbarGroup], shape: tuple[int, int]) -> FloatArray:
    """Puts the values of groups, (1, layers of the group) each, together again, (designs, layers)."""
    whole = np.empty(shape, dtype=parts[0].dtype)
    for part, group in zip(parts, groups, strict=True):
        whole.flat[slice(None) if group.places is None else group.places] = part.ravel()
    return whole


def _taken(values: IntArray, shape: tuple[int, int], places: IntArray) -> IntArray:
    """Values of some layers, (1, layers); a single value for all layers stays one."""
    return values if values.size == 1 else np.broadcast_to(values, shape).ravel()[places][np.newaxis]
