"""Trained networks of a run's designs in the formats of other tools; proxies only where asked for, and marked."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from safetensors import safe_open
from safetensors.torch import save

from xpert_evo.accuracy.training.checkpoints import METADATA_KEY, WEIGHTS_NAME
from xpert_evo.accuracy.training.weights import Training, load_network, training_of
from xpert_evo.errors import UsageError
from xpert_evo.files import write_atomically, write_text
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.exports.onnx_file import load_onnx, write_onnx
from xpert_evo.report.result import RunResult
from xpert_evo.streams import in_shell
from xpert_evo.words import counted, listed

NetworkExport = Callable[[Path, Path, RunResult, Sequence[Candidate], bool], list[str]]
"""(folder to write into, the run's folder, its result, designs, whether proxies count) -> sentences for the user."""

_NAMES = """\
ID is the design's. A name that ends in -proxy-PROTOCOL is not the design's network but a narrower one, which
ranks designs and has another accuracy. The metadata tell each file's protocol, and by `is_proxy` whether it is a proxy.
"""

TORCH_NOTE = f"""\
ID.safetensors: weights and batch-norm statistics of a design that `xpert-evo train` trained, with the design, the
training protocol and the seed as metadata. As a torch module:

  from pathlib import Path
  import xpert_evo as xe

  network = xe.load_network(Path("ID.safetensors"))   # a torch.nn.Module with quantised inputs and weights
  scores = network(images)                            # images in [0, 1], (n, channels, 32, 32)

Pixels are the stored bytes over 255, without further normalisation; images of 28 x 28 get a black border of two pixels.

Its ADCs are perfect; `xpert-evo train` judges with the exact emulation of the crossbars.

{_NAMES}"""

ONNX_NOTE = f"""\
ID.onnx: a design that `xpert-evo train` trained, as an ONNX model (operators of opset 17). It takes `images`, (n,
channels, 32, 32) in [0, 1], and gives `scores`, (n, classes). Pixels are the stored bytes over 255, without further
normalisation; images of 28 x 28 get a black border of two pixels. The inputs of layers are
quantised in the model (Mul, Clip, Round, Mul) and weights stand in it quantised; its ADCs are perfect: `xpert-evo
train` judges with the exact emulation of the crossbars. Design, protocol and seed are in the model's metadata, as JSON.

{_NAMES}"""


def _torch(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate], proxies: bool) -> list[str]:
    found = _weights("torch", run, result, designs, proxies=proxies)
    folder = out / "torch"
    folder.mkdir(exist_ok=True)
    for digest, (path, training) in found.items():
        content = _marked(path, training)
        write_atomically(folder / f"{_stem(digest, training)}.safetensors", partial(_write, content))
    write_text(folder / "README.txt", TORCH_NOTE)
    return [f"torch: weights of {_count(found)}", *_left_out("torch", found, run, result, designs)]


def _onnx(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate], proxies: bool) -> list[str]:
    load_onnx()
    found = _weights("onnx", run, result, designs, proxies=proxies)
    folder = out / "onnx"
    folder.mkdir(exist_ok=True)
    crossbar = result.task.hardware.crossbar
    for digest, (path, training) in found.items():
        trained = load_network(path, crossbar)
        metadata = {**trained.metadata, "is_proxy": training.is_proxy}
        write_onnx(folder / f"{_stem(digest, training)}.onnx", trained.network, trained.image_size, metadata)
    write_text(folder / "README.txt", ONNX_NOTE)
    return [f"onnx: models of {_count(found)}", *_left_out("onnx", found, run, result, designs)]


def _write(content: bytes, stream: IO[bytes]) -> None:
    stream.write(content)


def _stem(digest: str, training: Training) -> str:
    return f"{digest}-proxy-{training.protocol}" if training.is_proxy else digest


