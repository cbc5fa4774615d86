"""The library interface: run a search, read its results, and train, judge, prune, refine and pack single designs.

import xpert_evo as xe

run = xe.run({"training.protocol": "smoke", "search.generations": 20}, out="runs/first")
run.front()["edap"]
result = xe.train(run.knee.design, recipe="quick", out="runs/knee")
result.test.mean
refined = xe.refine("runs/knee", out="runs/knee-refined")
refined.best(0.005).design
"""

import importlib
from collections.abc import Mapping
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network
from xpert_evo.config import RunConfig, load_config
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.refining import Refining
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.paths import user_path
from xpert_evo.progress import choose_listener
from xpert_evo.report.candidates import HARDWARE_FIELDS, Candidate
from xpert_evo.report.files import front_row
from xpert_evo.report.pick import by_id, the_knee
from xpert_evo.report.result import RunResult, load_result
from xpert_evo.report.writing import write_report
from xpert_evo.store import Store
from xpert_evo.workbench.importing import ImportedBackbone, backbone_from
from xpert_evo.workbench.judging import judge
from xpert_evo.workbench.packing import pack
from xpert_evo.workbench.pruning import prune
from xpert_evo.workbench.refining import refine
from xpert_evo.workbench.training import train

__all__ = [
    "ImportedBackbone",
    "Refining",
    "Run",
    "TrainedNetwork",
    "backbone_from",
    "judge",
    "load_network",
    "load_run",
    "pack",
    "prune",
    "refine",
    "run",
    "train",
]

Folder = str | PathLike[str]

_ACCURACIES = ("measured", "validation", "predicted", "std")


class Run:
    """A run on disk, finished or not; returned by `run` and `load_run`.

    Attributes:
        folder: Folder of the run.
        result: Contents of the run's store when it was read.
    """

    def __init__(self, folder: Path, result: RunResult) -> None:
        self.folder = folder
        self.result = result

    def front(self) -> np.recarray[Any, Any]:
        """The measured front in order of increasing EDAP, of shape (designs,).

        Fields: `id`; `measured` (the accuracy to report), `validation`, `predicted` and `std` (NaN if the surrogate
        made no prediction), all fractions; then `area_mm2`, `latency_us`, `energy_uj`, `edap`, `tops_per_w`,
        `tops_per_mm2`, `throughput_fps`.
        """
        fields = [("id", "U16"), *((name, np.float64) for name in (*_ACCURACIES, *HARDWARE_FIELDS))]
        rows = [
            (c.digest, *(_number(getattr(c, name)) for name in _ACCURACIES), *(c.hardware[f] for f in HARDWARE_FIELDS))
            for c in self.result.front
        ]
        return np.array(rows, dtype=fields).view(np.recarray)

    def frame(self) -> Any:
        """The front as a pandas DataFrame with one row per design; genes are columns such as `conv1.channel_depth`.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise UsageError(
                "frame() needs pandas; run `pip install pandas`, or use front(), which returns a NumPy array."
            ) from None
        return pandas.DataFrame([front_row(member) for member in self.result.front])

    @property
    def knee(self) -> Candidate:
        """The knee of the measured front; raises UsageError if no design meets the limits."""
        return the_knee(self.result)

    def design(self, id_: str) -> Candidate:
        """The trained design whose id starts with `id_`; raises UsageError unless there is exactly one."""
        return by_id(self.result, id_)

    def resume(self, *, quiet: bool = True) -> "Run":
        """Continues an unfinished run; raises the errors that `xpert-evo resume` reports."""
        listener = choose_listener(quiet=quiet)
        try:
            go_on(self.folder, {}, listener)
        finally:
            listener.close()
        return load_run(self.folder)

    @own_numerics()
    def report(self) -> Path:
        """Writes `report.html`, the pictures, `front.json` and `front.csv`; returns the path of the page."""
        _, complaints = write_report(self.folder, self.result)
        if complaints:
            raise UsageError(f"{self.folder}: {'; '.join(complaints)}.")
        return self.folder / "report.html"

    def __repr__(self) -> str:
        """A one-line summary of the run."""
        state = "finished" if self.result.final else "not finished"
        return (
            f"Run('{self.folder}'): {state}, {self.result.trained_words}, {len(self.result.front)} on "
            f"the front ({self.result.accuracy_words})"
        )

    def _repr_html_(self) -> str:
        """The front as a table, for notebooks."""
        front = self.front()
        shown = ("id", "measured", "edap", "area_mm2", "tops_per_w", "tops_per_mm2")
        head = "".join(f"<th>{name}</th>" for name in shown)
        rows = "".join(
            "<tr>" + "".join(f"<td>{row[n] if n == 'id' else format(row[n], '.4g')}</td>" for n in shown) + "</tr>"
            for row in front
        )
        return f"<p>{escape(repr(self))}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def run(config: RunConfig | Mapping[str, object] | None = None, *, out: Folder, quiet: bool = True) -> Run:
    """Runs a search to its end.

    Trainings run in separate processes, so a script must guard the call with `if __name__ == "__main__":`.

    Args:
        config: Settings, or some of them by dotted name, such as `{"search.generations": 40}`; None for the defaults.
        out: Folder of the run; it must not contain one.
        quiet: Whether to print no progress.

    Raises:
        XpertEvoError: Any error that the command line would report.
    """
    settings = config if isinstance(config, RunConfig) else load_config(None, config)
    listener = choose_listener(quiet=quiet)
    try:
        begin(settings, user_path(out), listener)
    finally:
        listener.close()
    return load_run(out)


@own_numerics()
def load_run(folder: Folder) -> Run:
    """The run in `folder`, finished or not; raises StoreError."""
    path = user_path(folder)
    with Store.open_readonly(path) as store:
        return Run(path, load_result(store))


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
