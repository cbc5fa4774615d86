"""The winner's curse of a front of labels, estimated from predictions that were made beforehand."""

from dataclasses import replace

import numpy as np
import pytest

from xpert_evo.report.candidates import select_front
from xpert_evo.report.luck import Luck, luck_of
from xpert_evo.report.page.document import page
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene, build_scene

NOISE = 0.03


def with_noise(result: RunResult, seed: int) -> RunResult:
    """The run's designs, predicted without an error, labelled with noise."""
    noise = NOISE * np.random.default_rng(seed).standard_normal(len(result.measured))
    measured = [
        replace(c, predicted=c.validation, validation=c.validation + float(n))
        for c, n in zip(result.measured, noise, strict=True)
    ]
    return replace(result, measured=measured)


def test_the_luck_of_a_front_is_found_from_predictions(scene: Scene) -> None:
    found, true = [], []
    for seed in range(20):
        noisy = with_noise(scene.result, seed)
        luck = luck_of(noisy)
        assert luck is not None
        assert luck.n_predicted == len(noisy.measured)
        found.append(luck.excess)
        front = select_front(noisy.task, noisy.measured)
        assert luck.n_front == len(front)
        true.append(np.mean([c.validation - (c.predicted or 0.0) for c in front]))
    assert np.mean(true) > 0.2 * NOISE, "a front selects the lucky ones"
    assert np.mean(found) == pytest.approx(np.mean(true), abs=0.1 * NOISE)


def test_labels_that_equal_their_predictions_have_no_luck(scene: Scene) -> None:
    exact = [replace(c, predicted=c.validation) for c in scene.result.measured]
    luck = luck_of(replace(scene.result, measured=exact))
    assert luck is not None
    assert (luck.excess, luck.error) == (0.0, 0.0)
    assert not luck.is_clear


def test_too_few_predictions_tell_nothing(scene: Scene) -> None:
    assert luck_of(replace(scene.result, measured=[replace(c, predicted=None) for c in scene.result.measured])) is None


def test_the_scene_and_the_page_tell_what_is_clear(scene: Scene) -> None:
    seeds = {luck.is_clear: seed for seed in range(20) if (luck := luck_of(with_noise(scene.result, seed))) is not None}
    assert set(seeds) == {True, False}
    for is_clear, seed in seeds.items():
        noisy = build_scene(with_noise(scene.result, seed))
        assert noisy.luck == (luck_of(noisy.result) if is_clear else None)
        assert ("winner&#x27;s curse" in page(noisy, [])) is is_clear
    luck = Luck(excess=0.02, error=0.007, n_front=7, n_members=11, n_predicted=24)
    assert "exceed their predictions by 2.0 ± 0.7 points more than" in luck.sentence
