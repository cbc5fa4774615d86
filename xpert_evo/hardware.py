"""The chip described by the settings; all calls to the hardware model go through here."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import hw_models
from hw_models import (
    AdcTable,
    CostModel,
    CostTable,
    CrossbarSpec,
    Device,
    HardwareReport,
    LayerChoices,
    LayerShapes,
    Peripherals,
    Schedule,
    Source,
    Technology,
    TraceNode,
)
from hw_models.converter_energy import ConversionEnergy, conversion_energy
from hw_models.plausibility import ColumnStrain, column_strain, implausibility, wire_loss_ratio
from xpert_evo.config import RunConfig
from xpert_evo.crossbar_choices import CrossbarChoices
from xpert_evo.design import Design, LayerDesign
from xpert_evo.errors import DesignError
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, SearchSpace

_GENTLE_DEVICE = "rram-100k"
"""Device that is recommended where currents overload the wires, if its own do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """A chip and the assumptions of its cost model.

    Attributes:
        crossbar: Crossbars and their grouping.
        device: Memory cell.
        technology: Circuits of the node.
        model: Cost model.
        schedule: Which parts work at the same time; None for the model's own choice.
        adc: Converters that replace the model's; None for the model's.
    """

    crossbar: CrossbarSpec
    device: Device
    technology: Technology
    model: CostModel
    schedule: Schedule | None = None
    adc: AdcTable | None = None

    @classmethod
    def of(cls, config: RunConfig) -> "Hardware":
        """Returns the chip described by the settings; raises HardwareModelError."""
        return cls(
            crossbar=CrossbarSpec(**config.hardware.crossbar.model_dump()),
            device=hw_models.load_device(config.hardware.device),
            technology=hw_models.load_technology(config.hardware.technology),
            model=hw_models.load_model(config.hardware.model),
            schedule=config.hardware.schedule,
            adc=None if config.hardware.adc is None else hw_models.load_adc(config.hardware.adc),
        )

    def under(self, model: str) -> "Hardware":
        """Returns the same chip under another cost model, with that model's own converters and schedule.

        Args:
            model: Name from `model_names`, or path of a file.
        """
        return replace(self, model=hw_models.load_model(model), schedule=None, adc=None)

    def of_design(self, design: Design) -> "Hardware":
        """Returns the chip with the crossbars that a design chooses, as far as its layers agree; not their weight bits.

        Raises:
            HardwareModelError: If these choices make no valid crossbar.
        """
        return replace(self, crossbar=design.chip_crossbar(self.crossbar))

    @property
    def planned(self) -> Schedule:
        """What works at the same time: as asked for, or as the model has it."""
        return self.model.choices.schedule if self.schedule is None else self.schedule

    @property
    def words(self) -> str:
        """Which assumptions costs rest on, for captions: `cost model published, layers pipelined`."""
        own = self.model.choices.schedule
        schedule = {
            Schedule.SEQUENTIAL: "nothing overlapped",
            Schedule.OVERLAPPED: "parts of a layer overlapped",
            Schedule.PIPELINED: "layers pipelined",
        }[self.planned]
        told = [schedule] if Schedule.PIPELINED in {own, self.planned} or self.planned is not own else []
        converters = [f"ADCs {self.adc.name}"] if self.adc is not None else []
        return ", ".join([f"cost model {self.model.name}", *told, *converters])

    @property
    def edap_words(self) -> str:
        """What EDAP is a product of, by the schedule."""
        if self.planned is Schedule.PIPELINED:
            return "energy of one image, time from one image to the next (layers are pipelined) and area"
        return "energy and latency of one image and area"

    def check(self, design: Design) -> None:
        """Raises DesignError, naming the layer, if a design needs peripherals that the chip does not support."""
        bounds = {kind: kind.record.bounds for kind in GeneKind if kind.record.bounds is not None}
        for layer in design.layers:
            bounds[GeneKind.COLUMN_SHARING] = (1, self._crossbar_of(layer).converted_columns)
            for kind, (low, high) in bounds.items():
                value = getattr(layer, kind)
                if value is not None and not low <= value <= high:
                    why = " (the columns of a crossbar that are converted)" if kind is GeneKind.COLUMN_SHARING else ""
                    raise DesignError(f"layer {layer.name}: {kind} must be from {low} to {high}{why}, got {value}.")

    def strain(self, column_sharing: int) -> ColumnStrain | None:
        """Current and loss of a column's wire; None if the technology has no wire data.

        Args:
            column_sharing: Columns per ADC; the fewer, the more columns load the wires of the rows.
        """
        return column_strain(self.device, self.technology, self.crossbar, column_sharing=column_sharing)

    def implausibility(self, column_sharing: int) -> str | None:
        """Sentences with figures and advice if the device's currents overload the wires, else None."""
        found = implausibility(self.device, self.technology, self.crossbar, column_sharing=column_sharing)
        if found is None:
            return None
        gentle = hw_models.load_device(_GENTLE_DEVICE)
        strain = column_strain(gentle, self.technology, self.crossbar, column_sharing=column_sharing)
        fits = strain is not None and strain.is_plausible
        return (
            f"{found} Losses lower the accuracy, and currents above the limit wear out wires: use cells of higher "
            f"resistance{f', such as {_GENTLE_DEVICE}' if fits else ' or smaller crossbars'}, or measure the accuracy "
            "of a trained design with `xpert-evo judge`."
        )

    def _crossbar_of(self, layer: LayerDesign) -> CrossbarSpec:
        """The crossbar of a layer; raises DesignError if its choices make none."""
        try:
            return layer.crossbar(self.crossbar)
        except hw_models.HardwareModelError as failure:
            raise DesignError(f"layer {layer.name}: {failure}") from None

    def wire_losses(self, space: SearchSpace, genomes: Genomes) -> FloatArray:
        """Expected share of a column's current that is lost in the wires of each layer, (designs, layers)."""
        if not len(genomes):
            return np.empty((0, space.n_layers))
        shapes, peripherals = space.hardware_arrays(genomes)
        width = shapes.kernel_size if shapes.kernel_width is None else shapes.kernel_width
        n_rows = np.asarray(shapes.in_channels) // np.asarray(shapes.groups) * shapes.kernel_size * width
        crossbars, lost = CrossbarChoices(space, self.crossbar), np.zeros(np.shape(peripherals.column_sharing))
        numbers = np.broadcast_to(crossbars.of(genomes), lost.shape)
        for number in np.unique(numbers):
            own = crossbars.crossbar(int(number))
            n_columns = np.asarray(shapes.out_channels) * own.columns_per_weight
            found = wire_loss_ratio(
                self.device,
                self.technology,
                own,
                n_rows=n_rows,
                n_columns=n_columns,
                column_sharing=peripherals.column_sharing,
            )
            lost = np.where(numbers == number, found, lost)
        return lost

    def table(self, space: SearchSpace) -> CostTable:
        """Computes the cost of every choice of a space, for scoring populations."""
        return CostTable.build([_table_layer(space, i) for i in range(space.n_layers)], **self._arguments)

    def report(self, shapes: LayerShapes, peripherals: Peripherals) -> HardwareReport:
        """Returns the full model's report of designs, arrays (designs, layers)."""
        return hw_models.evaluate(shapes, peripherals, **self._arguments)

    def conversions(self, shapes: LayerShapes, peripherals: Peripherals) -> ConversionEnergy:
        """Returns the energy of conversions beside the limit of published converters, arrays (designs, layers)."""
        return conversion_energy(shapes, peripherals, **self._arguments)

    def report_of(self, space: SearchSpace, genomes: Genomes) -> HardwareReport:
        """Returns the report of a space's genomes (designs, genes), arrays (designs, layers)."""
        return self.report(*space.hardware_arrays(genomes))

    def around_tiles(self, shapes: LayerShapes, peripherals: Peripherals) -> dict[str, float]:
        """Area by unit around the tiles of one design [mm2]: global buffer, tree, accumulation, activation, pooling.

        Args:
            shapes: Shapes of the layers, (1, layers).
            peripherals: Peripherals of the layers, (1, layers).
        """
        chip = hw_models.chip_level(
            shapes,
            peripherals,
            crossbar=self.crossbar,
            device=self.device,
            technology=self.technology,
            model=self.model,
        )
        return {name: 1e-6 * float(area[0]) for name, area in chip.area_um2.items() if name != "tiles"}

    def explain(
        self, shapes: LayerShapes, peripherals: Peripherals, *, layer: int
    ) -> tuple[TraceNode, TraceNode, TraceNode]:
        """Traces area, latency and energy of a layer down to constants."""
        return hw_models.explain(shapes, peripherals, layer=layer, **self._arguments)

    def sources(self) -> list[Source]:
        """Returns every publication and fit behind the chip's constants."""
        return hw_models.sources(device=self.device, technology=self.technology, model=self.model, adc=self.adc)

    @property
    def _arguments(self) -> dict[str, Any]:
        """Arguments of the functions of `hw_models` other than shapes and peripherals."""
        return {
            "crossbar": self.crossbar,
            "device": self.device,
            "technology": self.technology,
            "model": self.model,
            "schedule": self.schedule,
            "adc": self.adc,
        }


