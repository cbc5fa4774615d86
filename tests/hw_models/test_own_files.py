"""Files of one's own: cells, nodes and converters by path, and what may be left out of them."""

from __future__ import annotations

import runpy
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from hw_models import (
    AdcType,
    CrossbarSpec,
    HardwareModelError,
    Peripherals,
    adc_names,
    device_names,
    evaluate,
    explain,
    load_adc,
    load_device,
    load_model,
    load_technology,
    technology_names,
    user_files,
)
from hw_models.adc_library import published_figures, table_figures
from hw_models.coverage import NODES_NM
from hw_models.node_scaling import node_ratios
from hw_models.technology import technology_from
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY, peripherals, shapes

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "your-own-chip"
PUBLISHED = load_model("published")


def written(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLE.iterdir() if path.is_file()))
def test_the_page_shows_the_files_of_the_example(name: str) -> None:
    page = (DOCS / "your-own-chip.md").read_text(encoding="utf-8")
    assert (EXAMPLE / name).read_text(encoding="utf-8").strip() in page


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE / "evaluate.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["5 bits", "6 bits", "7 bits"]


def test_the_example_has_no_flash_adc_and_no_three_bits() -> None:
    adc = load_adc(str(EXAMPLE / "my-adc.toml"))

    def cost(choices: Peripherals) -> None:
        evaluate(
            shapes(),
            choices,
            crossbar=CrossbarSpec(),
            device=DEVICE,
            technology=TECHNOLOGY,
            model=PUBLISHED,
            adc=adc,
        )

    with pytest.raises(HardwareModelError, match="has no flash converter; use sar"):
        cost(peripherals(adc_type=AdcType.FLASH.code))
    with pytest.raises(HardwareModelError, match="4 to 8 bits, got 3"):
        cost(peripherals(adc_precision=3))


def test_a_cell_of_two_numbers_is_enough(tmp_path: Path) -> None:
    device = load_device(written(tmp_path, "[cell]\non_ohm = 20000\non_off_ratio = 100\n", "cell.toml"))
    assert device.name == "cell"
    assert device.extrapolated
    assert device.cell.settling_ohm == 20000
    assert device.cell.conductance_ratio == pytest.approx(0.01 + 0.42 * 0.99)
    assert device.constants["cell.read_v"].source.startswith("assumed")


def test_a_cell_that_is_called_like_one_of_the_reference_is_still_ones_own(tmp_path: Path) -> None:
    assert load_device(written(tmp_path, "[cell]\non_ohm = 1e4\non_off_ratio = 9\n", "rram-6k.toml")).extrapolated


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[cell]\non_ohm = 20000\n", r"cell\.on_off_ratio must be a positive number; it is missing"),
        ("[cell]\non_ohm = -1\non_off_ratio = 9\n", r"cell\.on_ohm must be a positive number; got -1"),
        ("[cell]\non_ohm = 'x'\non_off_ratio = 9\n", r"cell\.on_ohm must be a number"),
        ("[cell]\non_ohm = 1\non_off_ratio = 9\nraed_v = 1\n", r"unknown constant cell\.raed_v; did you mean 'read_v'"),
        ("[cell]\non_ohm = {value = 1, source = 'lab'}\non_off_ratio = 9\n", "'lab' is unknown"),
        (
            "[cell]\non_ohm = 1\non_off_ratio = 0.5\n",
            r"cell\.on_off_ratio must be above 1 and at most 1e\+12, got 0\.5",
        ),
        ("[cell]\non_ohm = 1\non_off_ratio = 1\n", r"cell\.on_off_ratio must be above 1 and at most 1e\+12, got 1"),
        ("[cell]\non_ohm = 1\non_off_ratio = 9\ncell_width_f = 0\n", r"cell\.cell_width_f must be between"),
        ("[cell]\non_ohm = 1\non_off_ratio = 9\nleakage_pw = -1\n", r"cell\.leakage_pw must not be negative"),
        ("[cell]\non_ohm = 1\non_off_ratio = 9\nread_v = [1, 2]\n", r"cell\.read_v must be a number"),
        ("cell = 3\n", "'cell' is not a table"),
        ("sources = 3\n[cell]\non_ohm = 1\n", "'sources' must be a table"),
    ],
)
def test_a_cell_with_a_fault_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HardwareModelError, match=message) as caught:
        load_device(written(tmp_path, text))
    assert "\n" not in str(caught.value)


