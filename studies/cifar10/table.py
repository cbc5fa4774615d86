"""The study's table: designs trained at native size, judged by the exact emulation, against two baselines.

    python studies/cifar10/table.py runs/native --homogeneous runs/native-homogeneous \
        --settings studies/cifar10/settings/joint.toml --out studies/cifar10/results/native

Both folders are native.py's. Ratios are (a) to homogeneous VGG16 with 6-bit SAR ADCs, 8 columns an ADC and 8-bit
inputs, and (b) to the homogeneous design of lowest EDAP whose test accuracy, trained and judged alike, is at least the
design's own. Seeds of one design are averaged; their spread is the standard deviation.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xpert_evo.config import load_config
from xpert_evo.design import Design, parse_design
from xpert_evo.files import write_text
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.result import hardware_figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """A design that was trained at native size.

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
    def spread(self) -> float:
        """Standard deviation over the seeds; NaN for one."""
        return float(np.std(self.tests, ddof=1)) if len(self.tests) > 1 else float("nan")


def read(folder: Path, settings: Path) -> list[Native]:
    """All results in a folder of native.py, by falling EDAP."""
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(folder.glob("*/result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        results[path.parent.name.rpartition("-")[0]].append(result)
    designs = [parse_design(found[0]["design"], where=str(folder)) for found in results.values()]
    task = build_task(load_config(settings), n_classes=10, image_channels=3)
    figures = hardware_figures(task, task.space.encode(designs))
    natives = [
        Native(
            design=design,
            protocol=found[0]["protocol"]["name"],
            tests=[r["test"]["mean"] for r in found],
            noisy=[r["test_with_device_noise"]["mean"] for r in found if r["test_with_device_noise"]],
            worst=[r["test_with_device_noise"]["worst"] for r in found if r["test_with_device_noise"]],
            hardware=hardware,
        )
        for design, found, hardware in zip(designs, results.values(), figures, strict=True)
    ]
    return sorted(natives, key=lambda native: -native.hardware["edap"])


def baseline_figures(settings: Path) -> dict[str, float]:
    """Hardware figures of the paper's kind of baseline."""
    task = build_task(load_config(settings), n_classes=10, image_channels=3)
    return hardware_figures(task, task.baseline)[0]


def row(native: Native, baseline: dict[str, float], homogeneous: list[Native]) -> dict[str, Any]:
    """One line of the table."""
    own = native.hardware
    equals = [h.hardware["edap"] for h in homogeneous if h.accuracy >= native.accuracy]
    return {
        "id": native.design.digest,
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
        "edap_ratio_to_homogeneous": min(equals) / own["edap"] if equals else None,
    }


def main() -> None:
    """Prints the table and writes it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--homogeneous", type=Path, required=True)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="without an ending: .json and .md are written")
    options = parser.parse_args()
    homogeneous = read(options.homogeneous, options.settings)
    baseline = baseline_figures(options.settings)
    rows = [row(native, baseline, homogeneous) for native in read(options.folder, options.settings)]
    rows += [{**row(native, baseline, homogeneous), "homogeneous": True} for native in homogeneous]
    text = markdown(rows)
    print(text)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.out.with_suffix(".json"), json.dumps(rows, indent=1) + "\n")
    write_text(options.out.with_suffix(".md"), text + "\n")


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table as people read it."""
    lines = [
        "| design | protocol | test accuracy (seeds) | with device noise (worst draw) | EDAP | lower than baseline | "
        "lower than equal homogeneous | TOPS/W | TOPS/mm2 | area |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        spread = f" ± {100 * r['spread']:.2f}" if r["seeds"] > 1 else ""
        noise = "not judged"
        if r["test_with_device_noise"] is not None:
            noise = f"{100 * r['test_with_device_noise']:.2f} % ({100 * r['worst_draw']:.2f} %)"
        equal = r["edap_ratio_to_homogeneous"]
        cells = (
            r["id"][:8] + (" (homogeneous)" if r.get("homogeneous") else ""),
            r["protocol"],
            f"{100 * r['test']:.2f}{spread} % ({r['seeds']})",
            noise,
            f"{r['edap']:.3g}",
            f"{r['edap_ratio_to_baseline']:.1f} x",
            "none is as accurate" if equal is None else f"{equal:.2f} x",
            f"{r['tops_per_w_ratio']:.2f} x",
            f"{r['tops_per_mm2_ratio']:.2f} x",
            f"{r['area_mm2']:.1f} mm2",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
