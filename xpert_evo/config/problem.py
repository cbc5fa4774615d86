"""Settings of the design problem: images, network, genes, chip and limits."""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from hw_models import DEFAULT_MODEL, AdcReferences, AdcType, Schedule, WeightCoding
from xpert_evo.backbone_file import SUFFIX, BackboneDescription, parse_description, read_description
from xpert_evo.config.quantities import AtLeastOne, Count, Positive
from xpert_evo.image_sources import IMAGE_SIZE, ImageSize, Resize, form_of, size_text
from xpert_evo.paths import DATA_DIR, absolute_path, user_path
from xpert_evo.validation import Frozen


class DatasetConfig(Frozen):
    """Images for training and testing.

    Attributes:
        name: Name of the data set (`xpert-evo data list` shows all names), or your own images: folder:PATH, npz:FILE,
            module:PACKAGE.MODULE:FUNCTION or module:FILE.py:FUNCTION, with paths relative to the settings file.
        data_dir: Folder of the data sets that are not embedded, and of your own images once they are decoded; None for
            the folder `data`. A relative path is relative to the settings file, or to the working directory if it was
            given on the command line.
        image_size: Size that your own images are resized to [pixels]: one number for squares, else the height and the
            width, such as "48x64". By default images of one size keep it, up to 256 pixels a side; others become 32 x
            32.
        resize: How your own images of another size or shape are resized: crop covers the new size and cuts off what
            protrudes, fit adds black bars, stretch changes the proportions.
    """

    name: str = "fashion-mnist"
    data_dir: str | None = None
    image_size: AtLeastOne | tuple[AtLeastOne, AtLeastOne] | None = None
    resize: Resize = Resize.CROP

    @field_validator("image_size", mode="before")
    @classmethod
    def _read_size(cls, value: object) -> int | ImageSize | None:
        """Reads one number for squares, and two numbers or text such as 48x64 for other sizes."""
        if value is None:
            return None
        sides = value.lower().split("x") if isinstance(value, str) else value
        sides = list(sides) if isinstance(sides, list | tuple) else [sides]
        pixels = [int(text) if (text := str(side).strip()).isdecimal() else 0 for side in sides]
        if len(pixels) not in {1, 2} or 0 in pixels:
            raise ValueError(
                f"dataset.image_size must be a number of pixels, or height x width such as 48x64, got {value}."
            )
        return pixels[0] if pixels[0] == pixels[-1] else (pixels[0], pixels[1])

    @model_validator(mode="after")
    def _sizes_are_possible(self) -> "DatasetConfig":
        if form_of(self.name) is None and self.size not in {None, IMAGE_SIZE}:
            raise ValueError(
                f"dataset.image_size resizes your own images only; {self.name} has images of {size_text(IMAGE_SIZE)} "
                "pixels. Leave it out."
            )
        if self.resize is not Resize.CROP and form_of(self.name) is None:
            raise ValueError(f'dataset.resize = "{self.resize}" has no effect on {self.name}; leave it out.')
        return self

    @property
    def size(self) -> ImageSize | None:
        """`image_size` as height and width; None if the images decide."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size

    @property
    def folder(self) -> Path:
        """`data_dir` as an absolute path."""
        return absolute_path(self.data_dir or DATA_DIR)


class GeneChoices(Frozen):
    """Choices of each gene, in increasing order; None for the choices of all layers (those of the paper by default).

    Attributes:
        channel_depth: Number of output channels of a layer.
        column_sharing: Number of crossbar columns that share one ADC.
        adc_type: Type of the ADCs.
        adc_precision: Precision of the ADCs [bits].
        input_precision: Precision of a layer's inputs [bits]; the bits are applied one at a time.
        copies: Number of copies of a layer's weights, in tiles that divide the output positions among them, such as
            [1, 2, 4, 8]; not searched unless choices are given.
        weight_precision: Precision of a layer's weights [bits], from 2 to 8; not searched unless choices are given, and
            `hardware.crossbar.weight_bits` otherwise.
        coding: Weight codings: offset-analog, offset-digital, differential. One for all layers of a chip, unless
            `space.per_layer` names the gene. This and the following are not searched unless choices are given.
        cell_bits: Number of bits stored in one cell. One for all layers of a chip, unless `space.per_layer` names the
            gene.
    """

    channel_depth: tuple[AtLeastOne, ...] | None = None
    column_sharing: tuple[AtLeastOne, ...] | None = None
    adc_type: tuple[AdcType, ...] | None = None
    adc_precision: tuple[AtLeastOne, ...] | None = None
    input_precision: tuple[AtLeastOne, ...] | None = None
    copies: tuple[AtLeastOne, ...] | None = None
    weight_precision: tuple[AtLeastOne, ...] | None = None
    coding: tuple[WeightCoding, ...] | None = None
    cell_bits: tuple[AtLeastOne, ...] | None = None


class SpacePreset(StrEnum):
    """Named choices of all genes."""

    DEFAULT = "default"
    PAPER = "paper"
    WIDE = "wide"


class SpaceConfig(GeneChoices):
    """Search space.

    Attributes:
        preset: Choices of the genes that are not listed here: default or paper (the five genes of the paper, with its
            choices), or wide (also weight bits, weight coding, and the size of the crossbars).
        backbone: Fixed part of the network: vgg16, vgg8, resnet20, resnet18, mobilenet_v2, ds_cnn, mlp, vit, or the
            path of your own TOML description (relative to the settings file). Its content becomes part of the settings,
            so a run does not need the file again.
        layers: Choices for individual layers, by layer name; a single choice fixes the gene.
        rows: Number of rows per crossbar; one for the whole chip, and not searched unless choices are given. Likewise
            the following.
        columns: Number of weight columns per crossbar.
        rows_read: Largest number of rows read at the same time; crossbars with fewer rows read all of them.
        per_layer: Genes that each layer chooses for itself instead of the whole chip: coding, cell_bits.
    """

    preset: SpacePreset = SpacePreset.DEFAULT
    backbone: str | BackboneDescription = "vgg16"
    layers: dict[str, GeneChoices] = Field(default_factory=dict)
    rows: tuple[AtLeastOne, ...] | None = None
    columns: tuple[AtLeastOne, ...] | None = None
    rows_read: tuple[AtLeastOne, ...] | None = None
    per_layer: tuple[Literal["coding", "cell_bits"], ...] = ()

    @field_validator("backbone", mode="before")
    @classmethod
    def _read_own(cls, backbone: object) -> object:
        if isinstance(backbone, str) and backbone.endswith(SUFFIX):
            return read_description(user_path(backbone))
        if isinstance(backbone, dict):
            return parse_description(backbone, where="space.backbone")
        if not isinstance(backbone, str | BackboneDescription):
            got = "none" if backbone is None else backbone
            raise ValueError(f"space.backbone must be the name of a backbone or of a TOML file, got {got}.")
        return backbone


class CrossbarConfig(Frozen):
    """Crossbars and their grouping into tiles; see `hw_models.CrossbarSpec`.

    Attributes:
        rows: Number of rows per crossbar.
        rows_read: Number of rows read at the same time, at most `rows`; None for all.
        columns: Number of weight columns per crossbar.
        cell_bits: Number of bits stored in one cell.
        weight_bits: Precision of the weights [bits].
        pe_side: Number of crossbars along each side of a processing element.
        tile_side: Number of crossbars along each side of a tile; a multiple of `pe_side`.
        coding: Coding of signed weights in cells.
        reference_columns: Number of additional columns per crossbar that store a reference to subtract.
        adc_references: Calibration of the ADCs' references: percentile (the range between two percentiles of the sums)
            or snr (the range with the smallest error of the product, better with ADCs of 3 or 4 bits). It changes
            accuracy, not costs.
    """

    rows: AtLeastOne = 64
    rows_read: AtLeastOne | None = None
    columns: AtLeastOne = 64
    cell_bits: AtLeastOne = 4
    weight_bits: AtLeastOne = 8
    pe_side: AtLeastOne = 4
    tile_side: AtLeastOne = 8
    coding: str = "offset-analog"
    reference_columns: Count = 0
    adc_references: str = AdcReferences.PERCENTILE.value


class ConverterRule(StrEnum):
    """Converters of the chips that accuracy is measured on: ideal ones, or with offsets from the ADC library."""

    IDEAL = "ideal"
    LIBRARY = "library"


class HardwareConfig(Frozen):
    """Chip: cost model, devices, crossbars and limits.

    Attributes:
        model: Cost model: published, xpertsim, neurosim, optimistic, pessimistic, or the path of your own TOML file.
        schedule: Overlap of operations: sequential, overlapped or pipelined; None for the model's own schedule.
        adc: ADC table that replaces the model's ADCs: isaac, survey-fit, or the path of your own TOML file; None for
            the model's ADCs.
        device: Memory cell: the name of a file in `hw_models/devices`, or the path of your own TOML file.
        technology: Process of the peripheral circuits: the name of a file in `hw_models/technologies`, or the path of
            your own TOML file.
        converters: Converters of the chips that accuracy is measured on: ideal, or library for the offsets of the
            cost model's or `adc`'s converters by type and bits.
        crossbar: Size, coding and grouping of the crossbars.
        area_limit_mm2: Maximum total area of the tiles [mm²], without the circuits around them; None for no limit.
        further_area_limits_mm2: Tighter area limits [mm²]; each gets its own search and front, and all share the
            measured accuracies.
        latency_limit_us: Maximum latency per image [µs]; None for no limit.
        energy_limit_uj: Maximum energy per image [µJ]; None for no limit.
    """

    model: str = DEFAULT_MODEL
    schedule: Schedule | None = None
    adc: str | None = None
    device: str = "rram-100k"
    technology: str = "cmos-32nm-lstp"
    converters: ConverterRule = ConverterRule.IDEAL
    crossbar: CrossbarConfig = CrossbarConfig()
    area_limit_mm2: Positive | None = 50.0
    further_area_limits_mm2: tuple[Positive, ...] = ()
    latency_limit_us: Positive | None = None
    energy_limit_uj: Positive | None = None

    @model_validator(mode="after")
    def _further_limits_are_tighter(self) -> "HardwareConfig":
        limits = self.further_area_limits_mm2
        loosest = self.area_limit_mm2
        if len(set(limits)) < len(limits) or (loosest is not None and any(limit >= loosest for limit in limits)):
            raise ValueError(
                f"hardware.further_area_limits_mm2 must be different limits below hardware.area_limit_mm2 ({loosest}), "
                f"got {', '.join(f'{limit:g}' for limit in limits)}; make the loosest limit area_limit_mm2."
            )
        return self

    @property
    def area_limits_mm2(self) -> tuple[float | None, ...]:
        """All area limits from the tightest to the loosest; None, for no limit, can only be last."""
        return (*sorted(self.further_area_limits_mm2), self.area_limit_mm2)
