"""Where images lie: found by default, kept as an absolute path, so that a run goes on in any working folder."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import xpert_evo as xe
from tests.small_runs import OWN_BACKBONE, SMOKE_SEARCH, with_changes
from xpert_evo.accuracy.datasets import readers as data_formats
from xpert_evo.accuracy.datasets.catalogue import DATASETS, DatasetSpec, load_dataset
from xpert_evo.cli.dry_run import show_task
from xpert_evo.config import load_config
from xpert_evo.errors import ConfigError, DataError, StoreError
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.progress import Event, Message, Silent
from xpert_evo.store import Store

pytestmark = pytest.mark.usefixtures("quick_estimates")

NAME, FOLDER = "mine", "my-images"
SMOKE = {"training.protocol": "smoke", "training.finalist_protocol": "smoke"}


@pytest.fixture(scope="module")
def spec() -> DatasetSpec:
    """The embedded images as a data set that is not embedded."""
    return DatasetSpec(n_classes=10, image_channels=1, read=data_formats.read_embedded, folder=FOLDER, about="a copy")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, spec: DatasetSpec) -> Path:
    """A working folder with the images in `data`, its default place, a backbone in `nets`, and a run in `run`."""
    place = tmp_path_factory.mktemp("project")
    images = Path(data_formats.__file__).parent / "data"
    shutil.copytree(images, place / "data" / FOLDER)
    (place / "nets").mkdir()
    (place / "nets" / "small.toml").write_text(OWN_BACKBONE)
    tables = with_changes(
        SMOKE_SEARCH,
        {"dataset": {"name": NAME}, "space": {"backbone": "nets/small.toml"}, "executor": {"kind": "serial"}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, NAME, spec)
        patch.chdir(place)
        xe.run(tables, out="run")
    return place


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, spec: DatasetSpec) -> None:
    monkeypatch.setitem(DATASETS, NAME, spec)


def stored(folder: Path) -> dict[str, Any]:
    with Store.open_readonly(folder) as store:
        settings: dict[str, Any] = store.meta("settings")
    return settings


def test_data_in_the_default_folder_are_found_without_an_option(
    begun: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(begun)
    assert load_dataset(NAME).name == NAME
    show_task(load_config(None, {"dataset.name": NAME, **SMOKE}), Path("run"))
    assert f"dataset.data_dir = {begun / 'data'}\n" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"{NAME} is not in {tmp_path / 'data'}: expected the folder {FOLDER}"):
        show_task(load_config(None, {"dataset.name": NAME, **SMOKE}), Path("run"))


def test_a_run_keeps_where_its_data_lie_and_goes_on_elsewhere(
    begun: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert stored(begun / "run")["dataset"] == {
        "name": NAME,
        "data_dir": str(begun / "data"),
        "image_size": None,
        "resize": "crop",
    }
    monkeypatch.chdir(tmp_path)
    go_on(begun / "run", {}, Silent())
    xe.load_run(begun / "run").report()
    assert load_config(begun / "run" / "settings.toml") == xe.load_run(begun / "run").result.config


def test_an_older_run_with_a_relative_folder_opens_and_then_keeps_an_absolute_one(
    begun: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(begun / "run", tmp_path / "run")
    settings = stored(folder)
    settings["dataset"]["data_dir"] = "data"
    with Store.open(folder) as store, store.transaction():
        store.replace_meta("settings", settings)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"name the folder that holds it \(--data-dir, or dataset\.data_dir"):
        go_on(folder, {}, Silent())
    monkeypatch.chdir(begun)
    xe.load_run(folder).report()
    assert load_config(folder / "settings.toml").dataset.data_dir == str(begun / "data")
    go_on(folder, {}, Silent())
    assert stored(folder)["dataset"]["data_dir"] == str(begun / "data")
    monkeypatch.chdir(tmp_path)
    go_on(folder, {}, Silent())


def test_a_setting_that_is_named_again_and_stays_the_same_is_no_change(
    begun: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(begun)
    same = {"space.backbone": "nets/small.toml", "hardware.latency_limit_us": "none", "search.population_size": 16}
    go_on(begun / "run", same, Silent())
    (tmp_path / "other.toml").write_text(OWN_BACKBONE.replace("128", "64"))
    with pytest.raises(StoreError) as failure:
        go_on(begun / "run", {"space.backbone": str(tmp_path / "other.toml")}, Silent())
    assert "begun with space.backbone = small-" in str(failure.value)
    assert "{" not in str(failure.value)
    with pytest.raises(StoreError, match=r"hardware\.latency_limit_us = none, not 9\.0;"):
        go_on(begun / "run", {"hardware.latency_limit_us": 9}, Silent())
    with pytest.raises(StoreError, match=r"search\.objectives = \[accuracy, edap\], not \[accuracy, area\]"):
        go_on(begun / "run", {"search.objectives": ["accuracy", "area"]}, Silent())
    with pytest.raises(ConfigError, match="is a value, not a table"):
        go_on(begun / "run", {"search.mode.x": 1}, Silent())


class Told(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Message) and event.warning:
            self.warnings.append(event.text)


def test_a_run_warns_of_kernels_that_are_larger_than_their_map(
    begun: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wide.toml").write_text(OWN_BACKBONE.replace("kernel_size = 5", "kernel_size = 31"))
    config = load_config(None, {"space.backbone": str(tmp_path / "wide.toml"), **SMOKE})
    words = "layer wide has kernel_size = 31 on a map of 16 x 16 pixels"
    listener = Told()
    with pytest.raises(StoreError):
        begin(config, begun / "run", listener)
    assert len(listener.warnings) == 1
    assert words in listener.warnings[0]
    show_task(config, tmp_path / "run")
    assert f"{words}, so much of the kernel" in capsys.readouterr().out
