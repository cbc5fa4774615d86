"""The study's scripts on small results made up here, and its tables against today's hardware model."""

import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import load_config
from xpert_evo.design import Design, load_designs
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.report.candidates import hardware_figures

STUDY = Path(__file__).parents[2] / "studies" / "cifar10"
SETTINGS = STUDY / "settings" / "joint.toml"

Script = Callable[..., None]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Runs a script of the study with arguments, as `python studies/cifar10/NAME.py` does."""
    monkeypatch.syspath_prepend(str(STUDY))

    def run(name: str, *arguments: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(STUDY / f"{name}.py"), run_name="__main__")

    return run


@pytest.fixture(scope="module")
def task() -> Task:
    return build_task(load_config(SETTINGS), n_classes=10, image_channels=3)


@pytest.fixture(scope="module")
def candidates() -> list[Design]:
    return [load_designs(STUDY / "designs" / f"{name}.json")[0] for name in ("d27adb7d", "d5f5cc8e", "37aea648")]


def write_result(folder: Path, design: Design, seed: int, *, accuracy: float, protocol: str = "long-night") -> None:
    """A `result.json` as `xpert-evo train` writes it."""
    path = folder / f"{design.digest}-{seed}" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(plain_result(design, seed, accuracy=accuracy, protocol=protocol)))


def plain_result(design: Design, seed: int, *, accuracy: float, protocol: str) -> dict[str, Any]:
    """The content of a `result.json`."""
    test = {"mean": accuracy - 0.01, "worst": accuracy - 0.01, "spread": 0.0, "accuracies": [accuracy - 0.01]}
    test |= {"n_images": 10_000, "n_draws": 1, "norm_images": 0, "split": "test", "emulation": "exact"}
    return {
        "design": design.to_plain(),
        "dataset": {"name": "cifar10", "digest": "of the images"},
        "protocol": load_protocol(protocol).model_dump(mode="json"),
        "crossbar": {"rows": 64},
        "seed": seed,
        "started_from": None,
        "noise_aware": None,
        "seconds": 1.0,
        "validation": accuracy,  # as earlier versions wrote it
        "test": test | {"protocol": protocol},
        "test_with_device_noise": None,
        "device_noise": {},
    }


@pytest.fixture
def homogeneous(script: Script, tmp_path: Path) -> list[Design]:
    script("homogeneous", "--settings", SETTINGS, "--out", tmp_path / "opponents", "0.5:4:4", "0.5:5:5")
    return [load_designs(tmp_path / "opponents" / f"homogeneous-0.5-{p}.json")[0] for p in ("4-4", "5-5")]


def test_the_table_of_native_designs_averages_seeds_and_holds_them_against_both_baselines(
    script: Script, candidates: list[Design], homogeneous: list[Design], task: Task, tmp_path: Path
) -> None:
    searched = candidates[0]
    for seed, accuracy in enumerate((0.915, 0.925)):
        write_result(tmp_path / "native", searched, seed, accuracy=accuracy)
    for design, accuracy in zip(homogeneous, (0.91, 0.93), strict=True):
        write_result(tmp_path / "others", design, 0, accuracy=accuracy)
    write_result(tmp_path / "others", candidates[2], 0, accuracy=0.94)
    folders = (tmp_path / "native", tmp_path / "others")
    script("table", *folders, "--settings", SETTINGS, "--out", tmp_path / "table")
    best, row, *others = json.loads((tmp_path / "table.json").read_text())
    assert (best["id"], best["edap_ratio_to_homogeneous"]) == (candidates[2].digest, None)
    assert [(other["homogeneous"], other["spread"]) for other in others] == [(True, None)] * 2
    figures = hardware_figures(task, task.space.encode([searched, *homogeneous]))
    baseline = hardware_figures(task, task.baseline)[0]
    assert (row["id"], row["seeds"]) == (searched.digest, 2)
    assert row["test"] == pytest.approx(0.91)
    assert row["spread"] == pytest.approx(0.01 / 2**0.5)
    assert row["edap_ratio_to_baseline"] == pytest.approx(baseline["edap"] / figures[0]["edap"])
    halfway = (figures[1]["edap"] * figures[2]["edap"]) ** 0.5
    assert row["edap_ratio_to_homogeneous"] == pytest.approx(halfway / figures[0]["edap"])
    text = (tmp_path / "table.md").read_text()
    assert f"| {searched.digest[:8]} | long-night | 91.00 ± 0.71 % (2) |" in text
    assert text.count("| all less accurate |") == 1
    assert (tmp_path / "table.png").stat().st_size > 10_000


def test_the_table_takes_what_was_judged_later(
    script: Script, candidates: list[Design], homogeneous: list[Design], tmp_path: Path
) -> None:
    folders = (tmp_path / "native", tmp_path / "homogeneous")
    write_result(folders[0], candidates[0], 0, accuracy=0.925)
    write_result(folders[1], homogeneous[0], 0, accuracy=0.91)
    path = tmp_path / "native" / f"{candidates[0].digest}-0" / "result.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps(result | {"test": None}))

    def run_with(judged: dict[str, Any] | None) -> None:
        if judged is not None:
            path.with_name("judged.json").write_text(json.dumps(judged))
        script("table", *folders, "--settings", SETTINGS, "--out", tmp_path / "table")

    with pytest.raises(SystemExit, match=rf"it has none; judge it with `xpert-evo judge {path.parent} --dataset cifar"):
        run_with(None)
    names = ("design", "dataset", "protocol", "crossbar", "started_from", "noise_aware", "test", "device_noise")
    judged = {name: result[name] for name in names} | {"test_with_device_noise": None}
    judged |= {"training_seed": 0, "training_validation": 0.925}
    for wrong, words in (
        ({"validation": 0.9}, "must hold what .* writes of test images"),
        (judged | {"training_seed": 1, "crossbar": {"rows": 128}}, "but its crossbar and seed differ"),
    ):
        with pytest.raises(SystemExit, match=words):
            run_with(wrong)
    run_with(judged)
    first = (tmp_path / "table.json").read_text()
    assert json.loads(first)[0]["test"] == pytest.approx(0.915)
    path.unlink()  # as for packed weights, whose training's result is not at hand
    run_with(judged)
    assert (tmp_path / "table.json").read_text() == first
    with pytest.raises(SystemExit, match=r"but crossbar.rows is 128 in .* and 64 in"):
        run_with(judged | {"crossbar": {"rows": 128}})
    write_result(tmp_path / "again", candidates[0], 0, accuracy=0.9)
    with pytest.raises(SystemExit, match=r"with seed 0 is there more than once"):
        script("table", tmp_path / "again", *folders, "--settings", SETTINGS, "--out", tmp_path / "table")


def test_results_of_different_trainings_are_not_compared(
    script: Script, candidates: list[Design], homogeneous: list[Design], tmp_path: Path
) -> None:
    write_result(tmp_path / "native", candidates[0], 0, accuracy=0.9)
    write_result(tmp_path / "homogeneous", homogeneous[0], 0, accuracy=0.9, protocol="overnight")
    folders = (tmp_path / "native", tmp_path / "homogeneous")
    with pytest.raises(SystemExit, match=r"made alike to be compared, but protocol is long-night in .* and overnight"):
        script("table", *folders, "--settings", SETTINGS, "--out", tmp_path / "table")
    assert not (tmp_path / "table.json").exists()


def test_the_comparison_at_equal_training_tells_searched_from_homogeneous_designs(
    script: Script,
    candidates: list[Design],
    homogeneous: list[Design],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for design, accuracy in zip((*candidates, *homogeneous), (0.75, 0.76, 0.77, 0.74, 0.78), strict=True):
        write_result(tmp_path / "native", design, 0, accuracy=accuracy)
    script("equal_training", tmp_path / "native", "--settings", SETTINGS, "--out", tmp_path / "equal")
    told = json.loads((tmp_path / "equal.json").read_text())["designs"]
    assert {entry["id"] for entry in told if entry["homogeneous"]} == {design.digest for design in homogeneous}
    assert (tmp_path / "equal.png").stat().st_size > 10_000
    assert capsys.readouterr().out.count("x lower than homogeneous ones at equal accuracy") == len(candidates)


def write_front(folder: Path, design: Design, *points: tuple[float, float]) -> Path:
    """A `front.json` as `xpert-evo refine` writes it, of pairs of EDAP and accuracy."""
    folder.mkdir(parents=True)
    plain = {"id": design.digest, "design": design.to_plain(), "edap_ratio": 2.0}
    front = [plain | {"edap": edap, "validation": accuracy} for edap, accuracy in points]
    (folder / "front.json").write_text(json.dumps([*front, plain | {"edap": 1.0, "validation": None}]))
    return folder


def test_refined_rivals_are_compared_at_equal_accuracy(
    script: Script, candidates: list[Design], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_front(tmp_path / "own", candidates[0], (100.0, 0.92), (50.0, 0.90))
    rivals = [
        write_front(tmp_path / "first", candidates[1], (200.0, 0.91), (300.0, 0.905)),
        write_front(tmp_path / "second", candidates[2], (800.0, 0.93)),
    ]
    script("refined_alike", "--own", own, "--rivals", *rivals, "--out", tmp_path / "compared")
    told = json.loads((tmp_path / "compared.json").read_text())
    assert [one["edap"] for one in told] == [50.0, 100.0, 200.0, 300.0, 800.0]
    ratios = [one["of_others"] for one in told]
    assert ratios[0] is None
    assert ratios[1] == pytest.approx(4.0)  # the geometric mean of 200 and 800 over 100
    assert ratios[2] == pytest.approx(2**-1.5)  # that of 50 and 100 over 200
    assert ratios[4] is None
    out = capsys.readouterr().out
    assert "EDAP 4.00 x below rivals at equal accuracy" in out
    assert "EDAP 2.83 x above the search's at equal accuracy" in out
    assert (tmp_path / "compared.png").stat().st_size > 10_000


def test_the_ranking_is_that_of_fresh_labels_against_native_validation(
    script: Script, candidates: list[Design], tmp_path: Path
) -> None:
    paths = [tmp_path / f"fresh-{part}.json" for part in range(2)]
    entries = [
        {"id": design.digest, "fresh": [label]} for design, label in zip(candidates, (0.4, 0.5, 0.6), strict=True)
    ]
    paths[0].write_text(json.dumps(entries))
    paths[1].write_text(json.dumps([{"id": candidates[0].digest, "fresh": [0.4, 0.7]}]))
    for design, accuracy in zip(candidates, (0.92, 0.91, 0.93), strict=True):
        write_result(tmp_path / "native", design, 0, accuracy=accuracy)
    script("ranking", tmp_path / "native", "--fresh", *paths, "--out", tmp_path / "ranking")
    found = json.loads((tmp_path / "ranking.json").read_text())
    assert (found["tau"], found["rho"]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert {entry["id"]: entry["label"] for entry in found["designs"]}[candidates[0].digest] == pytest.approx(0.55)
    paths[1].write_text(json.dumps([{"id": candidates[0].digest, "fresh": [0.41, 0.7]}]))
    with pytest.raises(SystemExit, match="differ from those of the same seeds"):
        script("ranking", tmp_path / "native", "--fresh", *paths, "--out", tmp_path / "ranking")
    with pytest.raises(SystemExit, match="only 1 native designs have a label"):
        script("ranking", tmp_path / "native", "--fresh", paths[1], "--out", tmp_path / "ranking")


def test_every_native_training_goes_on_from_its_own_weights(
    script: Script, candidates: list[Design], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: dict[str, Path] = {}

    class Trained:
        """In place of a process of `xpert-evo train`: leaves what that leaves, and has ended."""

        def __init__(self, command: list[str], **_: object) -> None:
            folder = Path(command[command.index("--out") + 1])
            if "--start-from" in command:
                starts[folder.name] = Path(command[command.index("--start-from") + 1])
            (design,), seed = load_designs(folder / "design.json"), int(folder.name[-1])
            result = plain_result(design, seed, accuracy=0.9, protocol="one-night")
            (folder / "result.json").write_text(json.dumps(result))
            (folder / "weights.safetensors").touch()

        def __class_getitem__(cls, _: type) -> type:
            return cls

        def poll(self) -> int:
            return 0

    monkeypatch.setattr("subprocess.Popen", Trained)
    path = tmp_path / "design.json"
    path.write_text(candidates[0].to_json())
    first, second = tmp_path / "first", tmp_path / "second"
    for arguments in (("--out", first), ("--out", second, "--start-from", first)):
        with pytest.raises(SystemExit) as ended:
            script("native", path, "--noise-draws", "0", "--seeds", "2", *arguments)
        assert ended.value.code == 0
    names = [f"{candidates[0].digest}-{seed}" for seed in range(2)]
    assert starts == {name: first / name for name in names}
    with pytest.raises(SystemExit, match=rf"must hold {candidates[0].digest}-2/weights.safetensors"):
        script("native", path, "--out", tmp_path / "third", "--start-from", first, "--seeds", "3")
    assert not (tmp_path / "third").exists()
    starts.clear()
    with pytest.raises(SystemExit):
        script("native", path, "--out", tmp_path / "fourth", "--start-from", first / names[1], "--seeds", "2")
    assert starts == dict.fromkeys(names, first / names[1])


def task_of(design: Design) -> Task:
    """The study's task, with the genes that a design has beyond those of its search."""
    genes = {"weight_precision": [4, 5, 6, 8], "copies": [1, 2, 4, 8]}
    changes = {f"space.{name}": own for name, own in genes.items() if getattr(design.layers[0], name) is not None}
    return build_task(load_config(SETTINGS, changes), n_classes=10, image_channels=3)


