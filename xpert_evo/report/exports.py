"""Designs in the formats of other tools; a new format is an entry in `EXPORTS`."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from xpert_evo.accuracy.checkpoints import WEIGHTS_NAME
from xpert_evo.errors import UsageError
from xpert_evo.files import write_atomically, write_text
from xpert_evo.network_file import NetworkForm
from xpert_evo.report.backbone import write_backbone
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.files import front_csv
from xpert_evo.report.network_files import write_neurosim, write_xpertsim
from xpert_evo.report.onnx_file import load_onnx, write_onnx
from xpert_evo.report.result import RunResult
from xpert_evo.report.trained import Training, load_network, training_of
from xpert_evo.validation import nearest
from xpert_evo.words import counted

Export = Callable[[Path, Path, RunResult, Sequence[Candidate]], list[str]]
"""(folder to write into, the run's folder, its result, designs) -> sentences for the user."""


def export(formats: Sequence[str], out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    """Writes designs in each format; returns sentences that say what was written and what could not be.

    Args:
        formats: Of `EXPORTS`.
        out: Folder to write into; made where it does not exist.
        run: The run's folder; trainings are looked for beside it.
        result: Of the run.
        designs: Which of its designs.

    Raises:
        UsageError: A format is unknown, there is nothing to export, or the folder cannot be made.
    """
    for name in formats:
        if name not in EXPORTS:
            raise UsageError(f"--format: no format is called '{name}'; {nearest(name, EXPORTS)}")
    if not designs:
        raise UsageError(f"{run} has no front yet; go on with `xpert-evo resume {run}`.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise UsageError(f"{out} cannot be made ({failure.strerror}); choose another --out.") from None
    return [sentence for name in dict.fromkeys(formats) for sentence in EXPORTS[name](out, run, result, designs)]


def _json(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    del run
    write_text(out / "designs.json", json.dumps([design.to_plain() for design in designs], indent=1) + "\n")
    for candidate in designs:
        write_text(out / f"{candidate.digest}.json", candidate.design.to_json() + "\n")
    write_backbone(out, result)
    return [f"designs.json with all figures, and a design file for each of {counted(len(designs), 'design')}"]


def _csv(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    del run, result
    write_text(out / "designs.csv", front_csv(designs))
    return ["designs.csv, a row a design"]


def _xpertsim(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    del run
    write_xpertsim(_folder(out, NetworkForm.XPERTSIM), result.task, designs)
    files = counted(len(designs), "network file")
    return [f"{NetworkForm.XPERTSIM}: {files} for XPertSim; README.txt names the columns and the program's settings"]


def _neurosim(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    del run
    mixed = write_neurosim(_folder(out, NetworkForm.NEUROSIM_V1_3), result.task, designs)
    files = counted(len(designs), "network file")
    sentences = [f"{NetworkForm.NEUROSIM_V1_3}: {files} for DNN+NeuroSim V1.3, each with its parameters beside it"]
    if mixed:
        sentences.append(
            f"{NetworkForm.NEUROSIM_V1_3}: the program has one setting for all layers, so it cannot simulate the "
            f"peripherals of {', '.join(digest[:8] for digest in mixed)}; their parameter files list them by layer"
        )
    return sentences


def _folder(out: Path, name: str) -> Path:
    folder = out / name
    folder.mkdir(exist_ok=True)
    return folder


TORCH_NOTE = """\
ID.safetensors: weights and batch-norm statistics of a design that `xpert-evo train` trained, with the design, the
training protocol and the seed as metadata. As a torch module:

  from pathlib import Path
  import xpert_evo as xe

  network = xe.load_network(Path("ID.safetensors"))   # a torch.nn.Module with quantised inputs and weights
  scores = network(images)                            # images in [0, 1], (n, channels, 32, 32)

Pixels are the stored bytes over 255, without further normalisation; images of 28 x 28 get a black border of two pixels.

Its ADCs are perfect; `xpert-evo train` judges with the exact emulation of the crossbars.
"""


def _torch(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    found = _weights("torch", run, result, designs)
    folder = out / "torch"
    folder.mkdir(exist_ok=True)
    for digest, path in found.items():
        write_atomically(folder / f"{digest}.safetensors", partial(_copy, path))
    write_text(folder / "README.txt", TORCH_NOTE)
    return [f"torch: weights of {counted(len(found), 'design')}", *_left_out("torch", found, designs)]


ONNX_NOTE = """\
ID.onnx: a design that `xpert-evo train` trained, as an ONNX model (operators of opset 17). It takes `images`, (n,
channels, 32, 32) in [0, 1], and gives `scores`, (n, classes). Pixels are the stored bytes over 255, without further
normalisation; images of 28 x 28 get a black border of two pixels. The inputs of layers are
quantised in the model (Mul, Clip, Round, Mul) and weights stand in it quantised; its ADCs are perfect: `xpert-evo
train` judges with the exact emulation of the crossbars. Design, protocol and seed are in the model's metadata, as JSON.
"""


def _onnx(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    load_onnx()
    found = _weights("onnx", run, result, designs)
    folder = out / "onnx"
    folder.mkdir(exist_ok=True)
    crossbar = result.task.hardware.crossbar
    for digest, path in found.items():
        trained = load_network(path, crossbar)
        write_onnx(folder / f"{digest}.onnx", trained.network, trained.image_size, trained.metadata)
    write_text(folder / "README.txt", ONNX_NOTE)
    return [f"onnx: models of {counted(len(found), 'design')}", *_left_out("onnx", found, designs)]


def _weights(form: str, run: Path, result: RunResult, designs: Sequence[Candidate]) -> dict[str, Path]:
    """Digest -> trained weights, of designs that have some; raises UsageError where none has."""
    wanted = [candidate.digest for candidate in designs]
    trained = trained_weights(run, result)
    found = {digest: trained[digest] for digest in wanted if digest in trained}
    if not found:
        first = wanted[0]
        raise UsageError(
            f"--format {form}: none of the {len(wanted)} designs has weights of a training on this run's images and "
            f"crossbars: a search keeps accuracies, not networks. Train one with `xpert-evo show {run} --id "
            f"{first[:8]} --json > {run}/design.json` and `xpert-evo train {run}/design.json --out "
            f"{run.parent / f'train-{first}'}`, then export again; `--protocol laptop-finalist` is quicker than the "
            "default."
        )
    return found


def _left_out(form: str, found: Mapping[str, Path], designs: Sequence[Candidate]) -> list[str]:
    missing = [candidate.digest[:8] for candidate in designs if candidate.digest not in found]
    why = "`xpert-evo train` has not trained them on these images and crossbars"
    return [f"{form}: no weights of {', '.join(missing)}: {why}"] if missing else []


def _copy(path: Path, stream: IO[bytes]) -> None:
    with path.open("rb") as source:
        shutil.copyfileobj(source, stream)


def trained_weights(run: Path, result: RunResult) -> dict[str, Path]:
    """Digest -> the best weights that `xpert-evo train` left of a design, in any folder beside the run's.

    Only those of the run's images and crossbars, as far as the files tell. Networks of the design's own width come
    before proxies, those that were trained through the exact emulation, whose validation accuracy is that of the
    converters, before others, and then the higher validation accuracy on ideal devices counts.
    """
    backbone = result.task.backbone

    def fits(training: Training) -> bool:
        shape = (training.image_channels, training.n_classes)
        return (
            training.dataset in (None, result.dataset["digest"])
            and training.crossbar in (None, result.task.hardware.crossbar)
            and shape == (backbone.image_channels, backbone.n_classes)
        )

    paths = [path for path in run.absolute().parent.glob(f"*/{WEIGHTS_NAME}") if path.is_file()]
    found = [(path, training) for path in paths if (training := training_of(path)) is not None and fits(training)]
    found.sort(key=lambda pair: (not pair[1].is_proxy, pair[1].is_exact, pair[1].validation, pair[0].stat().st_mtime))
    return {training.design.digest: path for path, training in found}


EXPORTS: Mapping[str, Export] = {
    "json": _json,
    "csv": _csv,
    NetworkForm.XPERTSIM: _xpertsim,
    NetworkForm.NEUROSIM_V1_3: _neurosim,
    "torch": _torch,
    "onnx": _onnx,
}
