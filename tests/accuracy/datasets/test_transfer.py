"""Fetching from a local server and importing small archives: complete, safe, and clear about what is wrong."""

import hashlib
import io
import pickle
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from tests.traps import Trap
from xpert_evo.accuracy.datasets import readers as data_formats
from xpert_evo.accuracy.datasets.archives import extract
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.datasets.downloads import download
from xpert_evo.accuracy.datasets.python_batches import pixels, read_batch
from xpert_evo.accuracy.datasets.transfer import fetch_dataset, import_dataset
from xpert_evo.errors import DataError

CONTENT = bytes(range(256)) * 500


class Server(HTTPServer):
    """Serves CONTENT; `breaks_after` bytes it drops the connection, once."""

    breaks_after: int | None = None
    honours_range = True
    requests: ClassVar[list[str | None]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.honours_range else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(body[:cut])

    def log_message(self, *_: object) -> None:
        """Keeps the tests' output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as http:
        http.requests.clear()
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def address(server: Server, path: str = "/data.bin") -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "data.bin"
    server.breaks_after = 50_000
    with pytest.raises(DataError, match="goes on where it stopped"):
        download(address(server), target, md5=MD5)
    assert not target.exists()
    told: list[tuple[int, int | None]] = []
    download(address(server), target, md5=MD5, on_progress=lambda done, total: told.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=50000-"]
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_server_without_ranges_starts_the_download_anew(server: Server, tmp_path: Path) -> None:
    server.honours_range = False
    (tmp_path / "data.bin.part").write_bytes(b"old")
    download(address(server), tmp_path / "data.bin", md5=MD5)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_part_that_is_complete_already_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    download(address(server), tmp_path / "data.bin", md5=MD5)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_an_error_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"checksum {MD5}, expected 00"):
        download(address(server), tmp_path / "data.bin", md5="00")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/missing", None])
def test_what_cannot_be_reached_is_told(server: Server, tmp_path: Path, path: str | None) -> None:
    url = address(server, path) if path else "file:///etc/hostname"
    with pytest.raises(DataError, match=r"could not be downloaded|no http"):
        download(url, tmp_path / "data.bin", md5=MD5)


def make_tar(path: Path, members: dict[str, bytes], link: str | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tape:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tape.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, link
            tape.addfile(info)
    return path


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in members.items():
            pack.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil-member", "a/../../evil"])
@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_archives_cannot_write_outside_their_folder(tmp_path: Path, name: str, make: object) -> None:
    assert callable(make)
    archive = make(tmp_path / "pack", {"good": b"1", name: b"2"})
    inside = tmp_path / "inside" / "deep"
    inside.mkdir(parents=True)
    with pytest.raises(DataError, match="would leave its folder"):
        extract(archive, inside)
    assert not (tmp_path / "inside" / "evil").exists()
    assert not Path("/tmp/evil-member").exists()


def test_links_bombs_and_truncated_archives_are_refused(tmp_path: Path) -> None:
    linked = make_tar(tmp_path / "linked.tar.gz", {}, link="/etc/passwd")
    with pytest.raises(DataError, match="no plain file"):
        extract(linked, tmp_path)
    bomb = make_zip(tmp_path / "bomb.zip", {"zeros": bytes(1_000_000)})
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        extract(bomb, tmp_path, max_bytes=1_000)
    whole = make_tar(tmp_path / "whole.tar.gz", {"noise": np.random.default_rng(0).bytes(100_000)}).read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="truncated or altered"):
        extract(tmp_path / "half.tar.gz", tmp_path / "other")


@pytest.fixture
def small_cifar(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ten records a file instead of ten thousand."""
    original = data_formats.read_records

    def few(path: Path, n_records: int, *, label_bytes: int, n_classes: int) -> object:
        return original(path, n_records // 1000, label_bytes=label_bytes, n_classes=n_classes)

    monkeypatch.setattr(data_formats, "read_records", few)
    monkeypatch.setattr("xpert_evo.accuracy.datasets.catalogue.load_dataset", lambda *_: None)
    monkeypatch.setattr("xpert_evo.accuracy.datasets.transfer.load_dataset", lambda *_: None)
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return {n: (rng.integers(256, size=(10, 3072), dtype=np.uint8), rng.integers(10, size=10)) for n in names}


def test_the_binary_layout_is_imported_from_folder_and_archive(
    small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path
) -> None:
    files = {
        f"cifar-10-batches-bin/{name}.bin": np.concatenate([labels[:, None].astype(np.uint8), images], axis=1).tobytes()
        for name, (images, labels) in small_cifar.items()
    }
    archive = make_tar(tmp_path / "cifar.tar.gz", files)
    folder = import_dataset("cifar10", archive, tmp_path / "a")
    again = import_dataset("cifar10", folder, tmp_path / "b")
    for name, content in files.items():
        assert (again.parent / name).read_bytes() == content
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["cifar-10-batches-bin"]
    files.pop("cifar-10-batches-bin/data_batch_3.bin")
    with pytest.raises(DataError, match=r"data_batch_3\.bin is missing"):
        import_dataset("cifar10", make_tar(tmp_path / "less.tar.gz", files), tmp_path / "c")
    assert not (tmp_path / "c" / "cifar-10-batches-bin").exists()


def write_batches(
    source: Path, small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], *, protocol: int = 4, **changes: object
) -> Path:
    """The python layout; `changes` are functions of images or labels."""
    source.mkdir()
    for name, (images, labels) in small_cifar.items():
        content = {b"data": images, b"labels": labels.tolist(), b"batch_label": b"x", b"filenames": [b"a.png"] * 10}
        for key, change in changes.items():
            assert callable(change)
            content[key.encode()] = change(content[key.encode()])
        (source / name).write_bytes(pickle.dumps(content, protocol=protocol))
    return source


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("order", [np.ascontiguousarray, np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2]])
def test_the_python_layout_is_read_without_running_it_in_every_protocol_and_order(
    small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path, protocol: int, order: object
) -> None:
    source = write_batches(tmp_path / "cifar-10-batches-py", small_cifar, protocol=protocol, data=order)
    folder = import_dataset("cifar10", source, tmp_path / "data")
    images, labels = small_cifar["data_batch_2"]
    records = np.fromfile(folder / "data_batch_2.bin", dtype=np.uint8).reshape(10, 3073)
    np.testing.assert_array_equal(records[:, 1:], images)
    np.testing.assert_array_equal(records[:, 0], labels)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: (a.astype(np.int16) - 128).astype(np.int8), "unsigned bytes .* got an array of NumPy's type 'i1'"),
        (lambda a: a.astype(np.float32) / 255, "type 'f4'"),
        (lambda a: a.astype(">u2"), "type 'u2'"),
        (lambda a: a > 99, "type 'b1'"),
        (lambda a: a.reshape(10, 3, 32, 32), r"two axes, got the shape \(10, 3, 32, 32\)"),
        (lambda a: a.astype(object), "no array of images"),
        (lambda a: a.tolist(), "no array of images"),
    ],
)
def test_images_of_another_type_or_shape_are_refused(
    small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path, protocol: int, change: object, words: str
) -> None:
    source = write_batches(tmp_path / "source", small_cifar, protocol=protocol, data=change)
    with pytest.raises(DataError, match=words):
        import_dataset("cifar10", source, tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("type_", ["u1", "<i8", ">i8", ">u2"])
def test_labels_may_be_an_array_of_any_integers(
    small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path, protocol: int, type_: str
) -> None:
    source = write_batches(
        tmp_path / "source", small_cifar, protocol=protocol, labels=lambda labels: np.array(labels, dtype=type_)
    )
    folder = import_dataset("cifar10", source, tmp_path / "data")
    for name, (_, labels) in small_cifar.items():
        records = np.fromfile(folder / f"{name}.bin", dtype=np.uint8).reshape(10, 3073)
        np.testing.assert_array_equal(records[:, 0], labels)


@pytest.mark.parametrize("change", [lambda x: [label + 256 for label in x], lambda x: np.array(x) / 2, lambda x: x[1:]])
def test_labels_that_are_no_small_integers_are_refused(
    small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path, change: object
) -> None:
    source = write_batches(tmp_path / "source", small_cifar, labels=change)
    with pytest.raises(DataError, match="must hold 10 integers from 0 to 255 as labels"):
        import_dataset("cifar10", source, tmp_path / "data")


@pytest.mark.parametrize("broken", ["images", "record"])
def test_a_failed_import_speaks_of_the_archive_and_not_of_a_temporary_folder(
    small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path, broken: str
) -> None:
    files = {
        f"py/{name}": pickle.dumps({"data": images if broken == "record" else images.tolist(), "labels": [77] * 10})
        for name, (images, _) in small_cifar.items()
    }
    archive = make_tar(tmp_path / "mine.tar.gz", files)
    with pytest.raises(DataError) as failure:
        import_dataset("cifar10", archive, tmp_path / "data")
    member = "data_batch_1.bin has the label 77" if broken == "record" else "py/data_batch_1 holds no array of images"
    assert str(failure.value).startswith(f"{archive}: {member}")
    assert "unpacking" not in str(failure.value)
    assert "partial" not in str(failure.value)


def test_an_import_of_what_lies_in_its_place_already_leaves_it_alone(
    small_cifar: dict[str, tuple[np.ndarray, np.ndarray]], tmp_path: Path
) -> None:
    write_batches(tmp_path / "source", small_cifar)
    folder = import_dataset("cifar10", tmp_path / "source", tmp_path / "data")
    (folder / "mine.txt").write_text("kept")
    assert import_dataset("cifar10", tmp_path / "data", tmp_path / "data") == folder
    assert (folder / "mine.txt").read_text() == "kept"
    assert len(list(folder.iterdir())) == 7


def test_a_hostile_batch_does_nothing_but_fail(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    batch = tmp_path / "data_batch_1"
    batch.write_bytes(pickle.dumps({"data": Trap(trap), "labels": []}, protocol=2))
    with pytest.raises(DataError, match=r"no array of images|no batch"):
        pixels(read_batch(batch), batch)
    assert not trap.exists()
    batch.write_bytes(b"\x80\x02garbage")
    with pytest.raises(DataError, match="no batch"):
        read_batch(batch)


def test_tiny_imagenet_is_imported_from_its_usual_folders_when_it_is_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "tiny-imagenet-200"
    (root / "val" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("n02\nn01\n", encoding="utf-8-sig")
    for i, name in enumerate(("n01", "n02")):
        (root / "train" / name / "images").mkdir(parents=True)
        for j in range(2):
            picture = Image.new("RGB" if j else "L", (64, 64), (40 + 100 * i, 0, 0) if j else 40 + 100 * i)
            picture.save(root / "train" / name / "images" / f"{name}_{j}.JPEG")
    for i in range(2):
        Image.new("RGB", (64, 64), (200, 0, 0)).save(root / "val" / "images" / f"val_{i}.JPEG")
    annotations = "".join(f"val_{i}.JPEG\tn0{2 - i}\t0\t0\t62\t57\n" for i in range(2))
    (root / "val" / "val_annotations.txt").write_text(annotations, encoding="utf-8")
    with pytest.raises(DataError, match="500 training images of each class, got 2 of n01: a part is missing"):
        data_formats.write_tiny_imagenet(root, tmp_path / "partial.npz")
    monkeypatch.setattr(data_formats, "IMAGENET_TRAINING", 2)
    monkeypatch.setattr(data_formats, "IMAGENET_VALIDATION", 1)
    data_formats.write_tiny_imagenet(root, tmp_path / data_formats.IMAGENET_FILE)
    arrays = data_formats.read_tiny_imagenet(tmp_path)
    assert arrays["train"][0].shape == (4, 3, 32, 32)
    assert arrays["train"][1].tolist() == [0, 0, 1, 1]
    assert arrays["test"][1].tolist() == [1, 0]
    assert abs(int(arrays["test"][0][0, 0, 5, 5]) - 200) < 4
    with pytest.raises(DataError, match="your files would be lost"):
        import_dataset("tiny-imagenet", root, tmp_path)
    assert (root / "wnids.txt").exists()
    Image.new("RGB", (64, 48)).save(root / "val" / "images" / "val_0.JPEG")
    with pytest.raises(DataError, match="64 x 48 pixels where Tiny ImageNet has 64 x 64"):
        data_formats.write_tiny_imagenet(root, tmp_path / "again.npz")
    (root / "val" / "images" / "val_0.JPEG").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"val_0\.JPEG cannot be read"):
        data_formats.write_tiny_imagenet(root, tmp_path / "again.npz")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_images": np.zeros((2, 3, 32, 32), dtype=np.float32)}, "unsigned bytes .* got float32"),
        ({"train_images": np.zeros((2, 3, 32, 32), dtype=np.int8)}, "got int8"),
        ({"test_images": np.zeros((2, 32, 32, 3), dtype=np.uint8)}, r"test_images .* \(2, 32, 32, 3\)"),
        ({"train_labels": np.array([0.0, 1.0])}, "train_labels must be 2 integers, got float64"),
        ({"train_labels": np.array([0, 200])}, "from 0 to 199, got 0 to 200"),
        ({"test_labels": np.array([0])}, "test_labels must be 2 integers"),
    ],
)
def test_array_files_of_another_type_or_order_of_axes_are_refused(
    tmp_path: Path, change: dict[str, np.ndarray], words: str
) -> None:
    images = np.asfortranarray(np.arange(2 * 3072, dtype=np.uint32).reshape(2, 3, 32, 32).astype(np.uint8))
    right: dict[str, Any] = {f"{part}_{name}": value for part in ("train", "test") for name, value in
             (("images", images), ("labels", np.array([0, 199], dtype=">i2")))}  # fmt: skip
    path = tmp_path / data_formats.IMAGENET_FILE
    np.savez(path, **right)
    read = data_formats.read_tiny_imagenet(tmp_path)["train"]
    np.testing.assert_array_equal(read[0], images)
    assert read[1].tolist() == [0, 199]
    np.savez(path, **{**right, **change})
    with pytest.raises(DataError, match=words):
        data_formats.read_tiny_imagenet(tmp_path)


def test_what_comes_with_the_program_is_neither_fetched_nor_imported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to fetch"):
        fetch_dataset("fashion-mnist", tmp_path)
    with pytest.raises(DataError, match="nothing to import"):
        import_dataset("fashion-mnist", tmp_path, tmp_path)
    assert load_dataset("fashion-mnist").n_classes == 10
