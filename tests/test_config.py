"""Settings come from one place, are checked at once, and a mistake is told in one sentence."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpert_evo.cli.annotated import annotated_settings, known_names, meanings_of
from xpert_evo.config import RunConfig, load_config, parse_assignments, parse_config, settings_toml
from xpert_evo.errors import ConfigError


def test_defaults_are_overridden_by_the_file_and_that_by_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("seed = 3\n[search]\ngenerations = 7\npopulation_size = 50\n")
    config = load_config(path, {"search.generations": 9})
    assert (config.seed, config.search.generations, config.search.population_size) == (3, 9, 50)
    assert config.search.offspring_size == RunConfig().search.offspring_size


def test_none_takes_a_limit_away_and_stays_away_in_the_store() -> None:
    config = load_config(None, parse_assignments(["hardware.area_limit_mm2=none"]))
    assert config.hardware.area_limit_mm2 is None
    assert parse_config(config.to_plain()) == config


def test_plain_settings_are_read_back_equal() -> None:
    config = parse_config({"space": {"layers": {"conv1": {"adc_precision": [6]}}}, "hardware": {"area_limit_mm2": 12}})
    assert parse_config(config.to_plain()) == config


def test_numbers_and_arrays_of_numpy_are_settings() -> None:
    changes = {"seed": np.int64(3), "search.least_accuracy": np.float32(0.5), "space.adc_precision": np.arange(4, 7)}
    config = load_config(None, changes)
    assert (config.seed, config.search.least_accuracy, config.space.adc_precision) == (3, 0.5, (4, 5, 6))


OWN_BACKBONE = {
    "name": "own",
    "layers": [
        {"name": "conv1", "reference_depth": 64, "pool": True},
        {"name": "conv2", "reference_depth": 64, "adds": "conv1", "depth_group": "conv1"},
        {"name": "classifier", "kind": "linear"},
    ],
}


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"seed": 2**63 - 1, "hardware": {"area_limit_mm2": "none", "crossbar": {"coding": "differential"}}},
        {"space": {"adc_type": ["flash"], "layers": {"conv1": {"adc_precision": [6]}}}},
        {"space": {"backbone": OWN_BACKBONE}, "dataset": {"data_dir": "/images\\ \"of' mine"}},
    ],
)
def test_settings_as_a_file_are_read_back_equal(tmp_path: Path, tables: dict[str, object]) -> None:
    config = parse_config(tables)
    path = tmp_path / "settings.toml"
    path.write_text(settings_toml(config), encoding="utf-8")
    assert load_config(path) == config
    named = set(tomllib.loads(path.read_text(encoding="utf-8")))
    assert named == set(RunConfig.model_fields), "defaults are written as well"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sede = 1", "unknown name 'sede'; did you mean 'seed'"),
        ("[search]\npopulation = 9", "'search.population'; did you mean 'search.population_size'"),
        ("[search]\npopulation_size = 'many'", "'search.population_size' must be a valid integer, got \"many\""),
        ("[search]\npopulation_size = 1", "greater than or equal to 4, got 1"),
        ("[training]\nrounds = 0", "training.rounds"),
        ("[hardware]\narea_limit_mm2 = -1", "greater than 0"),
        ("[hardware]\narea_limit_mm2 = nan", "finite|number"),
        ("[executor]\nkind = 'threads'", "serial"),
        ("[executor]\nworkers = 2.5", "integer"),
        ("[executor]\ndask_scheduler = 'tcp://x:1'", 'executor.kind = "dask"'),
        ("seed = -1", "seed"),
        ("search = 3", "table"),
        ("[space]\nadc_precision = 4", r"'space.adc_precision' must be a list such as \[4\], got 4"),
        ("[space]\nadc_precision = '4, 5'", r"must be a list such as \[4, 5\], got \"4, 5\"\.$"),
        ("[search]\nobjectives = 'accuracy,energy'", r"a list such as \[\"accuracy\", \"energy\"\], got"),
        ("[search]\nobjectives = '[accuracy, energy]'", r"a list such as \[\"accuracy\", \"energy\"\], got"),
        ("[search]\nobjectives = ['edap']", r"'search.objectives' must have at least 2 entries, got \[\"edap\"\]\.$"),
        ("[search]\nobjectives = ['a', 'b', 'c', 'd', 'e']", "must have at most 4 entries, got"),
        ("[hardware]\narea_limit_mm2 = 'None'", 'a valid number, got "None"; write none for no value'),
        ("seed = 'none'", "'seed' must be a valid integer, got none"),
        ("[space]\nbackbone = 3", "space.backbone must be the name of a backbone or of a TOML file, got 3"),
        ("[executor]\nkind = 'proceses'", r"did you mean 'processes'\?$"),
        ("seed = ", "TOML"),
        ("[space.layers.conv1]\nadc_typ = ['sar']", "did you mean 'space.layers.conv1.adc_type'"),
    ],
)
def test_mistakes_in_a_file_are_told_with_its_name(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as failure:
        load_config(path)
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value).split(" is not a TOML")[0]


@pytest.mark.parametrize("assignment", ["seed", "=3", "seed.x=1"])
def test_bad_assignments_are_told(assignment: str) -> None:
    with pytest.raises(ConfigError):
        load_config(None, {"seed": 1, **parse_assignments([assignment])})


def test_assignments_take_toml_values_and_bare_words() -> None:
    assert parse_assignments(["a.b=3", "c=[1, 2]", "d=rram-6k", "e='x'", "f=true"]) == {
        "a.b": 3,
        "c": [1, 2],
        "d": "rram-6k",
        "e": "x",
        "f": True,
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text('abc[]="\\\n', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.", max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*RunConfig.model_fields, "other"]),
        json_values
        | st.dictionaries(st.sampled_from(["name", "kind", "rounds", "layers", "crossbar", "objectives"]), json_values),
        max_size=3,
    )
)
def test_any_tables_give_settings_or_one_sentence(tables: dict[str, object]) -> None:
    try:
        outcome = type(parse_config(tables)).__name__
    except ConfigError as failure:
        outcome = str(failure)
    assert outcome == "RunConfig" or outcome.startswith("settings: ")
    assert len(outcome) < 1000


def test_every_setting_is_explained() -> None:
    config = RunConfig()
    tables = [getattr(config, name) for name in ("dataset", "space", "hardware", "search", "training", "executor")]
    for table in (*tables, config.hardware.crossbar):
        assert set(meanings_of(type(table))) >= set(type(table).model_fields)


def test_the_annotated_file_lists_the_names_to_choose_from() -> None:
    lines = annotated_settings().splitlines()
    for setting, words in (
        ("channel_depth", "The paper's: [64, 128, 256, 512]"),
        ("adc_type", '["sar", "flash"]'),
        ("coding", "offset-digital"),
        ("surrogate", "auto, "),
        ("protocol", "laptop-finalist"),
        ("device", "rram-6k"),
    ):
        position = next(i for i, line in enumerate(lines) if line.startswith(f"#{setting} = "))
        assert words in " ".join(lines[position - 3 : position]), setting
    known = known_names()
    for setting, refused in (("training.protocol", "chip-tune"), ("native.recipe", "chip")):
        assert refused not in known[setting].removesuffix(".").split(", "), f"{setting} needs trained weights"
    paths = {f"{table}.{name}" for table, model in RunConfig() for name in getattr(type(model), "model_fields", ())}
    assert set(known) <= paths | {"hardware.crossbar.coding"}


def test_the_annotated_file_is_valid_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(annotated_settings())
    assert load_config(path) == RunConfig()


def test_every_line_of_the_annotated_file_may_be_uncommented() -> None:
    uncommented = re.sub(r"(?m)^#(?=[a-z_]+ = )", "", annotated_settings())
    assert parse_config(tomllib.loads(uncommented)) == RunConfig()
