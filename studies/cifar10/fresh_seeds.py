"""How much of a front is luck: its designs labelled again with fresh seeds, and homogeneous designs beside them.

    python studies/cifar10/fresh_seeds.py runs/joint --designs homogeneous-*.json --data-dir DATA --seeds 2 \
        --ratios 100 2500 --out studies/cifar10/results/fresh_seeds

A label is one short training, so it has noise, and a front picks the designs whose noise was kind (the winner's curse).
Fresh labels are made as the run makes its own: protocol, crossbar, exact emulation on all validation images. They are
kept in the .json as they come; a second call goes on, and keeps those of designs that it does not ask for, too (the
picture and what is printed leave them out). A file of labels of another protocol, data set or crossbar is refused.
`--ratios` takes the designs whose EDAP is so many times lower than the baseline's. `--expected N` takes the front of
what the surrogate of all labels expects of the trained designs in place of the front of labels, which is the lucky one,
and of it N designs evenly spaced in the logarithm of EDAP.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from alike import Conditions, check_alike, label_conditions, ratio_at_equal_accuracy, read_fresh
from drawing import label_part_of_a_decade
from matplotlib.figure import Figure

import xpert_evo as xe
from xpert_evo.accuracy.surrogate.fit import FittedSurrogate
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.design import Design, load_designs
from xpert_evo.files import write_text
from xpert_evo.orchestration.trainings import TrainingJob, train_job
from xpert_evo.report.candidates import Candidate, hardware_figures, select_front
from xpert_evo.report.pictures.common import BLUE, EDAP_LABEL, GREY, ORANGE
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import fit_again


@dataclass(slots=True, kw_only=True)
class Relabelled:
    """A design with its labels.

    Attributes:
        id: Of the design.
        homogeneous: Given on the command line, not of the front.
        edap: [mm2 us uJ].
        label: Of the run; None where it has none.
        expected: What the surrogate of all the run's labels expects.
        fresh: Of fresh seeds, in their order.
    """

    id: str
    homogeneous: bool
    edap: float
    label: float | None
    expected: float = float("nan")
    fresh: list[float] = field(default_factory=list)


def expected_by(surrogate: FittedSurrogate, result: RunResult, designs: list[Design]) -> list[float]:
    """Mean accuracies of designs, fractions."""
    return [float(mean) for mean in surrogate.predict(result.task.space.encode(designs))[0]]


def front_of(
    result: RunResult, surrogate: FittedSurrogate | None, ratios: tuple[float, float], n_expected: int | None
) -> list[Candidate]:
    """The front's designs between two ratios, by rising EDAP: by labels, or some of the one by expected values."""
    baseline = hardware_figures(result.task, result.task.baseline)[0]["edap"]
    candidates = result.measured
    if n_expected is not None:
        assert surrogate is not None
        means = expected_by(surrogate, result, [c.design for c in candidates])
        candidates = [replace(c, validation=mean) for c, mean in zip(candidates, means, strict=True)]
    front = [
        c for c in select_front(result.task, candidates) if ratios[0] <= baseline / c.hardware["edap"] <= ratios[1]
    ]
    if n_expected is None or len(front) <= n_expected:
        return front
    places = np.log([c.hardware["edap"] for c in front])
    wanted = np.linspace(places[0], places[-1], n_expected)
    return [front[i] for i in sorted({int(np.abs(places - place).argmin()) for place in wanted})]


