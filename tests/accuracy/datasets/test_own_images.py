"""A user's own images: the three forms, what their files may look like, and what is refused in a sentence."""

import os
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.own_images import CLASSES, coloured, write_folder, write_image
from xpert_evo.accuracy.datasets.catalogue import Dataset, load_dataset
from xpert_evo.accuracy.datasets.resizing import ImageError, bytes_of, channels_axis, resized
from xpert_evo.accuracy.datasets.sources import Part, Source
from xpert_evo.accuracy.datasets.splitting import split
from xpert_evo.errors import DataError
from xpert_evo.image_sources import Resize


def rows(dataset: Dataset) -> dict[str, set[bytes]]:
    return {
        part: {image.numpy().tobytes() for image in getattr(dataset, part).images}
        for part in ("train", "validation", "test")
    }


def load(name: str, tmp_path: Path, **options: Any) -> Dataset:
    return load_dataset(name, tmp_path / "cache", **options)


def failure(name: str, tmp_path: Path) -> str:
    with pytest.raises(DataError) as found:
        load(name, tmp_path)
    return str(found.value)


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


# Folders


def test_a_folder_of_classes_is_split_by_class_and_keeps_names_and_bytes(tmp_path: Path) -> None:
    dataset = load(f"folder:{write_folder(tmp_path / 'flowers', 20)}", tmp_path)
    assert dataset.class_names == CLASSES
    assert (dataset.n_classes, dataset.image_channels, dataset.image_size) == (3, 3, (32, 32))
    assert dataset.train.labels.bincount().tolist() == [16, 16, 16]
    assert dataset.validation.labels.bincount().tolist() == dataset.test.labels.bincount().tolist() == [2, 2, 2]
    found = rows(dataset)
    assert not any(a & b for a, b in combinations(found.values(), 2))
    assert set.union(*found.values()) == {image.tobytes() for image in coloured(20)[0]}
    for part in (dataset.train, dataset.validation, dataset.test):
        assert part.images.dtype == torch.uint8
        assert (part.images.float().mean((2, 3)).argmax(1) == part.labels).all()
    assert sum("were drawn with a fixed seed" in note for note in dataset.notes) == 2


