"""Users' own files of cells and models: a run keeps them, is not resumed with others, and reports as it was made."""

from pathlib import Path

import pytest

from hw_models import HardwareModelError
from tests.small_runs import SMOKE_SEARCH, with_changes
from xpert_evo.config import load_config
from xpert_evo.errors import StoreError
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.progress import Silent
from xpert_evo.report.page.tables import flat_settings
from xpert_evo.report.result import load_result
from xpert_evo.store import Store

CELL = "[cell]\non_ohm = 20000\non_off_ratio = 100\nmax_cell_bits = 4\n"
MODEL = "[digital]\nperiod_ns = 2.0\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with a cell and a cost model of the user's, which are named relative to the working folder."""
    (tmp_path / "my-cell.toml").write_text(CELL)
    (tmp_path / "my-model.toml").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    tables = with_changes(SMOKE_SEARCH, {"executor": {"kind": "serial"}, "hardware": {"area_limit_mm2": "none"}})
    files = {"hardware.device": "my-cell.toml", "hardware.model": "my-model.toml"}
    begin(load_config(None, files, base=tables), tmp_path / "run", Silent())
    monkeypatch.chdir("/")
    return tmp_path / "run"


def test_a_run_keeps_its_files_and_does_not_go_on_with_others(folder: Path) -> None:
    go_on(folder, {}, Silent())
    assert (folder / "device.toml").read_text() == CELL
    assert (folder / "model.toml").read_text() == MODEL
    with Store.open_readonly(folder) as store:
        before = load_result(store)
    shown = {name: value for name, value, _ in flat_settings(before.config)}
    assert shown["hardware.device"] == str(folder.parent / "my-cell.toml")
    (folder.parent / "my-cell.toml").write_text(CELL.replace("20000", "50000"))
    with pytest.raises(StoreError, match=r"my-cell.toml \(hardware.device\) has changed since the run began"):
        go_on(folder, {}, Silent())
    (folder.parent / "my-model.toml").unlink()
    with Store.open_readonly(folder) as store:
        after = load_result(store)
    assert after.baseline_hardware == before.baseline_hardware
    assert after.cost_drift is None
    assert after.config.hardware.device == str(folder / "device.toml")
    (folder.parent / "my-cell.toml").write_text(CELL)
    with pytest.raises(StoreError, match=r"my-model.toml \(hardware.model\) cannot be read any more, so that costs"):
        go_on(folder, {}, Silent())


@pytest.mark.parametrize(
    ("setting", "name", "near"),
    [
        ("device", "rram-6K", "did you mean 'rram-6k'"),
        ("model", "publishd", "did you mean 'published'"),
        ("adc", "issac", "did you mean 'isaac'"),
        ("device", "my-cell.tml", "which must end in .toml"),
    ],
)
def test_misspelt_names_are_answered_with_those_that_there_are(setting: str, name: str, near: str) -> None:
    with pytest.raises(HardwareModelError, match=near):
        Hardware.of(load_config(None, {f"hardware.{setting}": name}))
