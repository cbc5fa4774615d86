"""The cache of decoded images: used when it is whole, made anew when not, by one process while others wait."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.own_images import coloured, write_folder, write_image
from xpert_evo.accuracy.datasets import decoded, folders
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.datasets.own_images import own_images
from xpert_evo.errors import DataError
from xpert_evo.image_sources import ImageSize, Resize


@pytest.fixture
def flowers(tmp_path: Path) -> str:
    return f"folder:{write_folder(tmp_path / 'flowers', 5)}"


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.startswith("."))


def test_files_are_decoded_once_and_mapped_afterwards(
    flowers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_dataset(flowers, tmp_path)
    monkeypatch.setattr(folders, "_image", None)
    again = load_dataset(flowers, tmp_path)
    assert again.digest == first.digest
    assert again.notes == first.notes
    found = decoded.read_decoded(tmp_path / "decoded", first.digest)
    assert found is not None
    assert all(isinstance(images, np.memmap) for images in found.images.values())
    assert torch.equal(again.train.images, first.train.images)


def test_what_a_training_writes_into_images_never_reaches_the_file(flowers: str, tmp_path: Path) -> None:
    before = load_dataset(flowers, tmp_path).train.images
    kept = before.clone()
    before.zero_()
    assert torch.equal(load_dataset(flowers, tmp_path).train.images, kept)


def test_a_worker_with_the_digest_needs_no_source(flowers: str, tmp_path: Path) -> None:
    digest = load_dataset(flowers, tmp_path).digest
    shutil.rmtree(tmp_path / "flowers")
    assert load_dataset(flowers, tmp_path, digest=digest).digest == digest
    with pytest.raises(DataError, match="is not a folder"):
        load_dataset(flowers, tmp_path, digest="0" * 16)


@pytest.mark.parametrize("damage", ["deleted", "truncated", "no content", "bad content", "bad memory", "left over"])
def test_a_damaged_cache_is_made_again(flowers: str, tmp_path: Path, damage: str) -> None:
    first = load_dataset(flowers, tmp_path)
    images = first.train.images.clone()
    cache = tmp_path / "decoded"
    folder = cache / first.digest
    content = folder / "content.json"
    match damage:
        case "deleted":
            shutil.rmtree(folder)
        case "truncated":
            os.truncate(folder / "train.npy", 1000)
        case "no content":
            content.unlink()
        case "bad content":
            content.write_text(json.dumps({"labels": []}))
        case "bad memory":
            next(cache.glob("known-*")).write_text("{")
        case "left over":
            shutil.rmtree(folder)
            (cache / "new").mkdir()
            (cache / "new" / "train.npy").write_bytes(b"of a process that was killed")
    again = load_dataset(flowers, tmp_path)
    assert again.digest == first.digest
    assert torch.equal(again.train.images, images)
    assert entries(cache) == sorted([first.digest, *(path.name for path in cache.glob("known-*"))])


def test_any_change_of_the_files_is_seen(flowers: str, tmp_path: Path) -> None:
    digests = [load_dataset(flowers, tmp_path).digest]
    path = tmp_path / "flowers" / "rose" / "005.png"
    told = path.stat()
    other = coloured(5, seed=3)[0][5]
    write_image(path, other)
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))  # which a careless tool may keep
    digests.append(load_dataset(flowers, tmp_path).digest)
    path.rename(path.with_name("zzz.png"))
    same = load_dataset(flowers, tmp_path)
    path.with_name("zzz.png").unlink()
    digests.append(load_dataset(flowers, tmp_path).digest)
    assert len({*digests, same.digest}) >= 3
    assert len(same.train) == 9


def test_each_way_of_resizing_has_an_entry_of_its_own(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (15, 3, 20, 60), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=np.arange(15) % 3)
    name = f"npz:{tmp_path / 'x.npz'}"

    def digests_of(size: ImageSize) -> dict[Resize, str]:
        return {how: load_dataset(name, tmp_path, image_size=size, resize=how).digest for how in Resize}

    digests = digests_of((32, 32))
    assert len(set(digests.values())) == 3
    assert digests_of((32, 32)) == digests
    large = own_images(name, tmp_path / "decoded", (64, 64), Resize.CROP)
    assert large.images["train"].shape == (9, 3, 64, 64)
    assert large.digest not in digests.values()


BUILD = """
import sys
from pathlib import Path
from xpert_evo.accuracy.datasets.catalogue import load_dataset
print(load_dataset(sys.argv[1], Path(sys.argv[2])).digest)
"""


def test_two_processes_that_want_it_at_once_get_the_same(flowers: str, tmp_path: Path) -> None:
    both = [
        subprocess.Popen([sys.executable, "-c", BUILD, flowers, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    digests = {process.communicate(timeout=200)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert digests == {load_dataset(flowers, tmp_path).digest}
    assert len(entries(tmp_path / "decoded")) == 2


def test_only_a_block_of_images_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoded, "_BLOCK", 4)
    waiting, most = 0, 0
    read, hashed = folders._image, decoded.hashlib.sha256

    def counting(*arguments: Any) -> Any:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        return read(*arguments)

    def done(*arguments: bytes) -> object:
        nonlocal waiting
        waiting = max(0, waiting - 1)
        return hashed(*arguments)

    monkeypatch.setattr(folders, "_image", counting)
    monkeypatch.setattr(decoded.hashlib, "sha256", done)
    load_dataset(f"folder:{write_folder(tmp_path / 'flowers', 20)}", tmp_path)
    assert 1 <= most <= 5


def test_a_cache_that_cannot_be_written_is_told(flowers: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot hold decoded images .*choose another folder with --data-dir"):
        load_dataset(flowers, tmp_path / "file")


def test_images_that_would_fill_the_disk_are_refused_before_anything_is_written(flowers: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"15 images of 3000000 x 2000000 pixels take 270,000\.0 GB, but .* GB left"):
        load_dataset(flowers, tmp_path, image_size=(3_000_000, 2_000_000))
    assert entries(tmp_path / "decoded") == []
