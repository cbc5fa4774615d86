"""The result as files for other programs: `front.json`, `front.csv`, `settings.toml` and the custom backbone."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xpert_evo.config import settings_toml
from xpert_evo.files import write_text
from xpert_evo.report.candidates import HARDWARE_FIELDS, Candidate
from xpert_evo.report.native import native_json
from xpert_evo.report.result import RunResult
from xpert_evo.report.verdict import ratios_of

SETTINGS_NAME, BACKBONE_NAME = "settings.toml", "backbone.toml"

_ACCURACY_FIELDS = (
    *("measured", "predicted", "std", "split", "protocol", "emulation", "devices", "validation", "n_images"),
    *("label", "label_protocol", "under_noise", "reused"),
)
_COLUMNS = {"std": "predicted_std", "n_images": "n_test_images"}
"""Longer column names for entries that are ambiguous outside `accuracy`."""


def write_front(folder: Path, result: RunResult) -> None:
    """Writes `front.json` (schema in docs/file-formats.md) and `front.csv` (one row per design, genes layer by layer).

    Also writes the fronts of tighter area limits, as `front-30mm2.json`.
    """
    write_text(folder / "front.json", _json(result, result.front))
    write_text(folder / "front.csv", front_csv(result.front))
    for limit, front in list(result.fronts.items())[:-1]:
        write_text(folder / f"front-{limit:g}mm2.json", _json(result, front))


def write_native(folder: Path, result: RunResult) -> None:
    """Writes `native.json`, the designs trained at native size, if there are any."""
    if result.native is not None and result.native.designs:
        write_text(folder / "native.json", native_json(result.native))


def plain_designs(result: RunResult, designs: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Returns the entries of `front.json`: designs with their EDAP gain over the baseline by cost model."""
    if not designs:
        return []
    ratios = ratios_of(result, designs)
    return [{**one.to_plain(), "edap_ratios": own} for one, own in zip(designs, ratios, strict=True)]


def _json(result: RunResult, designs: Sequence[Candidate]) -> str:
    return json.dumps(plain_designs(result, designs), indent=1) + "\n"


def write_settings(folder: Path, result: RunResult) -> None:
    """Writes `settings.toml`, which repeats this run."""
    config, named = result.config, result.config.dataset
    if named.data_dir is not None:  # older runs store the path as typed; paths in a file are relative to it
        config = config.model_copy(update={"dataset": named.model_copy(update={"data_dir": str(named.folder)})})
    head = f"# Settings of run {result.name}. `xpert-evo run --config THIS_FILE --out ANOTHER_FOLDER` repeats it.\n\n"
    write_text(folder / SETTINGS_NAME, head + settings_toml(config))


def write_backbone(folder: Path, result: RunResult) -> None:
    """Writes `backbone.toml` if the run searched a custom backbone; a built-in one needs no file."""
    own = result.task.backbone.own
    if own is not None:
        write_text(folder / BACKBONE_NAME, own.to_toml())


def front_csv(front: Sequence[Candidate]) -> str:
    """Returns one row per design: id, accuracy, hardware, cost model, and genes such as `conv1.channel_depth`."""
    rows = [front_row(member) for member in front]
    accuracies = [_COLUMNS.get(name, name) for name in _ACCURACY_FIELDS]
    names = list(rows[0]) if rows else ["id", *accuracies, *HARDWARE_FIELDS, "cost_model"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def front_row(member: Candidate) -> dict[str, object]:
    """Returns a design as one flat row: id, accuracies, hardware, cost model, crossbars of the chip, genes."""
    plain = member.to_plain()
    genes = {
        f"{layer['name']}.{gene}": value
        for layer in plain["design"]["layers"]
        for gene, value in layer.items()
        if gene != "name"
    }
    chip = {f"crossbar.{gene}": value for gene, value in plain["design"].get("crossbar", {}).items()}
    accuracy = {_COLUMNS.get(name, name): plain["accuracy"].get(name) for name in _ACCURACY_FIELDS}
    return {"id": member.digest, **accuracy, **member.hardware, "cost_model": member.cost_model, **chip, **genes}