def chosen(result: RunResult, files: list[Path], front: list[Candidate]) -> Iterator[tuple[Design, Relabelled]]:
    """The front's designs and those of the files, with what is known of them."""
    labels = {candidate.digest: candidate.validation for candidate in result.measured}
    for candidate in front:
        entry = Relabelled(
            id=candidate.digest,
            homogeneous=False,
            edap=candidate.hardware["edap"],
            label=labels[candidate.digest],
        )
        yield candidate.design, entry
    for design in (design for file in files for design in load_designs(file)):
        edap = hardware_figures(result.task, result.task.space.encode([design]))[0]["edap"]
        yield design, Relabelled(id=design.digest, homogeneous=True, edap=edap, label=labels.get(design.digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFile:
    """Where labels are kept.

    Attributes:
        path: Of the file.
        conditions: What its labels depend on besides design and seed.
        others: Designs that it holds and this call does not ask for, as they were found.
    """

    path: Path
    conditions: Conditions
    others: list[dict[str, Any]]

    @classmethod
    def open(cls, path: Path, conditions: Conditions, whose: str, entries: list[Relabelled]) -> "LabelFile":
        """Gives the entries the labels that the file has of them.

        Raises:
            SystemExit: The file's labels depend on something else than those of the run, called `whose`.
        """
        told, found = read_fresh(path) if path.exists() else (conditions, [])
        if told is None:
            print(f"{path} does not say how its labels were made; they are taken for those of {whose}.")
        check_alike(
            [(str(path), told or conditions), (whose, conditions)], what="fresh labels", advice="choose another --out"
        )
        labels = {plain["id"]: plain["fresh"] for plain in found}
        for entry in entries:
            entry.fresh = labels.setdefault(entry.id, [])
        asked = {entry.id for entry in entries}
        return cls(path=path, conditions=conditions, others=[plain for plain in found if plain["id"] not in asked])

    def write(self, entries: list[Relabelled]) -> None:
        """All labels: those of the entries, then the others."""
        designs = [*(asdict(entry) for entry in entries), *self.others]
        write_text(self.path, json.dumps({"labels": self.conditions, "designs": designs}, indent=1) + "\n")


def main() -> None:
    """Labels, tells, draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--designs", type=Path, nargs="*", default=[], help="files of homogeneous designs")
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--ratios", type=float, nargs=2, default=(0.0, float("inf")))
    parser.add_argument("--expected", type=int, metavar="N", help="that many of the expected front")
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .png, .svg and .json are written")
    options = parser.parse_args()
    result = xe.load_run(options.run).result
    config = result.task.config
    dataset = config.dataset.model_copy(update={"data_dir": options.data_dir or config.dataset.data_dir})
    surrogate = fit_again(result)
    front = front_of(result, surrogate, tuple(options.ratios), options.expected)
    pairs = list(chosen(result, options.designs, front))
    entries = [entry for _, entry in pairs]
    file = LabelFile.open(options.out.with_suffix(".json"), label_conditions(result), str(options.run), entries)
    if surrogate is not None:
        for entry, mean in zip(entries, expected_by(surrogate, result, [d for d, _ in pairs]), strict=True):
            entry.expected = mean
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for design, entry in pairs:
            if len(entry.fresh) <= seed:
                job = TrainingJob(
                    design=design,
                    dataset=dataset,
                    dataset_digest=result.dataset["digest"],
                    protocol=load_protocol(config.training.protocol),
                    crossbar=result.task.hardware.crossbar,
                    seed=seed,
                )
                entry.fresh.append(train_job(job).validation_accuracy)
                file.write(entries)
                print(f"{entry.id[:8]} seed {seed}: {100 * entry.fresh[-1]:.2f} % (label {entry.label})", flush=True)
    file.write(entries)
    tell(entries)
    draw(entries, config.training.protocol, options.out)


def tell(entries: list[Relabelled]) -> None:
    """The bias of the front's labels and the spread of fresh ones."""
    front = [e for e in entries if not e.homogeneous and e.label is not None]
    excess = np.array([(e.label or 0.0) - np.mean(e.fresh) for e in front])
    spread = np.sqrt(np.mean([np.var(e.fresh, ddof=1) for e in entries if len(e.fresh) > 1]))
    print(
        f"{len(front)} designs of the front: label less mean of fresh labels {100 * excess.mean():+.2f} points on "
        f"average ({100 * excess.min():+.2f} ... {100 * excess.max():+.2f}); fresh labels of one design scatter by "
        f"{100 * spread:.2f} points"
    )
    opponents = [(e.edap, float(np.mean(e.fresh))) for e in entries if e.homogeneous]
    ratios = []
    for e in entries:
        equal = None if e.homogeneous else ratio_at_equal_accuracy(e.edap, float(np.mean(e.fresh)), opponents)
        words = ""
        if equal is not None:
            ratios.append(equal)
            words = f", {equal:.2f} x lower EDAP than homogeneous ones at equal accuracy"
        print(
            f"{e.id[:8]}{' homogeneous' if e.homogeneous else ''}: EDAP {e.edap:.3g}, fresh labels "
            f"{100 * np.mean(e.fresh):.2f} +- {100 * spread / len(e.fresh) ** 0.5:.2f} %{words}"
        )
    if ratios:
        print(f"{np.exp(np.mean(np.log(ratios))):.2f} x lower in the geometric mean of {len(ratios)} designs")
    for homogeneous, name in ((False, "of the front"), (True, "homogeneous")):
        gaps = [e.expected - np.mean(e.fresh) for e in entries if e.homogeneous is homogeneous]
        if gaps:
            print(f"{name}: the surrogate of all labels less fresh labels {100 * np.mean(gaps):+.2f} points on average")


def draw(entries: list[Relabelled], protocol: str, out: Path) -> None:
    """Labels and fresh means against EDAP."""
    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    front = sorted((e for e in entries if not e.homogeneous), key=lambda e: e.edap)
    axes.plot(
        [e.edap for e in front],
        [100 * (e.label or 0) for e in front],
        "o--",
        mfc="none",
        color=GREY,
        label="their labels",
    )
    for kind, colour, marker, name in (
        (False, BLUE, "o", "front, fresh seeds"),
        (True, ORANGE, "s", "homogeneous, fresh seeds"),
    ):
        group = sorted((e for e in entries if e.homogeneous is kind), key=lambda e: e.edap)
        means = np.array([100 * np.mean(e.fresh) for e in group])
        ends = np.array([[100 * min(e.fresh), 100 * max(e.fresh)] for e in group]).reshape(-1, 2).T
        axes.errorbar(
            [e.edap for e in group], means, yerr=np.abs(ends - means), fmt=marker, color=colour, label=name, lw=1
        )
    axes.set(xscale="log", xlabel=EDAP_LABEL, ylabel=f"accuracy by '{protocol}' [%], validation images")
    axes.set_title("A front's labels, and the same designs again", loc="left")
    label_part_of_a_decade(axes)
    axes.legend(loc="lower right")
    for ending in (".png", ".svg"):
        figure.savefig(out.with_suffix(ending), dpi=150)


if __name__ == "__main__":
    main()
