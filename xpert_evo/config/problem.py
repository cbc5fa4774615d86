"""What is to be designed: for which images, which network with which genes, on which chip within which limits."""

from pathlib import Path

from pydantic import Field, field_validator, model_validator

from hw_models import DEFAULT_MODEL, AdcType, Schedule
from xpert_evo.backbone_file import SUFFIX, BackboneDescription, parse_description, read_description
from xpert_evo.config.quantities import AtLeastOne, Count, Positive
from xpert_evo.image_sources import IMAGE_SIZE, Resize, form_of
from xpert_evo.paths import DATA_DIR, absolute_path, user_path
from xpert_evo.validation import Frozen


class DatasetConfig(Frozen):
    """Which images are learnt.

    Attributes:
        name: A data set's name; `xpert-evo data list` shows them. Or your own images: folder:PATH, npz:FILE,
            module:PACKAGE.MODULE:FUNCTION or module:FILE.py:FUNCTION, with paths relative to the settings file.
        data_dir: Folder that holds data sets which are not embedded, and your own images once they are decoded; one
            that is not absolute is looked for beside the settings file, or where the command is called. None for the
            folder `data` there.
        image_size: Side that your own images are resized to [pixels]. Only 32 works today: hardware costs are for
            images of 32 x 32 pixels, and every training protocol uses that size or a smaller one.
        resize: How your own images of another size or shape become square: crop scales the shorter side and cuts the
            longer one off at both ends, fit scales the longer side and adds black bars, stretch scales both sides.
    """

    name: str = "fashion-mnist"
    data_dir: str | None = None
    image_size: AtLeastOne = IMAGE_SIZE
    resize: Resize = Resize.CROP

    @model_validator(mode="after")
    def _sizes_are_possible(self) -> "DatasetConfig":
        if self.image_size != IMAGE_SIZE:
            raise ValueError(
                f"dataset.image_size must be {IMAGE_SIZE}, got {self.image_size}: hardware costs are for images of "
                f"{IMAGE_SIZE} x {IMAGE_SIZE} pixels, and every training protocol uses that size or a smaller one."
            )
        if self.resize is not Resize.CROP and form_of(self.name) is None:
            raise ValueError(
                f'dataset.resize = "{self.resize}" has no effect on {self.name}, whose images are square; leave it out.'
            )
        return self

    @property
    def folder(self) -> Path:
        """`data_dir` as an absolute path."""
        return absolute_path(self.data_dir or DATA_DIR)


class GeneChoices(Frozen):
    """Choices of each gene, in rising order; None keeps what applies to all layers (the paper's for all).

    Attributes:
        channel_depth: Output channels of a layer.
        column_sharing: Columns that take turns at one ADC.
        adc_type: Circuit of the ADCs.
        adc_precision: Bits of the ADCs.
        input_precision: Bits of a layer's input, streamed one by one.
        copies: How often a layer's weights are stored, in tiles that share its output positions, such as [1, 2, 4, 8];
            not searched unless choices are given.
    """

    channel_depth: tuple[AtLeastOne, ...] | None = None
    column_sharing: tuple[AtLeastOne, ...] | None = None
    adc_type: tuple[AdcType, ...] | None = None
    adc_precision: tuple[AtLeastOne, ...] | None = None
    input_precision: tuple[AtLeastOne, ...] | None = None
    copies: tuple[AtLeastOne, ...] | None = None


class SpaceConfig(GeneChoices):
    """What is searched.

    Attributes:
        backbone: The network's fixed part: vgg16, vgg8, resnet20, or the path of one's own description in TOML
            (relative to the settings file). What it says becomes part of the settings, so a run does not need it again.
        layers: Choices for single layers, by name; a single choice freezes the gene.
    """

    backbone: str | BackboneDescription = "vgg16"
    layers: dict[str, GeneChoices] = Field(default_factory=dict)

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
    """The crossbars and how they are grouped; see `hw_models.CrossbarSpec`.

    Attributes:
        rows: Rows of a crossbar.
        rows_read: Rows that are read at the same time, at most `rows`; None for all of them.
        columns: Columns of a crossbar that hold weights.
        cell_bits: Bits stored in one cell.
        weight_bits: Bits of a weight.
        pe_side: Crossbars along the side of a processing element.
        tile_side: Crossbars along the side of a tile, a multiple of `pe_side`.
        coding: How signed weights are stored.
        reference_columns: Further columns of every crossbar, which hold what is subtracted.
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


class HardwareConfig(Frozen):
    """The chip.

    Attributes:
        model: Cost model: published, xpertsim, neurosim, optimistic or pessimistic, or the path of your own TOML file.
        schedule: What works at the same time: sequential, overlapped or pipelined; None for the model's own choice.
        adc: Converters in place of the model's: isaac, survey-fit, or the path of your own table; None for the model's.
        device: Memory cell: the name of a file in `hw_models/devices`, or the path of your own TOML file.
        technology: Process of the periphery: the name of a file in `hw_models/technologies`, or the path of your own.
        crossbar: Size, coding and grouping of the crossbars.
        area_limit_mm2: Largest area of all tiles; what surrounds them on the chip comes on top. None for no limit.
        further_area_limits_mm2: Tighter limits, each of which gets a search and a front of its own; all share labels.
        latency_limit_us: Longest time for one image; None for no limit.
        energy_limit_uj: Most energy for one image; None for no limit.
    """

    model: str = DEFAULT_MODEL
    schedule: Schedule | None = None
    adc: str | None = None
    device: str = "rram-6k"
    technology: str = "cmos-32nm-lstp"
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
                f"got {', '.join(f'{limit:g}' for limit in limits)}; the loosest limit is area_limit_mm2."
            )
        return self

    @property
    def area_limits_mm2(self) -> tuple[float | None, ...]:
        """All limits on area, the tightest first, the loosest (None for no limit) last."""
        return (*sorted(self.further_area_limits_mm2), self.area_limit_mm2)
