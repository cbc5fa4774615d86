"""`xpert-evo import`: turns networks of PyTorch and ONNX, and files of other tools, into backbones and designs."""

import re
import shlex
from pathlib import Path

from xpert_evo.accuracy.datasets.catalogue import DATASETS
from xpert_evo.backbone_file import SUFFIX
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.config import RunConfig
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.image_sources import IMAGE_SIZE
from xpert_evo.network_file import read_network
from xpert_evo.network_import import ImportedNetwork, import_network
from xpert_evo.words import counted
from xpert_evo.workbench.importing import ONNX_SUFFIX, backbone_from_source

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_NETWORK_FILE = ".csv"
_MOST_AXES = 3


def import_source(source: str, *, out: Path | None, name: str | None, input_shape: str | None = None) -> None:
    """Writes the backbone described by a source, and a design and weights if it contains them."""
    path = Path(source)
    is_network = source.lower().endswith(ONNX_SUFFIX) or ":" in source
    if path.suffix.lower() != _NETWORK_FILE and not is_network:
        raise UsageError(
            "import reads ONNX models (.onnx), PyTorch networks (MODULE:FACTORY or FILE.py:FACTORY) and network files "
            f"of XPertSim or DNN+NeuroSim (.csv), got '{source}'."
        )
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(
            f"--name must start with a letter, followed by at most 39 letters, digits and underscores, got '{name}'."
        )
    if out is not None and out.suffix != SUFFIX:
        raise UsageError(f"--out must be a backbone file ending in {SUFFIX}, got '{out}'.")
    if is_network:
        _import_network(source, out, name, _shape_of(input_shape))
        return
    chosen = name or _name_from(path)
    rows, shape = read_network(path), _shape_of(input_shape)
    side = IMAGE_SIZE[0] if shape is None else _side_of(shape, rows[0].in_channels)
    network = import_network(rows, chosen, where=str(path), image_side=side)
    target = out or Path(f"{chosen}{SUFFIX}")
    texts = {target: network.description.to_toml()}
    if network.design is not None:
        texts[target.with_suffix(".json")] = network.design.to_json() + "\n"
    _write(texts)
    PlainConsole().lines([*(f"wrote {file}" for file in texts), *_told(network), _next_step(network, target)])


def _shape_of(text: str | None) -> tuple[int, ...] | None:
    """The shape given as numbers between commas."""
    if text is None:
        return None
    parts = text.replace("x", ",").split(",")
    if not 1 <= len(parts) <= _MOST_AXES or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"--input must be one to three numbers such as 3,32,32 or 1,16000, got '{text}'.")
    return tuple(int(part) for part in parts)


def _side_of(shape: tuple[int, ...], image_channels: int) -> int:
    """The side of the square images of a network file [pixels]."""
    if len(shape) != _MOST_AXES or shape[0] != image_channels or shape[1] != shape[2]:
        raise UsageError(
            f"--input must be the channels, height and width of square images with {counted(image_channels, 'channel')}"
            f", as the first layer of the network file reads them, got {','.join(map(str, shape))}."
        )
    return shape[1]


def _import_network(source: str, out: Path | None, name: str | None, input_shape: tuple[int, ...] | None) -> None:
    """Imports a network from PyTorch or ONNX."""
    imported = backbone_from_source(source, input_shape=input_shape, name=name)
    target = out or Path(f"{imported.description.name}{SUFFIX}")
    files = imported.save(target)
    backbone, graph = imported.backbone, imported.network.graph
    digital = counted(sum(not node.on_crossbars for node in graph.nodes), "digital operation")
    passes = sum(graph.signed)
    setting = f"--set {shlex.quote(f'space.backbone={target}')}"
    PlainConsole().lines(
        [
            *(f"wrote {file}" for file in files),
            f"{counted(len(backbone.layers), 'layer')} on crossbars, {digital}, input of "
            f"{' x '.join(map(str, graph.input_shape))}, {counted(backbone.n_classes, 'output')}",
            *([f"{counted(passes, 'layer')} with inputs of both signs, in two passes"] if passes else []),
            *imported.notes,
            f"next: `xpert-evo run {setting} --dry-run`, or "
            f"`xpert-evo evaluate {shlex.quote(str(files[1]))} {setting}`; "
            f"train from its weights with --start-from {shlex.quote(str(files[2]))}",
        ]
    )


def _name_from(path: Path) -> str:
    """A backbone name derived from a file name."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", path.stem)[:40]
    return name if _NAME.fullmatch(name) else f"network_{name}"[:40]


def _write(texts: dict[Path, str]) -> None:
    """Writes files; never overwrites an existing one."""
    for file in texts:
        if file.exists():
            raise UsageError(f"{file} already exists and is not overwritten; choose another --out or --name.")
    for file, text in texts.items():
        try:
            write_text(file, text)
        except OSError as failure:
            raise UsageError(f"{file} cannot be written ({failure.strerror}); choose another --out.") from None


def _told(network: ImportedNetwork) -> list[str]:
    """Lines on the contents of the file and on what had to be guessed."""
    backbone = network.backbone
    planes, classes = counted(backbone.image_channels, "image plane"), f"{backbone.n_classes:,} classes"
    lines = [f"{counted(len(backbone.layers), 'layer')}, {planes}, {classes}"]
    if network.like is not None:
        lines.append(
            f"the layers match {network.like}, so its connections were used; the channel depths are the file's, and so "
            f"are those of the baseline that `evaluate` compares costs with, which may be smaller than {network.like}'s"
        )
    else:
        lines.append(
            "a network file does not contain connections, so each layer reads the previous layer whose output fits; "
            "if the network has identity shortcuts, add them to the backbone (adds = ...)"
        )
    if network.design is None:
        lines.append("the file contains no peripherals, so no design was written")
    return lines


def _next_step(network: ImportedNetwork, target: Path) -> str:
    """A line that suggests the next command."""
    backbone = network.backbone
    wanted = (backbone.n_classes, backbone.image_channels)
    fitting = [name for name, spec in DATASETS.items() if (spec.n_classes, spec.image_channels) == wanted]
    fitting = fitting if backbone.image_size == IMAGE_SIZE else []
    default = RunConfig().dataset.name
    dataset = "" if default in fitting or not fitting else f" --dataset {fitting[0]}"
    setting = f"--set {shlex.quote(f'space.backbone={target}')}"
    if network.design is None:
        line = f"next: `xpert-evo run {setting}{dataset} --dry-run`"
    else:
        line = f"next: `xpert-evo evaluate {shlex.quote(str(target.with_suffix('.json')))} {setting}{dataset}`"
    if not fitting:
        line += " (no built-in data set has such images and classes; costs are computed for those of --dataset)"
    return line
