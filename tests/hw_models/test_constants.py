"""Files of constants: strict reading, and the rules for what every file must state."""

from __future__ import annotations

import re

import pytest

from hw_models import HardwareModelError, device_names, load_device, load_technology, sources, technology_names
from hw_models.constants import parse_file
from hw_models.technology import device_from, technology_from
from tests.hw_models.hardware_settings import text_of

DEVICE_TEXT = text_of("devices", "rram-6k")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cmos-28nm-lstp", "unknown technology 'cmos-28nm-lstp'; choose one of cmos-10nm-lstp"),
        ("cmos-32nm-lspt", "did you mean 'cmos-32nm-lstp'"),
    ],
)
def test_another_node_is_never_suggested(name: str, words: str) -> None:
    with pytest.raises(HardwareModelError, match=words):
        load_technology(name)


@pytest.mark.parametrize(("name", "words"), [("rram-10k", "choose one of"), ("./mine.toml", "cannot be read")])
def test_another_resistance_is_never_suggested(name: str, words: str) -> None:
    with pytest.raises(HardwareModelError, match=words):
        load_device(name)


@pytest.mark.parametrize("name", device_names())
def test_every_device_states_unit_and_source(name: str) -> None:
    for constant in load_device(name).constants.values():
        assert constant.unit
        assert len(constant.source) > 20


@pytest.mark.parametrize("name", technology_names())
def test_every_technology_states_unit_and_source(name: str) -> None:
    for constant in load_technology(name).constants.values():
        assert constant.unit
        assert len(constant.source) > 20


def test_devices_of_four_kinds_are_there_and_marked_as_extrapolated() -> None:
    assert {"rram-6k", "rram-100k", "fefet", "pcm", "sram"} <= set(device_names())
    assert [name for name in device_names() if not load_device(name).extrapolated] == ["rram-100k", "rram-6k"]


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(HardwareModelError, match="did you mean 'rram-6k'"):
        load_device("rram-6K")
    with pytest.raises(HardwareModelError, match="cmos-32nm-lstp"):
        load_technology("cmos-32nm")


@pytest.mark.parametrize("name", ["cmos-28nm-lstp", "cmos-44nm-lstp", "cmos-3nm-lstp"])
def test_a_misspelt_node_never_suggests_another_node(name: str) -> None:
    with pytest.raises(HardwareModelError) as caught:
        load_technology(name)
    assert "did you mean" not in str(caught.value)
    assert all(known in str(caught.value) for known in technology_names())


def test_a_misspelt_name_of_a_known_node_suggests_this_node() -> None:
    with pytest.raises(HardwareModelError, match="did you mean 'cmos-22nm-lstp'"):
        load_technology("cmos-22nm-lspt")


def test_a_misspelt_key_suggests_the_nearest() -> None:
    text = DEVICE_TEXT.replace("read_v =", "raed_v =")
    with pytest.raises(HardwareModelError, match=r"unknown constant cell\.raed_v; did you mean 'read_v'"):
        device_from(parse_file(text, "rram-6k"))


def test_a_missing_key_is_named() -> None:
    text = "\n".join(line for line in DEVICE_TEXT.splitlines() if not line.startswith("read_v"))
    with pytest.raises(HardwareModelError, match=r"cell\.read_v is missing"):
        device_from(parse_file(text, "rram-6k"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', source = "energy" }', " }", "has no source"),
        ('source = "energy"', 'source = "enregy"', "did you mean 'energy'"),
        ("{ value = 0.5, ", "{ ", "has no value"),
        ("value = 0.5", 'value = "half"', "must be a number"),
        ("value = 0.5", "value = true", "must be a number"),
        ("unit =", "units =", "unknown field 'units'; did you mean 'unit'"),
        ("[cell]", "[cell", "not valid TOML"),
        ("[cell]", "[sell]", r"unknown table \[sell\]"),
        ('name = "rram-6k"', 'name = "other"', "its name must match the file's"),
        ("[sources]", "[citations]", "'sources' is missing"),
        ('description = "', 'describtion = "', "'description' is missing; did you mean 'describtion'"),
    ],
)
def test_a_broken_file_is_refused_with_one_sentence(old: str, new: str, message: str) -> None:
    assert old in DEVICE_TEXT
    with pytest.raises(HardwareModelError, match=message):
        device_from(parse_file(DEVICE_TEXT.replace(old, new, 1), "rram-6k"))


def test_a_constant_outside_a_table_is_refused() -> None:
    with pytest.raises(HardwareModelError, match="not a table of constants"):
        parse_file('stray = 3\nname = "x"\ndescription = ""\n[sources]\n', "x")
    with pytest.raises(HardwareModelError, match="must be"):
        parse_file('name = "x"\ndescription = ""\n[sources]\n[cell]\nread_v = 0.5\n', "x")


def test_a_technology_without_a_section_is_refused() -> None:
    text = re.sub(r"\[leakage\][^\[]*", "", text_of("technologies", "cmos-32nm-lstp"))
    with pytest.raises(HardwareModelError, match=r"leakage\.row_uw is missing; the section is empty or missing"):
        technology_from(parse_file(text, "cmos-32nm-lstp"))


def test_sources_cover_every_constant_and_cite_the_method() -> None:
    device, technology = load_device("pcm"), load_technology("cmos-32nm-lstp")
    found = sources(device=device, technology=technology)
    assert "XPert" in found[0].citation
    named = {name for source in found for name in source.constants}
    assert named == {f"pcm: {key}" for key in device.constants} | {
        f"cmos-32nm-lstp: {key}" for key in technology.constants
    }
    assert len({source.citation for source in found}) == len(found)
