"""What settings and a run's parts ask of executors: the extra, addresses, changes on resume, the right images."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hw_models import AdcType
from tests.executors.conftest import search_settings
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.backbones import load_backbone
from xpert_evo.cli import application, searching
from xpert_evo.config import DatasetConfig, parse_config
from xpert_evo.errors import ConfigError, DataError, ExecutorError
from xpert_evo.executor_kinds import EXECUTORS, ExecutorKind, kinds_that
from xpert_evo.executors import MAKERS
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.start import begin, build_executor
from xpert_evo.orchestration.trainings import TrainingJob, train_job
from xpert_evo.progress import Silent
from xpert_evo.space import SearchSpace


def test_without_the_extra_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("xpert_evo.executors.dask_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        ExecutorError, match=r"distributed, which is not installed; .*`pip install 'xpert-evo\[dask\]'`"
    ):
        begin(search_settings(kind="dask"), tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("executor", "words"),
    [
        ({"kind": "dask", "dask_scheduler": "host:8786"}, 'an address such as "tcp://host:8786", got "host:8786"'),
        ({"kind": "dask", "dask_scheduler": "tcp://host"}, "an address such as"),
        ({"kind": "dask", "dask_scheduler": "tcp://host:1", "workers": 4}, "executor.workers = 4 counts local workers"),
        ({"kind": "serial", "gpus": 1}, "executor.gpus needs"),
        ({"kind": "processes", "dask_scheduler": "tcp://host:1"}, 'executor.kind = "dask"'),
    ],
)
def test_settings_that_contradict_one_another_are_refused(executor: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"executor": executor})
    assert words in str(caught.value)


def test_the_address_of_a_scheduler_alone_chooses_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, object]] = []
    monkeypatch.setattr(searching, "start", lambda *arguments, **_: given.append(arguments[2]))
    monkeypatch.setattr(searching, "resume", lambda *arguments, **_: given.append(arguments[2]))
    runner = CliRunner()
    for command in (["run"], ["resume", "runs/x"]):
        assert runner.invoke(application(), [*command, "--dask-scheduler", "tcp://host:8786"]).exit_code == 0
    for options in given:
        assert options["executor.kind"] == "dask"
        assert options["executor.dask_scheduler"] == "tcp://host:8786"


@pytest.mark.parametrize(
    ("kind", "name"), [("serial", "SerialExecutor"), ("processes", "ProcessExecutor"), ("dask", "DaskExecutor")]
)
def test_settings_choose_the_executor(kind: str, name: str) -> None:
    settings = {"kind": kind} if kind == "serial" else {"kind": kind, "workers": 3}
    executor = build_executor(search_settings(**settings), Silent())
    assert type(executor).__name__ == name
    assert executor.n_workers == (1 if kind == "serial" else 3)
    executor.close()


def test_a_worker_with_other_images_refuses_to_train() -> None:
    config = search_settings()
    backbone = load_backbone("vgg8", n_classes=10, image_channels=1)
    space = SearchSpace(backbone)
    job = TrainingJob(
        design=space.decode(
            space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
        )[0],
        dataset=DatasetConfig(),
        dataset_digest="0123456789abcdef",
        protocol=load_protocol("smoke"),
        crossbar=Hardware.of(config).crossbar,
        seed=0,
    )
    with pytest.raises(DataError, match=r"has digest [0-9a-f]{16}, but the run is on 0123456789abcdef; give every"):
        train_job(job)


def test_every_kind_of_executor_has_a_record_and_a_maker() -> None:
    assert list(EXECUTORS) == list(MAKERS) == list(ExecutorKind)
    assert kinds_that(lambda record: record.joins_cluster) == '"dask"'
    assert kinds_that(lambda record: record.has_workers) == '"processes" or "dask"'


def test_the_help_names_every_kind_of_executor() -> None:
    helped = CliRunner().invoke(application(), ["run", "--help"], env={"COLUMNS": "120"}).output
    assert "|".join(ExecutorKind) in helped


@pytest.mark.parametrize("kind", [kind for kind in ExecutorKind if not kind.record.has_workers])
def test_a_kind_without_workers_takes_no_settings_of_workers(kind: ExecutorKind, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=f'executor.workers = 2 has no use with executor.kind = "{kind}".*or leave it'
    ):
        begin(search_settings(kind=kind, workers=2), tmp_path / "run", Silent())
