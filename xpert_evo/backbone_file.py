"""One's own backbone as a small TOML description: its values, the reading of its file, and the writing of one."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import tomli_w
from pydantic import Field, StringConstraints, model_validator

from xpert_evo.errors import ConfigError
from xpert_evo.paths import read_text
from xpert_evo.validation import Frozen, parse

SUFFIX = ".toml"
"""How a setting that names a file, not a built-in backbone, ends."""

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]


class LayerEntry(Frozen):
    """One layer of a description; what is left out has the usual value.

    Attributes:
        name: A letter, then letters, digits and underscores; unique within the backbone.
        kind: `convolution`, or `linear` for the classifier, which is the last layer and the only one of its kind.
        reference_depth: Channel depth of the network as published; the homogeneous baseline has it.
        kernel_size: Side of the square kernel, odd.
        stride: Of the convolution.
        pool: A 2 x 2 maximum pooling follows.
        source: The layer whose output is read, or `input`; by default the layer before.
        adds: An earlier layer whose output is added to this one's.
        depth_group: Layers of one group share a channel depth; those that are added together must.
    """

    name: _Name
    kind: Literal["convolution", "linear"] = "convolution"
    reference_depth: Annotated[int, Field(ge=1, le=65_536)] | None = None
    kernel_size: Annotated[int, Field(ge=1, le=31)] = 3
    stride: Annotated[int, Field(ge=1, le=16)] = 1
    pool: bool = False
    source: str | None = None
    adds: str | None = None
    depth_group: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "LayerEntry":
        if self.kind == "linear":
            fields = type(self).model_fields.items()
            free = {"name", "kind", "source"}
            extra = [name for name, field in fields if name not in free and getattr(self, name) != field.default]
            if extra:
                raise ValueError(f"layer {self.name} is linear and takes name, kind and source; take {extra[0]} out.")
        elif self.reference_depth is None:
            raise ValueError(f"layer {self.name} needs a reference_depth, the channel depth of your network.")
        elif self.kernel_size % 2 == 0:
            raise ValueError(f"layer {self.name} needs an odd kernel_size such as 3, got {self.kernel_size}.")
        return self


class BackboneDescription(Frozen):
    """One's own backbone.

    Attributes:
        name: Of the backbone; designs carry it with a digest of the layers behind it.
        layers: In execution order; the last one is the linear classifier.
    """

    name: _Name
    layers: Annotated[tuple[LayerEntry, ...], Field(min_length=2, max_length=1000)]

    def to_toml(self) -> str:
        """The text of a description file; `read_description` reads it back to an equal description."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_defaults=True))


def parse_description(data: object, *, where: str) -> BackboneDescription:
    """A description from nested tables; raises ConfigError, a sentence that starts with `where`."""
    return parse(BackboneDescription, data, where=where, error=ConfigError)


def read_description(path: Path) -> BackboneDescription:
    """The description in a TOML file; raises ConfigError."""
    try:
        data = tomllib.loads(read_text(path))
    except OSError as failure:
        raise ConfigError(
            f"space.backbone: {path} cannot be read ({failure.strerror}); give the TOML file of a backbone, or a name "
            "such as vgg16."
        ) from None
    except (ValueError, RecursionError) as failure:
        raise ConfigError(f"space.backbone: {path} is not a TOML file in UTF-8 ({failure}).") from None
    return parse_description(data, where=str(path))
