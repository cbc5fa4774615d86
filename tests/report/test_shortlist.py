"""Recommendations come from everything measured, name the best of each objective, and tell an unmet limit."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.conftest import make_run, read_scene, settings
from xpert_evo.errors import UsageError
from xpert_evo.report.candidates import select_front
from xpert_evo.report.page.document import page
from xpert_evo.report.pick import of_accuracy, the_knee
from xpert_evo.report.pictures import draw_pictures
from xpert_evo.report.pictures.genes import draw_parallel
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene
from xpert_evo.report.shortlist import make_shortlist
from xpert_evo.report.table import picks, result_table, reversal_words
from xpert_evo.report.unmet import unmet_limits
from xpert_evo.search import knee, non_dominated


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Of a finished run that trained one finalist besides the baseline."""
    folder = tmp_path_factory.mktemp("few") / "run"
    return read_scene(make_run(folder, settings(training={"finalists": 1})))


def cells(result: RunResult) -> list[list[str]]:
    return [[str(cell) for cell in column.cells] for column in result_table(result).columns]


def headers(result: RunResult) -> list[str]:
    return [str(column.header) for column in result_table(result).columns]


def test_with_one_finalist_the_knee_and_the_ends_are_those_of_everything_measured(few: Scene) -> None:
    result = few.result
    searched = select_front(result.task, result.measured)
    assert len(result.front) == 1 < len(searched)
    table = result.task.objectives.minimised(
        result.task.values(
            result.task.space.encode([c.design for c in searched]),
            {"accuracy": [c.validation for c in searched]},
        )
    )
    assert non_dominated(table).all()
    assert result.knee.digest == searched[knee(table)].digest
    assert result.knee.test is None, "it was no finalist"
    named = dict(picks(result))
    assert named["lowest EDAP"].hardware["edap"] == min(c.hardware["edap"] for c in searched)
    assert named["most accurate"] == result.front[0], "the finalist as it was judged"
    roles = {role: one.candidate for one in few.recommended for role in one.roles}
    assert roles["knee"] == result.knee == the_knee(result)
    middle = result.knee.validation
    assert of_accuracy(result, middle).hardware["edap"] <= result.knee.hardware["edap"]


def test_the_picture_of_all_trained_designs_marks_the_front_of_their_accuracies(few: Scene) -> None:
    searched = select_front(few.result.task, few.result.measured)
    assert len(searched) > len(few.result.front)
    figure = draw_parallel(few)
    assert figure is not None
    assert f"{len(searched)} of them on the front of the search" in figure.axes[0].get_title()


def test_designs_that_hardly_beat_guessing_are_not_recommended(few: Scene) -> None:
    result = few.result
    rising = sorted(result.measured, key=lambda one: one.hardware["edap"])
    n_classes = result.task.backbone.n_classes
    accuracies = np.linspace(1 / n_classes + 0.01, 0.9, len(rising))  # each dearer design is better, so all are a front
    measured = [replace(c, validation=float(a)) for c, a in zip(rising, accuracies, strict=True)]
    made = make_shortlist(result.task, measured=measured, front=result.front, finalists=result.finalists)
    finalists = {c.digest for c in result.finalists}
    others = [c for c in made.compared if c.digest not in finalists]
    least = 1 / n_classes + 0.5 * (0.9 - 1 / n_classes)
    assert others
    assert min(c.validation for c in others) >= least
    assert any(c.validation < least and c.digest not in finalists for c in measured)


def test_an_accuracy_is_asked_of_one_protocol(few: Scene) -> None:
    result = few.result
    (finalist,) = result.front
    assert finalist.label is not None
    assert finalist.protocol != finalist.label_protocol
    above = max(c.validation for c in result.shortlist.compared) + 0.001
    with pytest.raises(UsageError, match=rf"in the search \(protocol {finalist.label_protocol}\)"):
        of_accuracy(result, above)
    assert of_accuracy(result, finalist.label).hardware["edap"] <= finalist.hardware["edap"]


