"""Pictures: drawn at every stage of a run, whole files, and none of them can end a run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xpert_evo.report import pictures
from xpert_evo.report.candidates import objectives_of, select_front
from xpert_evo.report.pictures import PICTURES, Picture, costs, draw_pictures, write_pictures
from xpert_evo.report.pictures.common import number
from xpert_evo.report.pictures.cost_models import draw_cost_models
from xpert_evo.report.pictures.front import draw_pareto
from xpert_evo.report.pictures.progress import growth
from xpert_evo.report.scene import Scene
from xpert_evo.report.writing import write_report
from xpert_evo.search import hypervolume

ALWAYS = {"pareto", "hypervolume", "genes", "costs", "parallel", "models"}


def test_a_finished_run_has_every_picture_as_png_and_svg(scene: Scene, tmp_path: Path) -> None:
    drawings, complaints = draw_pictures(scene)
    assert complaints == []
    assert [drawing.name for drawing in drawings] == [name for name in PICTURES if name != "native"]
    for path in write_pictures(tmp_path, drawings):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.with_suffix(".svg").read_text().rstrip().endswith("</svg>")


def test_three_trainings_have_the_pictures_that_need_no_surrogate(begun_scene: Scene) -> None:
    drawings, complaints = draw_pictures(begun_scene)
    assert complaints == []
    assert {drawing.name for drawing in drawings} == ALWAYS


def test_a_run_without_a_feasible_design_has_pictures_too(scene: Scene) -> None:
    empty = replace(scene, result=replace(scene.result, front=[], predicted_front=None), recommended=[])
    drawings, complaints = draw_pictures(empty, ["pareto", "genes", "costs", "steps"])
    assert complaints == []
    assert [drawing.name for drawing in drawings] == ["pareto", "costs"]


def test_a_design_that_is_recommended_twice_has_one_line_with_both_names(scene: Scene) -> None:
    verdict = scene.verdict
    assert verdict is not None
    one = replace(scene, verdict=replace(verdict, named={"knee": 0, "most accurate": 1, "lowest EDAP": 0}))
    figure = draw_cost_models(one)
    assert figure is not None
    told = [line.get_label() for line in figure.axes[0].get_lines()]
    first, second = (candidate.digest[:8] for candidate in verdict.designs[:2])
    assert [f"knee, lowest EDAP ({first})", f"most accurate ({second})"] == [t for t in told if "(" in str(t)]


def test_a_picture_that_fails_is_told_and_the_others_are_there(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(scene: Scene) -> None:
        raise ZeroDivisionError("nothing to divide by")

    some = {"broken": Picture(draw=fail, caption=""), "genes": PICTURES["genes"]}
    monkeypatch.setattr(pictures, "PICTURES", some)
    _, complaints = write_report(tmp_path, scene.result)
    assert complaints == ["picture 'broken' failed (ZeroDivisionError: nothing to divide by)"]
    assert (tmp_path / "genes.png").exists()
    assert (tmp_path / "front.json").exists()
    assert 'id="picture-genes"' in (tmp_path / "report.html").read_text()


def test_axes_of_costs_begin_at_zero(scene: Scene) -> None:
    figure = costs.draw_costs(scene)
    assert figure is not None
    assert [axes.get_ylim()[0] for axes in figure.axes] == [0.0] * len(figure.axes)


def test_bars_of_accuracies_are_clipped_at_what_is_possible(scene: Scene) -> None:
    perfect = replace(scene.result.front[-1], test=1.0, n_test_images=12, on_chips=None)
    assert perfect.bar == (pytest.approx(0.2646, abs=1e-4), 0.0)
    figure = draw_pareto(replace(scene, result=replace(scene.result, front=[perfect], baseline=None)))
    assert figure is not None
    low, high = figure.axes[1].get_ylim()
    assert -2 <= low <= 73.6
    assert 100 <= high <= 102


def test_a_component_looks_the_same_in_all_panels_and_like_no_other() -> None:
    names = ("adc", "array", "accumulation", "periphery", "buffers", "interconnect", "activation")
    parts = {"area_um2": names[:6], "latency_ns": names[2:], "energy_pj": (*names, "leakage")}
    breakdown = {quantity: dict.fromkeys(some, np.ones((1, 2))) for quantity, some in parts.items()}
    styles = costs.styles_of([breakdown])
    assert len({tuple(style.items()) for style in styles.values()}) == 8
    assert [name for name, style in styles.items() if style["hatch"]] == ["leakage"]
    assert styles["leakage"]["color"] == styles["adc"]["color"], "as the caption says"


def test_the_same_scene_draws_the_same_svg(scene: Scene) -> None:
    first, second = (draw_pictures(scene, ["genes"])[0][0].svg for _ in range(2))
    assert first == second


def test_growth_never_falls_and_ends_with_the_hypervolume_of_the_front(scene: Scene) -> None:
    volumes = growth(scene.result, scene.result.measured)
    assert np.all(np.diff(volumes) >= 0)
    task = scene.result.task
    front = objectives_of(task, select_front(task, scene.result.measured))
    assert volumes[-1] == pytest.approx(hypervolume(front, task.reference_point))
    homogeneous = growth(scene.result, scene.result.measured, only={c.digest for c in scene.homogeneous})
    assert np.all(homogeneous <= volumes)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.03934, "0.0393"), (28.71, "28.7"), (8341, "8,340"), (121_400, "1.21·10⁵"), (6.95e-4, "6.95·10⁻⁴")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text
