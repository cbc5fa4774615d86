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
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xpert_evo.config import load_config
from xpert_evo.files import write_text
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.candidates import hardware_figures
from xpert_evo.report.pictures.common import BLUE, EDAP_LABEL, ORANGE


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
        found.setdefault(native.design.digest, []).append(native.result["validation"])
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


def label_part_of_a_decade(axes: Axes) -> None:
    """Labels a logarithmic axis of EDAP that spans about a decade at 1, 2 and 5."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0e}".replace("e+0", "e")))
    axes.xaxis.set_minor_formatter(NullFormatter())


def main() -> None:
    """Prints a table, draws both kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    options = parser.parse_args()
    trained, protocol = read(options.folder, options.settings)
    figure = Figure(figsize=(5.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for homogeneous, name, colour, marker in ((False, "of the search", BLUE, "o"), (True, "homogeneous", ORANGE, "s")):
        kind = [one for one in trained if one.homogeneous is homogeneous]
        x, y = [one.edap for one in kind], [100 * one.validation for one in kind]
        axes.scatter(x, y, color=colour, marker=marker, label=name)
    opponents = [(one.edap, one.validation) for one in trained if one.homogeneous]
    for one in trained:
        axes.annotate(
            one.id[:4], (one.edap, 100 * one.validation), xytext=(4, 3), textcoords="offset points", fontsize=7
        )
        kind_name = "homogeneous" if one.homogeneous else "of the search"
        equal = None if one.homogeneous else ratio_at_equal_accuracy(one.edap, one.validation, opponents)
        against = f", {equal:.2f} x lower than homogeneous ones at equal accuracy" if equal else ""
        accuracy = f"validation {100 * one.validation:.2f} %{against}"
        print(f"{one.id[:8]} {kind_name:13s} {one.ratio:7.1f} x lower EDAP, {accuracy}")
    axes.set(xscale="log", xlabel=EDAP_LABEL, ylabel="validation accuracy [%]")
    axes.set_title(f"Native size, all by '{protocol}'", loc="left")
    label_part_of_a_decade(axes)
    axes.margins(0.12)
    axes.legend(loc="lower right")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for ending in (".png", ".svg"):
        figure.savefig(options.out.with_suffix(ending), dpi=150)
    plain = {"protocol": protocol, "designs": [asdict(one) for one in trained]}
    write_text(options.out.with_suffix(".json"), json.dumps(plain, indent=1) + "\n")


if __name__ == "__main__":
    main()
