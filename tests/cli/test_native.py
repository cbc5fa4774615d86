"""A run to native size on the command line: after a search, interrupted and resumed, its report, and its estimate."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import xpert_evo as xe
from tests.command_line import call
from tests.small_runs import OWN_BACKBONE, SMOKE_SEARCH
from xpert_evo.accuracy.training import stages
from xpert_evo.config import load_config, parse_assignments, parse_config
from xpert_evo.errors import ConfigError, InterruptedRunError, StoreError, UsageError
from xpert_evo.orchestration import native_refining, stage_times
from xpert_evo.orchestration.names import NATIVE as NATIVE_BATCH
from xpert_evo.orchestration.native_plan import check_recipe
from xpert_evo.orchestration.refining import Refining
from xpert_evo.orchestration.start import go_on
from xpert_evo.progress import Silent
from xpert_evo.report.native import NativeDesign, native_json
from xpert_evo.report.page.native import native_section
from xpert_evo.report.result import RunResult
from xpert_evo.report.table import native_table
from xpert_evo.store import Failure, Store

TINY = """\
stages = [
  { protocol = "smoke", changes = { width_divisor = 32, n_train = 256, n_validation = 200 } },
  { protocol = "exact-tune", changes = { width_divisor = 32, image_size = 16, n_train = 128, n_validation = 200 } },
]
"""
SETTINGS = [f"{table}.{name}={value}" for table, names in SMOKE_SEARCH.items() for name, value in names.items()]
SETTINGS += ["executor.kind=serial", "training.first_designs=6", "search.least_accuracy=none"]


def options(*further: str) -> list[str]:
    return [word for setting in (*SETTINGS, *further) for word in ("--set", setting)]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search without trainings at native size, beside a tiny recipe."""
    folder = tmp_path_factory.mktemp("native") / "searched"
    (folder.parent / "tiny.toml").write_text(TINY)
    xe.run(load_config(None, parse_assignments(SETTINGS)), out=folder)
    return folder


NATIVE = {"native.train": True, "native.designs": 2, "native.rivals": 1, "native.judge_images": 100}