def _marked(path: Path, training: Training) -> bytes:
    """A file of weights as it is, with `is_proxy` in its metadata."""
    with safe_open(path, framework="pt") as file:
        metadata = json.loads(file.metadata()[METADATA_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return save(tensors, {METADATA_KEY: json.dumps({**metadata, "is_proxy": training.is_proxy})})


def _count(found: Mapping[str, tuple[Path, Training]]) -> str:
    """`2 designs`, or `2 designs (1 of them a proxy, trained with laptop)`."""
    protocols = [training.protocol for _, training in found.values() if training.is_proxy]
    if not protocols:
        return counted(len(found), "design")
    which = "a proxy" if len(protocols) == 1 else "proxies"
    return (
        f"{counted(len(found), 'design')} ({len(protocols)} of them {which}, trained with "
        f"{listed(dict.fromkeys(protocols))}; file names say so)"
    )


def _weights(
    form: str, run: Path, result: RunResult, designs: Sequence[Candidate], *, proxies: bool
) -> dict[str, tuple[Path, Training]]:
    """Digest -> trained weights, of designs that have some; raises UsageError where none has."""
    wanted = [candidate.digest for candidate in designs]
    trained = trained_weights(run, result)
    found = {
        digest: trained[digest]
        for digest in wanted
        if digest in trained and (proxies or not trained[digest][1].is_proxy)
    }
    if found:
        return found
    n_proxies = sum(digest in trained for digest in wanted)
    if n_proxies:
        raise UsageError(
            f"--format {form}: none of the {len(wanted)} designs has weights at its own width; {n_proxies} of them "
            "have those of a proxy, a narrower network that only ranks designs. Train a design itself, such as with "
            "`xpert-evo train --protocol one-night`, or export the proxies, marked as such, with --proxies."
        )
    first, file = wanted[0], in_shell(run / "design.json")
    raise UsageError(
        f"--format {form}: none of the {len(wanted)} designs has weights of a training on this run's images and "
        f"crossbars: a search keeps accuracies, not networks. Train one with `xpert-evo show {in_shell(run)} --id "
        f"{first[:8]} --json > {file}` and `xpert-evo train {file} --out "
        f"{in_shell(run.parent / f'train-{first}')}`, then export again; `--protocol one-night` is quicker than the "
        "default."
    )


def _left_out(
    form: str,
    found: Mapping[str, tuple[Path, Training]],
    run: Path,
    result: RunResult,
    designs: Sequence[Candidate],
) -> list[str]:
    missing = [candidate.digest for candidate in designs if candidate.digest not in found]
    trained = trained_weights(run, result)
    reasons = {
        "`xpert-evo train` has not trained them on these images and crossbars": [
            d for d in missing if d not in trained
        ],
        "they were trained as proxies alone (--proxies exports those)": [d for d in missing if d in trained],
    }
    return [
        f"{form}: no weights of {', '.join(digest[:8] for digest in digests)}: {why}"
        for why, digests in reasons.items()
        if digests
    ]


def trained_weights(run: Path, result: RunResult) -> dict[str, tuple[Path, Training]]:
    """Digest -> the best weights that `xpert-evo train` left of a design, in any folder beside the run's.

    Only those of the run's images and crossbars, as far as the files tell, and none of a stage that needs trained
    weights and had random ones, as earlier versions allowed. Networks of the design's own width come before proxies,
    those that were trained through the exact emulation, whose validation accuracy is that of the converters, before
    others, and then the higher validation accuracy on ideal devices counts.
    """
    backbone = result.task.backbone

    def fits(training: Training) -> bool:
        shape = (training.image_channels, training.n_classes)
        return (
            training.dataset in (None, result.dataset["digest"])
            and training.crossbar in (None, result.task.hardware.crossbar)
            and shape == (backbone.image_channels, backbone.n_classes)
            and not training.lacks_start
        )

    paths = [path for path in run.absolute().parent.glob(f"*/{WEIGHTS_NAME}") if path.is_file()]
    found = [(path, training) for path in paths if (training := training_of(path)) is not None and fits(training)]
    found.sort(key=lambda pair: (not pair[1].is_proxy, pair[1].is_exact, pair[1].validation, pair[0].stat().st_mtime))
    return {training.design.digest: (path, training) for path, training in found}


NETWORK_EXPORTS: Mapping[str, NetworkExport] = {"torch": _torch, "onnx": _onnx}
"""Formats by name."""
