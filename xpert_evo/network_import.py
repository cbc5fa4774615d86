"""Converts the layers of a network file to a custom backbone, and to a design if the file contains peripherals.

Such a file contains shapes but no connections. If the shapes are those of a built-in backbone, its connections are
used. Otherwise each layer reads an earlier one whose output has the shape of its input, and an output that no layer
reads is added to a later one of the same shape, like a projection in a residual network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xpert_evo.backbone_file import BackboneDescription, parse_description
from xpert_evo.backbones import INPUT, Backbone, BackboneLayer, LayerKind, load_backbone
from xpert_evo.bundled import BUNDLED_CHAINS
from xpert_evo.design import Design, LayerDesign
from xpert_evo.errors import ConfigError, DesignError
from xpert_evo.image_sources import IMAGE_SIZE
from xpert_evo.network_file import LayerRow
from xpert_evo.words import counted

_NOTHING = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedNetwork:
    """An imported network file.

    Attributes:
        description: The backbone, with the file's channel depths as reference depths.
        backbone: The same, checked, for the file's number of classes and image channels.
        design: Design with the file's peripherals; None if it contains none.
        like: Built-in backbone whose connections were used; None if they were guessed from shapes.
    """

    description: BackboneDescription
    backbone: Backbone
    design: Design | None
    like: str | None


def import_network(
    rows: Sequence[LayerRow], name: str, *, where: str, image_side: int = IMAGE_SIZE[0]
) -> ImportedNetwork:
    """Converts the layers of a network file to a backbone and, if possible, a design.

    Args:
        rows: Rows from `network_file.read_network`.
        name: Name of the backbone: a letter, then letters, digits and underscores.
        where: Source of the rows, for messages.
        image_side: Side of the square images that the first layer reads, without padding [pixels].

    Raises:
        DesignError: If no backbone can have such layers.
    """
    output_sides = _output_sides(rows, where, image_side)
    like, layers = _wiring(rows, output_sides, where, image_side)
    entries = [
        _entry(layer, rows[i].out_channels, layers[i - 1].name if i else INPUT) for i, layer in enumerate(layers)
    ]
    try:
        description = parse_description({"name": name, "layers": entries}, where=where)
        backbone = load_backbone(
            description,
            n_classes=rows[-1].out_channels,
            image_channels=rows[0].in_channels,
            image_size=(image_side, image_side),
        )
    except ConfigError as failure:
        raise DesignError(str(failure)) from None
    return ImportedNetwork(description=description, backbone=backbone, design=_design(backbone, rows), like=like)


def _output_sides(rows: Sequence[LayerRow], where: str, image_side: int) -> list[int]:
    """Returns the side of each layer's output map [pixels].

    Files that count positions correctly give padded inputs. The files shipped with the programs give inputs without
    padding, for which the programs then count too few positions; the image's side distinguishes the two.
    """
    unpadded = any(row.input_side == image_side for row in rows[:1] if row.kernel_size > 1)
    sides = []
    for n, row in enumerate(rows, 1):
        if unpadded:
            sides.append(-(-row.input_side // row.stride))
            continue
        side, rest = divmod(row.input_side - row.kernel_size + 1, row.stride)
        if rest or side < 1:
            raise DesignError(
                f"{where}, layer {n}: an input of {row.input_side} pixels does not give a whole number of positions; "
                f"it must be F x {row.stride} + {row.kernel_size - 1}, where F is the side of the output."
            )
        sides.append(side)
    return sides


def _wiring(
    rows: Sequence[LayerRow], output_sides: Sequence[int], where: str, image_side: int
) -> tuple[str | None, list[BackboneLayer]]:
    """Returns the built-in backbone to which these layers belong, or None, and the layers."""
    for name in BUNDLED_CHAINS:
        known = load_backbone(
            name,
            n_classes=rows[-1].out_channels,
            image_channels=rows[0].in_channels,
            image_size=(image_side, image_side),
        )
        if _is_like(known, rows, output_sides):
            return name, list(BUNDLED_CHAINS[name]())
    return None, _guessed(rows, output_sides, where, image_side)


def _is_like(known: Backbone, rows: Sequence[LayerRow], output_sides: Sequence[int]) -> bool:
    """Whether rows have the shapes of a backbone, with any channel depths."""
    sizes = [height for height, _ in known.output_sizes()]
    if len(rows) != len(sizes) or list(sizes) != list(output_sides):
        return False
    depths = [row.out_channels for row in rows]
    return all(
        (row.kernel_size, row.stride, row.pool) == (layer.kernel_size, layer.stride, layer.pool and size > 1)
        and row.in_channels == (known.image_channels if source is None else depths[source])
        and (owner is None or row.out_channels == depths[owner])
        for row, layer, size, source, owner in zip(
            rows, known.chain_layers, sizes, known.sources, known.depth_owners, strict=True
        )
    )


def _guessed(rows: Sequence[LayerRow], output_sides: Sequence[int], where: str, image_side: int) -> list[BackboneLayer]:
    """Returns layers that read and add outputs of the right shape; raises DesignError if there is none."""
    _check_classifier(rows[-1], where, len(rows))
    outputs = [_Output(channels=rows[0].in_channels, side=image_side, source=_NOTHING, kernel_size=0)]
    layers: list[BackboneLayer] = []
    unread: set[int] = set()
    for i, (row, side) in enumerate(zip(rows, output_sides, strict=True), 1):
        is_last = i == len(rows)
        fitting = [j for j, output in enumerate(outputs) if output.feeds(row, None if is_last else side)]
        if not fitting:
            raise DesignError(_no_source(row, i, outputs[-1], where))
        source = max(fitting, key=lambda j: (j in unread, outputs[j].kernel_size > 1, j))
        unread.discard(source)
        added = (
            [j for j in sorted(unread) if _is_added(outputs[j], row.out_channels, side, source)] if not is_last else []
        )
        layers.append(
            BackboneLayer(
                name="classifier" if is_last else f"conv{i}",
                kind=LayerKind.LINEAR if is_last else LayerKind.CONVOLUTION,
                reference_depth=None if is_last else row.out_channels,
                kernel_size=row.kernel_size,
                stride=row.stride,
                pool=row.pool,
                source=layers[source - 1].name if source else INPUT,
                adds=layers[added[0] - 1].name if added else None,
            )
        )
        unread = (unread - set(added[:1])) | {i}
        passed_on = side // 2 if row.pool and side > 1 else side
        outputs.append(_Output(channels=row.out_channels, side=passed_on, source=source, kernel_size=row.kernel_size))
    for idle in sorted(unread - {len(rows)}):
        _add_later(layers, outputs, output_sides, idle, where)
    return _tied(layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Output:
    """Output of a layer, or the image.

    Attributes:
        channels: Channels of the output.
        side: Side of its map, after pooling [pixels].
        source: Position of the layer's own source.
        kernel_size: Kernel side of the layer; a 1 x 1 kernel may be the projection of a residual block.
    """

    channels: int
    side: int
    source: int
    kernel_size: int

    def feeds(self, row: LayerRow, output_side: int | None) -> bool:
        """Whether a layer can read this and give maps of a side; None for the classifier, which averages any map."""
        fits = output_side is None or -(-self.side // row.stride) == output_side
        return self.channels == row.in_channels and fits


def _is_added(output: _Output, out_channels: int, side: int, source: int) -> bool:
    """Whether an output not read so far is added to a layer's: it ends another branch at the same shape."""
    return (output.channels, output.side) == (out_channels, side) and output.source != source


