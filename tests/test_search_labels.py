"""The comparison at equal labels runs on anybody's landscape and prints its table."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.space import SearchSpace

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


def test_kept_runs_count_for_their_own_problem_settings_and_budgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    benchmark = importlib.import_module("search_labels")
    first = tmp_path / "random.py"  # like a module that is loaded in any case
    first.write_text(LANDSCAPE)

    def shown(*words: str, labels: Sequence[str] = ("30",), out: str = "kept") -> tuple[bool, list[str]]:
        """Whether anything was run, and the medians in the table."""
        given = ["--seeds", "1", "--only", "random", "--reference", "200", "--out", str(tmp_path / out)]
        command = ["search_labels.py", "--landscape", f"{first}:MINE", *given, "--labels", *labels, *words]
        monkeypatch.setattr("sys.argv", command)
        benchmark.main()
        printed = capsys.readouterr().out
        row = printed[printed.rindex("random homogeneous") :]
        return bool(re.search(r"MINE random homogeneous 0", printed)), re.findall(r"([\d.]+) \(", row)

    tight = ("--set", "hardware.area_limit_mm2=6")
    ran, [before] = shown()
    assert ran
    assert shown() == (False, [before])
    ran, limited = shown(*tight)
    assert ran
    assert limited == shown(*tight, out="new")[1] != [before]
    ran, several = shown(labels=("20", "40"))
    assert ran
    assert len(several) == 2
    assert shown(labels=("30", "20")) == (False, [before, several[0]])
    first.write_text(LANDSCAPE.replace("0.6 *", "0.5 *"))
    assert shown()[0]
    first.write_text(LANDSCAPE.replace("0.3 + 0.6 *", "0.1 + 0.0 *"))
    with pytest.raises(SystemExit, match=r"better than accuracy 10\.00 %, edap"):
        shown()


def test_worst_cases_are_those_of_the_landscapes_own_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    labelling = importlib.import_module("search.labelling")
    space = SearchSpace(load_backbone("vgg8"), {GeneKind.COLUMN_SHARING: (8,)})
    problem = labelling.LabelProblem(SimpleNamespace(space=space), {"search.costs": "worst-case"})
    costs = [getattr(problem.task, which)(problem.task.baseline)["edap"][0] for which in ("costs", "own_costs")]
    assert costs[0] == pytest.approx(costs[1]), "the baseline costs what it always costs"


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
