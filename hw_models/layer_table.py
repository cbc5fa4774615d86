"""Tables of what each layer of a search space costs on one chip, for every combination of its choices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hw_models.adc_library import AdcTable
from hw_models.arrays import IntArray
from hw_models.cost_model import CostModel, Schedule
from hw_models.crossbar import CrossbarSpec
from hw_models.crossbar_groups import with_choices
from hw_models.errors import HardwareModelError
from hw_models.layer_choices import LayerChoices
from hw_models.model import checked_setting, evaluate
from hw_models.periphery import CROSSBAR_CHOICES, Peripherals
from hw_models.technology import Device, Technology
from hw_models.workload import LayerShapes

ROW = 4
"""Numbers per table entry: area, latency, dynamic energy and leakage power; the four fill half a cache line."""
_MOST_ENTRIES = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """Arguments with which all layers of a table are evaluated."""

    crossbar: CrossbarSpec
    device: Device
    technology: Technology
    activity: float
    model: CostModel
    schedule: Schedule
    adc: AdcTable | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerTable:
    """Costs of one layer for every combination of its columns' choices that differ in cost.

    Attributes:
        columns: Genome columns that select among the choices.
        classes: For each column the class of each of its choices; choices of a class cost the same.
        strides: Distance in `costs` between neighbouring classes of each column.
        costs: Area, latency, dynamic energy and leakage power, (combinations of classes, 4).
    """

    columns: tuple[int, ...]
    classes: tuple[IntArray, ...]
    strides: tuple[int, ...]
    costs: npt.NDArray[np.float64]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of choices of each column."""
        return tuple(len(own) for own in self.classes)

    def expanded(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Values of the combinations of classes for all combinations of choices, one axis per column."""
        grid = values.reshape([int(own[-1]) + 1 for own in self.classes])
        for axis, own in enumerate(self.classes):
            if int(own[-1]) + 1 < len(own):
                grid = grid.take(own, axis=axis)
        return grid

    def position(self, genome: IntArray) -> int:
        """Position in `costs` of a genome, (genes,)."""
        chosen = zip(self.columns, self.classes, self.strides, strict=True)
        return sum(int(own[genome[column]]) * stride for column, own, stride in chosen)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChipTables:
    """Tables of all layers on one chip.

    Attributes:
        layers: Table of each layer.
        strides: Strides of the tables by genome column, (layers, genes).
        folded: Class of each choice, for the genome columns in which several choices cost the same.
    """

    layers: tuple[LayerTable, ...]
    strides: npt.NDArray[np.float32]
    folded: dict[int, npt.NDArray[np.float32]]

    @classmethod
    def of(cls, layers: Sequence[LayerChoices], given: Evaluated, n_genes: int) -> ChipTables:
        """Evaluates all layers; raises HardwareModelError."""
        used = [column for layer in layers for column in layer.genome_columns()]
        single = {column for column in used if used.count(column) == 1}
        tables = tuple(_layer_table(layer, given, single) for layer in layers)
        strides = np.zeros((len(tables), n_genes), dtype=np.float32)
        folded: dict[int, npt.NDArray[np.float32]] = {}
        for row, table in zip(strides, tables, strict=True):
            row[list(table.columns)] = table.strides
            for column, own in zip(table.columns, table.classes, strict=True):
                if int(own[-1]) + 1 < len(own):
                    folded[column] = own.astype(np.float32)
        return cls(layers=tables, strides=strides, folded=folded)

    def positions(self, genes: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        """Positions in the layers' tables, (layers, designs), of genes (genes, designs).

        They are computed as a matrix product, which is exact in 32 bits because no table has 2^24 entries.
        """
        if self.folded:
            genes = genes.copy()
            for column, own in self.folded.items():
                genes[column] = own[genes[column].astype(np.intp)]
        positions: npt.NDArray[np.intp] = (self.strides @ genes).astype(np.intp)
        return positions


def check_chip(layers: Sequence[LayerChoices], given: Evaluated) -> None:
    """Raises HardwareModelError if some choices of some layer make no valid crossbar, or leave an ADC no columns."""
    for layer in layers:
        own = {name: _codes(getattr(layer, name)) for name in layer.selected if name in CROSSBAR_CHOICES}
        grid = [values.ravel()[np.newaxis] for values in np.meshgrid(*own.values(), indexing="ij")]
        peripherals = Peripherals(
            column_sharing=max(layer.column_sharing),
            adc_type=0,
            adc_precision=1,
            input_precision=1,
            **dict(zip(own, grid, strict=True)),
        )
        checked_setting(
            peripherals,
            crossbar=given.crossbar,
            device=given.device,
            technology=given.technology,
            activity=given.activity,
            model=given.model,
            schedule=given.schedule,
            adc=given.adc,
        )


def on_chip(layer: LayerChoices, chosen: dict[int, int]) -> LayerChoices:
    """Returns the choices of a layer that remain when some genome columns have a fixed value."""
    changes: dict[str, Any] = {}
    for attribute in layer.selected:
        column = getattr(layer, f"{attribute}_column")
        if column in chosen:
            changes |= {attribute: (getattr(layer, attribute)[chosen[column]],), f"{attribute}_column": None}
    return replace(layer, **changes)


def _codes(choices: Sequence[object]) -> IntArray:
    """Choices as numbers."""
    return np.array([getattr(choice, "code", choice) for choice in choices], dtype=np.int64)


def _layer_table(layer: LayerChoices, given: Evaluated, foldable: Collection[int]) -> LayerTable:
    """Evaluates all combinations of one layer's choices, the last column varying fastest.

    Args:
        layer: The choices.
        given: The chip.
        foldable: Genome columns that no other layer has.
    """
    whole = layer.genome_columns()
    layer, class_of = _with_distinct_weights(layer, given.crossbar, foldable)
    columns = layer.genome_columns()
    sizes = tuple(columns.values())
    n_entries = int(np.prod(sizes, dtype=np.int64))
    if n_entries > _MOST_ENTRIES:
        raise HardwareModelError(
            f"layer {layer.name!r} has {n_entries} combinations of choices, more than {_MOST_ENTRIES}; "
            "use fewer choices."
        )
    grid = np.unravel_index(np.arange(n_entries), sizes) if sizes else ()
    positions = dict(zip(columns, grid, strict=True))
    values: dict[str, IntArray] = {}
    for attribute in (*layer.selected, "more_in_channels"):
        column = getattr(layer, f"{attribute}_column")
        position = np.zeros(n_entries, dtype=np.int64) if column is None else positions[column]
        values[attribute] = _codes(getattr(layer, attribute))[position][np.newaxis]
    report = evaluate(
        _shapes(layer, values["in_channels"] + values["more_in_channels"], values["out_channels"]),
        Peripherals(**{name: values[name] for name in layer.selected[2:]}),
        crossbar=given.crossbar,
        device=given.device,
        technology=given.technology,
        activity=given.activity,
        model=given.model,
        schedule=given.schedule,
        adc=given.adc,
    )
    columns_of = (report.area_um2[0], report.latency_ns[0], report.dynamic_pj[0], report.leakage_uw[0])
    classes = tuple(class_of.get(column, np.arange(size)) for column, size in whole.items())
    return LayerTable(
        columns=tuple(columns),
        classes=classes,
        strides=tuple(int(np.prod(sizes[i + 1 :], dtype=np.int64)) for i in range(len(sizes))),
        costs=np.ascontiguousarray(np.stack(columns_of, axis=1)),
    )


def _shapes(layer: LayerChoices, in_channels: IntArray, out_channels: IntArray) -> LayerShapes:
    """Shapes of a layer for numbers of channels."""
    return LayerShapes(
        output_size=layer.output_size,
        output_width=layer.output_width,
        kernel_size=layer.kernel_size,
        kernel_width=layer.kernel_width,
        in_channels=in_channels,
        out_channels=out_channels,
        stride=layer.stride,
        stride_width=layer.stride_width,
        dilation=layer.dilation,
        dilation_width=layer.dilation_width,
        groups=in_channels if layer.depthwise else layer.groups,
        passes=layer.passes,
        **layer.digital.shapes(out_channels),
    )


def _with_distinct_weights(
    layer: LayerChoices, crossbar: CrossbarSpec, foldable: Collection[int]
) -> tuple[LayerChoices, dict[int, IntArray]]:
    """Leaves one choice of weight bits for each number of cells that they take, which alone decides the costs.

    Returns:
        The layer's choices, and the class of each of its former choices by genome column: empty if nothing was left
        out, or if the layer also chooses how weights are stored.
    """
    column = layer.weight_bits_column
    if column is None or column not in foldable or len(layer.coding) > 1 or len(layer.cell_bits) > 1:
        return layer, {}
    own = {name: getattr(layer, name)[0] for name in ("coding", "cell_bits") if getattr(layer, name)}
    cells = [with_choices(crossbar, {**own, "weight_bits": bits}).cells_per_weight for bits in layer.weight_bits]
    _, first, classes = np.unique(cells, return_index=True, return_inverse=True)
    if len(first) == len(cells):
        return layer, {}
    kept = tuple(layer.weight_bits[place] for place in first)
    return replace(layer, weight_bits=kept), {column: classes.astype(np.int64)}
