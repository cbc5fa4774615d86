"""What a training takes is told from a few steps, whatever its protocol's number of images."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars import fused
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Split, load_dataset
from xpert_evo.accuracy.training.checkpoints import TrainingState
from xpert_evo.accuracy.training.epoch import train_epoch
from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.backbones import load_backbone
from xpert_evo.design import Design
from xpert_evo.orchestration import stage_times, step_times
from xpert_evo.orchestration.stage_times import Trainee, measured_times
from xpert_evo.orchestration.step_times import Costs, measured_costs
from xpert_evo.space import SearchSpace

BACKBONE = load_backbone("vgg8", n_classes=10, image_channels=1)


def a_design() -> Design:
    space = SearchSpace(BACKBONE)
    return space.decode(space.random(np.random.default_rng(0), 1))[0]


def test_measuring_a_native_protocol_is_bounded_to_a_few_steps_of_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[int, int]] = []
    real = train_epoch

    def counted(
        state: TrainingState, train: Split, protocol: TrainingProtocol, number: int, devices: None, **others: Any
    ) -> float:
        steps.append((len(train) // protocol.batch_size, protocol.batch_size))
        return real(state, train, protocol, number, devices, **others)

    monkeypatch.setattr(step_times, "train_epoch", counted)
    said: list[str] = []
    protocol = load_protocol("one-night")
    costs = measured_costs(
        a_design(), BACKBONE, CrossbarSpec(), load_dataset("fashion-mnist"), protocol, budget_s=0.01, tell=said.append
    )
    assert steps == [(1, 32), (1, 32), (1, 16)], "not even one whole batch where the time does not allow it"
    assert said == ["the first steps of the training", "the exact emulation of a few images"]
    assert costs.image_s > 0
    assert costs.judged_s > 0


def test_loading_the_fused_kernel_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    clock, kernel = step_times._clock(torch.device("cpu")), fused.kernel

    def loaded() -> object:
        events.append("kernel")
        return kernel()

    def ticking(_: object) -> Callable[[], float]:
        return lambda: events.append("clock") or clock()

    monkeypatch.setattr(fused.changeover, "n_sums", 0)
    monkeypatch.setattr(fused, "_WORTH_LOADING", 1 << 22)  # fewer than those of the images that are judged
    monkeypatch.setattr(fused, "kernel", loaded)
    monkeypatch.setattr(step_times, "_clock", ticking)
    protocol = load_protocol("smoke")
    measured_costs(a_design(), BACKBONE, CrossbarSpec(), load_dataset("fashion-mnist"), protocol, budget_s=0.01)
    assert events[: events.index("kernel")].count("clock") % 2 == 0, "it is loaded between two measurements"


def test_small_images_do_not_shorten_what_a_step_takes_as_such_or_what_a_teacher_sees() -> None:
    protocol = TrainingProtocol(name="p", epochs=2, early_sizes=(16,), batch_size=100)
    costs = Costs(image_s=1.0, step_s=20.0, taught_s=0.5, epoch_s=0.0, judged_s=0.0, judging_s=0.0)
    assert costs.training_s(protocol, 1_000) == 1_000 * (0.25 + 1) + 2 * 10 * 20 + 2 * 1_000 * 0.5
    assert costs.step_image_s(protocol) == 1.0 + 0.2 + 0.5


def test_steps_that_draw_devices_are_timed_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[NonIdealities | None] = []
    real = train_epoch

    def watched(
        state: TrainingState, train: Split, protocol: TrainingProtocol, number: int, devices: NonIdealities | None
    ) -> float:
        drawn.append(devices)
        return real(state, train, protocol, number, devices)

    monkeypatch.setattr(step_times, "train_epoch", watched)
    devices = NonIdealities(variation_ratio=0.05)
    recipe = load_recipe("chip")
    known = load_dataset("fashion-mnist")
    trainee = Trainee(design=a_design(), backbone=BACKBONE, crossbar=CrossbarSpec(), dataset=known, noise_aware=devices)
    monkeypatch.setattr(stage_times, "BUDGET_S", 0.01)
    measured_times(trainee, recipe, n_judged=[])
    assert drawn
    assert all(one == devices for one in drawn)


def test_stages_on_few_images_of_the_user_are_timed_as_they_are_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[TrainingProtocol] = []

    def costs(*given: object, **_: object) -> Costs:
        timed.extend(one for one in given if isinstance(one, TrainingProtocol))
        return Costs(image_s=1.0, epoch_s=0.0, judged_s=0.0, judging_s=0.0)

    monkeypatch.setattr(stage_times, "measured_costs", costs)
    known = load_dataset("fashion-mnist")
    images, labels = known.train.images[:600], known.train.labels[:600]
    few = replace(known, name="folder:/flowers", train=Split(images=images, labels=labels))
    trainee = Trainee(design=a_design(), backbone=BACKBONE, crossbar=CrossbarSpec(), dataset=few)
    recipe = load_recipe("quick")
    times = measured_times(trainee, recipe, n_judged=[])
    own = recipe.fitted(few.name, 600)
    assert times.training_s == tuple(600 * p.epochs_by_area() for p in own)
    assert {p.batch_size for p in timed} == {p.batch_size for p in own}
    assert own[0].epochs > recipe.stages[0].protocol.epochs