def test_the_ratios_that_the_study_tells_of_its_designs_are_those_of_the_hardware_model() -> None:
    text = "".join((STUDY / name).read_text(encoding="utf-8") for name in ("README.md", "first-edition.md"))
    n_with_efficiencies = 0
    for design in (load_designs(path)[0] for path in sorted((STUDY / "designs").glob("*.json"))):
        task = task_of(design)
        baseline, own = (hardware_figures(task, rows)[0] for rows in (task.baseline, task.space.encode([design])))
        row = re.search(rf"^\| {design.digest[:8]} \| (\d+) x \| ([\d.]+) mm² \|", text, re.MULTILINE)
        assert row is not None, design.digest
        assert float(row[1]) == pytest.approx(baseline["edap"] / own["edap"], abs=0.5)
        assert float(row[2]) == pytest.approx(own["area_mm2"], abs=0.05)
        for more in re.finditer(rf"^{re.escape(row[0])} ([\d.]+) x \| ([\d.]+) x \|", text, re.MULTILINE):
            ratios = [own[name] / baseline[name] for name in ("tops_per_w", "tops_per_mm2")]
            assert [float(more[1]), float(more[2])] == pytest.approx(ratios, abs=0.05)
            n_with_efficiencies += 1
    assert n_with_efficiencies >= 7


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in STUDY.glob("*.py") if path.stem not in ("alike", "drawing"))
)
def test_every_script_tells_how_it_is_used(script: Script, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        script(name, "--help")
    assert ended.value.code == 0
    assert f"studies/cifar10/{name}.py" in capsys.readouterr().out
