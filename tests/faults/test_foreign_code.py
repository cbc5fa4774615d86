"""Nothing that comes from outside is ever run: the sources have no way to, and files made to try it do nothing."""

import ast
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from tests.traps import Trap
from xpert_evo.accuracy.datasets import readers as data_formats
from xpert_evo.accuracy.datasets.python_batches import pixels, read_batch
from xpert_evo.accuracy.datasets.transfer import import_dataset
from xpert_evo.accuracy.training.checkpoints import read_tensors
from xpert_evo.design import load_designs
from xpert_evo.errors import XpertEvoError
from xpert_evo.library import load_network
from xpert_evo.store import FILE_NAME, Generation, Store

ROOT = Path(__file__).parents[2]
PARTS = ("xpert_evo", "hw_models", "scripts", "benchmarks", "studies")
SOURCES = sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py"))
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib.load", "shelve", "marshal"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "torch.hub.load", "jit.load"}
UNPACKERS = {"extractall", "unpack_archive"}
ALLOWED = {
    # It opens only what our own client has sealed for our own workers, as Dask itself does with every message.
    ("xpert_evo/executors/dask_batch.py", "pickle"),
    # It writes pickles for the program to refuse, and reads none.
    ("benchmarks/fuzz_breaking.py", "pickle"),
    # A dry list of instructions, none of which is carried out.
    ("xpert_evo/accuracy/datasets/python_batches.py", "pickletools"),
}


def _name(node: ast.expr) -> str:
    """`a.b.c` of a call's function; a question mark for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _keywords(call: ast.Call) -> dict[str | None, object]:
    return {word.arg: word.value.value if isinstance(word.value, ast.Constant) else ... for word in call.keywords}


def _suspects(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of whatever could run what a file says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in (*modules, *(alias.name for alias in node.names)):
                if name.partition(".")[0] in PICKLES or name == "pickletools":
                    yield node.lineno, name
        if not isinstance(node, ast.Call):
            continue
        name, words = _name(node.func), _keywords(node)
        last = name.rpartition(".")[2]
        if name in CALLS or last in UNPACKERS:
            yield node.lineno, name
        if name == "torch.load" and words.get("weights_only") is not True:
            yield node.lineno, "torch.load without weights_only=True"
        if words.get("allow_pickle", False) is not False:
            yield node.lineno, f"{name} with allow_pickle"
        if words.get("shell", False) is not False:
            yield node.lineno, f"{name} with shell"


def test_the_sources_have_no_way_to_run_what_a_file_says() -> None:
    assert len(SOURCES) > 100
    found = {
        (str(path.relative_to(ROOT)), name): line
        for path in SOURCES
        for line, name in _suspects(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found.keys() == ALLOWED, {key: found[key] for key in found.keys() - ALLOWED}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from cloudpickle import loads",
        "from distributed.protocol import pickle",
        "eval(text)",
        "os.system(command)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trust)",
        "subprocess.run(command, shell=True)",
        "tape.extractall(folder)",
        "shutil.unpack_archive(path)",
    ],
)
def test_the_search_for_such_ways_finds_them(line: str) -> None:
    assert list(_suspects(ast.parse(line)))


def _object_npy(trap: Path) -> bytes:
    """An array of objects as NumPy writes it: with a pickle inside."""
    stream = io.BytesIO()
    np.save(stream, np.array([Trap(trap)], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _npz(path: Path, trap: Path) -> None:
    with zipfile.ZipFile(path, "w") as pack:
        for part in ("train", "test"):
            for what in ("images", "labels"):
                pack.writestr(f"{part}_{what}.npy", _object_npy(trap))


def python_layout(folder: Path, trap: Path) -> object:
    for i in range(1, 6):
        (folder / f"data_batch_{i}").write_bytes(pickle.dumps({"data": Trap(trap), "labels": [Trap(trap)]}))
    return import_dataset("cifar10", folder, folder / "data")


def python_batch(folder: Path, trap: Path) -> object:
    (folder / "batch").write_bytes(pickle.dumps({b"data": Trap(trap), b"labels": []}, protocol=2))
    return pixels(read_batch(folder / "batch"), folder / "batch")


def array_file(folder: Path, trap: Path) -> object:
    _npz(folder / data_formats.IMAGENET_FILE, trap)
    return data_formats.read_tiny_imagenet(folder)


def checkpoint(folder: Path, trap: Path) -> object:
    torch.save({"weights": Trap(trap)}, folder / "checkpoint.pt")
    return read_tensors(folder / "checkpoint.pt")


def weights(folder: Path, trap: Path) -> object:
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Trap(trap)))
    return load_network(folder / "weights.safetensors")


def weights_with_odd_metadata(folder: Path, trap: Path) -> object:
    metadata = {"xpert_evo": json.dumps({"design": f"__import__('pathlib').Path({str(trap)!r}).touch()"})}
    (folder / "weights.safetensors").write_bytes(save({"w": torch.zeros(1)}, metadata))
    return load_network(folder / "weights.safetensors")


def design_file(folder: Path, trap: Path) -> object:
    (folder / "design.json").write_bytes(pickle.dumps(Trap(trap)))
    return load_designs(folder / "design.json")


FILES: list[Callable[[Path, Path], object]] = [
    python_layout, python_batch, array_file, checkpoint, weights, weights_with_odd_metadata, design_file,
]  # fmt: skip


@pytest.mark.parametrize("read", FILES, ids=lambda read: read.__name__)
def test_a_file_that_would_run_something_is_refused_and_runs_nothing(
    tmp_path: Path, read: Callable[[Path, Path], object]
) -> None:
    folder, trap = tmp_path / "folder", tmp_path / "sprung"
    folder.mkdir()
    with pytest.raises(XpertEvoError):
        read(folder, trap)
    assert not trap.exists()


def test_a_generation_with_a_pickle_inside_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    with Store.create(tmp_path / "run", {"settings": {}}) as store:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as pack:
            pack.writestr("genomes.npy", _object_npy(trap))
        with store.transaction():
            store._insert("generations", round=1, generation=1, state=stream.getvalue(), summary="{}")
            store.add_generation(Generation(round=1, generation=0, arrays={"genomes": np.zeros(2)}, summary={}))
        with pytest.raises(XpertEvoError, match="damaged"):
            store.last_generation(1)
    assert not trap.exists()
    assert (tmp_path / "run" / FILE_NAME).exists()


def test_the_traps_would_have_sprung(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()
