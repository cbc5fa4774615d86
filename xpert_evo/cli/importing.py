"""`xpert-evo import`: turns network files of other tools into backbones and designs."""

import re
import shlex
from pathlib import Path

from xpert_evo.accuracy.datasets.catalogue import DATASETS
from xpert_evo.backbone_file import SUFFIX
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.config import RunConfig
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.network_file import read_network
from xpert_evo.network_import import ImportedNetwork, import_network
from xpert_evo.words import counted

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_NETWORK_FILE = ".csv"


def import_source(source: str, *, out: Path | None, name: str | None) -> None:
    """Writes the backbone described by a network file, and the design if it describes one."""
    path = Path(source)
    if path.suffix.lower() != _NETWORK_FILE:
        raise UsageError(f"import reads network files of XPertSim or DNN+NeuroSim (.csv), got '{source}'.")
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(
            f"--name must start with a letter, followed by at most 39 letters, digits and underscores, got '{name}'."
        )
    if out is not None and out.suffix != SUFFIX:
        raise UsageError(f"--out must be a backbone file ending in {SUFFIX}, got '{out}'.")
    chosen = name or _name_from(path)
    network = import_network(read_network(path), chosen, where=str(path))
    target = out or Path(f"{chosen}{SUFFIX}")
    texts = {target: network.description.to_toml()}
    if network.design is not None:
        texts[target.with_suffix(".json")] = network.design.to_json() + "\n"
    _write(texts)
    PlainConsole().lines([*(f"wrote {file}" for file in texts), *_told(network), _next_step(network, target)])


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
    default = RunConfig().dataset.name
    dataset = "" if default in fitting or not fitting else f" --dataset {fitting[0]}"
    setting = f"--set {shlex.quote(f'space.backbone={target}')}"
    if network.design is None:
        line = f"next: `xpert-evo run {setting}{dataset} --dry-run`"
    else:
        line = f"next: `xpert-evo evaluate {shlex.quote(str(target.with_suffix('.json')))} {setting}{dataset}`"
    if not fitting:
        line += " (no supported data set has these image planes and classes; costs are computed for those of --dataset)"
    return line
