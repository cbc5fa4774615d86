"""How long refinements at native size will take, and that a budget of hours leaves them their time."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.refinable import PROTOCOL, TUNING, design, settings
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.recipes import Recipe, Stage
from xpert_evo.orchestration import native_estimate
from xpert_evo.orchestration.native_refining import REFINING, TUNE
from xpert_evo.orchestration.native_refining_time import refinement_s
from xpert_evo.orchestration.stage_times import StageTimes
from xpert_evo.orchestration.task import Task, task_of_images
from xpert_evo.orchestration.trainings import cached_dataset

TIMES = StageTimes(training_s=(100.0,), measuring_s=(1.0,), judging_s=2.0, emulated_image_s=0.01, step_image_s=0.02)


def _recipe(*protocols: TrainingProtocol) -> Recipe:
    return Recipe(name="own", stages=tuple(Stage(protocol=protocol) for protocol in protocols))


def _task(tmp_path: Path, **more: object) -> Task:
    config = settings(tmp_path, **{"space.adc_precision": [4, 5, 6], "space.input_precision": [4, 5], **more})
    return task_of_images(config, cached_dataset(config.dataset))


def _seconds(task: Task, recipe: Recipe, n_workers: int = 1) -> float:
    dataset = cached_dataset(task.config.dataset)
    return refinement_s(task, dataset, recipe, [(design(), TIMES)], n_workers=n_workers)


def test_refinements_take_as_long_as_their_emulations_and_steps(tmp_path: Path) -> None:
    task, plain = _task(tmp_path), _recipe(PROTOCOL)
    alone_s = _seconds(task, plain)
    n_validation = len(cached_dataset(task.config.dataset).validation)
    least = REFINING.n_chosen * (REFINING.n_judged + REFINING.n_adopted) + n_validation
    assert alone_s > TIMES.emulated_image_s * least
    assert 0.5 * alone_s <= _seconds(task, plain, n_workers=2) < alone_s
    tuned = _recipe(PROTOCOL, TUNING.model_copy(update={"name": TUNE, "image_size": 32}))
    n_tuned = 2 * 2 * (REFINING.n_tuned or 0)
    assert _seconds(task, tuned) > alone_s + 0.9 * TIMES.step_image_s * n_tuned


def test_proxies_and_runs_that_do_not_refine_take_no_time_for_it(tmp_path: Path) -> None:
    proxy = _recipe(PROTOCOL.model_copy(update={"width_divisor": 4}))
    assert _seconds(_task(tmp_path), proxy) == 0
    assert _seconds(_task(tmp_path, **{"native.refine": False}), _recipe(PROTOCOL)) == 0


def test_hours_leave_refinements_their_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(_: object, __: object, genomes: Sequence[object], *___: object) -> tuple[list[StageTimes], list[float]]:
        return [TIMES, TIMES], [0.5] * len(genomes)

    monkeypatch.setattr(native_estimate, "times_by_size", timed)
    monkeypatch.setattr(native_estimate, "load_recipe", lambda _: _recipe(PROTOCOL))
    budget = {"native.train": True, "native.hours": 10.0}
    found = {}
    for refines in (True, False):
        task = _task(tmp_path, **budget, **{"native.refine": refines})
        found[refines] = native_estimate.estimate_native(
            task, cached_dataset(task.config.dataset), n_workers=1, search_s=600.0
        )
    assert found[True].refining_s > 0 == found[False].refining_s
    assert found[True].seconds < found[False].seconds
    for one in found.values():
        assert one.total_s == pytest.approx(36_000.0 - 600.0, rel=0.01), "epochs are whole"
