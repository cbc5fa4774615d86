"""What reports say of a run that took labels over, lost a finalist, has another baseline, or many limits."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.conftest import make_run, settings
from xpert_evo.cli.against_baseline import AgainstBaseline
from xpert_evo.cli.results import show
from xpert_evo.cli.status import show_status, status_lines
from xpert_evo.config.method import NoiseSource
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.chip_noise import noise_words
from xpert_evo.orchestration.names import FINALISTS, FIRST, NATIVE, REUSED
from xpert_evo.orchestration.task import build_task
from xpert_evo.report.candidates import alone
from xpert_evo.report.comparison import compare
from xpert_evo.report.exports.formats import export
from xpert_evo.report.files import plain_designs
from xpert_evo.report.page.document import page
from xpert_evo.report.pick import by_id, the_knee
from xpert_evo.report.pictures.progress import draw_hypervolume
from xpert_evo.report.recommend import Rival
from xpert_evo.report.result import RunResult, load_result
from xpert_evo.report.scene import Scene, build_scene
from xpert_evo.report.table import result_table, rival_line
from xpert_evo.report.words import baseline_words, is_published
from xpert_evo.store import Failure, Store
from xpert_evo.words import times


def read(folder: Path) -> RunResult:
    with Store.open_readonly(folder) as store:
        return load_result(store)


@pytest.fixture
def reusing(finished: Path, tmp_path: Path) -> Path:
    """The finished run, as if another run had made the labels of its first designs."""
    folder = Path(shutil.copytree(finished, tmp_path / "reusing"))
    with Store.open(folder) as store, store.transaction():
        store.add_plans([replace(plan, batch=REUSED, predicted=None, std=None) for plan in store.plans(FIRST)])
    return folder


def test_labels_that_were_taken_over_are_not_called_trained(
    reusing: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, whole = read(reusing), read(finished)
    assert len(result.measured) == len(whole.measured) == 24
    assert len(whole.trained) == 24
    assert [candidate.batch for candidate in result.trained] == ["round-1"] * 6 + ["round-2"] * 6
    told = "12 trained in the search, 12 labels of other runs taken over"
    assert result.trained_words == told
    assert told in str(result_table(result).title)
    scene = build_scene(result)
    assert told in page(scene, [])
    assert "labels taken over from" not in page(scene, [])
    known = page(build_scene(replace(result, labels_from=["runs/first"])), [])
    assert re.search(r"labels taken over from</td><td>runs/first<", known)
    figure = draw_hypervolume(scene)
    assert figure is not None
    axes = figure.axes[0]
    assert axes.get_xlabel().endswith("after 12 labels taken over")
    steps = axes.lines[0]
    assert list(steps.get_xdata()) == list(range(13))
    assert steps.get_ydata()[0] > 0, "what was taken over counts from the start"
    with Store.open_readonly(reusing) as store, Store.open_readonly(finished) as unchanged:
        lines, before = status_lines(store), status_lines(unchanged)
    assert lines[0].endswith("12 of 12 designs trained with laptop, 12 labels of other runs reused")
    spent, all_spent = (next(line for line in found if "spent" in line) for found in (lines, before))
    assert spent != all_spent
    assert result.baseline is not None
    finalists = {member.digest for member in [*result.front, result.baseline]}
    taken = next(candidate for candidate in result.measured if candidate.reused and candidate.digest not in finalists)
    assert taken.to_plain()["accuracy"]["reused"] is True
    show(reusing, knee=False, accuracy=None, id_=taken.digest, model=None, as_json=False)
    assert "trained by another run, whose measured accuracy is reused here" in capsys.readouterr().out
    comparison = compare([result, replace(whole, name="whole")])
    assert (comparison.n_trained, comparison.n_reused) == ([12, 24], [12, 0])


def test_a_finalist_that_failed_for_good_does_not_hide_the_others(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "failed"))
    with Store.open(folder) as store:
        context = store.plans(FINALISTS)[0].context
        lost = next(
            plan for plan in store.plans(FIRST) if plan.digest not in {one.digest for one in store.plans(FINALISTS)}
        )
        with store.transaction():
            store.add_plans([replace(lost, batch=FINALISTS, position=99, context=context)])
        failure = Failure(
            digest=lost.digest, context=context, protocol="laptop-finalist", seed=1, reason="no memory", seconds=1.0
        )
        for attempt in range(2):
            assert load_result(store).final is False, f"it may be tried again after {attempt} failures"
            with store.transaction():
                store.add_failure(failure)
        result = load_result(store)
    assert result.final
    assert result.failed_finalists == [lost.digest]
    assert result.front == read(finished).front
    assert f"Finalist trainings of {lost.digest[:8]} failed" in page(build_scene(result), [])


def test_costs_are_compared_with_a_baseline_whose_training_failed(finished: Path) -> None:
    result = read(finished)
    assert result.baseline is not None
    assert result.baseline.hardware == result.baseline_hardware
    lost = replace(result, baseline=None, failed_finalists=[result.baseline.digest])
    ratio = f"{times(result.baseline_hardware['edap'] / result.knee.hardware['edap'])} x"
    assert ratio in [str(cell) for column in result_table(lost).columns for cell in column.cells]
    assert "not trained yet" not in page(build_scene(lost), [])


def test_a_knee_that_is_homogeneous_is_not_held_against_itself(scene: Scene) -> None:
    knee = next(one for one in scene.recommended if "knee" in one.roles)
    own = Rival(
        design=knee.candidate.design,
        accuracy=0.5,
        own_accuracy=0.5,
        measured=True,
        hardware=knee.candidate.hardware,
    )
    line = rival_line([replace(knee, rival_measured=own, rival_predicted=None)], "laptop")
    assert line is not None
    assert line.endswith("the knee is itself homogeneous.")


def test_the_baseline_is_told_as_the_space_has_it() -> None:
    published = build_task(settings(), n_classes=10, image_channels=1)
    assert is_published(published)
    assert baseline_words(published) == "homogeneous vgg16, 6-bit SAR ADCs, 8 columns per ADC, 8-bit inputs"
    space = {"adc_type": ["flash"], "adc_precision": [3, 4], "column_sharing": [16, 32]}
    other = build_task(settings(space=space), n_classes=10, image_channels=1)
    assert not is_published(other)
    assert baseline_words(other) == (
        "vgg16, homogeneous, 4-bit Flash ADCs, 16 columns per ADC, 8-bit inputs: the design of this space closest to "
        "homogeneous 6-bit SAR ADCs, 8 columns per ADC, 8-bit inputs"
    )
    frozen = {"layers": {"conv2": {"adc_type": ["flash"]}}, "channel_depth": [64]}
    mixed = build_task(settings(space=frozen), n_classes=10, image_channels=1)
    assert "not homogeneous and modified channel depths" in baseline_words(mixed)


def test_a_design_is_the_finalist_that_it_is_under_any_limit(tmp_path: Path) -> None:
    loose = read(make_run(tmp_path / "loose", settings()))
    areas = sorted(candidate.hardware["area_mm2"] for candidate in loose.front)
    limits = {"area_limit_mm2": 1e4, "further_area_limits_mm2": [areas[1] * 1.01]}
    result = read(make_run(tmp_path / "run", settings(hardware=limits)))
    for front in result.fronts.values():
        for member in front:
            assert by_id(result, member.digest).test == member.test is not None


def test_a_finalist_off_the_front_is_shown_as_it_was_judged(finished: Path) -> None:
    whole = read(finished)
    beaten, *front = whole.front
    assert beaten in whole.finalists
    assert beaten.test is not None
    fronts = {limit: [one for one in members if one != beaten] for limit, members in whole.fronts.items()}
    result = replace(whole, front=front, fronts=fronts)
    assert by_id(result, beaten.digest) == beaten
    told = f"{beaten.digest[:8]}: {100 * beaten.test:.2f} % (test, laptop-finalist)"
    assert told in page(build_scene(result), [])


def test_a_run_that_ended_without_a_front_says_why_in_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(tmp_path / "run", settings(search={"least_accuracy": 0.99, "generations": 3}))
    result = read(folder)
    show_status(folder)
    assert "search.least_accuracy = 0.99: the best" in " ".join(capsys.readouterr().out.split())
    for command in (
        lambda: the_knee(result),
        lambda: export(["json"], tmp_path / "out", folder, result, result.front),
        lambda: compare([result, result]),
    ):
        with pytest.raises(UsageError, match=r"^run has no front: no trained design .* search\.least_accuracy = 0\.99"):
            command()


def test_designs_at_native_size_are_exported_with_their_own_ratios(finished: Path) -> None:
    result = read(finished)
    natives = [replace(member, batch=NATIVE, genome=alone(result.task, member.design)[1][0]) for member in result.front]
    mixed = plain_designs(result, [natives[0], *result.front, natives[-1]])
    front = [entry["edap_ratios"] for entry in plain_designs(result, result.front)]
    assert len(front[0]) > 2
    for entry, ratios in zip(mixed, [front[0], *front, front[-1]], strict=True):
        assert entry["edap_ratios"] == pytest.approx(ratios, rel=1e-9)
        own = result.baseline_hardware["edap"] / entry["hardware"]["edap"]
        assert next(iter(entry["edap_ratios"].values())) == pytest.approx(own, rel=1e-9)


def test_the_page_names_the_noise_of_the_run(scene: Scene) -> None:
    training = scene.result.config.training.model_copy(update={"noise": NoiseSource.DEVICE})
    config = scene.result.config.model_copy(update={"training": training})
    measured = [replace(one, robustness=0.5) for one in scene.result.measured]
    shown = page(replace(scene, result=replace(scene.result, config=config, measured=measured)), [])
    assert f"50.00 % (validation, {noise_words(config)}, laptop)" in shown
    assert "conductances scattered" not in noise_words(config)


def test_show_says_higher_where_a_design_costs_more_than_the_baseline(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = read(finished)
    dearest = max(result.front, key=lambda candidate: candidate.hardware["edap"])
    models = ("published", "pessimistic")
    for ratios, words in (
        ((2.0, 3.0), "EDAP 2 x lower (2 to 3 x over 2 cost models)"),
        ((0.5, 0.1), "EDAP 2 x higher (2 to 10 x over 2 cost models)"),
        ((4.0, 0.1), "EDAP 4 x lower (from 10 x higher to 4 x lower over 2 cost models)"),
    ):
        told = AgainstBaseline(ratios=dict(zip(models, ratios, strict=True)), refused={}, baseline="the baseline")
        monkeypatch.setattr("xpert_evo.cli.results.against_baseline", lambda *_, told=told: told)
        show(finished, knee=False, accuracy=None, id_=dearest.digest, model=None, as_json=False)
        assert words in " ".join(capsys.readouterr().out.split())