def test_tables_and_page_mark_who_was_a_finalist(few: Scene) -> None:
    result = few.result
    assert headers(result)[2:4] == ["search\n%", "test\n%"]
    names, _, searched, tested = cells(result)[:4]
    by_name = {name: (label, test) for name, label, test in zip(names, searched, tested, strict=True)}
    assert by_name["knee"] == (f"{100 * result.knee.validation:.2f}", "-")
    best = result.front[0]
    assert best.label is not None
    assert best.test is not None
    assert by_name["most accurate"] == (f"{100 * best.label:.2f}", f"{100 * best.test:.2f}")
    assert "Designs without a test accuracy were not finalists" in str(result_table(result).caption)
    assert "not a finalist: validation, laptop" in page(few, [])
    drawings, complaints = draw_pictures(few, ["pareto", "costs", "steps"])
    assert complaints == []
    assert len(drawings) == 3


def test_a_most_accurate_design_that_is_not_so_on_test_images_is_told(few: Scene) -> None:
    best = few.result.front[0]
    other = replace(few.result.knee, test=0.6)
    worse, better = (("most accurate, knee", replace(best, test=accuracy)) for accuracy in (0.5, 0.7))
    baseline = ("baseline", replace(other, test=0.9))
    words = f"on the test images {other.digest[:8]} is more accurate."
    assert reversal_words([worse, ("lowest EDAP", other), baseline]).endswith(words)
    assert not reversal_words([better, ("lowest EDAP", other), baseline])
    assert not reversal_words([("lowest EDAP", other)])


def test_where_all_are_finalists_the_table_has_one_accuracy(tmp_path: Path) -> None:
    scene = read_scene(make_run(tmp_path / "run", settings(training={"finalists": 30})))
    assert headers(scene.result)[2] == "accuracy\n%"
    assert {c.digest for c in scene.result.shortlist.members} == {c.digest for c in scene.result.front}
    assert scene.result.shortlist.compared == scene.result.front
    assert "no finalist" not in page(scene, [])


def test_the_lowest_of_each_objective_is_named(tmp_path: Path) -> None:
    objectives = {"objectives": ["accuracy", "latency", "energy"], "generations": 4}
    scene = read_scene(make_run(tmp_path / "run", settings(search=objectives)))
    members = scene.result.shortlist.members
    named = scene.result.shortlist.named()
    assert list(named) == ["most accurate", "knee", "lowest latency", "lowest energy", "lowest EDAP"]
    for name, field in (("latency", "latency_us"), ("energy", "energy_uj"), ("EDAP", "edap")):
        assert named[f"lowest {name}"].hardware[field] == min(c.hardware[field] for c in members)
    told = ", ".join(cells(scene.result)[0])
    assert all(name in told for name in named)
    roles = {role for one in scene.recommended for role in one.roles}
    assert set(named) <= roles


def test_a_finalist_that_turned_out_worse_is_not_recommended(few: Scene) -> None:
    result = few.result
    luckless = [replace(c, validation=0.11, test=0.11) for c in result.front]
    digests = {c.digest for c in luckless}
    finalists = [c for c in result.finalists if c.digest not in digests] + luckless
    other = next(c for c in select_front(result.task, result.measured) if c.digest not in digests)
    front = [replace(other, test=0.8, label=other.validation)]
    changed = replace(result, front=front, finalists=[*finalists, *front])
    assert not digests & {c.digest for c in changed.shortlist.members}
    assert changed.shortlist.most_accurate == front[0]


@pytest.mark.parametrize("objectives", [("accuracy", "edap"), ("accuracy", "area", "latency", "energy")])
def test_a_limit_on_accuracy_that_nothing_reaches_is_told(tmp_path: Path, objectives: tuple[str, ...]) -> None:
    search = {"least_accuracy": 0.97, "objectives": objectives, "generations": 3}
    scene = read_scene(make_run(tmp_path / "run", settings(search=search)))
    result = scene.result
    assert result.front == []
    sentence = unmet_limits(result)
    assert sentence is not None
    words = (
        r"reaches search\.least_accuracy = 0\.97: the best, \w{8}, has .* \(protocol laptop\)\. The limit applies to"
    )
    assert re.search(words, sentence)
    best = max((c for c in result.measured if c.hardware["area_mm2"] <= 50), key=lambda c: c.validation)
    assert f"{best.digest[:8]}, has {100 * best.validation:.2f} %" in sentence
    assert "least_accuracy = 0.97" in page(scene, [])
    assert result.baseline is not None
    assert result.baseline.test is not None
    assert cells(result)[2] == [f"{100 * result.baseline.test:.2f}"]
    assert "measured on test data" in str(result_table(result).caption), "the row shows the baseline's test accuracy"


def test_a_run_with_a_front_has_no_unmet_limit(few: Scene) -> None:
    assert unmet_limits(few.result) is None
