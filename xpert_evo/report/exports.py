"""Designs in the formats of other tools; a new format is an entry in `EXPORTS`, of networks in `NETWORK_EXPORTS`."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hw_models import AdcType
from xpert_evo.errors import UsageError
from xpert_evo.files import write_text
from xpert_evo.report.backbone import write_backbone
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.files import front_csv
from xpert_evo.report.network_exports import NETWORK_EXPORTS
from xpert_evo.report.result import RunResult
from xpert_evo.validation import nearest
from xpert_evo.words import counted

Export = Callable[[Path, Path, RunResult, Sequence[Candidate]], list[str]]
"""(folder to write into, the run's folder, its result, designs) -> sentences for the user."""


def export(
    formats: Sequence[str],
    out: Path,
    run: Path,
    result: RunResult,
    designs: Sequence[Candidate],
    *,
    proxies: bool = False,
) -> list[str]:
    """Writes designs in each format; returns sentences that say what was written and what could not be.

    Args:
        formats: Of `EXPORTS` and `NETWORK_EXPORTS`.
        out: Folder to write into; made where it does not exist.
        run: The run's folder; trainings are looked for beside it.
        result: Of the run.
        designs: Which of its designs.
        proxies: Whether networks may be those of proxies, marked as such, where a design has no other.

    Raises:
        UsageError: A format is unknown, there is nothing to export, or the folder cannot be made.
    """
    for name in formats:
        if name not in (known := [*EXPORTS, *NETWORK_EXPORTS]):
            raise UsageError(f"--format: no format is called '{name}'; {nearest(name, known)}")
    if not designs:
        raise UsageError(f"{run} has no front yet; go on with `xpert-evo resume {run}`.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise UsageError(f"{out} cannot be made ({failure.strerror}); choose another --out.") from None
    sentences = []
    for name in dict.fromkeys(formats):
        if name in EXPORTS:
            sentences += EXPORTS[name](out, run, result, designs)
        else:
            sentences += NETWORK_EXPORTS[name](out, run, result, designs, proxies)
    return sentences


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

EXPORTS: Mapping[str, Export] = {"json": _json, "csv": _csv, "neurosim": _neurosim}
"""Formats of designs, by name; those of networks are `network_exports.NETWORK_EXPORTS`."""
