"""The study's table: designs trained at native size, judged by the exact emulation, against two baselines.

    python studies/cifar10/table.py runs/native --settings studies/cifar10/settings/joint.toml \
        --out studies/cifar10/results/native

Folders are native.py's, or hold `ID-SEED/judged.json` by `xpert-evo judge --json`. All must have been trained and
judged alike; others are refused. Ratios are (a) to homogeneous VGG16 with 6-bit SAR ADCs, 8 columns an ADC and 8-bit
inputs, and (b) to homogeneous designs (all convolutions with the same peripherals) at equal test accuracy, by straight
lines between them in the logarithm of EDAP (`equal_training.py` does the same). Seeds of one design are averaged; their
spread is the standard deviation.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from alike import Native, noise_words, ratio_at_equal_accuracy, read_natives
from drawing import Point, draw

from xpert_evo.config import load_config
from xpert_evo.design import Design
from xpert_evo.files import write_text
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.candidates import hardware_figures

_CLAIM = 0.9246
_CLAIM_WORDS = "XPert's 92.46 %"
"""Moitra et al., arXiv 2303.17646, for CIFAR-10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A design that was trained at native size, and judged.

    Attributes:
        design: What was trained.
        protocol: How.
        tests: Test accuracy of each seed, exact emulation, ideal devices.
        noisy: The same with device noise, mean over the draws; empty where it was not judged.
        worst: Of the worst draw of each seed.
        hardware: `hardware_figures` of the design.
    """

    design: Design
    protocol: str
    tests: list[float]
    noisy: list[float]
    worst: list[float]
    hardware: dict[str, float]

    @property
    def accuracy(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.tests))

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds; None for one."""
        return float(np.std(self.tests, ddof=1)) if len(self.tests) > 1 else None


def judged_designs(natives: list[Native], settings: Path) -> list[Judged]:
    """The designs of results, by falling EDAP."""
    seeds: dict[str, list[Native]] = {}
    for native in natives:
        seeds.setdefault(native.design.digest, []).append(native)
    designs = [found[0].design for found in seeds.values()]
    task = build_task(load_config(settings), n_classes=10, image_channels=3)
    figures = hardware_figures(task, task.space.encode(designs))
    judged = [_judged(found, hardware=hardware) for found, hardware in zip(seeds.values(), figures, strict=True)]
    return sorted(judged, key=lambda one: -one.hardware["edap"])


def _judged(seeds: list[Native], *, hardware: dict[str, float]) -> Judged:
    """One design from its seeds."""
    noisy = [found for seed in seeds if (found := seed.result.test_with_device_noise)]
    return Judged(
        design=seeds[0].design,
        protocol=seeds[0].protocol,
        tests=[test.mean for seed in seeds if (test := seed.result.test)],
        noisy=[found.mean for found in noisy],
        worst=[found.worst for found in noisy],
        hardware=hardware,
    )


def baseline_figures(settings: Path) -> dict[str, float]:
    """Hardware figures of the paper's kind of baseline."""
    task = build_task(load_config(settings), n_classes=10, image_channels=3)
    return hardware_figures(task, task.baseline)[0]


def row(native: Judged, baseline: dict[str, float], homogeneous: list[Judged]) -> dict[str, Any]:
    """One line of the table."""
    own = native.hardware
    opponents = [(h.hardware["edap"], h.accuracy) for h in homogeneous]
    return {
        "id": native.design.digest,
        "homogeneous": native.design.has_same_peripherals,
        "protocol": native.protocol,
        "seeds": len(native.tests),
        "test": native.accuracy,
        "spread": native.spread,
        "test_with_device_noise": float(np.mean(native.noisy)) if native.noisy else None,
        "worst_draw": min(native.worst, default=None),
        **own,
        "edap_ratio_to_baseline": baseline["edap"] / own["edap"],
        "tops_per_w_ratio": own["tops_per_w"] / baseline["tops_per_w"],
        "tops_per_mm2_ratio": own["tops_per_mm2"] / baseline["tops_per_mm2"],
        "edap_ratio_to_homogeneous": ratio_at_equal_accuracy(own["edap"], native.accuracy, opponents),
    }


def main() -> None:
    """Prints the table, writes it as JSON and draws it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument(
        "--out", type=Path, required=True, help="without an ending: .json, .md, .png and .svg are written"
    )
    options = parser.parse_args()
    natives = read_natives(options.folders, judged=True)
    judged = judged_designs(natives, options.settings)
    homogeneous = [one for one in judged if one.design.has_same_peripherals]
    baseline = baseline_figures(options.settings)
    rows = [row(one, baseline, homogeneous) for one in sorted(judged, key=lambda one: one.design.has_same_peripherals)]
    noise = noise_words(natives[0].judged)
    rows = [{**one, "device_noise": noise} for one in rows]
    text = markdown(rows, noise)
    print(text)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out.with_suffix(".json"), json.dumps(rows, indent=1) + "\n")
    write_text(options.out.with_suffix(".md"), text + "\n")
    points = [
        Point(id=r["id"], homogeneous=r["homogeneous"], edap=r["edap"], accuracy=r["test"], spread=r["spread"])
        for r in rows
    ]
    title = f"Native size, {natives[0].protocol}"
    draw(points, options.out, title=title, split="test", reference=(_CLAIM_WORDS, _CLAIM))


def markdown(rows: list[dict[str, Any]], noise: str) -> str:
    """The table as people read it; `noise` tells the noisy devices and their batch norm."""
    lines = [
        f"| design | protocol | test accuracy (seeds) | with device noise: {noise} (worst draw) | EDAP | lower than "
        "baseline | lower than homogeneous at equal accuracy | TOPS/W | TOPS/mm2 | area |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    opponents = [r["test"] for r in rows if r["homogeneous"]]
    for r in rows:
        spread = "" if r["spread"] is None else f" ± {100 * r['spread']:.2f}"
        noise = "not judged"
        if r["test_with_device_noise"] is not None:
            noise = f"{100 * r['test_with_device_noise']:.2f} % ({100 * r['worst_draw']:.2f} %)"
        equal = r["edap_ratio_to_homogeneous"]
        outside = "all less accurate" if r["test"] > max(opponents, default=1.0) else "all more accurate"
        outside = outside if opponents else "none judged"
        cells = (
            r["id"][:8] + (" (homogeneous)" if r["homogeneous"] else ""),
            r["protocol"],
            f"{100 * r['test']:.2f}{spread} % ({r['seeds']})",
            noise,
            f"{r['edap']:.3g}",
            f"{r['edap_ratio_to_baseline']:.1f} x",
            f"{equal:.2f} x" if equal is not None else outside,
            f"{r['tops_per_w_ratio']:.2f} x",
            f"{r['tops_per_mm2_ratio']:.2f} x",
            f"{r['area_mm2']:.1f} mm2",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