@pytest.fixture
def copied(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes a copy of the search in a folder of the given name."""
    monkeypatch.setattr(stage_times, "BUDGET_S", 0.2)
    return lambda name: Path(shutil.copytree(searched, tmp_path / name))


def to_native(folder: Path, searched: Path, *further: str) -> None:
    """Goes on with a search to native size, on the command line."""
    chosen = [word for name, value in NATIVE.items() for word in ("--set", f"{name}={value}") if name != "native.train"]
    recipe = ("--to", "native", "--recipe", str(searched.parent / "tiny.toml"))
    call("resume", folder, *recipe, *chosen, *further, "--quiet")


def test_a_search_ends_with_the_same_native_front_however_it_is_interrupted(
    searched: Path,
    copied: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped, whole = copied("stopped"), copied("whole")
    train, calls = stages.train_design, 0

    def interrupted(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:  # the second stage of the first design
            raise KeyboardInterrupt
        return train(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(stages, "train_design", interrupted)
        with pytest.raises(InterruptedRunError, match="xpert-evo resume"):
            to_native(stopped, searched)
    call("status", stopped)
    said = capsys.readouterr().out
    assert "refined networks" not in said, "proxies are not refined"
    _fail_once(stopped)
    said = _said(capsys, "resume", stopped, "--dry-run", "--set", "native.refine=false")
    assert re.search(r"left at native size: \d trainings?, about \d", said), "a failed training is tried again"
    call("status", stopped)
    said = capsys.readouterr().out
    assert re.search(r"at 1/32 of the native width: 0 of \d trained, by recipe tiny: smoke-", said)
    assert re.search(r"^  \w{8}: 1 of 2 stages finished$", said, re.MULTILINE)
    assert "state: not running, not finished" in said
    assert re.search(r"time left: .* of trainings, 1 at a time$", said, re.MULTILINE), "proxies are not refined"
    native = xe.load_run(stopped).resume().result.native
    assert native is not None
    to_native(whole, searched)
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"whole at 1/32 of the native width: \d of \d designs on the native front", said)
    assert re.search(r"(1 of 1 finalist is|\d of \d finalists are) on the front of finalists", said)
    entries = json.loads((whole / "native.json").read_text())
    assert entries == json.loads(native_json(native))
    assert {entry["role"] for entry in entries} == {"homogeneous", "searched"}
    assert {entry["accuracy"]["n_images"] for entry in entries} == {100}
    assert all(entry["accuracy"]["protocol"] == "recipe tiny" for entry in entries)
    for entry in entries:
        weights = [folder / "native" / entry["id"] / "weights.safetensors" for folder in (whole, stopped)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
        assert xe.load_network(weights[0]).header.design.digest == entry["id"]
    page = (whole / "report.html").read_text()
    assert page.index("Which design to build: at 1/32 of the native width") < page.index("What the search found")
    assert (whole / "native.png").stat().st_size > 10_000
    call("show", whole, "--id", entries[0]["id"][:8])
    with pytest.raises(StoreError, match="are planned, so that the settings of native must stay"):
        to_native(whole, searched, "--hours", "1")


def test_hours_leave_the_search_its_time_and_scale_the_recipe(searched: Path, copied: Callable[[str], Path]) -> None:
    folder = copied("scaled")
    recipe = str(searched.parent / "tiny.toml")
    go_on(folder, {**NATIVE, "native.recipe": recipe, "native.hours": 0.001}, Silent())
    run = xe.load_run(folder)
    native = run.result.native
    assert native is not None
    assert native.recipe.hours == run.result.config.native.hours == 0.001
    assert all(stage.protocol.n_train == 128 for stage in native.recipe.stages), "the least that a stage can be"
    assert native.is_final
    assert run.result.has_ended


FULL_WIDTH = """\
stages = [
  { protocol = "smoke", changes = { width_divisor = 1, n_validation = 200, epochs = 2 } },
  { protocol = "exact-tune", changes = { image_size = 16, n_train = 128, n_validation = 200 } },
]
"""


def test_networks_at_native_size_are_refined_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage_times, "BUDGET_S", 0.2)
    few = Refining(n_images=60, n_calibration=32, n_adopted=64, n_judged=100, n_pairs=0, n_joint=0, most_rounds=1)
    monkeypatch.setattr(native_refining, "REFINING", few)
    (tmp_path / "small.toml").write_text(OWN_BACKBONE)
    (tmp_path / "full.toml").write_text(FULL_WIDTH)
    native = {"native.designs": 1, "native.rivals": 0, "native.train": True, "native.judge_images": 100}
    own = {"space.backbone": str(tmp_path / "small.toml"), "space.channel_depth": [8, 16]}
    settings = {**parse_assignments(SETTINGS), **own, **native, "native.recipe": str(tmp_path / "full.toml")}
    settings |= {"hardware.device": "rram-wan2022", "training.judge_chips": 2, "training.norm_images": 32}
    stop = Stopping()
    with monkeypatch.context() as patched:
        patched.setattr(native_refining, "refine_network", stop)
        with pytest.raises(KilledError):
            xe.run(load_config(None, settings), out=tmp_path / "run")
    begun = xe.load_run(tmp_path / "run")
    assert not begun.result.has_ended
    _told_to_be_left(tmp_path / "run", capsys)
    run = begun.resume()
    assert "refined networks: 1 of 1 judged" in _said(capsys, "status", tmp_path / "run")
    assert "nothing is left at native size" in _said(capsys, "resume", tmp_path / "run", "--dry-run")
    result = run.result.native
    assert result is not None
    assert result.is_final
    roles = [one.role for one in result.designs]
    assert sorted(roles) == ["refined", "searched"]
    assert stop.n_calls == 1
    assert "at native size: 1 of 1 trained" in _said(capsys, "status", tmp_path / "run")
    assert "No homogeneous design was trained at native size" in result.line
    refined = result.designs[roles.index("refined")].candidate
    trained = result.designs[roles.index("searched")].candidate
    assert refined.hardware["edap"] < trained.hardware["edap"]
    _shown_as_evaluated(tmp_path, refined.digest, capsys)
    assert refined.n_test_images == 100
    assert refined.seconds > 0, "the time of its judging, as it was not trained again"
    for entry in json.loads(native_json(result)):
        accuracy = entry["accuracy"]
        assert accuracy["devices"] == "device rram-wan2022, wires of cmos-32nm-lstp, 1 s after programming"
        assert accuracy["measured"] == accuracy["on_chips"]["mean"]
        assert 0 <= accuracy["ideal"] <= 1
        assert accuracy["on_chips"]["n_chips"] == 2
    assert max(refined.bar) >= 1.96 * (refined.measured_std or 1.0) - 1e-12
    page = native_section(run.result)
    device = "device rram-wan2022, wires of cmos-32nm-lstp, 1 s after programming"
    assert f"emulation on 2 chips ({device}, batch norm of each" in page
    assert "of images and of chips" in page
    headers = _headers(run.result)
    assert {"valid.\n%", "worst chip\n%", "std.\npoints"} < set(headers)
    on_one = _headers(replace(run.result, native=replace(result, designs=[*map(_on_one_chip, result.designs)])))
    of_several = {"worst chip\n%", "std.\npoints"}  # one chip is neither the worst nor spread
    assert on_one == [name for name in headers if name not in of_several]


def _headers(result: RunResult) -> list[object]:
    table = native_table(result)
    assert table is not None
    return [column.header for column in table.columns]


def _on_one_chip(one: NativeDesign) -> NativeDesign:
    assert one.candidate.on_chips is not None
    of_chip = replace(one.candidate.on_chips, n_chips=1, spread=0.0)
    return replace(one, candidate=replace(one.candidate, on_chips=of_chip))


def _shown_as_evaluated(folder: Path, digest: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` tells the costs of a design whose genes are no choices of the run's space, under any model."""
    design = folder / "refined.json"
    design.write_text(_said(capsys, "show", folder / "run", "--id", digest, "--json"))
    settings = ("--set", f"space.backbone={folder / 'small.toml'}", "--set", "hardware.device=rram-wan2022")
    for model in ((), ("--model", "pessimistic")):
        said = [
            _said(capsys, "show", folder / "run", "--id", digest, *model),
            _said(capsys, "evaluate", design, *settings, *model),
        ]
        shown, evaluated = (re.findall(r"^area .*$|^\d.*TOPS/W.*$", text, re.MULTILINE) for text in said)
        assert shown == evaluated
        assert len(shown) == 2


def _told_to_be_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, "status", folder)
    assert "refined networks: not all chosen yet" in said
    assert re.search(r"time left: about 0 s of trainings, 1 at a time, not counting refinements$", said, re.MULTILINE)
    missing = "on the native front so far (refined networks are missing)"
    assert missing in " ".join(said.split())
    _said(capsys, "report", folder)
    page = (folder / "report.html").read_text()
    assert missing in page
    assert "The search is finished; refined networks are missing." in page
    said = _said(capsys, "resume", folder, "--dry-run")
    assert re.search(r"left at native size: at most 1 refinement, about \d+ (s|min) together", said)
    assert "left at native size: at most 1 judgement" in said
    assert "training, about" not in said, "it has ended"


