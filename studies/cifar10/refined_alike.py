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

from alike import ratio_at_equal_accuracy
from drawing import Point, draw

from xpert_evo.errors import UsageError
from xpert_evo.files import write_text


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


def compared(own: Sequence[Refined], rivals: Sequence[Refined]) -> list[Refined]:
    """All designs by rising EDAP, with their ratio to the other kind at equal accuracy."""
    told = []
    for kind, others in ((own, rivals), (rivals, own)):
        pairs = [(one.edap, one.validation) for one in others]
        told += [replace(one, of_others=ratio_at_equal_accuracy(one.edap, one.validation, pairs)) for one in kind]
    return sorted(told, key=lambda one: one.edap)


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
    points = [Point(id=one.id, homogeneous=one.is_rival, edap=one.edap, accuracy=one.validation) for one in told]
    draw(points, options.out, title="Trained and refined alike", split="validation")
    write_text(options.out.with_suffix(".json"), json.dumps([asdict(one) for one in told], indent=1) + "\n")


if __name__ == "__main__":
    main()
