"""A design: the channel depth of every layer of a backbone and the peripherals of its crossbars."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from hw_models import CROSSBAR_CHOICES, AdcType, CrossbarSpec, WeightCoding, with_choices
from xpert_evo.backbones import Backbone
from xpert_evo.errors import DesignError
from xpert_evo.genes import CHIP_WIDE, PERIPHERALS, GeneKind
from xpert_evo.paths import read_text
from xpert_evo.validation import Frozen, parse, parse_text

_CROSSBAR = "crossbar"
"""Entry of a design file with the choices for all crossbars of the chip."""


class LayerDesign(Frozen):
    """The genes of one layer.

    Attributes:
        name: Name of the layer in the backbone.
        channel_depth: Output channels; None for the classifier, which has one output per class.
        column_sharing: Columns that take turns at one ADC.
        adc_type: Type of the ADC.
        adc_precision: Bits of the ADC.
        input_precision: Bits of the layer's input, applied one by one.
        copies: Number of times that the layer's weights are stored, in tiles of their own that share the output
            positions; None for once, in which case a design file leaves it out.
        weight_precision: Bits of the layer's weights; None for those of the chip's crossbars, in which case a design
            file leaves it out. Likewise the following.
        coding: How the layer's weights are stored.
        cell_bits: Bits in one of the layer's cells.
        rows, columns: Size of the crossbars, the same in all layers. A design file has them once, under `crossbar`.
        rows_read: Rows read at once, at most all of them; the same in all layers, and likewise under `crossbar`.
    """

    name: str
    channel_depth: Annotated[int, Field(ge=1, le=65_536)] | None = None
    column_sharing: Annotated[int, Field(ge=1, le=1024)]
    adc_type: AdcType
    adc_precision: Annotated[int, Field(ge=1, le=16)]
    input_precision: Annotated[int, Field(ge=1, le=16)]
    copies: Annotated[int, Field(ge=1, le=1024)] | None = None
    weight_precision: Annotated[int, Field(ge=1, le=16)] | None = None
    coding: WeightCoding | None = None
    cell_bits: Annotated[int, Field(ge=1, le=8)] | None = None
    rows: Annotated[int, Field(ge=4, le=4096)] | None = None
    columns: Annotated[int, Field(ge=4, le=4096)] | None = None
    rows_read: Annotated[int, Field(ge=1, le=4096)] | None = None

    def crossbar(self, of_chip: CrossbarSpec) -> CrossbarSpec:
        """Returns the chip's crossbar with what this layer chooses of it."""
        chosen = {kind.record.cost_attribute: getattr(self, kind) for kind in PERIPHERALS if kind.record.is_of_crossbar}
        named = {name: value for name, value in chosen.items() if value is not None}
        return with_choices(of_chip, named) if named else of_chip


