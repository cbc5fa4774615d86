"""Whether a network and a data set belong together, in the check and in the commands that call it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.command_line import call
from tests.refinable import trained, weights
from xpert_evo.accuracy.datasets import catalogue
from xpert_evo.accuracy.datasets.catalogue import DATASETS, load_dataset
from xpert_evo.accuracy.training.checkpoints import read_tensors, write_tensors
from xpert_evo.accuracy.training.matching import check_images, check_name
from xpert_evo.accuracy.training.teacher import read_teacher
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.errors import UsageError

OTHERS = "0123456789abcdef"
"""Digest of images that are in no list."""


def _trained_on(tmp_path: Path, digest: str | None) -> Path:
    path = weights(tmp_path)
    tensors, header = read_tensors(path)
    write_tensors(path, tensors, header | {"dataset": digest})
    return path


@pytest.fixture
def no_images(monkeypatch: pytest.MonkeyPatch) -> None:
    trained()  # which needs some

    def loaded(*_: object, **__: object) -> None:
        pytest.fail("images were loaded")

    monkeypatch.setattr(catalogue, "_loaded", loaded)
    monkeypatch.setattr(catalogue, "_own", loaded)


@pytest.mark.parametrize("command", ["judge", "refine"])
@pytest.mark.parametrize(
    ("digest", "words"),
    [
        (
            DATASETS["cifar10"].digest,
            "was trained on cifar10, not on fashion-mnist; add --dataset cifar10 --data-dir DIR",
        ),
        (OTHERS, "was trained on other images than those of fashion-mnist; select its data set with --dataset"),
    ],
)
def test_commands_without_a_data_set_refuse_before_any_image_is_loaded(
    tmp_path: Path, no_images: None, command: str, digest: str, words: str
) -> None:
    path = _trained_on(tmp_path, digest)
    with pytest.raises(UsageError, match=words):
        call(command, path)
    assert not (tmp_path / "runs").exists()


def test_a_data_set_of_other_shape_is_refused_unseen_where_it_is_named(tmp_path: Path, no_images: None) -> None:
    path = _trained_on(tmp_path, OTHERS)
    with pytest.raises(UsageError, match=r"10 classes and 1 image channels, but tiny-imagenet has 200 and 3"):
        call("judge", path, "--dataset", "tiny-imagenet")


def test_other_images_of_the_same_shape_are_judged_where_they_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as images of another camera: the user asks for them."""
    path = _trained_on(tmp_path, OTHERS)
    call("judge", path, "--dataset", "fashion-mnist", "--images", "20", "--chips", "0")
    assert "ideal devices" in capsys.readouterr().out


def test_files_that_do_not_say_what_they_were_trained_on_are_taken(tmp_path: Path) -> None:
    network = load_network(_trained_on(tmp_path, None))
    check_images(tmp_path, network, load_dataset("fashion-mnist"), same=True)
    check_name(tmp_path, network, "fashion-mnist", same=True)


def test_own_images_are_checked_once_they_are_loaded(tmp_path: Path, no_images: None) -> None:
    network = load_network(_trained_on(tmp_path, OTHERS))
    check_name(tmp_path, network, "folder:photos", same=True)
    with pytest.raises(UsageError, match="other images than those of folder:photos"):
        check_images(tmp_path, network, _images(name="folder:photos"), same=True)
    with pytest.raises(UsageError, match=r"on images of 32 x 32 pixels, but folder:photos has 24 x 32; select"):
        check_images(tmp_path, network, _images(name="folder:photos", image_size=(24, 32)), same=True)
    check_images(tmp_path, network, _images(name="folder:photos"), same=False)


def test_a_teacher_must_know_the_images(tmp_path: Path) -> None:
    dataset = load_dataset("fashion-mnist")
    assert len(read_teacher([weights(tmp_path)], dataset).networks) == 1
    with pytest.raises(UsageError, match="was trained on cifar10, not on fashion-mnist"):
        read_teacher([_trained_on(tmp_path, DATASETS["cifar10"].digest)], dataset)


def _images(**changes: Any) -> catalogue.Dataset:
    split = catalogue.Split(images=torch.empty(0), labels=torch.empty(0))
    plain = catalogue.Dataset(
        name="fashion-mnist",
        train=split,
        validation=split,
        test=split,
        n_classes=10,
        image_channels=1,
        image_size=(32, 32),
        digest="another digest",
    )
    return replace(plain, **changes)
