"""Paths and files of the user: relative to where they are written, `~` is a home, a byte-order mark is no content."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
import typer

from tests.small_runs import OWN_BACKBONE
from xpert_evo.backbone_file import BackboneDescription, read_description
from xpert_evo.cli import application
from xpert_evo.config import RunConfig, load_config, parse_assignments
from xpert_evo.design import load_designs
from xpert_evo.errors import ConfigError
from xpert_evo.paths import absolute_path, user_path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings and a backbone in `project`; the working folder is another one, and so is home."""
    for name in ("project", "elsewhere", "home"):
        (tmp_path / name).mkdir()
    (tmp_path / "project" / "small.toml").write_text(OWN_BACKBONE)
    (tmp_path / "home" / "small.toml").write_text(OWN_BACKBONE.replace('"small"', '"athome"'))
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "project"


def settings(project: Path, *, data_dir: str = "images", backbone: str = "small.toml") -> Path:
    path = project / "settings.toml"
    path.write_text(f'[dataset]\ndata_dir = "{data_dir}"\n[space]\nbackbone = "{backbone}"\n')
    return path


def backbone_name(config: RunConfig) -> str:
    assert isinstance(config.space.backbone, BackboneDescription)
    return config.space.backbone.name


@pytest.mark.parametrize("name", ["{project}/settings.toml", "../project/settings.toml", "~/../project/settings.toml"])
def test_paths_in_a_file_are_relative_to_the_file(project: Path, name: str) -> None:
    settings(project)
    config = load_config(Path(name.format(project=project)))
    assert Path(str(config.dataset.data_dir)).is_absolute()
    assert config.dataset.folder.resolve() == project / "images"
    assert backbone_name(config) == "small"


def test_paths_of_the_command_line_are_relative_to_the_working_folder(project: Path) -> None:
    overrides = parse_assignments(["dataset.data_dir=here", "space.backbone=../project/small.toml"])
    config = load_config(settings(project, backbone="vgg8"), overrides)
    assert config.dataset.data_dir == str(Path.cwd() / "here")
    assert backbone_name(config) == "small"
    table = load_config(settings(project), {"dataset": {"name": "cifar10", "data_dir": Path("there")}})
    assert table.dataset.data_dir == str(Path.cwd() / "there")


def test_home_is_expanded_in_files_and_on_the_command_line(project: Path, tmp_path: Path) -> None:
    config = load_config(settings(project, data_dir="~/images", backbone="~/small.toml"))
    assert config.dataset.data_dir == str(tmp_path / "home" / "images")
    assert backbone_name(config) == "athome"
    config = load_config(None, parse_assignments(["dataset.data_dir=~/images", "space.backbone=~/small.toml"]))
    assert config.dataset.data_dir == str(tmp_path / "home" / "images")
    assert backbone_name(config) == "athome"
    assert str(user_path("~no-such-user/x")) == "~no-such-user/x"
    assert absolute_path("/a/b", tmp_path) == Path("/a/b")


def test_names_of_built_in_backbones_and_no_value_are_no_paths(project: Path) -> None:
    (project / "vgg8").mkdir()
    config = load_config(settings(project, data_dir="none", backbone="vgg8"))
    assert config.space.backbone == "vgg8"
    assert config.dataset.data_dir is None


def test_a_missing_backbone_is_told_with_the_place_where_it_was_looked_for(project: Path) -> None:
    with pytest.raises(ConfigError) as failure:
        load_config(settings(project, backbone="other.toml"))
    assert f"{project / 'other.toml'} cannot be read" in str(failure.value)


def test_what_the_command_line_replaces_in_a_file_need_not_be_valid(project: Path) -> None:
    path = project / "bad.toml"
    path.write_text('[search]\ngenerations = "many"\n[space]\nbackbone = "gone.toml"\n')
    good = {"search.generations": 7, "space.backbone": "vgg8"}
    assert load_config(path, good).search.generations == 7
    with pytest.raises(ConfigError, match=r"^\S*bad\.toml: 'search\.generations' must be a valid integer"):
        load_config(path, {"space.backbone": "vgg8", "seed": -1})
    with pytest.raises(ConfigError, match=r"^settings: 'seed' must be"):
        load_config(path, {**good, "seed": -1})
    path.write_text("search = 3")
    with pytest.raises(ConfigError, match=r"bad\.toml: 'search' must be a table"):
        load_config(path, {"search.generations": 7})


def test_a_byte_order_mark_is_read_over_everywhere(project: Path) -> None:
    path = project / "marked"
    path.write_text("seed = 5\n", encoding="utf-8-sig")
    assert load_config(path).seed == 5
    path.write_text(OWN_BACKBONE, encoding="utf-8-sig")
    assert read_description(path).name == "small"
    layer = {"name": "a", "column_sharing": 8, "adc_type": "sar", "adc_precision": 6, "input_precision": 8}
    path.write_text(json.dumps({"backbone": "own", "layers": [layer]}), encoding="utf-8-sig")
    assert load_designs(path)[0].backbone == "own"


def callbacks(group: typer.Typer) -> Iterator[Callable[..., object]]:
    yield from (command.callback for command in group.registered_commands if command.callback)
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from callbacks(inner.typer_instance)


def test_home_is_expanded_in_every_option_and_argument_that_is_a_path() -> None:
    n_paths = 0
    for callback in callbacks(application()):
        for name, hint in get_type_hints(callback, include_extras=True).items():
            kind, *info = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            if "Path" in str(kind):
                n_paths += 1
                assert getattr(info[0], "parser", None) is user_path, f"{callback.__name__}: {name}"
    assert n_paths > 20
