"""`xpert-evo prune` through the command line: a design of smaller depths that `train` starts from pruned weights."""

import json
import re
from pathlib import Path

import pytest

from tests.command_line import call, ended
from tests.refinable import PROTOCOL, settings, weights
from xpert_evo.design import load_designs
from xpert_evo.errors import UsageError

FEW = ("--images", "60", "--judged", "100", "--loss", "30", "--set", "space.channel_depth=[4, 6, 8, 10, 12]")
RECIPE = """\
stages = [{ protocol = "fine-tune", changes = { image_size = 16, n_train = 256, epochs = 1, n_validation = 100 } }]
"""


def test_a_pruned_design_is_written_and_trained_from_the_same_weights(tmp_path: Path) -> None:
    settings(tmp_path)  # writes the backbone's file
    source, out = weights(tmp_path), tmp_path / "narrow.json"
    outcome = ended("prune", source, out, *FEW)
    assert outcome.returncode == 0, outcome.stderr
    told = " ".join(outcome.stdout.split())
    assert re.search(r"unpruned: EDAP \S+ x below the baseline's, \d+\.\d\d % without training", told)
    assert "accuracy of 100 validation images, with quantised inputs and weights, perfect ADCs" in told
    assert f"--start-from {source} --teacher {source}" in told
    (design,) = load_designs(out)
    before, after = [8, 12, 8, None], [layer.channel_depth for layer in design.layers]
    assert after != before
    assert all(old is None or (new or 0) <= old for old, new in zip(before, after, strict=True))
    (tmp_path / "tune.toml").write_text(RECIPE)
    words = ["train", out, "--set", f"space.backbone={tmp_path / 'small.toml'}", "--recipe", tmp_path / "tune.toml"]
    words += ["--start-from", source, "--no-judge", "--out", tmp_path / "narrow"]
    planned = ended(*words, "--dry-run")
    n_before, n_after = (sum(depth or 10 for depth in depths) for depths in (before, after))
    told = " ".join(planned.stdout.split())
    assert f"trained with {PROTOCOL.name}, {n_after} of {n_before} channels" in told
    assert ended(*words).returncode == 0
    result = json.loads((tmp_path / "narrow" / "result.json").read_text())
    assert result["started_from"]["protocol"] == PROTOCOL.name
    assert result["validation_accuracy"] > 0.2, "chance is 0.1"


def test_nothing_is_overwritten_and_nothing_written_where_nothing_is_pruned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(tmp_path)
    source, out = weights(tmp_path), tmp_path / "narrow.json"
    call(
        "prune",
        source,
        out,
        "--images",
        "60",
        "--judged",
        "100",
        "--loss",
        "0",
        "--set",
        "space.channel_depth=[1,8,12]",
    )
    if not out.exists():
        assert "nothing is written" in capsys.readouterr().out
    out.write_text("{}")
    with pytest.raises(UsageError, match="already exists"):
        call("prune", source, out)
    assert out.read_text() == "{}"


def test_a_loss_out_of_range_is_refused(tmp_path: Path) -> None:
    settings(tmp_path)
    with pytest.raises(UsageError, match=r"from 0 to below 1 .* got 1\.2"):
        call("prune", weights(tmp_path), tmp_path / "narrow.json", "--loss", "120")