def _table_layer(space: SearchSpace, i: int) -> LayerChoices:
    """Describes a layer for the cost table: its choices, and the genome column that selects each of them."""
    backbone = space.backbone
    node, (height, width) = backbone.graph.layers[i], backbone.output_maps[i]
    selected: dict[str, Any] = {}
    for kind in dict.fromkeys((GeneKind.CHANNEL_DEPTH, *space.kinds)):
        selected |= _selection(space, kind.record.cost_attribute, space.column(i, kind), backbone.fixed_depths[i])
    return LayerChoices(
        name=backbone.layers[i].name,
        output_size=height,
        output_width=width,
        kernel_size=node.kernel[0],
        kernel_width=node.kernel[1],
        stride=node.stride[0],
        stride_width=node.stride[1],
        dilation=node.dilation[0],
        dilation_width=node.dilation[1],
        groups=node.groups,
        depthwise=node.depthwise,
        passes=1 + backbone.graph.signed[i],
        digital=backbone.digital_work[i],
        **selected,
        **_read_channels(space, i),
    )


def _read_channels(space: SearchSpace, i: int) -> dict[str, Any]:
    """Choices of a layer's input channels: a sum over at most two genes and over depths without one."""
    fixed = int(space.backbone.in_channels(np.zeros((1, space.n_layers), dtype=np.int64))[0, i])
    parts: dict[int, list[int]] = {}
    for segment in space.backbone.reads[i]:
        if segment.layer < 0:
            continue
        column = space.column(segment.layer, GeneKind.CHANNEL_DEPTH)
        if column is None:
            fixed += segment.count * space.backbone.fixed_depths[segment.layer]
            continue
        own = [segment.count * int(choice) for choice in space.genes[column].choices]
        parts[column] = [a + b for a, b in zip(parts.get(column, [0] * len(own)), own, strict=True)]
    found: dict[str, Any] = {"in_channels": (fixed,)}
    for name, (column, counts) in zip(("in_channels", "more_in_channels"), parts.items(), strict=False):
        offset = fixed if name == "in_channels" else 0
        found |= {name: tuple(offset + n for n in counts), f"{name}_column": column}
    return found


def _selection(space: SearchSpace, name: str, column: int | None, fixed: int) -> dict[str, Any]:
    """Choices and column of one attribute; `fixed` is its value if no gene decides it."""
    choices = (fixed,) if column is None else space.genes[column].choices
    return {name: choices, f"{name}_column": column}
