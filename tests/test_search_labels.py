"""The comparison at equal labels runs on anybody's landscape and prints its table."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LANDSCAPE = """
import numpy as np
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace


class Mine:
    space = SearchSpace(load_backbone("vgg8"))
    settings = {"hardware.area_limit_mm2": 20.0}

    def accuracy(self, genomes):
        return 0.3 + 0.6 * (genomes / (self.space.n_choices - 1)).mean(axis=1)


MINE = Mine()
"""


def test_another_landscape_is_compared(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LANDSCAPE)
    words = [
        "--landscape",
        str(tmp_path / "mine.py:MINE"),
        "--seeds",
        "1",
        "--labels",
        "60",
        "--only",
        "xpert",
        "random",
    ]
    command = [sys.executable, str(ROOT / "benchmarks/search_labels.py"), *words, "--reference", "1000"]
    settings = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, env=settings, check=True
    )
    rows = dict(re.findall(r"^(xpert-evo|random homogeneous) +1 +([\d.]+) ", ended.stdout, flags=re.MULTILINE))
    assert float(rows["xpert-evo"]) > float(rows["random homogeneous"]) > 0
    assert len((tmp_path / "out" / "labels.jsonl").read_text().splitlines()) == 2


def test_parts_of_the_loop_are_replaced(tmp_path: Path) -> None:
    words = ["--backbone", "vgg8", "--seeds", "1", "--reference", "1000", "--out", str(tmp_path / "out")]
    command = [sys.executable, str(ROOT / "benchmarks/search_loop.py"), *words]
    settings = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*command, "--only", "everything", "infill: probes", "no surrogate"],
        capture_output=True,
        text=True,
        env=settings,
        check=True,
    )
    rows = {name: float(value) for name, value in re.findall(r"^(\S.+?) {3,}([\d.]+) \(", ended.stdout, re.MULTILINE)}
    assert list(rows) == ["everything", "infill: probes alone", "no surrogate"]
    assert rows["everything"] > rows["infill: probes alone"]
