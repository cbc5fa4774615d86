"""Results under all cost models, through the command line: run, report, show, evaluate, compare."""

import json
from pathlib import Path

import pytest

from hw_models import model_names
from tests.command_line import ended
from tests.small_runs import SMOKE_SEARCH

N_MODELS = len(model_names())


def call(*words: str | Path) -> str:
    outcome = ended(*words)
    assert outcome.returncode == 0, outcome.stderr
    return " ".join(outcome.stdout.split())


def smoke_run(folder: Path, **settings: str) -> str:
    """What a small search prints."""
    tables = {
        f"{table}.{name}": json.dumps(value)
        for table, entries in SMOKE_SEARCH.items()
        for name, value in entries.items()
    }
    assignments = {
        **tables,
        "executor.kind": "serial",
        "training.devices": "ideal",
        "training.judge_images": "200",
        **settings,
    }
    words = [word for name, value in assignments.items() for word in ("--set", f"{name}={value}")]
    return call("run", "--out", folder, *words)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """A run by its own model and one by the worst case, with what each printed."""
    place = tmp_path_factory.mktemp("runs")
    costs = {"own": "model", "worst": "worst-case"}
    return {name: (place / name, smoke_run(place / name, **{"search.costs": rule})) for name, rule in costs.items()}


@pytest.mark.parametrize("name", ["own", "worst"])
def test_a_run_ends_with_a_verdict_over_all_models(runs: dict[str, tuple[Path, str]], name: str) -> None:
    folder, printed = runs[name]
    assert f"Under all {N_MODELS} cost models: the EDAP of the knee is " in printed
    page = (folder / "report.html").read_text()
    assert "Does it hold under other cost models?" in page
    assert 'id="picture-models"' in page
    assert (folder / "models.png").exists()
    entries = json.loads((folder / "front.json").read_text())
    assert all(set(entry["edap_ratios"]) == set(model_names()) for entry in entries)
    told = "The search minimised EDAP in the worst case of the cost models published"
    assert (told in page) is (name == "worst")
    assert f'costs = "{"worst-case" if name == "worst" else "model"}"' in (folder / "settings.toml").read_text()


def test_show_and_evaluate_give_the_same_range(runs: dict[str, tuple[Path, str]]) -> None:
    folder, _ = runs["own"]
    entries = json.loads((folder / "front.json").read_text())
    place, entry = next(pair for pair in enumerate(entries) if set(pair[1]["edap_ratios"].values()) != {1.0})
    shown = call("show", folder, "--id", entry["id"])
    costed = json.loads(call("evaluate", folder / "front.json", "--json"))[place]
    assert costed["edap_ratios"] == pytest.approx(entry["edap_ratios"])
    assert costed["models_refused"] == {}
    line = shown[shown.index("homogeneous baseline: EDAP ") + 22 :].split(" cost models)")[0]
    assert f"{line} cost models)" in call("evaluate", folder / "front.json")


def test_compare_gives_every_ratio_as_a_range_and_warns_of_another_rule(runs: dict[str, tuple[Path, str]]) -> None:
    folders = [folder for folder, _ in runs.values()]
    found = json.loads(call("compare", *folders, "--json"))
    for run in found["runs"]:
        assert set(run["edap_ratios_at_accuracy"]) == set(run["edap_at_accuracy"])
        assert all(set(ratios) == set(model_names()) for ratios in run["edap_ratios_at_accuracy"].values())
    assert any("EDAP that the search minimised (search.costs): model, worst-case" in w for w in found["warnings"])
    assert "lower, by model" in call("compare", *folders)
