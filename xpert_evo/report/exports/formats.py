"""Designs in the formats of other tools; a new format is an entry in `EXPORTS`, of networks in `NETWORK_EXPORTS`."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from xpert_evo.errors import UsageError, XpertEvoError
from xpert_evo.files import write_text
from xpert_evo.network_file import NetworkForm
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.exports.networks import NETWORK_EXPORTS
from xpert_evo.report.exports.simulators import write_neurosim, write_xpertsim
from xpert_evo.report.files import front_csv, plain_designs, write_backbone
from xpert_evo.report.result import RunResult
from xpert_evo.report.unmet import no_front
from xpert_evo.streams import in_shell
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
    trained: Sequence[Candidate] = (),
) -> list[str]:
    """Writes designs in all formats, or nothing; returns sentences that say what was written and left out.

    Args:
        formats: Names in `EXPORTS` and `NETWORK_EXPORTS`.
        out: Folder to write into; made where it does not exist.
        run: The run's folder; trainings are looked for beside it.
        result: Result of the run.
        designs: Designs to export.
        proxies: Whether networks may be those of proxies, marked as such, where a design has no other.
        trained: Further designs, whose networks are exported besides those of `designs`.

    Raises:
        UsageError: A format is unknown or cannot hold these designs, there is nothing to export, or the folder cannot
            be made.
    """
    for name in formats:
        if name not in (known := [*EXPORTS, *NETWORK_EXPORTS]):
            raise UsageError(f"--format: no format is called '{name}'; {nearest(name, known)}")
    if not designs:
        if result.final:
            raise UsageError(no_front(result))
        raise UsageError(f"{run} has no front yet; go on with `xpert-evo resume {in_shell(run)}`.")
    own = {candidate.digest for candidate in designs}
    networks = [*designs, *(candidate for candidate in trained if candidate.digest not in own)]
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(dir=out, prefix=".export-")
    except OSError as failure:
        raise UsageError(f"{out} cannot be made ({failure.strerror}); choose another --out.") from None
    with made as folder:
        sentences, failures = _written(
            list(dict.fromkeys(formats)), Path(folder), run, result, designs, networks=networks, proxies=proxies
        )
        if not failures:
            _move(Path(folder), out)
    if not failures:
        return sentences
    if is_new:
        out.rmdir()
    others = [name for name in dict.fromkeys(formats) if name not in failures]
    rest = f" Nothing was written; the other formats are possible: --format {','.join(others)}." if others else ""
    raise UsageError(f"{' '.join(failures.values())}{rest}")


def _written(
    formats: Sequence[str],
    out: Path,
    run: Path,
    result: RunResult,
    designs: Sequence[Candidate],
    *,
    networks: Sequence[Candidate],
    proxies: bool,
) -> tuple[list[str], dict[str, str]]:
    """Writes each format into `out`; returns sentences on what was written, and formats with why they failed."""
    sentences: list[str] = []
    failures: dict[str, str] = {}
    for name in formats:
        try:
            if name in EXPORTS:
                sentences += EXPORTS[name](out, run, result, designs)
            else:
                sentences += NETWORK_EXPORTS[name](out, run, result, networks, proxies)
        except XpertEvoError as failure:
            told = str(failure)
            failures[name] = told if told.startswith("--format") else f"--format {name}: {told}"
    return sentences, failures


def _move(folder: Path, out: Path) -> None:
    """Moves all files of a folder to the same places below another one."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        target = out / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def _json(out: Path, run: Path, result: RunResult, designs: Sequence[Candidate]) -> list[str]:
    del run
    write_text(out / "designs.json", json.dumps(plain_designs(result, designs), indent=1) + "\n")
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
    return [
        f"{NetworkForm.XPERTSIM}: {files} for XPertSim; README.txt names the columns and the program's settings",
        *_without_copies(NetworkForm.XPERTSIM, designs),
    ]


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
    return [*sentences, *_without_copies(NetworkForm.NEUROSIM_V1_3, designs)]


def _without_copies(form: NetworkForm, designs: Sequence[Candidate]) -> list[str]:
    """Warns that a simulator does not support copies of a layer's weights, if designs use them."""
    copied = [c.digest[:8] for c in designs if any((layer.copies or 1) > 1 for layer in c.design.layers)]
    if not copied:
        return []
    return [
        f"{form}: the program stores the weights of a layer once, so the copies of {', '.join(copied)} are left out"
    ]


def _folder(out: Path, name: str) -> Path:
    folder = out / name
    folder.mkdir(exist_ok=True)
    return folder


EXPORTS: Mapping[str, Export] = {
    "json": _json,
    "csv": _csv,
    NetworkForm.XPERTSIM: _xpertsim,
    NetworkForm.NEUROSIM_V1_3: _neurosim,
}
"""Formats of designs, by name; those of networks are `network_exports.NETWORK_EXPORTS`."""
