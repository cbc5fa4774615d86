"""The embedded data set, splits that never mix, and the data sets' file layouts made small."""

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from xpert_evo.accuracy.datasets import readers as data_formats
from xpert_evo.accuracy.datasets.catalogue import DATASETS, Split, load_dataset
from xpert_evo.accuracy.training.images import batches, full_batches, prepared, training_subset
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.errors import DataError


def rows(split: Split) -> set[bytes]:
    return {image.numpy().tobytes() for image in split.images}


def test_the_embedded_data_set_is_balanced_padded_and_small() -> None:
    dataset = load_dataset("fashion-mnist")
    for split, n in ((dataset.train, 10_000), (dataset.validation, 2_000), (dataset.test, 2_000)):
        assert split.images.shape == (n, 1, 32, 32)
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert torch.bincount(split.labels).tolist() == [n // 10] * 10
        assert split.images[:, :, :2].max() == 0
    file = Path(data_formats.__file__).parent / "data" / data_formats.EMBEDDED_FILE
    assert file.stat().st_size < 9_000_000
    assert (file.parent / "FASHION_MNIST_LICENSE.txt").read_text(encoding="utf-8").count("MIT License") == 1


def test_the_first_images_of_every_split_are_of_all_classes() -> None:
    data = load_dataset("fashion-mnist")
    for split in (data.train, data.validation, data.test):
        assert split.labels[:500].bincount(minlength=10).min() > 25


def test_the_embedded_splits_share_no_image_and_have_a_stable_digest() -> None:
    dataset = load_dataset("fashion-mnist")
    train, validation, test = rows(dataset.train), rows(dataset.validation), rows(dataset.test)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert dataset.digest == DATASETS["fashion-mnist"].digest == "aa04294ebd35c87b"


@pytest.mark.parametrize(
    ("name", "message"), [("cifar", "did you mean 'cifar10'"), ("cifar10", "xpert-evo data fetch")]
)
def test_a_data_set_that_is_not_there_is_told_in_one_sentence(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(name)


def test_a_missing_folder_names_the_command_that_gets_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="xpert-evo data fetch cifar100"):
        load_dataset("cifar100", tmp_path)


@pytest.mark.parametrize(
    ("name", "there", "place", "command"),
    [
        ("cifar10", "cifar-10-batches-py", "", "data import cifar10 {}/cifar-10-batches-py --data-dir {}"),
        ("cifar10", "cifar-10-python.tar.gz", "", "data import cifar10 {}/cifar-10-python.tar.gz --data-dir {}"),
        ("cifar100", "cifar-100-python", "", "data import cifar100 {}/cifar-100-python --data-dir {}"),
        (
            "cifar10",
            "cifar-10-batches-py",
            "cifar-10-batches-py",
            "import cifar10 {}/cifar-10-batches-py --data-dir {}",
        ),
        ("cifar100", "cifar-10-batches-py", "", "data fetch cifar100 --data-dir {}"),
    ],
)
def test_what_lies_there_in_another_layout_is_answered_with_an_import(
    tmp_path: Path, name: str, there: str, place: str, command: str
) -> None:
    (tmp_path / there).mkdir()
    with pytest.raises(DataError) as failure:
        load_dataset(name, tmp_path / place)
    assert str(failure.value).endswith(command.format(tmp_path, tmp_path))


def test_tiny_imagenet_as_it_is_published_is_answered_with_an_import(tmp_path: Path) -> None:
    folder = tmp_path / "tiny-imagenet-200"
    folder.mkdir()
    (folder / "wnids.txt").touch()
    with pytest.raises(DataError, match=f"data import tiny-imagenet {folder} --data-dir FOLDER"):
        load_dataset("tiny-imagenet", tmp_path)


def test_truncated_and_altered_records_are_named(tmp_path: Path) -> None:
    path = tmp_path / "test_batch.bin"
    path.write_bytes(bytes(3073 * 9))
    with pytest.raises(DataError, match=r"test_batch\.bin must have 30,730 bytes, got 27,657"):
        data_formats.read_records(path, 10, label_bytes=1, n_classes=10)
    path.write_bytes(bytes([77]) + bytes(3073 * 10 - 1))
    with pytest.raises(DataError, match="label 77"):
        data_formats.read_records(path, 10, label_bytes=1, n_classes=10)


def test_records_are_read_plane_by_plane_with_the_last_label_byte(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(4, 3, 32, 32), dtype=np.uint8)
    labels = np.array([[1, 5], [0, 99], [3, 7], [2, 0]], dtype=np.uint8)
    path = tmp_path / "train.bin"
    np.concatenate([labels, images.reshape(4, -1)], axis=1).tofile(path)
    read, classes = data_formats.read_records(path, 4, label_bytes=2, n_classes=100)
    np.testing.assert_array_equal(read, images)
    assert classes.tolist() == [5, 99, 7, 0]


def test_prepared_images_are_averaged_to_the_size_of_the_protocol() -> None:
    split = load_dataset("fashion-mnist").validation
    small = prepared(split, load_protocol("laptop"), torch.device("cpu"), 10)
    assert small.images.shape == (10, 1, 16, 16)
    block = split.images[3, 0, 8:10, 12:14].float().mean() / 255
    assert small.images[3, 0, 4, 6].item() == pytest.approx(block.item(), abs=1e-6)


def test_prepared_images_are_made_once_as_long_as_their_split_is_in_use() -> None:
    whole, cpu, laptop = load_dataset("fashion-mnist").validation, torch.device("cpu"), load_protocol("laptop")
    split = Split(images=whole.images.clone(), labels=whole.labels)
    first = prepared(split, laptop, cpu, 10)
    assert prepared(split, laptop, cpu, 10) is first
    assert training_subset(split, 20) is training_subset(split, 20)
    assert prepared(training_subset(split, 20), laptop, cpu) is prepared(training_subset(split, 20), laptop, cpu)
    assert len(prepared(split, laptop, cpu, 11)) == 11
    assert prepared(split, load_protocol("native-short"), cpu, 10).images.shape[-1] == 32
    for n_images in range(20, 30):  # a few are kept
        prepared(split, laptop, cpu, n_images)
    again = prepared(split, laptop, cpu, 10)
    assert again is not first
    assert torch.equal(again.images, first.images)
    alive = weakref.ref(again)
    del split, again
    assert alive() is None


def test_images_in_floats_are_refused_as_nobody_can_tell_their_range() -> None:
    split = load_dataset("fashion-mnist").validation
    floats = Split(images=split.images[:4] / 255, labels=split.labels[:4])
    with pytest.raises(DataError, match=r"must be unsigned bytes \(torch\.uint8\), got torch\.float32"):
        prepared(floats, load_protocol("laptop"), torch.device("cpu"))


def test_training_subsets_are_fixed_and_batches_visit_every_image_once() -> None:
    train = load_dataset("fashion-mnist").train
    subset = training_subset(train, 100)
    assert torch.equal(subset.images, training_subset(train, 100).images)
    assert training_subset(train, None) is train
    assert sum(len(labels) for _, labels in batches(subset, 32)) == 100
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    seen = torch.cat([subset.images[chosen] for chosen in full_batches(order, 32)])
    assert len(seen) == 96
    assert len(rows(Split(images=seen, labels=torch.zeros(96)))) == 96
    assert [len(chosen) for chosen in full_batches(order[:20], 32)] == [20]


def test_every_data_set_tells_where_it_comes_from() -> None:
    for name, spec in DATASETS.items():
        assert (spec.url is None) == (spec.folder is None) == (spec.md5 is None), name