class Design(Frozen):
    """One network and its chip, layer by layer."""

    backbone: str
    layers: Annotated[tuple[LayerDesign, ...], Field(min_length=1)]

    def to_json(self) -> str:
        """Returns the text of a design file; `from_json` restores an equal design from it."""
        return json.dumps(self.to_plain(), indent=1)

    def to_plain(self) -> dict[str, object]:
        """Returns dictionaries, lists, strings and numbers only, as in a design file."""
        plain: dict[str, object] = self.model_dump(mode="json", exclude_none=True)
        chip = {kind.value: value for kind in CHIP_WIDE if (value := getattr(self.layers[0], kind)) is not None}
        if chip:
            layers = self.model_dump(mode="json", exclude_none=True, exclude={"layers": {"__all__": set(chip)}})[
                "layers"
            ]
            return {"backbone": self.backbone, _CROSSBAR: chip, "layers": layers}
        return plain

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that identify this design in stores and files."""
        text = json.dumps(self.to_plain(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def kinds(self) -> tuple[GeneKind, ...]:
        """Kinds of genes for which some layer has a value, in the order of `GeneKind`."""
        return tuple(kind for kind in GeneKind if any(getattr(layer, kind) is not None for layer in self.layers))

    @property
    def layer_kinds(self) -> tuple[GeneKind, ...]:
        """`kinds` without those that have one value for the whole chip."""
        return tuple(kind for kind in self.kinds if not kind.record.is_chip_wide)

    def chip_crossbar(self, of_chip: CrossbarSpec) -> CrossbarSpec:
        """Returns the chip's crossbar with what all layers choose of it alike, except weight bits.

        Raises:
            HardwareModelError: If the choices of a layer make no valid crossbar.
        """
        own = {layer.crossbar(of_chip) for layer in self.layers}
        shared = {
            name: values.pop()
            for name in CROSSBAR_CHOICES
            if name != "weight_bits" and len(values := {getattr(crossbar, name) for crossbar in own}) == 1
        }
        return replace(of_chip, **shared)

    @property
    def chip_words(self) -> str:
        """What the design chooses for the whole chip: `crossbar rows 128, rows read at once 32`; empty for nothing."""
        values = {kind: getattr(self.layers[0], kind) for kind in CHIP_WIDE}
        return ", ".join(f"{kind.record.label} {value}" for kind, value in values.items() if value is not None)

    @property
    def has_same_peripherals(self) -> bool:
        """Whether all convolutions have the same peripherals; the classifier may differ."""
        layers = [layer for layer in self.layers if layer.channel_depth is not None] or self.layers
        return len({tuple(getattr(layer, kind) for kind in PERIPHERALS) for layer in layers}) == 1

    def check(self, backbone: Backbone) -> None:
        """Raises DesignError unless the layers are those of `backbone`, in order, with channel depths where needed."""
        if self.backbone != backbone.name:
            raise DesignError(f"the design is for backbone '{self.backbone}', but '{backbone.name}' is in use.")
        got, wanted = [layer.name for layer in self.layers], [layer.name for layer in backbone.layers]
        if got != wanted:
            missing, unknown = ([n for n in these if n not in those] for these, those in ((wanted, got), (got, wanted)))
            parts = [f"{k}: {', '.join(n)}" for k, n in (("missing", missing), ("unknown", unknown)) if n]
            story = "; ".join(parts) or f"got {', '.join(got)}"
            raise DesignError(f"a {backbone.name} design needs the layers {', '.join(wanted)} in this order; {story}.")
        for kind in (kind for kind in self.kinds if kind.record.is_of_crossbar):
            lacking = [layer.name for layer in self.layers if getattr(layer, kind) is None]
            if lacking:
                raise DesignError(
                    f"layer {lacking[0]} needs a {kind}, because other layers have one; give it for all layers or none."
                )
            values = {getattr(layer, kind) for layer in self.layers}
            if kind.record.is_chip_wide and len(values) > 1:
                raise DesignError(
                    f"{kind} must be the same in all layers, because a chip's crossbars are alike; got "
                    f"{' and '.join(map(str, sorted(values)))}."
                )
        for layer, owner in zip(self.layers, backbone.depth_owners, strict=True):
            if (layer.channel_depth is None) != (owner is None):
                rule = (
                    "has one output per class or a depth fixed by the network, so omit its channel_depth"
                    if owner is None
                    else "needs a channel_depth"
                )
                raise DesignError(f"layer {layer.name} {rule}; got {layer.channel_depth}.")
            if owner is not None and layer.channel_depth != self.layers[owner].channel_depth:
                raise DesignError(
                    f"layers {self.layers[owner].name} and {layer.name} are added together, so their channel_depth "
                    f"must be equal; got {self.layers[owner].channel_depth} and {layer.channel_depth}."
                )


def parse_design(data: object, *, where: str = "design") -> Design:
    """Reads a design from dictionaries and lists; raises DesignError that starts with `where`."""
    return parse(Design, _with_crossbar_in_layers(data, where), where=where, error=DesignError)


def _with_crossbar_in_layers(data: object, where: str) -> object:
    """Gives every layer what a design file says once of the crossbars of the chip; raises DesignError."""
    if not isinstance(data, dict) or _CROSSBAR not in data:
        return data
    chip, layers = data[_CROSSBAR], data.get("layers")
    if not isinstance(chip, dict) or set(chip) - set(CHIP_WIDE):
        got = ", ".join(sorted(chip)) if isinstance(chip, dict) else chip
        raise DesignError(f"{where}: {_CROSSBAR} may have {', '.join(CHIP_WIDE)}, got {got}.")
    rest = {name: value for name, value in data.items() if name != _CROSSBAR}
    if not isinstance(layers, list):
        return rest
    return {**rest, "layers": [{**layer, **chip} if isinstance(layer, dict) else layer for layer in layers]}


@contextmanager
def blaming(where: str) -> Iterator[None]:
    """Prefixes a DesignError raised inside with `where`, such as a file's name."""
    try:
        yield
    except DesignError as failure:
        raise DesignError(f"{where}: {failure}") from None


def design_from_text(text: str) -> Design:
    """Reads a design from the JSON text in a store; raises DesignError."""
    if f'"{_CROSSBAR}"' in text:
        return parse_design(json.loads(text))
    return parse_text(Design, text, where="design", error=DesignError)


def load_designs(path: Path) -> list[Design]:
    """Reads the designs of a file: one design, a list of designs, or a `front.json`; raises DesignError."""
    try:
        data = json.loads(read_text(path))
    except OSError as failure:
        raise DesignError(f"{path}: cannot be read ({failure.strerror}); give an existing design file.") from None
    except (ValueError, RecursionError) as failure:
        raise DesignError(f"{path}: is not a JSON file in UTF-8 ({failure}).") from None
    entries = data if isinstance(data, list) else [data]
    if not entries:
        raise DesignError(f"{path}: contains no design.")
    plain = [entry["design"] if isinstance(entry, dict) and "design" in entry else entry for entry in entries]
    return [parse_design(entry, where=place_in(path, i, len(plain))) for i, entry in enumerate(plain)]


def place_in(path: Path, position: int, n_designs: int) -> str:
    """Returns the name of one of a file's designs for messages."""
    return f"{path}, design {position}" if n_designs > 1 else str(path)