_DRIFT = """[drift]
reference_s = {reference_s}
exponent_at_one = -0.05
exponent_per_ln = -0.01
exponent_least = {least}
exponent_most = 0.1
spread_at_one = 0
spread_per_ln = 0
spread_least = 0
spread_most = {spread_most}
"""


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[stuck]\non_ratio = 2\noff_ratio = 0\n", r"stuck\.on_ratio must be between 0 and 1, got 2\."),
        ("[stuck]\non_ratio = 0\noff_ratio = -1\n", r"stuck\.off_ratio must not be negative, got -1\.0\."),
        ("[stuck]\non_ratio = 0.7\noff_ratio = 0.7\n", r"add up to at most 1, got 0\.7 \+ 0\.7\."),
        ("[read_noise]\nratio = 20\n", r"read_noise\.ratio must be between 0 and 10, got 20\."),
        ("[read_noise]\npower = 5\n", r"read_noise\.power must be between 0 and 3, got 5\."),
        ("[read_noise]\nread_s = 0.5\n", r"read_noise\.read_s must be at least 0 and below 0\.5, got 0\.5\."),
        ("[input_noise]\nratio = 2\n", r"input_noise\.ratio must be between 0 and 1, got 2\."),
        (_DRIFT.format(reference_s=0, least=0, spread_most=1), r"drift\.reference_s must be above 0 and .*, got 0\."),
        (
            _DRIFT.format(reference_s=20, least=0.2, spread_most=1),
            r"exponent_least must be at most .*got 0\.2 and 0\.1",
        ),
        (_DRIFT.format(reference_s=20, least=-1, spread_most=1), r"drift\.exponent_least must not be negative"),
        (_DRIFT.format(reference_s=20, least=0, spread_most=-1), r"drift\.spread_most must not be negative"),
    ],
)
def test_cells_that_cannot_be_are_refused_with_their_key(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(HardwareModelError, match=rf"^mine: .*{message}") as caught:
        load_device(written(tmp_path, f"[cell]\non_ohm = 20000\non_off_ratio = 9\n{table}"))
    assert "\n" not in str(caught.value)


def test_the_drift_that_can_be_is_taken(tmp_path: Path) -> None:
    text = "[cell]\non_ohm = 20000\non_off_ratio = 9\n" + _DRIFT.format(reference_s=20, least=0.1, spread_most=1)
    drift = load_device(written(tmp_path, text)).drift
    assert drift is not None
    assert drift.exponent_per_ln == -0.01


@pytest.mark.parametrize("name", device_names())
def test_a_copy_of_a_file_of_the_package_describes_the_same_device(tmp_path: Path, name: str) -> None:
    text = resources.files("hw_models").joinpath("devices", f"{name}.toml").read_text(encoding="utf-8")
    copied, own = load_device(written(tmp_path, text)), load_device(name)
    assert replace(copied, extrapolated=own.extrapolated, constants=own.constants) == own


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HardwareModelError, match=r"no-such\.toml cannot be read \(No such file"):
        load_device(str(tmp_path / "no-such.toml"))


@pytest.mark.parametrize("entry", ['"pipelined"', '{ value = "pipelined" }'])
def test_a_choice_of_a_users_model_needs_no_source(tmp_path: Path, entry: str) -> None:
    model = load_model(written(tmp_path, f"[choices]\nschedule = {entry}\n"))
    assert model.choices.schedule == "pipelined"
    assert model.choices.digital_clock == PUBLISHED.choices.digital_clock


def test_a_misspelt_node_is_never_taken_for_another_one() -> None:
    with pytest.raises(HardwareModelError) as caught:
        load_technology("cmos-33nm-lstp")
    assert "did you mean" not in str(caught.value)
    assert "cmos-32nm-lstp" in str(caught.value)


