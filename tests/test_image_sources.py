"""Names of a user's own images: which are such, absolute paths in them, short forms for folders."""

from pathlib import Path

import pytest

from xpert_evo.config import load_config, parse_config
from xpert_evo.errors import ConfigError
from xpert_evo.image_sources import ImageSize, form_of, short_name, with_absolute_path


@pytest.mark.parametrize("name", ["fashion-mnist", "folder", "folders:x", "FOLDER:x", ""])
def test_other_names_are_no_forms_and_stay(name: str) -> None:
    assert form_of(name) is None
    assert with_absolute_path(name, Path("/base")) == name
    assert short_name(name) == name


@pytest.mark.parametrize(
    ("name", "absolute", "short"),
    [
        ("folder:flowers", "folder:/base/flowers", "flowers"),
        ("folder:/a/b c/", "folder:/a/b c", "b-c"),
        ("folder:~/x", "folder:/home/me/x", "x"),
        ("folder:a:b", "folder:/base/a:b", "a-b"),
        ("npz:d.npz", "npz:/base/d.npz", "d"),
        ("module:pack.mod:load", "module:pack.mod:load", "mod-load"),
        ("module:sets/mine.py:load", "module:/base/sets/mine.py:load", "mine-load"),
        ("module:x", "module:x", "x"),
        ("folder:", "folder:", "folder"),
    ],
)
def test_paths_become_absolute_and_names_short(
    name: str, absolute: str, short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert with_absolute_path(name, Path("/base")) == absolute
    assert with_absolute_path(absolute, Path("/other")) == absolute
    assert short_name(absolute).removeprefix("-") == short


def test_a_path_is_relative_to_the_settings_file_or_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "settings.toml"
    file.write_text('[dataset]\nname = "folder:flowers"\nresize = "fit"\n')
    monkeypatch.chdir(tmp_path)
    assert load_config(file).dataset.name == f"folder:{tmp_path / 'sub' / 'flowers'}"
    assert load_config(file, {"dataset.name": "npz:x.npz"}).dataset.name == f"npz:{tmp_path / 'x.npz'}"
    config = load_config(file)
    assert parse_config(config.to_plain()) == config


@pytest.mark.parametrize(
    ("written", "size"),
    [(48, (48, 48)), ("48", (48, 48)), ("48x64", (48, 64)), ("48 x 64", (48, 64)), ([48, 64], (48, 64)), (None, None)],
)
def test_sizes_are_one_number_or_two(written: object, size: ImageSize | None) -> None:
    dataset = {"name": "folder:x"} | ({} if written is None else {"image_size": written})
    config = parse_config({"dataset": dataset})
    assert config.dataset.size == size
    assert parse_config(config.to_plain()) == config


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"image_size": 64}, "dataset.image_size resizes your own images only; fashion-mnist has images of 32 x 32"),
        (
            {"name": "folder:x", "image_size": "4x5x6"},
            "or height x width such as 48x64, got 4x5x6",
        ),
        (
            {"name": "folder:x", "image_size": [0, 8]},
            "dataset.image_size must be a number of pixels, or height x width",
        ),
        ({"name": "folder:x", "image_size": 1.5}, "dataset.image_size must be a number of pixels"),
        ({"resize": "fit"}, 'dataset.resize = "fit" has no effect on fashion-mnist'),
        ({"name": "folder:x", "resize": "croq"}, "did you mean 'crop'?"),
    ],
)
def test_sizes_that_are_not_possible_are_told(dataset: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as failure:
        parse_config({"dataset": dataset})
    assert words in str(failure.value)
