"""`xpert-evo evaluate` and `sources`: costs of designs by layer and component, and the sources of the numbers."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hw_models import HardwareReport, LayerShapes, Peripherals
from xpert_evo.backbone_remarks import remarks_on
from xpert_evo.backbones import Backbone, backbone_of
from xpert_evo.cli.against_baseline import AgainstBaseline, against_baseline
from xpert_evo.cli.assumptions import ImageKind, assumption_lines, kind_of, plain_assumptions, settings_for
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.cost_tables import BY_LAYER, print_cost
from xpert_evo.cli.explaining import explained
from xpert_evo.cli.settings import other_model, resolve
from xpert_evo.config import RunConfig
from xpert_evo.config.problem import HardwareConfig
from xpert_evo.design import Design, blaming, load_designs, place_in
from xpert_evo.errors import UsageError
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.task import build_space
from xpert_evo.report.around import around_line
from xpert_evo.report.candidates import HARDWARE_FIELDS
from xpert_evo.space import SearchSpace
from xpert_evo.validation import nearest
from xpert_evo.words import counted

TOTALS = HARDWARE_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Costing:
    """Everything needed to compute the costs of designs: settings, chip, and the images' channels and classes.

    Attributes:
        settings: Settings of the run.
        hardware: The chip.
        images: Classes and channels of the images.
        run: Folder of the run that the settings come from; None if they are the user's or the defaults.
    """

    settings: RunConfig
    hardware: Hardware
    images: ImageKind
    run: Path | None

    @classmethod
    def of(cls, settings: RunConfig, run: Path | None = None) -> "Costing":
        """The costing described by the settings; raises DataError, HardwareModelError."""
        return cls(settings=settings, hardware=Hardware.of(settings), images=kind_of(settings, run), run=run)

    def backbone(self, design: Design) -> Backbone:
        """The backbone of a design; raises DesignError."""
        return backbone_of(
            design.backbone,
            self.settings.space.backbone,
            n_classes=self.images.n_classes,
            image_channels=self.images.image_channels,
            image_size=self.images.image_size,
        )

    def arrays(self, design: Design) -> tuple[LayerShapes, Peripherals]:
        """A design as arrays for `hw_models`, of shape (1, layers); raises DesignError."""
        space = SearchSpace.around(design, self.backbone(design))
        self.hardware.check(design)
        return space.hardware_arrays(np.zeros((1, space.n_genes), dtype=np.int64))

    def report(self, design: Design) -> HardwareReport:
        """The hardware report of one design; arrays have the shape (1, layers)."""
        return self.hardware.report(*self.arrays(design))


def show_cost(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    *,
    dataset: str | None,
    model: str | None,
    as_json: bool,
    explain: str | None,
) -> None:
    """Prints the costs of the designs in a file; `model` overrides the cost model of the settings."""
    if as_json and explain is not None:
        raise UsageError("--json and --explain cannot be combined; leave one of them out.")
    options = {"dataset.name": dataset, **other_model(model, assignments)}
    costing = Costing.of(*settings_for(path, config, assignments, options))
    designs = load_designs(path)
    reports = []
    for i, design in enumerate(designs):
        with blaming(place_in(path, i, len(designs))):
            reports.append(costing.report(design))
    if as_json:
        assumed = plain_assumptions(costing.settings, costing.images, costing.run)
        plain = [
            {
                **plain_cost(design, report),
                "column": _plain_column(costing.hardware.of_design(design), design),
                **_by_models(costing, design).plain,
                "assumed": assumed,
            }
            for design, report in zip(designs, reports, strict=True)
        ]
        print(json.dumps(plain, indent=1))  # noqa: T201
        return
    console = PlainConsole()
    console.lines(assumption_lines(costing.settings, costing.images, costing.run))
    for design, report in zip(designs, reports, strict=True):
        if explain is not None:
            console.lines(_explained(costing, design, explain))
            continue
        print_cost(console, design, report, costing.hardware)
        console.lines([*_beyond_lines(costing, design, report), *_by_models(costing, design).lines])
        chip = costing.hardware.of_design(design)
        console.warnings(remarks(design, report, chip, costing.settings.hardware))
        console.warnings(remarks_on(costing.backbone(design)))


def remarks(design: Design, report: HardwareReport, hardware: Hardware, settings: HardwareConfig) -> list[str]:
    """Remarks on a legal but questionable design: costs above the limits, overloaded wires, unused ADC inputs."""
    limited = (
        ("the tiles' area", report.area_mm2, settings.area_limit_mm2, "mm²", "area_limit_mm2", ".2f"),
        ("the latency", report.latency_us, settings.latency_limit_us, "µs", "latency_limit_us", ".4g"),
        ("the energy", report.energy_uj, settings.energy_limit_uj, "µJ", "energy_limit_uj", ".4g"),
    )
    found = [
        f"{cost} of {float(values[0]):{digits}} {unit} is above the limit of {limit:g} {unit} (hardware.{name})"
        for cost, values, limit, unit, name, digits in limited
        if limit is not None and float(values[0]) > limit
    ]
    strained = hardware.implausibility(_least_sharing(design))
    found += [strained] if strained is not None else []
    columns = hardware.crossbar.columns
    odd = [layer for layer in design.layers if columns % layer.column_sharing]
    if odd:
        sharing = odd[0].column_sharing
        names = ", ".join(layer.name for layer in odd if layer.column_sharing == sharing)
        found.append(
            f"{names}: {sharing} columns per ADC do not divide the crossbar's {columns} columns, so the last of its "
            f"{-(-columns // sharing)} ADCs serves only {columns % sharing}"
        )
    return found


def _least_sharing(design: Design) -> int:
    """The least number of columns per ADC, at which the wires of the rows carry most current."""
    return min(layer.column_sharing for layer in design.layers)


def _plain_column(hardware: Hardware, design: Design) -> dict[str, Any] | None:
    """Current of a column and its losses in the wires, as plain values; None if the technology has no wire data."""
    sharing = _least_sharing(design)
    strain = hardware.strain(sharing)
    if strain is None:
        return None
    return {
        "column_sharing": sharing,
        **asdict(strain),
        "loss_ratio": strain.loss_ratio,
        "is_plausible": strain.is_plausible,
        "remark": hardware.implausibility(sharing),
    }


def _explained(costing: Costing, design: Design, layer: str) -> list[str]:
    """Area, latency and energy of a layer, traced line by line to constants and their sources."""
    names = [one.name for one in design.layers]
    if layer not in names:
        raise UsageError(f"--explain: the design has no layer '{layer}'; {nearest(layer, names)}")
    position = names.index(layer)
    trees = costing.hardware.explain(*costing.arrays(design), layer=position)
    return explained(trees, design, position, costing.hardware.crossbar)


def show_sources(config: Path | None, assignments: Sequence[str] | None) -> None:
    """Prints the publications and fits behind every constant used with the settings."""
    hardware = Hardware.of(resolve(config, assignments))
    console = PlainConsole()
    for source in hardware.sources():
        console.lines([source.citation], style="bold")
        if source.constants:
            console.lines([f"    {counted(len(source.constants), 'constant')}: {', '.join(source.constants)}"])


def plain_cost(design: Design, report: HardwareReport) -> dict[str, Any]:
    """Totals, layers and components as plain values."""
    return {
        "id": design.digest,
        "total": {name: float(getattr(report, name)[0]) for name in TOTALS},
        "leakage_uj": float(report.leakage_uj[0]),
        "layers": [
            {
                "name": layer.name,
                **{name: float(getattr(report, name)[0, i]) for name in BY_LAYER},
                "n_tiles": int(report.n_tiles[0, i]),
                "copies": int(report.copies[0, i]),
                "utilization": float(report.utilization[0, i]),
                "components": {
                    quantity: {part: float(values[0, i]) for part, values in parts.items()}
                    for quantity, parts in report.breakdown.items()
                },
            }
            for i, layer in enumerate(design.layers)
        ],
        "notes": list(report.notes),
    }


def _by_models(costing: Costing, design: Design) -> AgainstBaseline:
    """The design relative to the homogeneous baseline of its backbone, by cost model."""
    backbone = costing.backbone(design)
    own = costing.settings.space.backbone
    same = design.backbone == (own if isinstance(own, str) else own.name)
    space = build_space(costing.settings, backbone) if same else SearchSpace(backbone)
    return against_baseline(costing.hardware, space, design)


def _beyond_lines(costing: Costing, design: Design, report: HardwareReport) -> list[str]:
    """Lines beyond the sums over tiles: leakage, the chip around the tiles, the limit of published ADCs."""
    shapes, peripherals = costing.arrays(design)
    adc_pj, conversions = report.breakdown["energy_pj"]["adc"].sum(), costing.hardware.conversions(shapes, peripherals)
    own_pj, best_pj = float(conversions.own.sum()), float(conversions.survey.sum())
    counted_in = "in the energy above" if "leakage" in report.breakdown["energy_pj"] else "not in the energy above"
    return [
        f"leakage {1e-3 * report.leakage_uw.sum():.3g} mW, {report.leakage_uj[0]:.3g} µJ from one image to the next "
        f"({counted_in})",
        around_line(costing.hardware.around_tiles(shapes, peripherals)),
        f"ADCs {1e-6 * adc_pj:.3g} µJ with their columns' currents; conversions alone {1e-6 * own_pj:.3g} µJ, "
        f"{own_pj / best_pj:.3g} times the limit of the published survey (B. Murmann)",
    ]
