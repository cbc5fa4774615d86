"""Custom backbones described in small TOML files: their values, reading and writing."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field, StringConstraints, model_validator

from xpert_evo.errors import ConfigError
from xpert_evo.networks.nodes import NodeEntry
from xpert_evo.paths import read_text
from xpert_evo.validation import Frozen, parse

SUFFIX = ".toml"
"""Ending of a setting that gives a file instead of a built-in backbone."""

_LEAST_LAYERS = 2
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]


class LayerEntry(Frozen):
    """One layer of a description; omitted fields have their usual values.

    Attributes:
        name: A letter, followed by letters, digits and underscores; unique within the backbone.
        kind: `convolution`, or `linear` for the classifier, which is the last layer and the only linear one.
        reference_depth: Channel depth of the network as published; used by the homogeneous baseline.
        kernel_size: Side of the square kernel, odd.
        stride: Stride of the convolution.
        pool: Whether a 2 x 2 maximum pooling follows.
        source: Layer whose output is read, or `input`; by default the previous layer.
        adds: An earlier layer whose output is added to this one's.
        depth_group: Layers of one group share a channel depth; layers that are added must be in the same group.
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
                raise ValueError(
                    f"layer {self.name} is linear and takes only name, kind and source; remove {extra[0]}."
                )
        elif self.reference_depth is None:
            raise ValueError(f"layer {self.name} needs a reference_depth, the channel depth of your network.")
        elif self.kernel_size % 2 == 0:
            raise ValueError(f"layer {self.name} needs an odd kernel_size such as 3, got {self.kernel_size}.")
        return self


class BackboneDescription(Frozen):
    """A custom backbone: a chain of layers, or the nodes of a graph, as an import writes them.

    Attributes:
        name: Name of the backbone; in designs it is followed by a digest of the layers or nodes.
        layers: Layers of a chain in execution order; the last one is the linear classifier.
        input: Shape of the input of a graph: channels, height and width; channels and length; or values.
        nodes: Nodes of a graph in execution order; the last one gives the output.
    """

    name: _Name
    layers: Annotated[tuple[LayerEntry, ...], Field(max_length=1000)] = ()
    input: Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 20)], ...], Field(max_length=3)] = ()
    nodes: Annotated[tuple[NodeEntry, ...], Field(max_length=20_000)] = ()

    @model_validator(mode="after")
    def _is_chain_or_graph(self) -> "BackboneDescription":
        if self.nodes and self.layers:
            raise ValueError("a backbone has either layers, of a chain, or nodes, of a graph; remove one of both.")
        if self.nodes and not self.input:
            raise ValueError("a backbone with nodes needs the shape of its input, such as input = [3, 32, 32].")
        if self.input and not self.nodes:
            raise ValueError("input is the shape of a backbone with nodes; remove it, or add nodes.")
        if not self.nodes and len(self.layers) < _LEAST_LAYERS:
            raise ValueError(f"'layers' must have at least {_LEAST_LAYERS} entries, got {len(self.layers)}.")
        return self

    @property
    def n_layers(self) -> int:
        """Number of crossbar layers."""
        return len(self.layers) or sum(node.on_crossbars for node in self.nodes)

    def to_plain(self) -> dict[str, Any]:
        """Returns dictionaries, lists, strings and numbers; nodes without fields that have their usual values."""
        return self.model_dump(mode="json", exclude_defaults=bool(self.nodes))

    def to_toml(self) -> str:
        """Returns the text of a description file; `read_description` restores an equal description from it."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_defaults=True))


def parse_description(data: object, *, where: str) -> BackboneDescription:
    """Reads a description from nested tables; raises ConfigError with a sentence that starts with `where`."""
    return parse(BackboneDescription, data, where=where, error=ConfigError)


def read_description(path: Path) -> BackboneDescription:
    """Reads the description in a TOML file; raises ConfigError."""
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