def _fail_once(folder: Path) -> None:
    """Notes a failure of a training that has no label."""
    with Store.open(folder) as store, store.transaction() as writer:
        plan = next(plan for plan in store.plans(NATIVE_BATCH) if plan.digest not in store.labels(plan.context))
        writer.add_failure(
            Failure(
                digest=plan.digest,
                context=plan.context,
                protocol="recipe tiny",
                seed=0,
                reason="no memory",
                seconds=1.0,
            )
        )


def _said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    capsys.readouterr()
    call(*words)
    return capsys.readouterr().out


class KilledError(BaseException):
    """Stands for a kill."""


class Stopping:
    """Is killed before a refinement."""

    n_calls = 0

    def __call__(self, *_: object, **__: object) -> None:
        self.n_calls += 1
        raise KilledError


def test_a_dry_run_tells_each_stage_at_native_size(
    searched: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage_times, "BUDGET_S", 0.2)
    monkeypatch.setattr("xpert_evo.orchestration.estimate.BUDGET_S", 0.2)
    recipe = str(searched.parent / "tiny.toml")
    call("run", "--to", "native", "--recipe", recipe, *options(), "--dry-run", "--out", searched.parent / "never")
    said = capsys.readouterr().out
    for words in (
        r"search and finalists: about \d+ (s|min) with 1 worker",
        r"stage 1 at native size, smoke-256-images-\w{6} \(1 epoch\): about \d+ (s|min) a training",
        r"stage 2 at native size, exact-tune-128-images-\w{6} \(1 epoch\): about \d+ (s|min) a training",
        r"judging at native size: about \d+ (s|min) a network",
        r"at native size: at most 6 trainings by recipe tiny, about \d+ (s|min) together",
        r"time: about \d+ (s|min) for the whole run",
    ):
        assert re.search(words, said), words
    assert not (searched.parent / "never").exists()
    with pytest.raises(
        StoreError,
        match=r"holds a run already; `xpert-evo resume .* --dry-run` shows what is left.*takes --to native",
    ):
        call("run", "--to", "native", *options(), "--dry-run", "--out", searched)
    assert "--to native` trains designs at native size" in _said(capsys, "resume", searched, "--dry-run")
    said = _said(capsys, "resume", searched, "--to", "native", "--recipe", recipe, "--dry-run")
    assert "no training of the search is left" in said
    assert "at native size: at most 6 trainings by recipe tiny" in said
    assert re.search(r"time: about \d+ (s|min) for what is left", said)