def test_split_folders_are_kept_and_validation_is_drawn_from_training(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_folder(root / "Train", 20)
    write_folder(root / "test", 4, seed=1)
    (root / "train.txt").write_text("not an image")
    dataset = load(f"folder:{root}", tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [54, 6, 12]
    assert rows(dataset)["test"] == {image.tobytes() for image in coloured(4, seed=1)[0]}
    write_folder(root / "val", 2, seed=2)
    (root / "raw").mkdir()
    dataset = load(f"folder:{root}", tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [60, 6, 12]
    assert "raw beside the folders of the splits: not used" in dataset.notes
    write_folder(root / "validation", 3, seed=3)
    dataset = load(f"folder:{root}", tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [60, 9, 12]
    assert "raw and val beside the folders of the splits: not used" in dataset.notes


def test_the_digest_is_of_content_split_and_classes_not_of_the_place(tmp_path: Path) -> None:
    first = load(f"folder:{write_folder(tmp_path / 'a', 5)}", tmp_path)
    same = load(f"folder:{write_folder(tmp_path / 'b', 5)}", tmp_path / "elsewhere")
    other = load(f"folder:{write_folder(tmp_path / 'c', 5, seed=1)}", tmp_path)
    assert first.digest == same.digest != other.digest
    (tmp_path / "b" / "rose").rename(tmp_path / "b" / "tulipa")
    assert load(f"folder:{tmp_path / 'b'}", tmp_path / "elsewhere").digest != first.digest


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_images_on_their_side_keep_their_proportions(suffix: str, tmp_path: Path) -> None:
    for i, image in enumerate(coloured(4, side=40)[0][:, :, :20]):
        photo = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
        exif = photo.getexif()
        exif[0x0112] = 6
        path = tmp_path / "set" / str(i % 2) / f"{i}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo.save(path, exif=exif)
    dataset = load(f"folder:{tmp_path / 'set'}", tmp_path)
    assert dataset.image_size == (40, 20)


def test_all_usual_files_are_read_and_grey_ones_among_colours_get_three_planes(tmp_path: Path) -> None:
    grey = coloured(2)[0][0][:1]
    for label in ("a", "b"):
        for i, kind in enumerate(("png", "jpg", "bmp", "gif", "tiff", "webp", "JPEG")):
            write_image(tmp_path / "set" / label / "deeper" / f"{i}.{kind}", grey + i + 10 * (label == "b"))
    assert load(f"folder:{tmp_path / 'set'}", tmp_path).image_channels == 3  # a GIF has a palette
    for path in (tmp_path / "set").rglob("*.gif"):
        path.unlink()
    for path in (tmp_path / "set").rglob("*.webp"):
        path.unlink()  # which knows no grey
    assert load(f"folder:{tmp_path / 'set'}", tmp_path).image_channels == 1
    write_image(tmp_path / "set" / "a" / "colour.png", coloured(1)[0][0])
    dataset = load(f"folder:{tmp_path / 'set'}", tmp_path)
    assert dataset.image_channels == 3
    assert grey.tobytes() * 3 in set.union(*rows(dataset).values())


def test_sixteen_bits_palettes_and_transparency_become_bytes() -> None:
    values = (np.arange(32 * 32).reshape(32, 32) * 64).astype(np.uint16)
    assert (resized(Image.fromarray(values), 1, (32, 32), Resize.CROP)[0] == values >> 8).all()
    colour = Image.fromarray(coloured(1)[0][0].transpose(1, 2, 0))
    for mode in ("RGBA", "CMYK", "P", "LA", "1"):
        assert resized(colour.convert(mode), 3, (32, 32), Resize.FIT).shape == (3, 32, 32)
    with pytest.raises(ImageError, match="floats"):
        resized(Image.fromarray(np.ones((4, 4), dtype=np.float32)), 1, (32, 32), Resize.CROP)


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (256, None),
        (16, "no value of 90 such images reaches 3,584, so they are nearly black; save them with 8 bits"),
        (1, "no value of 90 such images reaches 256, so they would all be black; save them with 8 bits a pixel, or"),
    ],
)
def test_sixteen_bit_images_that_use_the_lower_bits_are_told_of(factor: int, words: str | None, tmp_path: Path) -> None:
    for i, (image, label) in enumerate(zip(*coloured(30), strict=True)):
        path = tmp_path / "grey" / CLASSES[label] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.max(axis=0).astype(np.uint16) * factor).save(path)
    if factor == 1:
        assert str(words) in failure(f"folder:{tmp_path / 'grey'}", tmp_path)
        return
    told = [note for note in load(f"folder:{tmp_path / 'grey'}", tmp_path).notes if "16-bit" in note]
    assert len(told) == (words is not None)
    assert all(str(words) in note for note in told)


def test_photographs_are_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    picture = Image.fromarray(np.repeat(np.arange(32, dtype=np.uint8)[:, None], 32, axis=1))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.save(tmp_path / "x.png", exif=exif)
    with Image.open(tmp_path / "x.png") as opened:
        planes = resized(opened, 1, (32, 32), Resize.CROP)
    assert planes[0, :, 0].tolist() == list(range(31, -1, -1))


def test_unreadable_files_are_all_counted_and_the_first_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", 4)
    whole = (folder / "rose" / "004.png").read_bytes()
    for i in range(7):
        (folder / "rose" / f"bad{i}.png").write_bytes(b"not an image")
    words = failure(f"folder:{folder}", tmp_path)
    assert words.startswith("7 of 19 images of folder:")
    assert "rose/bad0.png (not an image)" in words
    assert "and 2 more; repair or remove them." in words
    for path in folder.rglob("bad*"):
        path.unlink()
    (folder / "rose" / "004.png").write_bytes(whole[: len(whole) // 2])
    (folder / "daisy" / "000.png").write_bytes(whole[: len(whole) // 2])
    words = failure(f"folder:{folder}", tmp_path)  # only decoding can tell, in whatever split they are
    assert words.startswith("2 of 12 images")
    assert "rose/004.png (" in words
    assert "daisy/000.png (" in words
    assert sorted(path.name for path in (tmp_path / "cache" / "decoded").iterdir()) == [".decoding.lock"]


def test_links_that_lead_nowhere_are_unreadable_files_and_linked_folders_are_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", 4)
    (folder / "rose" / "more").symlink_to(folder / "daisy")
    notes = load_dataset(f"folder:{folder}", tmp_path / "cache").notes
    assert "rose/more is a link to a folder: not followed" in notes
    (folder / "rose" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    words = failure(f"folder:{folder}", tmp_path)
    assert words.startswith("1 of 13 images")
    assert "rose/gone.png (No such file or directory)" in words


def test_a_folder_that_cannot_be_read_is_no_empty_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "set", 4)
    look = os.scandir

    def guarded(path: str) -> Any:
        if Path(path).name == "rose":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", guarded)
    words = failure(f"folder:{folder}", tmp_path)
    assert f"the folder {folder / 'rose'} cannot be read (Permission denied); change its permissions" in words


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "must hold a sub-folder of images for each class, such as set/cat/1.png; it has no sub-folder"),
        (["1.png"], "it has no sub-folder"),
        (["a/1.txt"], "it has sub-folders without images"),
        (["a/1.png"], "one class only, 'a'"),
        (["a/1.png", "b/2.png"], "too few images: none is left for validation and test"),
        (["a/1.png", "b/2.png", "a/3.png"], "too few images: none is left for test"),
        (["test/a/1.png", "test/b/1.png"], "has the folder test but no training images"),
        (["train/a/1.png", "train/b/2.png", "test/c/3.png"], "test images of the class 'c', but no training image"),
        (["train/a/1.png", "train/b/2.png", "test/3.png"], "must hold a sub-folder of images for each class"),
    ],
)
def test_folders_that_are_laid_out_otherwise_are_told(tmp_path: Path, files: list[str], words: str) -> None:
    (tmp_path / "set").mkdir()
    for i, file in enumerate(files):
        write_image(tmp_path / "set" / file, coloured(4)[0][i]) if file.endswith("png") else None
        (tmp_path / "set" / file).parent.mkdir(parents=True, exist_ok=True)
    assert words in failure(f"folder:{tmp_path / 'set'}", tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "is not a folder" in failure(f"folder:{tmp_path / 'none'}", tmp_path)


def test_ten_images_are_a_data_set_with_a_remark(tmp_path: Path) -> None:
    images = coloured(4)[0]
    for i in range(10):
        write_image(tmp_path / "set" / "ab"[i % 2] / f"{i}.png", images[i])
    dataset = load(f"folder:{tmp_path / 'set'}", tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [6, 2, 2]
    assert "only 2 test images: accuracy comes in steps of 50.0 points" in dataset.notes


def test_an_image_that_is_in_two_splits_trains_nothing_and_is_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "set" / "train", 8)
    write_folder(tmp_path / "set" / "val", 3, seed=2)
    write_folder(tmp_path / "set" / "test", 3, seed=3)
    copied = coloured(8)[0][:2]
    write_image(tmp_path / "set" / "test" / "daisy" / "copy.png", copied[0])
    write_image(tmp_path / "set" / "val" / "daisy" / "copy.png", copied[1])
    dataset = load(f"folder:{tmp_path / 'set'}", tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [22, 10, 10]
    assert not any(a & b for a, b in combinations(rows(dataset).values(), 2))
    assert "2 train images left out: the same picture is among the validation or test images" in dataset.notes


# Arrays


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("floats", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_of_every_kind_hold_the_same_images(tmp_path: Path, last: bool, floats: bool, channels: int) -> None:
    images, labels = coloured(10)
    images = images[:, :channels]
    stored = np.moveaxis(images, 1, -1) if last else images
    stored = (stored / 255).astype(np.float32) if floats else stored
    name = save(
        tmp_path / "x.npz", x_train=stored, y_train=labels, x_test=1 - stored if floats else 255 - stored, y_test=labels
    )
    dataset = load(name, tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [27, 3, 30]
    assert rows(dataset)["train"] | rows(dataset)["validation"] == {image.tobytes() for image in images}
    assert rows(dataset)["test"] == {(255 - image).tobytes() for image in images}


def test_labels_of_any_values_become_positions_with_names(tmp_path: Path) -> None:
    images, labels = coloured(10)
    for values, names in (
        (np.array([20, -1, 3])[labels], ("-1", "3", "20")),
        (np.array(["rose", "daisy", "tulip"])[labels], ("daisy", "rose", "tulip")),
        (labels[:, None], ("0", "1", "2")),
    ):
        dataset = load(save(tmp_path / "x.npz", x_train=images, y_train=values), tmp_path)
        assert dataset.class_names == names
        assert set(dataset.train.labels.tolist()) == {0, 1, 2}


def arrays() -> dict[str, Any]:
    images, labels = coloured(4)
    return {"x_train": images, "y_train": labels}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"x_train": coloured(4)[0] * 1.0},
            "train images: pixels must be unsigned bytes (uint8) or floats from 0 to 1",
        ),
        ({"x_train": coloured(4)[0] / 128.0 - 1}, "undo the normalisation"),
        ({"x_train": np.full((12, 32, 32), np.nan)}, "train images: 12,288 of 12,288 pixels are NaN; replace them."),
        ({"x_train": coloured(4)[0].astype(np.int64)}, "got int64"),
        ({"x_train": np.zeros((12, 17, 17, 17), np.uint8)}, "1 to 16 channels"),
        ({"x_train": np.zeros((12, 8, 8, 8), np.uint8)}, "it must be clear which"),
        ({"x_train": np.zeros((12, 8), np.uint8)}, "three or four axes"),
        ({"y_train": np.eye(3)[coloured(4)[1]]}, "one-hot: take their argmax"),
        ({"y_train": coloured(4)[1] * 0.5}, "got labels of float64"),
        ({"y_train": coloured(4)[1][:5]}, "for each of its 12 train images"),
        ({"y_train": np.zeros(12, int)}, "one class only, '0'"),
        ({"x_test": coloured(4)[0]}, "y_test is missing, it holds x_test, x_train, y_train"),
        ({"x_test": coloured(1)[0], "y_test": np.array([0, 1, 9])}, "test images of the class '9'"),
        (
            {"x_test": coloured(1)[0][:, :1], "y_test": np.arange(3)},
            "as many channels in all images, got 3 in train, 1",
        ),
        ({"y_train": np.array([{}] * 12)}, "no objects"),
    ],
)
def test_arrays_that_nobody_can_understand_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in failure(save(tmp_path / "x.npz", **(arrays() | changes)), tmp_path)


def test_files_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 broken")
    assert "cannot be read" in failure(f"npz:{tmp_path / 'x.npz'}", tmp_path)
    (tmp_path / "text.npz").write_text("pixels to follow")
    told = failure(f"npz:{tmp_path / 'text.npz'}", tmp_path)
    assert told.endswith("text.npz is not an .npz file; write it with numpy.savez.")
    np.save(tmp_path / "y.npy", coloured(1)[0])
    assert "holds a single array" in failure(f"npz:{tmp_path / 'y.npy'}", tmp_path)
    assert "No such file" in failure(f"npz:{tmp_path / 'none.npz'}", tmp_path)
    assert "x_train is missing, it holds a" in failure(save(tmp_path / "z.npz", a=np.zeros(3)), tmp_path)


def test_sixteen_channels_and_uneven_classes_are_sensible(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (63, 20, 20, 16), dtype=np.uint8)
    labels = np.array([0] * 60 + [1] * 3)
    dataset = load(save(tmp_path / "x.npz", x_train=images, y_train=labels), tmp_path)
    assert dataset.train.images.shape[1:] == (16, 20, 20)
    assert dataset.test.labels.bincount().tolist() == [6, 1]
    assert any(note.startswith("classes are uneven: 48 training images of '0', 1 of '1'") for note in dataset.notes)


# Functions

MODULE = '''
import numpy as np
from PIL import Image
from tests.own_images import CLASSES, coloured

images, labels = coloured(10)
CALLS = []

class Torchvision:
    """Items (Pillow image, label), as torchvision's data sets have them."""
    classes = list(CLASSES)
    targets = labels.tolist()
    def __len__(self): return len(labels)
    def __getitem__(self, i): return Image.fromarray(images[i].transpose(1, 2, 0)), int(labels[i])

class HuggingFace:
    """Items {"image": ..., "label": ...}; columns by their names."""
    column_names = ["image", "label"]
    def __len__(self): return len(labels)
    def __getitem__(self, i):
        if i == "label": return labels.tolist()
        return {"image": Image.fromarray(images[i].transpose(1, 2, 0)), "label": int(labels[i])}

class Tensors:
    def __len__(self): return len(labels)
    def __getitem__(self, i):
        import torch
        return torch.from_numpy(images[i]).float() / 255, torch.tensor(labels[i])

def data(kind): return kind()
def torchvision(): return Torchvision()
def hugging_face(): return {"train": HuggingFace()}
def tensors(): return Tensors()
def arrays(): return {"x_train": images, "y_train": labels}
def keras(): return (images, labels[:, None]), (255 - images, labels[:, None])
def pair(): return Torchvision(), [(255 - x, y) for x, y in zip(images, labels)]
def broken(): raise RuntimeError("no network")
def number(): return 3
def triples(): return [(1, 2, 3)] * 5, Torchvision()
def words(): return [("no image", y) for y in range(5)]
def empty(): return [], Torchvision()
constant = 4
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "my_images.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "module:my_images"
    sys.modules.pop("my_images", None)


@pytest.mark.parametrize("function", ["torchvision", "hugging_face", "tensors", "arrays"])
@pytest.mark.parametrize("as_file", [False, True])
def test_functions_of_every_kind_give_the_same_images(
    module: str, tmp_path: Path, function: str, as_file: bool
) -> None:
    name = f"module:{tmp_path / 'my_images.py'}:{function}" if as_file else f"{module}:{function}"
    dataset = load(name, tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [24, 3, 3]
    assert set.union(*rows(dataset).values()) == {image.tobytes() for image in coloured(10)[0]}
    assert dataset.class_names == (CLASSES if function == "torchvision" else ("0", "1", "2"))
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize("function", ["keras", "pair"])
def test_pairs_are_training_and_test(module: str, tmp_path: Path, function: str) -> None:
    dataset = load(f"{module}:{function}", tmp_path)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [27, 3, 30]
    assert rows(dataset)["test"] == {(255 - image).tobytes() for image in coloured(10)[0]}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("broken", "raised RuntimeError: no network"),
        ("number", "must return arrays (a dictionary with x_train, y_train, x_test, y_test) or map-style"),
        ("triples", "an item must be (image, label), got tuple"),
        ("words", "an image must be a Pillow image or an array of two or three axes"),
        ("empty", "returned no train images"),
        ("constant", "must name a function, got int"),
        ("none", "cannot be imported (AttributeError"),
    ],
)
def test_functions_that_return_no_images_are_told(module: str, tmp_path: Path, function: str, words: str) -> None:
    assert words in failure(f"{module}:{function}", tmp_path)


@pytest.mark.parametrize("name", ["module:nothing_here:load", "module:x.py:load", "module:load", "module:"])
def test_functions_that_are_not_there_are_told(tmp_path: Path, name: str) -> None:
    assert "module:" in failure(name, tmp_path)


# Sizes and splits


@pytest.mark.parametrize("how", Resize)
@pytest.mark.parametrize("shape", [(40, 80), (80, 40), (7, 3), (32, 32), (28, 28)])
def test_resized_images_are_square_and_keep_what_they_promise(how: Resize, shape: tuple[int, int]) -> None:
    white = np.full((3, *shape), 255, dtype=np.uint8)
    planes = resized(white, 3, (32, 32), how)
    assert planes.shape == (3, 32, 32)
    bars = float((planes == 0).mean())
    share = 1 - min(shape) / max(shape)
    assert bars == pytest.approx(share if how is Resize.FIT else 0.0, abs=0.04)
    as_picture = resized(Image.fromarray(white.transpose(1, 2, 0)), 3, (32, 32), how)
    assert (as_picture == planes).all()


def test_cropping_keeps_the_middle_and_stretching_all() -> None:
    picture = np.zeros((1, 32, 64), dtype=np.uint8)
    picture[:, :, 16:48] = 200
    assert resized(picture, 1, (32, 32), Resize.CROP).min() == 200
    assert resized(picture, 1, (32, 32), Resize.STRETCH)[0, 0, 0] == 0


@pytest.mark.parametrize("size", [(10, 49), (64, 48), (1, 7)])
def test_images_are_resized_to_heights_and_widths(size: tuple[int, int]) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 90).astype(np.uint8)[:, None], (1, 90, 60))
    planes = resized(ramp, 1, size, Resize.STRETCH)
    assert planes.shape == (1, *size)
    assert (planes == planes[:, :, :1]).all()
    for how in (Resize.CROP, Resize.FIT):
        assert resized(Image.fromarray(ramp[0]), 1, size, how).shape == (1, *size)


def test_the_images_decide_their_size_unless_a_setting_does(tmp_path: Path) -> None:
    for i in range(5):
        for label in "ab":
            value = np.random.default_rng([i, ord(label)]).integers(0, 255, (3, 20, 30), dtype=np.uint8)
            write_image(tmp_path / "set" / label / f"{i}.png", value)
    name = f"folder:{tmp_path / 'set'}"
    kept = load(name, tmp_path)
    assert kept.image_size == (20, 30)
    assert kept.train.images.shape[1:] == (3, 20, 30)
    assert not any("resized" in note for note in kept.notes)
    assert load(name, tmp_path, image_size=(16, 24)).train.images.shape[1:] == (3, 16, 24)
    write_image(
        tmp_path / "set" / "a" / "tall.png", np.random.default_rng(9).integers(0, 255, (3, 50, 30)).astype("u1")
    )
    mixed = load(name, tmp_path)
    assert mixed.image_size == (32, 32)
    assert "images have 2 sizes (20 x 30 to 50 x 30 pixels); they were resized to 32 x 32" in " ".join(mixed.notes)
    assert not any("resized" in note for note in load(name, tmp_path, image_size=(32, 32)).notes)


def test_very_large_images_are_resized_and_a_note_says_so(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (12, 1, 300, 40), dtype=np.uint8)
    dataset = load(save(tmp_path / "x.npz", x_train=images, y_train=np.arange(12) % 2), tmp_path)
    assert dataset.image_size == (32, 32)
    assert any(note.startswith("images of 300 x 40 pixels have a side longer than 256") for note in dataset.notes)


def test_photographs_held_sideways_count_with_the_size_they_are_turned_to(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    for label in "ab":
        for i in range(6):
            value = np.random.default_rng([i, ord(label)]).integers(0, 255, (3, 20, 30), dtype=np.uint8)
            path = tmp_path / "set" / label / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(value.transpose(1, 2, 0)).save(path, exif=exif)
    assert load(f"folder:{tmp_path / 'set'}", tmp_path).train.images.shape[1:] == (3, 30, 20)


@given(st.integers(1, 16), st.integers(17, 60), st.integers(17, 60))
def test_channels_are_found_at_either_end(channels: int, height: int, width: int) -> None:
    assert channels_axis((channels, height, width)) == -3
    assert channels_axis((5, height, width, channels)) == -1


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30))
def test_floats_round_to_the_nearest_byte(values: list[float]) -> None:
    found = bytes_of(np.array(values))
    assert np.abs(found / 255 - np.array(values)).max() <= 0.5 / 255 + 1e-9


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=200),
    st.sets(st.sampled_from(["validation", "test"])),
)
def test_splits_are_disjoint_complete_stratified_and_always_the_same(labels: list[int], given_parts: set[str]) -> None:
    own = np.array(labels)

    def part(values: np.ndarray[Any, np.dtype[np.int64]]) -> Part:
        return Part(labels=values, image=lambda i: Image.new("L", (1, 1)), told=str)

    parts = {"train": part(own), **{name: part(np.arange(5)) for name in given_parts}}
    source = Source(name="x", class_names=tuple("abcde"), image_channels=1, sizes=frozenset({(1, 1)}), parts=parts)
    found = split(source)
    again = split(source)
    assert all((found[name].images == again[name].images).all() for name in found)
    drawn = [members.images for members in found.values() if members.origin == "train"]
    assert sorted(np.concatenate(drawn).tolist()) == list(range(len(own)))
    for name in given_parts:
        assert sorted(found[name].images.tolist()) == list(range(5))
    for label in set(labels):
        n = labels.count(label)
        assert (own[found["train"].images] == label).sum() >= 1
        for name in {"validation", "test"} - given_parts:
            assert (own[found[name].images] == label).sum() <= max(1, round(n / 10))
            if n >= 3:
                assert (own[found[name].images] == label).sum() == max(1, round(n / 10))