def _add_later(
    layers: list[BackboneLayer], outputs: Sequence[_Output], output_sides: Sequence[int], idle: int, where: str
) -> None:
    """Adds the unread output of the layer at position `idle`, from 1, to the next one of its shape."""
    shape = (outputs[idle].channels, outputs[idle].side)
    for late in range(idle + 1, len(layers)):
        if (outputs[late].channels, output_sides[late - 1]) == shape and layers[late - 1].adds is None:
            layers[late - 1] = replace(layers[late - 1], adds=layers[idle - 1].name)
            return
    raise DesignError(f"{where}, layer {idle}: no later layer can read its output; remove it.")


def _tied(layers: Sequence[BackboneLayer]) -> list[BackboneLayer]:
    """Returns the layers with a shared depth group for those that are added together."""
    group = {layer.name: layer.name for layer in layers}
    for layer in layers:
        if layer.adds is not None:
            old, new = group[layer.name], group[layer.adds]
            group = {name: new if own == old else own for name, own in group.items()}
    return [replace(layer, depth_group=group[layer.name]) for layer in layers]


def _check_classifier(row: LayerRow, where: str, n: int) -> None:
    if n == 1 or (row.input_side, row.kernel_size, row.stride, row.pool) != (1, 1, 1, False):
        raise DesignError(
            f"{where}, layer {n}: the last layer, after at least one convolution, must be the classifier: "
            "1,1,INPUTS,1,1,CLASSES,0,1 in columns 1 to 8."
        )


def _no_source(row: LayerRow, n: int, before: _Output, where: str) -> str:
    """Returns why the n-th layer has no source: images of another size, a flattened map, or groups of channels."""
    place = f"{where}, layer {n}"
    if n == 1:
        image, padded = before.side, before.side + row.kernel_size - 1
        own = row.input_side - row.kernel_size + 1
        return (
            f"{place}: its input is {row.input_side} x {row.input_side}, but images are {image} x {image} ({padded} x "
            f"{padded} with the padding of its kernel); give the size of the images with --input, such as --input "
            f"{row.in_channels},{own},{own}."
        )
    if row.input_side == 1 and row.in_channels == before.channels * before.side**2:
        return (
            f"{place}: it reads {before.channels} maps of {before.side} x {before.side} flattened, but the only "
            "linear layer of a backbone is its classifier, which averages each map."
        )
    read = f"{counted(row.in_channels, 'channel')} of {row.input_side} x {row.input_side}"
    return (
        f"{place}: it reads {read}, which neither the image nor an earlier layer provides; grouped (depthwise) "
        "convolutions and concatenations cannot be imported."
    )


def _entry(layer: BackboneLayer, depth: int, before: str) -> dict[str, object]:
    """Returns a layer as written in a description, without fields that follow from the order of layers."""
    source = None if layer.source == before else layer.source
    if layer.kind is LayerKind.LINEAR:
        return {"name": layer.name, "kind": layer.kind.value, "source": source}
    return {
        "name": layer.name,
        "reference_depth": depth,
        "kernel_size": layer.kernel_size,
        "stride": layer.stride,
        "pool": layer.pool,
        "source": source,
        "adds": layer.adds,
        "depth_group": None if layer.group == layer.name else layer.group,
    }


def _design(backbone: Backbone, rows: Sequence[LayerRow]) -> Design | None:
    layers = []
    for layer, row in zip(backbone.layers, rows, strict=True):
        own = row.peripherals
        if own is None:
            return None
        layers.append(
            LayerDesign(
                name=layer.name,
                channel_depth=None if layer.kind is LayerKind.LINEAR else row.out_channels,
                column_sharing=own.column_sharing,
                adc_type=own.adc_type,
                adc_precision=own.adc_precision,
                input_precision=own.input_precision,
            )
        )
    return Design(backbone=backbone.name, layers=tuple(layers))