def test_goals_and_recipes_are_checked_before_anything_is_written(searched: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--to takes native, got 'natif'"):
        call("run", "--to", "natif", "--out", tmp_path / "a")
    with pytest.raises(ConfigError, match=r"native\.hours = 8 scales trainings at native size, but .* add --to native"):
        call("run", "--hours", "8", "--out", tmp_path / "a")
    with pytest.raises(ConfigError, match="no recipe is called 'nigth'"):
        call("run", "--to", "native", "--recipe", "nigth", "--out", tmp_path / "a")
    for words in (("run", "--out", tmp_path / "a"), ("resume", searched)):
        with pytest.raises(ConfigError, match=r"\(--recipe\) trains designs at native size.*; add --to native"):
            call(*words, "--recipe", "quick", "--dry-run")
    tuning = tmp_path / "tune.toml"
    tuning.write_text('stages = [{ protocol = "exact-tune" }]')
    with pytest.raises(ConfigError, match="begins with a stage that continues from trained weights"):
        call("run", "--to", "native", "--recipe", str(tuning), "--out", tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert xe.load_run(searched).result.native is None


def test_a_recipe_that_does_not_exist_is_refused_before_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no recipe is called 'hous'; did you mean 'hour'"):
        call("run", "--set", "native.recipe=hous", "--dry-run")
    begun = parse_config({"native": {"recipe": "hous"}})
    check_recipe(begun, is_new=False)  # of an earlier version, which did not look
    with pytest.raises(ConfigError, match="hous"):
        check_recipe(parse_config({"native": {"recipe": "hous", "train": True}}), is_new=False)
