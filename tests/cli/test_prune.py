"""`xpert-evo prune` through the command line: a design of smaller depths that `train` starts from pruned weights."""

import json
import re
from pathlib import Path

import pytest

from tests.command_line import call, ended
from tests.refinable import PROTOCOL, settings, weights
from xpert_evo import prune
from xpert_evo.design import load_designs
from xpert_evo.errors import InfeasibleError, TrainingError, UsageError

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
    assert re.search(r"unpruned: EDAP \S+ x (lower|higher) than the baseline's, \d+\.\d\d % without training", told)
    assert re.search(r"accuracy: of 100 validation images \(standard error \d\.\d points\), with quantised", told)
    assert "baseline: small-" in told
    assert f"train {out} --protocol fine-tune --start-from {source} --teacher {source} --set 'space.channel" in told
    (design,) = load_designs(out)
    before, after = [8, 12, 8, None], [layer.channel_depth for layer in design.layers]
    assert after != before
    assert all(old is None or (new or 0) <= old for old, new in zip(before, after, strict=True))
    (tmp_path / "tune.toml").write_text(RECIPE)
    words = ["train", out, "--recipe", tmp_path / "tune.toml"]  # the backbone is that of the weights
    words += ["--start-from", source, "--no-judge", "--out", tmp_path / "narrow"]
    planned = ended(*words, "--dry-run")
    n_before, n_after = (sum(depth or 10 for depth in depths) for depths in (before, after))
    told = " ".join(planned.stdout.split())
    assert f"trained with {PROTOCOL.name}, {n_after} of {n_before} channels" in told
    assert ended(*words).returncode == 0
    result = json.loads((tmp_path / "narrow" / "result.json").read_text())
    assert result["started_from"]["protocol"] == PROTOCOL.name
    assert result["validation_accuracy"] > 0.2, "chance is 0.1"


def test_where_nothing_can_be_pruned_an_error_says_so_and_nothing_is_written(tmp_path: Path) -> None:
    settings(tmp_path)
    out, options = tmp_path / "narrow.json", ["--images", "60", "--judged", "100", "--least-gain", "90"]
    with pytest.raises(InfeasibleError, match=r"losing more than 2 points or gaining less than 90 % .* nothing was"):
        call("prune", weights(tmp_path), out, *options, "--set", "space.channel_depth=[7,8,11,12]")
    assert not out.exists()


def test_wrong_files_are_refused_before_the_network_is_measured(tmp_path: Path) -> None:
    settings(tmp_path)
    source, out = weights(tmp_path), tmp_path / "narrow.json"
    with pytest.raises(UsageError, match=r"the folder .*missing does not exist"):
        call("prune", source, tmp_path / "missing" / "narrow.json")
    out.write_text("{}")
    with pytest.raises(UsageError, match="already exists"):
        call("prune", source, out)
    assert out.read_text() == "{}"
    with pytest.raises(TrainingError, match=r"narrow.json has no weights; give a weights.safetensors"):
        call("prune", out, tmp_path / "other.json")


@pytest.mark.parametrize("option", ["--loss", "--least-gain"])
def test_a_limit_out_of_range_is_refused_in_its_own_unit(tmp_path: Path, option: str) -> None:
    settings(tmp_path)
    outcome = ended("prune", weights(tmp_path), tmp_path / "narrow.json", option, "120")
    assert outcome.returncode == 2
    assert "120" in outcome.stderr


def test_limits_of_the_library_are_fractions(tmp_path: Path) -> None:
    settings(tmp_path)
    for limits in ({"loss": 2.0}, {"least_gain": -0.1}):
        with pytest.raises(UsageError, match=r"from 0 to below 1 .* got"):
            prune(weights(tmp_path), **limits)
