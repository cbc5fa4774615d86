"""The result as files for other programs: `front.json`, `front.csv` and `settings.toml`."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from xpert_evo.config import settings_toml
from xpert_evo.files import write_text
from xpert_evo.report.candidates import HARDWARE_FIELDS, Candidate
from xpert_evo.report.result import RunResult

SETTINGS_NAME = "settings.toml"

_ACCURACY_FIELDS = (
    *("measured", "predicted", "std", "split", "protocol", "emulation", "validation", "n_images"),
    *("label", "label_protocol", "under_noise", "reused"),
)
_COLUMNS = {"std": "predicted_std", "n_images": "n_test_images"}
"""Names that need more than one word where they do not stand inside `accuracy`."""


def write_front(folder: Path, result: RunResult) -> None:
    """Writes `front.json` (schema in the README) and `front.csv` (a row a design, genes layer by layer).

    The fronts of tighter limits on area follow, as `front-30mm2.json`.
    """
    write_text(folder / "front.json", json.dumps([member.to_plain() for member in result.front], indent=1) + "\n")
    write_text(folder / "front.csv", front_csv(result.front))
    for limit, front in list(result.fronts.items())[:-1]:
        members = [member.to_plain() for member in front]
        write_text(folder / f"front-{limit:g}mm2.json", json.dumps(members, indent=1) + "\n")


def write_settings(folder: Path, result: RunResult) -> None:
    """Writes `settings.toml`, with which another run repeats this one."""
    config, named = result.config, result.config.dataset
    if named.data_dir is not None:  # older runs hold it as typed, and a file's paths are relative to the file
        config = config.model_copy(update={"dataset": named.model_copy(update={"data_dir": str(named.folder)})})
    head = f"# Settings of run {result.name}. `xpert-evo run --config THIS_FILE --out ANOTHER_FOLDER` repeats it.\n\n"
    write_text(folder / SETTINGS_NAME, head + settings_toml(config))


def front_csv(front: Sequence[Candidate]) -> str:
    """One row a design: id, accuracy, hardware, cost model, then the genes as `conv1.channel_depth` and so on."""
    rows = [front_row(member) for member in front]
    accuracies = [_COLUMNS.get(name, name) for name in _ACCURACY_FIELDS]
    names = list(rows[0]) if rows else ["id", *accuracies, *HARDWARE_FIELDS, "cost_model"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def front_row(member: Candidate) -> dict[str, object]:
    """A design as one flat row: id, accuracies, hardware, cost model, genes."""
    plain = member.to_plain()
    genes = {
        f"{layer['name']}.{gene}": value
        for layer in plain["design"]["layers"]
        for gene, value in layer.items()
        if gene != "name"
    }
    accuracy = {_COLUMNS.get(name, name): plain["accuracy"].get(name) for name in _ACCURACY_FIELDS}
    return {"id": member.digest, **accuracy, **member.hardware, "cost_model": member.cost_model, **genes}
