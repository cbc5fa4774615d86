"""Designs of the search against homogeneous ones, trained alike at native size: accuracy against EDAP.

    python studies/cifar10/equal_training.py runs/native-short --settings studies/cifar10/settings/joint.toml \
        --out studies/cifar10/results/equal_training

The folder is native.py's; all results must be of one protocol and start. Accuracies are of validation images, by the
form that trained, so that the test set takes no part. A design is homogeneous if all convolutions have the same
peripherals.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from alike import ratio_at_equal_accuracy, read_natives
from drawing import Point, draw

from xpert_evo.config import load_config
from xpert_evo.files import write_text
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.candidates import hardware_figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """One design after its training.

    Attributes:
        id: Of the design.
        homogeneous: The same peripherals in all convolutions.
        validation: Accuracy, mean over its seeds, a fraction.
        seeds: Trainings.
        edap: Of the design [mm2 us uJ].
        ratio: How many times lower that is than the baseline's.
    """

    id: str
    homogeneous: bool
    validation: float
    seeds: int
    edap: float
    ratio: float


def read(folder: Path, settings: Path) -> tuple[list[Trained], str]:
    """The designs by rising EDAP, and their protocol."""
    natives = read_natives([folder])
    designs = {native.design.digest: native.design for native in natives}
    found: dict[str, list[float]] = {}
    for native in natives:
        found.setdefault(native.design.digest, []).append(native.validation_accuracy)
    task = build_task(load_config(settings), n_classes=10, image_channels=3)
    baseline = hardware_figures(task, task.baseline)[0]["edap"]
    costs = hardware_figures(task, task.space.encode(list(designs.values())))
    trained = [
        Trained(
            id=name,
            homogeneous=design.has_same_peripherals,
            validation=sum(found[name]) / len(found[name]),
            seeds=len(found[name]),
            edap=cost["edap"],
            ratio=baseline / cost["edap"],
        )
        for (name, design), cost in zip(designs.items(), costs, strict=True)
    ]
    return sorted(trained, key=lambda one: one.edap), natives[0].protocol


def main() -> None:
    """Prints a table, draws both kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    options = parser.parse_args()
    trained, protocol = read(options.folder, options.settings)
    opponents = [(one.edap, one.validation) for one in trained if one.homogeneous]
    for one in trained:
        kind_name = "homogeneous" if one.homogeneous else "of the search"
        equal = None if one.homogeneous else ratio_at_equal_accuracy(one.edap, one.validation, opponents)
        against = f", {equal:.2f} x lower than homogeneous ones at equal accuracy" if equal else ""
        accuracy = f"validation {100 * one.validation:.2f} %{against}"
        print(f"{one.id[:8]} {kind_name:13s} {one.ratio:7.1f} x lower EDAP, {accuracy}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    points = [Point(id=one.id, homogeneous=one.homogeneous, edap=one.edap, accuracy=one.validation) for one in trained]
    draw(points, options.out, title=f"Native size, all by '{protocol}'", split="validation")
    plain = {"protocol": protocol, "designs": [asdict(one) for one in trained]}
    write_text(options.out.with_suffix(".json"), json.dumps(plain, indent=1) + "\n")


if __name__ == "__main__":
    main()
