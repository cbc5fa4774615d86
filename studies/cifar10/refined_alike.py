"""A design of the search against homogeneous ones, trained and refined alike: EDAP at equal accuracy.

    python studies/cifar10/refined_alike.py --own runs/refined-d27adb7d --rivals runs/refined-8f342b1d \
        runs/refined-77ba65fc --out studies/cifar10/results/second/rivals

Folders are those of `xpert-evo refine`, or copies of their `front.json`. Homogeneous networks are refined as freely as
the others, so what comes out is no longer homogeneous; what remains homogeneous are the channel depths. Accuracies are
of the validation images that the front was judged on, by the exact emulation. A ratio is read at the accuracy of each
design, between the designs of the other kind by straight lines in the logarithm of EDAP.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.report.pictures.common import BLUE, EDAP_LABEL, ORANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """A design of a front that `refine` wrote.

    Attributes:
        id: First eight digits of its digest.
        is_rival: Whether the network that was refined was homogeneous.
        validation: Accuracy on validation images, a fraction.
        edap: Of the design [mm2 us uJ].
        edap_ratio: How many times lower that is than the baseline's.
        of_others: EDAP that the other kind needs for its accuracy, divided by its own; None where no two of the other
            kind stand on both sides of its accuracy.
    """

    id: str
    is_rival: bool
    validation: float
    edap: float
    edap_ratio: float
    of_others: float | None = None


def read_front(path: Path, *, is_rival: bool) -> list[Refined]:
    """The judged designs of a folder of `refine`, or of a copy of its `front.json`.

    Raises:
        UsageError: If no design of the front was judged on validation images.
    """
    file = path / "front.json" if path.is_dir() else path
    found = [
        Refined(
            id=one["id"][:8],
            is_rival=is_rival,
            validation=one["validation"],
            edap=one["edap"],
            edap_ratio=one["edap_ratio"],
        )
        for one in json.loads(file.read_text(encoding="utf-8"))
        if one["validation"] is not None
    ]
    if not found:
        raise UsageError(f"{file}: no design of this front was judged on validation images; let `refine` end first.")
    return found


def ratio_at_equal_accuracy(edap: float, accuracy: float, others: Sequence[tuple[float, float]]) -> float | None:
    """How many times the EDAP of a design others need for its accuracy, by interpolation.

    Args:
        edap: Of the design.
        accuracy: Of the design.
        others: EDAP and accuracy of the others; those that another one dominates are left out, and between the rest the
            logarithm of EDAP is linear in accuracy.

    Returns:
        None where the accuracy lies outside of theirs.
    """
    front: list[tuple[float, float]] = []
    for pair in sorted(others):
        if not front or pair[1] > front[-1][1]:
            front.append(pair)
    if not front or not front[0][1] <= accuracy <= front[-1][1]:
        return None
    costs, accuracies = np.log(np.array(front)[:, 0]), np.array(front)[:, 1]
    return float(np.exp(np.interp(accuracy, accuracies, costs)) / edap)


def compared(own: Sequence[Refined], rivals: Sequence[Refined]) -> list[Refined]:
    """All designs by rising EDAP, with their ratio to the other kind at equal accuracy."""
    told = []
    for kind, others in ((own, rivals), (rivals, own)):
        pairs = [(one.edap, one.validation) for one in others]
        told += [replace(one, of_others=ratio_at_equal_accuracy(one.edap, one.validation, pairs)) for one in kind]
    return sorted(told, key=lambda one: one.edap)


def draw(designs: Sequence[Refined], path: Path) -> None:
    """Accuracy against EDAP, rivals in a colour of their own; writes `path` with the endings .png and .svg."""
    figure = Figure(figsize=(5.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for is_rival, name, colour, marker in ((False, "of the search", BLUE, "o"), (True, "homogeneous", ORANGE, "s")):
        kind = [one for one in designs if one.is_rival is is_rival]
        x, y = [one.edap for one in kind], [100 * one.validation for one in kind]
        axes.plot(x, y, color=colour, marker=marker, linestyle="none", label=name)
    for one in designs:
        place = one.edap, 100 * one.validation
        axes.annotate(one.id[:4], place, xytext=(4, 3), textcoords="offset points", fontsize=7)
    axes.set(xscale="log", xlabel=EDAP_LABEL, ylabel="validation accuracy [%]")
    axes.set_title("Trained and refined alike", loc="left")
    _label_part_of_a_decade(axes)
    axes.margins(0.12)
    axes.legend(loc="lower right")
    for ending in (".png", ".svg"):
        figure.savefig(path.with_suffix(ending), dpi=150)


def _label_part_of_a_decade(axes: Axes) -> None:
    """Labels a logarithmic axis of EDAP that spans about a decade at 1, 2 and 5."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0e}".replace("e+0", "e")))
    axes.xaxis.set_minor_formatter(NullFormatter())


def main() -> None:
    """Prints a table, draws both kinds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--own", type=Path, nargs="+", required=True)
    parser.add_argument("--rivals", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    options = parser.parse_args()
    own, rivals = (
        [one for path in paths for one in read_front(path, is_rival=is_rival)]
        for paths, is_rival in ((options.own, False), (options.rivals, True))
    )
    told = compared(own, rivals)
    for one in told:
        kind = "homogeneous" if one.is_rival else "of the search"
        against = ""
        if one.of_others is not None:
            below, above = f"{one.of_others:.2f} x below rivals", f"{1 / one.of_others:.2f} x above the search's"
            against = f", EDAP {above if one.is_rival else below} at equal accuracy"
        print(f"{one.id} {kind:13s} {one.edap_ratio:7.1f} x, validation {100 * one.validation:.2f} %{against}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    draw(told, options.out)
    write_text(options.out.with_suffix(".json"), json.dumps([asdict(one) for one in told], indent=1) + "\n")


if __name__ == "__main__":
    main()
