"""Recipes: stages of the program and of files, names of changed protocols, budgets, and passes while they pay."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split, load_dataset
from xpert_evo.accuracy.training import stages
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.recipes import LEAST_GAIN, Recipe, Stage, changed, entries, load_recipe
from xpert_evo.accuracy.training.stages import StagedTraining, StagePass, train_stages
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.accuracy.training.weights import load_network, read_start
from xpert_evo.backbones import load_backbone
from xpert_evo.errors import ConfigError, TrainingError
from xpert_evo.space import SearchSpace

SMALL = {"width_divisor": 32, "image_size": 16, "n_train": 128, "n_validation": 64, "n_recalibration": 64}
FIRST = changed(load_protocol("smoke"), SMALL, where="test")
TUNE = changed(load_protocol("exact-tune"), SMALL, where="test")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    data = load_dataset("fashion-mnist")
    return replace(data, train=Split(images=data.train.images[:256], labels=data.train.labels[:256]))


def staged(dataset: Dataset, folder: Path, *stages_: Stage) -> StagedTraining:
    folder.mkdir(exist_ok=True)
    backbone = load_backbone("vgg8", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    space = SearchSpace(backbone)
    return StagedTraining(
        design=space.decode(space.baseline())[0],
        backbone=backbone,
        dataset=dataset,
        stages=stages_,
        crossbar=CrossbarSpec(),
        seed=3,
        folder=folder,
        device="cpu",
    )


@pytest.mark.parametrize("name", ["quick", "hour", "night", "best"])
def test_a_recipe_begins_with_random_weights_and_ends_with_the_exact_emulation(name: str) -> None:
    protocols = [stage.protocol for stage in load_recipe(name).stages]
    assert [protocol.needs_weights for protocol in protocols] == [False] + [True] * (len(protocols) - 1)
    assert [protocol.exact for protocol in protocols] == [False] * (len(protocols) - 1) + [True]
    assert all(protocol.width_divisor == 1 for protocol in protocols)


def test_stages_are_the_protocols_of_the_stored_runs() -> None:
    assert [stage.protocol.digest for stage in load_recipe("hour").stages] == [
        load_protocol(name).digest for name in ("one-night", "exact-tune")
    ]
    assert [entry.protocol for entry in entries()["best"].stages] == [
        "long-night",
        "long-second-night",
        "averaged-night",
        "exact-tune",
    ]


def test_changed_protocols_have_names_that_tell_them_apart() -> None:
    base = load_protocol("one-night")
    assert changed(base, {"epochs": base.epochs}, where="test") is base
    assert changed(base, {"epochs": 1, "n_train": 5_000}, where="test").name == "one-night-1-epoch-5000-images"
    others = [changed(base, {"learning_rate": rate}, where="test").name for rate in (0.01, 0.02)]
    assert others[0] != others[1]
    assert changed(load_protocol("exact-tune"), {"epochs": 2}, where="test").needs_weights


def test_a_budget_scales_epochs_and_below_one_epoch_images() -> None:
    hour = load_recipe("hour")
    for ratio in (0.05, 0.3, 1.0, 2.5):
        scaled = hour.scaled(ratio, "cifar10", 45_000, hours=1.5)
        assert scaled.hours == 1.5
        for stage, whole in zip(scaled.stages, hour.stages, strict=True):
            images, all_ = (p.epochs * (p.n_train or 45_000) for p in (stage.protocol, whole.protocol))
            epoch = stage.protocol.n_train or 45_000
            assert abs(images - ratio * all_) <= epoch / 2, "whole epochs, and images of less than one"
    assert hour.scaled(1.0, "cifar10", 45_000, hours=1.0).stages == hour.stages


def test_a_budget_scales_the_steps_that_few_images_of_the_user_take() -> None:
    recipe, data = load_recipe("hour"), ("folder:/flowers", 600)

    def images(some: Recipe) -> list[int]:
        return [protocol.epochs * data[1] for protocol in some.fitted(*data)]

    assert [stage.protocol for stage in recipe.fitted_to(data[1]).stages] == list(recipe.fitted(*data))
    whole = images(recipe)
    assert whole > [stage.protocol.epochs * data[1] for stage in recipe.stages], "fitted epochs are repeated"
    for ratio in (0.5, 1.0, 2.0):
        for some, all_, stage in zip(images(recipe.scaled(ratio, *data, hours=1.0)), whole, recipe.stages, strict=True):
            assert some == pytest.approx(ratio * all_, abs=all_ / stage.protocol.epochs), "as far as epochs are whole"
    shortest = recipe.scaled(0.001, *data, hours=1.0)
    assert all(stage.protocol.epochs == 1 for stage in shortest.stages)
    assert images(shortest) > [data[1]] * len(whole), "one epoch of the protocol is several of few images"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages = []", "at least 1"),
        ('stages = [{ protocol = "one-nihgt" }]', "one-night"),
        ('stages = [{ protocol = "smoke" }, { protocol = "exact-tune" }]', "width_divisor 16 .* stage 2 has 1 and 32"),
        ('stages = [{ protocol = "smoke", changes = { epoch = 2 } }]', "epochs"),
        ('stages = [{ protocol = "smoke", changes = { name = "mine" } }]', "name belongs to the protocol"),
        ('stages = [{ protocol = "smoke", changes = { images = 9 } }]', "'images' in changes; did you mean 'n_train'"),
        ('stages = [{ protocol = "smoke", changes = { validation_images = 9 } }]', "did you mean 'n_validation'"),
        (
            'stages = [{ protocol = "smoke", changes = { colour = 2 } }]',
            "known: width_divisor, .*, n_train",
        ),
        ("stages = [", "cannot be read"),
    ],
)
def test_wrong_recipes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(path))


def test_unknown_recipes_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'night'"):
        load_recipe("nigth")
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load_recipe("nowhere.toml")


def test_stages_go_on_where_they_stopped_and_end_with_the_same_network(dataset: Dataset, tmp_path: Path) -> None:
    two_epochs = changed(FIRST, {"epochs": 2}, where="test")
    both = Stage(protocol=two_epochs), Stage(protocol=TUNE)
    whole = train_stages(staged(dataset, tmp_path / "whole", *both))
    for stop_at in (1, 3):  # in the first stage and in the second one
        training, n_epochs = staged(dataset, tmp_path / f"stopped-{stop_at}", *both), 0

        def stop(_: object, stop_at: int = stop_at) -> None:
            nonlocal n_epochs
            n_epochs += 1
            if n_epochs == stop_at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_stages(training, on_epoch=stop)
        begun: list[StagePass] = []
        again = train_stages(training, on_pass=begun.append, on_epoch=stop)
        assert [one.is_known for one in begun] == [stop_at == 3, False]
        assert n_epochs == 3, "no finished epoch was trained again"
        assert again.weights.read_bytes() == whole.weights.read_bytes()
        assert [one.validation_accuracy for one in again.passes] == [one.validation_accuracy for one in whole.passes]
    tuned = load_network(whole.weights).header
    assert (tuned.protocol.digest, tuned.started_from is not None) == (TUNE.digest, True)


def test_a_stage_whose_record_is_damaged_is_trained_again(dataset: Dataset, tmp_path: Path) -> None:
    training = staged(dataset, tmp_path, Stage(protocol=FIRST))
    first = train_stages(training).weights.read_bytes()
    (record,) = tmp_path.glob("*.json")
    record.write_text("{")
    known: list[bool] = []
    again = train_stages(training, on_end=lambda _, is_known: known.append(is_known))
    assert known == [False]
    assert again.weights.read_bytes() == first


@pytest.mark.parametrize(
    "case",
    [
        ([0.5, 0.6, 0.7, 0.8], 4, 3),
        ([0.5, 0.6, 0.6 + LEAST_GAIN / 2, 0.9], 3, 2),
        ([0.5, 0.4, 0.9, 0.9], 2, 0),
    ],
)
def test_a_stage_is_repeated_while_it_pays_and_the_best_pass_is_kept(
    dataset: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[list[float], int, int],
) -> None:
    accuracies, n_passes, kept = case
    left, starts, seeds = list(accuracies), [], []

    def train(*args: object, **options: object) -> object:
        starts.append(options["start_from"])
        seeds.append(options["seed"])
        return replace(trained, validation_accuracy=left.pop(0))

    training = staged(dataset, tmp_path, Stage(protocol=FIRST, at_most=4))
    args = (training.design, training.backbone, dataset, FIRST)
    trained = train_design(*args, crossbar=training.crossbar, seed=3, device="cpu")
    monkeypatch.setattr(stages, "train_design", train)
    result = train_stages(training)
    assert (len(result.passes), result.kept) == (n_passes, kept)
    assert result.passes[kept].validation_accuracy == max(accuracies[:n_passes])
    assert starts[0] is None
    assert seeds == [3, 4, 5, 6][:n_passes], "the same images in another order"
    assert load_network(result.weights).header.validation_accuracy == result.passes[kept].validation_accuracy


def test_a_first_stage_that_needs_weights_refuses_random_ones(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="continues from trained weights"):
        train_stages(staged(dataset, tmp_path, Stage(protocol=TUNE)))
    first = train_stages(staged(dataset, tmp_path / "first", Stage(protocol=FIRST)))
    training = replace(staged(dataset, tmp_path, Stage(protocol=TUNE)), start=read_start(first.weights))
    assert train_stages(training).passes[0].emulation == "exact crossbar emulation"
    assert torch.isfinite(next(load_network(first.weights).parameters())).all()