def test_a_node_is_scaled_from_the_nearest_one(tmp_path: Path) -> None:
    small = load_technology(written(tmp_path, "[node]\nfeature_nm = 4\n[energy]\nwire_pj_per_um = 9e-5\n"))
    assert small.node.feature_nm == 4
    assert small.energy.wire_pj_per_um == 9e-5
    assert small.area.full_adder_um2 < TECHNOLOGY.area.full_adder_um2
    assert small.constants["area.full_adder_um2"].source.startswith("scaled by")
    costs = [
        evaluate(
            shapes(), peripherals(), crossbar=CrossbarSpec(), device=DEVICE, technology=technology, model=PUBLISHED
        )
        for technology in (small, TECHNOLOGY)
    ]
    for quantity in ("area_um2", "energy_pj", "latency_ns"):
        assert getattr(costs[0], quantity).item() < getattr(costs[1], quantity).item()


@pytest.mark.parametrize("node", NODES_NM)
def test_a_node_scaled_from_its_neighbour_comes_near_its_file(node: int, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load_technology(f"cmos-{node}nm-lstp")
    others = [name for name in technology_names() if name != own.name]
    monkeypatch.setattr(user_files, "available", lambda _: others)
    scaled = technology_from(user_files.scaled_technology_file(float(node)))
    assert scaled.name != own.name
    layers = shapes(output_size=[[8], [16], [8], [32]], in_channels=[[64], [128], [384], [256]])
    choices = peripherals(column_sharing=[[2], [8], [32], [8]], adc_type=[[0], [1], [1], [0]])
    found = {
        (name, technology.name): evaluate(
            layers,
            choices,
            crossbar=CrossbarSpec(),
            device=DEVICE,
            technology=technology,
            model=load_model(name),
        )
        for name in ("xpertsim", "published")
        for technology in (own, scaled)
    }
    for name in ("xpertsim", "published"):
        near, far = found[name, own.name], found[name, scaled.name]
        for quantity in ("area_um2", "latency_ns", "energy_pj", "leakage_uw"):
            ratio = np.median(getattr(far, quantity) / getattr(near, quantity))
            assert 0.75 < ratio < 1.25, (name, quantity)


@pytest.mark.parametrize("text", ["[node]\nvdd_v = 1.0\n", "[node]\nfeature_nm = 0\n"])
def test_a_node_needs_its_feature_size(tmp_path: Path, text: str) -> None:
    with pytest.raises(HardwareModelError, match=r"node\.feature_nm must be a positive number"):
        load_technology(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sar]\nbits = [4]\nenergy_fj = [1]\narea_um2 = [1]\ntime_ns = [1]\n", "feature_nm"),
        ("[node]\nfeature_nm = 22\n", r"a table \[sar\] or \[flash\]"),
        ("[node]\nfeature_nm = 22\n[sarr]\nbits = [4]\n", r"unknown table \[sarr\]"),
        ("[node]\nfeature_nm = 22\n[sar]\nbits = [4]\nenergy = [1]\n", r"unknown key sar\.energy"),
        ("[node]\nfeature_nm = 22\n[sar]\nbits = [4]\nenergy_fj = [1]\narea_um2 = [1]\n", "must give time_ns"),
        (
            "[node]\nfeature_nm = 22\n[sar]\nbits = [4, 5]\nenergy_fj = [1]\narea_um2 = [1, 2]\ntime_ns = [1, 2]\n",
            "must have 2 entries, as bits has; got 1",
        ),
        (
            "[node]\nfeature_nm = 22\n[sar]\nbits = [4, 5]\nenergy_fj = [2, 1]\narea_um2 = [1, 2]\ntime_ns = [1, 2]\n",
            "must not decrease",
        ),
        (
            "[node]\nfeature_nm = 22\n[sar]\nbits = [5, 4]\nenergy_fj = [1, 2]\narea_um2 = [1, 2]\ntime_ns = [1, 2]\n",
            "bits must be in ascending order",
        ),
        (
            "[node]\nfeature_nm = 22\n[sar]\nbits = [4]\nenergy_fj = [0]\narea_um2 = [1]\ntime_ns = [1]\n",
            "must be positive",
        ),
    ],
)
def test_converters_with_a_fault_are_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HardwareModelError, match=message) as caught:
        load_adc(written(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", adc_names())
def test_tables_of_converters_state_their_sources_and_hold_at_their_points(name: str) -> None:
    table, scaling = load_adc(name), PUBLISHED.assumed.scaling
    for constant in table.constants.values():
        assert len(constant.source) > 20
    for kind, points in table.points.items():
        bits = np.asarray(points.bits, dtype=np.int64)
        flash = np.full(bits.shape, kind is AdcType.FLASH)
        found = table_figures(table, bits, flash, node_ratios(table.feature_nm, scaling), PUBLISHED.assumed)
        np.testing.assert_allclose(1e3 * found.energy_pj, points.energy_fj)
        np.testing.assert_allclose(found.area_um2, points.area_um2)
        np.testing.assert_allclose(found.time_ns, points.time_ns)
        half = table_figures(table, bits, flash, node_ratios(table.feature_nm / 2, scaling), PUBLISHED.assumed)
        np.testing.assert_allclose(half.area_um2, found.area_um2 / 4)
        assert (half.energy_pj < found.energy_pj / 2).all()


def test_the_survey_fit_is_that_of_its_authors() -> None:
    """Their formula at 32 nm with the coefficients of hwcomponents-adc: energy to the limit that precision sets."""
    points = load_adc("survey-fit").points[AdcType.SAR]
    for bits, energy_fj in zip(points.bits, points.energy_fj, strict=True):
        limit_db = 128.3068287398817 + bits * (131.52734025085925 - 128.3068287398817)
        sndr_db = bits * 20 * np.log10(2) + 10 * np.log10(1.5)
        worse = np.exp(26.0496215686518 - 2.8291256050594527 * np.log(bits) - 1.4702022133784405)
        joule_e12 = 0.5 * 10 ** ((sndr_db - limit_db) / 10) * worse * 32**1.8800369206815004
        assert 1e3 * joule_e12 == pytest.approx(energy_fj, abs=1)


def test_published_converters_pass_near_the_ones_that_they_were_fitted_to() -> None:
    """FORMS at 4 bits, the best of the survey at 7, a column SAR at 8 bits, all at 32 nm."""
    bits = np.array([4, 7, 8])
    sar = published_figures(bits, np.zeros(3, dtype=bool), 32.0, PUBLISHED.assumed)
    np.testing.assert_allclose(sar.energy_pj, [0.226, 0.343, 0.99], rtol=0.5)
    np.testing.assert_allclose(np.log(sar.energy_pj / [0.226, 0.343, 0.99]).mean(), 0, atol=0.02)
    np.testing.assert_allclose(sar.area_um2[[0, 2]], [284, 670], rtol=0.02)
    assert (np.diff(sar.offset_steps) > 0).all()


def test_flash_comparators_grow_fourfold_a_bit_beyond_the_precision_at_which_they_match() -> None:
    bits = np.arange(3, 9)
    area = published_figures(bits, np.ones(6, dtype=bool), 32.0, PUBLISHED.assumed)
    encoder = PUBLISHED.assumed.converters.encoder_step_um2 * 2.0**bits
    each = (area.area_um2 - encoder) / (2.0**bits - 1)
    np.testing.assert_allclose(each[1:] / each[:-1], [1, 1, 4, 4, 4])
    np.testing.assert_allclose(area.offset_steps[3:], area.offset_steps[2])


def test_explanations_name_the_table_of_converters() -> None:
    adc = load_adc(str(EXAMPLE / "my-adc.toml"))
    choices = peripherals(adc_precision=5)
    setting = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": TECHNOLOGY, "model": PUBLISHED, "adc": adc}
    report = evaluate(shapes(), choices, **setting)
    nodes = explain(shapes(), choices, layer=0, **setting)
    for node, values in zip(nodes, (report.area_um2, report.latency_ns, report.energy_pj), strict=True):
        assert node.value == pytest.approx(values.item(), rel=1e-9)
        text = "\n".join(node.lines())
        assert "given in my-adc.toml without a source" in text
        assert "converters." not in text
