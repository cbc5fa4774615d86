"""Trained networks of a run's designs in the formats of other tools; proxies only where asked for, and marked."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from xpert_evo.accuracy.training.checkpoints import read_tensors, write_tensors
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME, WeightsFile, find_weights, load_network
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
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
  scores = network(images)                            # images in [0, 1], (n, channels, height, width)

Images have the size of the data set: 32 x 32 for the built-in ones (Fashion-MNIST's 28 x 28 with a black border of two
pixels). Pixels are the stored bytes over 255, without further normalisation.

Its ADCs are perfect; `xpert-evo train` judges with the exact emulation of the crossbars.

{_NAMES}"""

ONNX_NOTE = f"""\
ID.onnx: a design that `xpert-evo train` trained, as an ONNX model (operators of opset 17). It takes `images`, (n,
channels, height, width) in [0, 1], and gives `scores`, (n, classes). Images have the size of the data set: 32 x 32 for
the built-in ones (Fashion-MNIST's 28 x 28 with a black border of two pixels). Pixels are the stored bytes over 255,
without further normalisation. The inputs of layers are quantised in the model (Mul, Clip, Round, Mul) and weights
stand in it quantised; its ADCs are perfect: `xpert-evo train` judges with the exact emulation of the crossbars.
Design, protocol and seed are in the model's metadata, as JSON.

{_NAMES}"""


def _torch(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate], proxies: bool) -> list[str]:
    found = _weights("torch", run, result, designs, proxies=proxies)
    folder = out / "torch"
    folder.mkdir(exist_ok=True)
    for weights in found.values():
        tensors, _ = read_tensors(weights.path)  # as they are: packed ones stay so
        write_tensors(folder / f"{_stem(weights)}.safetensors", tensors, weights.header.to_plain())
    write_text(folder / "README.txt", TORCH_NOTE)
    return [f"torch: weights of {_count(found)}", *_left_out("torch", found, run, result, designs)]


def _onnx(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate], proxies: bool) -> list[str]:
    load_onnx()
    found = _weights("onnx", run, result, designs, proxies=proxies)
    folder = out / "onnx"
    folder.mkdir(exist_ok=True)
    crossbar = result.task.hardware.crossbar
    for weights in found.values():
        trained = load_network(weights.path, crossbar)
        write_onnx(folder / f"{_stem(weights)}.onnx", trained.network, trained.image_size, trained.header.to_plain())
    write_text(folder / "README.txt", ONNX_NOTE)
    return [f"onnx: models of {_count(found)}", *_left_out("onnx", found, run, result, designs)]


def _stem(weights: WeightsFile) -> str:
    header = weights.header
    return f"{header.design.digest}-proxy-{header.protocol.name}" if header.is_proxy else header.design.digest


def _count(found: Mapping[str, WeightsFile]) -> str:
    """`2 designs`, or `2 designs (1 of them a proxy, trained with laptop)`."""
    protocols = [weights.header.protocol.name for weights in found.values() if weights.header.is_proxy]
    if not protocols:
        return counted(len(found), "design")
    which = "a proxy" if len(protocols) == 1 else "proxies"
    return (
        f"{counted(len(found), 'design')} ({len(protocols)} of them {which}, trained with "
        f"{listed(dict.fromkeys(protocols))}; file names say so)"
    )


def _weights(
    form: str, run: Path, result: RunResult, designs: Sequence[Candidate], *, proxies: bool
) -> dict[str, WeightsFile]:
    """Digest -> trained weights, of designs that have some; raises UsageError where none has."""
    wanted = [candidate.digest for candidate in designs]
    trained = trained_weights(run, result)
    found = {
        digest: trained[digest]
        for digest in wanted
        if digest in trained and (proxies or not trained[digest].header.is_proxy)
    }
    if found:
        return found
    n_proxies = sum(digest in trained for digest in wanted)
    if n_proxies:
        raise UsageError(
            f"--format {form}: none of the {len(wanted)} designs has weights at its own width; {n_proxies} of them "
            "have those of a proxy, a narrower network that only ranks designs. Train a design itself, such as with "
            "`xpert-evo train --recipe hour`, or export the proxies, marked as such, with --proxies."
        )
    first, file = wanted[0], in_shell(run / "design.json")
    raise UsageError(
        f"--format {form}: none of the {len(wanted)} designs has weights of a training on this run's images and "
        f"crossbars: a search keeps accuracies, not networks. Train one with `xpert-evo show {in_shell(run)} --id "
        f"{first[:8]} --json > {file}` and `xpert-evo train {file} --out "
        f"{in_shell(run.parent / f'train-{first}')}`, then export again; `--recipe quick` takes minutes."
    )


def _left_out(
    form: str,
    found: Mapping[str, WeightsFile],
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


def trained_weights(run: Path, result: RunResult) -> dict[str, WeightsFile]:
    """Digest -> the best weights that `xpert-evo train` left of a design beside the run, or a run `--to native` in it.

    Only those of the run's images and crossbars, as far as the files tell, and none of a stage that needs trained
    weights and had random ones, as earlier versions allowed. Networks of the design's own width come before proxies,
    those that were trained through the exact emulation, whose validation accuracy is that of the converters, before
    others, and then the higher validation accuracy on ideal devices counts.
    """
    backbone = result.task.backbone

    def fits(weights: WeightsFile) -> bool:
        header, shape = weights.header, (weights.image_channels, weights.n_classes)
        return (
            header.dataset in (None, result.dataset["digest"])
            and header.crossbar in (None, result.task.hardware.of_design(header.design).crossbar)
            and shape == (backbone.image_channels, backbone.n_classes)
            and not header.lacks_start
        )

    def rank(weights: WeightsFile) -> tuple[bool, bool, float, float]:
        header = weights.header
        accuracy = header.validation_accuracy or 0.0
        return not header.is_proxy, header.protocol.exact, accuracy, weights.path.stat().st_mtime

    folder = run.absolute()
    places = [*folder.parent.glob(f"*/{WEIGHTS_NAME}"), *folder.glob(f"native/*/{WEIGHTS_NAME}")]
    if result.native is not None:
        places += [folder / path for path in result.native.refined_files.values()]
    paths = [path for path in places if path.is_file()]
    found = [weights for path in paths if (weights := find_weights(path)) is not None and fits(weights)]
    return {weights.header.design.digest: weights for weights in sorted(found, key=rank)}


NETWORK_EXPORTS: Mapping[str, NetworkExport] = {"torch": _torch, "onnx": _onnx}
"""Formats by name."""
