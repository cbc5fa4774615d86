"""Designs in the formats of other tools; a new format is an entry in `EXPORTS`."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from hw_models import AdcType
from xpert_evo.accuracy.checkpoints import WEIGHTS_NAME
from xpert_evo.errors import UsageError
from xpert_evo.files import write_atomically, write_text
from xpert_evo.report.backbone import write_backbone
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.files import front_csv
from xpert_evo.report.onnx_file import load_onnx, write_onnx
from xpert_evo.report.result import RunResult
from xpert_evo.report.trained import Training, load_network, training_of
from xpert_evo.streams import in_shell
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
        raise UsageError(f"{run} has no front yet; go on with `xpert-evo resume {in_shell(run)}`.")
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


NEUROSIM_NOTE = """\
NetWork_ID.csv: a design as a network file of the form that XPertSim, a fork of DNN+NeuroSim V1.3, reads. A row a layer:

  1, 2   side of the output map [pixels], twice
  3      input channels
  4, 5   side of the kernel, twice
  6      output channels
  7      1 where a 2 x 2 maximum pooling follows, else 0
  8      padding [pixels]
  9      columns that share one ADC
  10     ADC type: 1 is SAR, 2 is Flash. No publication fixes these two numbers, they are this program's choice:
         compare with how your copy of the simulator reads this column, and exchange them where it differs
  11     bits of the input
  12     ADC LEVELS, not bits: the simulator takes this column as a number of levels, so a 6-bit ADC stands here as 64

Beyond the file the simulator must be told of the same chip: {chip}.
Its layers see padded inputs at stride 1; {strided}.
"""


def _neurosim(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    del run
    folder = out / "neurosim"
    folder.mkdir(exist_ok=True)
    for candidate in designs:
        write_text(folder / f"NetWork_{candidate.digest}.csv", neurosim_network(result, candidate))
    hardware, crossbar = result.config.hardware, result.config.hardware.crossbar
    strided = [layer.name for layer in result.task.backbone.layers if layer.stride != 1]
    chip = (
        f"{crossbar.rows} x {crossbar.columns} crossbars, {crossbar.cell_bits}-bit cells, "
        f"{crossbar.weight_bits}-bit weights, device {hardware.device}, technology {hardware.technology}"
    )
    others = f"the file cannot tell the stride of {', '.join(strided)}" if strided else "so do all of these"
    note = NEUROSIM_NOTE.format(chip=chip, strided=others)
    write_text(folder / "README.txt", note)
    return [f"neurosim: a network file for each of {len(designs)} designs; README.txt tells its columns"]


def neurosim_network(result: RunResult, candidate: Candidate) -> str:
    """The network file of a design; `NEUROSIM_NOTE` tells the columns."""
    backbone, layers = result.task.backbone, candidate.design.layers
    depths = [layer.channel_depth or backbone.n_classes for layer in layers]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = zip(backbone.layers, backbone.sources, backbone.output_sizes(), layers, depths, strict=True)
    for spec, source, size, genes, depth in columns:
        in_channels = backbone.image_channels if source is None else depths[source]
        side, pool = spec.kernel_size, int(spec.pool and size > 1)
        shape = (size, size, in_channels, side, side, depth, pool, side // 2)
        levels = 2**genes.adc_precision
        writer.writerow((*shape, genes.column_sharing, _NEUROSIM_ADC[genes.adc_type], genes.input_precision, levels))
    return text.getvalue()


_NEUROSIM_ADC = {AdcType.SAR: 1, AdcType.FLASH: 2}

TORCH_NOTE = """\
ID.safetensors: weights and batch-norm statistics of a design that `xpert-evo train` trained, with the design, the
training protocol and the seed as metadata. As a torch module:

  from pathlib import Path
  import xpert_evo as xe

  network = xe.load_network(Path("ID.safetensors"))   # a torch.nn.Module with quantised inputs and weights
  scores = network(images)                            # images in [0, 1], (n, channels, side, side)

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
channels, side, side) in [0, 1] of the backbone's size, and gives `scores`, (n, classes). The inputs of layers are
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
        first, file = wanted[0], in_shell(run / "design.json")
        raise UsageError(
            f"--format {form}: none of the {len(wanted)} designs has weights of a training on this run's images and "
            f"crossbars: a search keeps accuracies, not networks. Train one with `xpert-evo show {in_shell(run)} --id "
            f"{first[:8]} --json > {file}` and `xpert-evo train {file} --out "
            f"{in_shell(run.parent / f'train-{first}')}`, then export again; `--protocol laptop-finalist` is quicker "
            "than the default."
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


EXPORTS: Mapping[str, Export] = {"json": _json, "csv": _csv, "neurosim": _neurosim, "torch": _torch, "onnx": _onnx}
