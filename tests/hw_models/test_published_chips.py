"""Published chips: reading the table, and one crossbar under every model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hw_models import AdcType, CellKind, Macro, load_device, load_model, load_technology, macro_costs, model_names
from hw_models.node_scaling import core_v, node_ratios, nominal_v
from hw_models.published_chips import chip_of, chips_of, scored
from tests.hw_models.hardware_settings import TECHNOLOGY

ROOT = Path(__file__).resolve().parents[2]
DEVICE = load_device("rram-6k")
RRAM = {
    "Index": "133",
    "Paper Title": "A macro",
    "Authors": "Samuel D. Spetalnick et al.",
    "Year": "2023",
    "Tech (nm)": "40",
    "Architecture": "eNVM",
    "Cell Type": "1T1R",
    "Supply V(V)": "1.05",
    "B_x": "1",
    "B_w": "1",
    "B_ADC": "6",
    "R_C": "64",
    "C": "16",
    "N_ADC": "16",
    "N": "64",
    "B_pre-ADC": "6",
    "T_core(ns)": "11.11",
    "N_core": "1",
    "E_col (fJ)": "2022",
    "TOPS_a": "0.184",
    "TOPS/mm2": "7.01",
    "Compute Model": "IS",
    "IMC_Processor": "",
}


def macro(**changes: object) -> Macro:
    default = {
        "feature_nm": 40.0,
        "supply_v": None,
        "cell": CellKind.RESISTIVE,
        "rows": 64,
        "sharing": 8,
        "adc_type": AdcType.SAR,
        "adc_precision": 6,
    }
    return Macro(**(default | changes))


def test_a_row_becomes_a_chip() -> None:
    chip = chip_of(RRAM)
    assert chip is not None
    assert chip.name == "Samuel D. Spetalnick 2023"
    assert chip.macro == macro(supply_v=1.05, sharing=16)
    assert (chip.energy_fj, chip.time_ns) == (2022, 11.11)
    assert chip.area_um2 == pytest.approx(1e6 * 0.184 / 7.01 / 16)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, CellKind.RESISTIVE),
        ({"Architecture": "SRAM", "Cell Type": "6T", "Compute Model": "QS"}, CellKind.CURRENT),
        ({"Architecture": "SRAM", "Cell Type": "10T1C", "Compute Model": ""}, CellKind.CHARGE),
        ({"Architecture": "SRAM", "Cell Type": "9T", "Compute Model": "QR"}, CellKind.CHARGE),
        ({"Architecture": "eDRAM ", "Cell Type": "3T", "Compute Model": "QS"}, CellKind.CURRENT),
    ],
)
def test_cells_add_up_as_the_table_says(changes: dict[str, str], kind: CellKind) -> None:
    chip = chip_of(RRAM | changes)
    assert chip is not None
    assert chip.macro.cell is kind


@pytest.mark.parametrize(
    "changes",
    [
        {"Architecture": "Digital"},
        {"Compute Model": "DIMC"},
        {"Cell Type": "6T+D"},
        {"Tech (nm)": ""},
        {"B_ADC": "0"},
        {"N": "", "R_C": "n/a", "R": "-"},
        {"E_col (fJ)": "", "T_core(ns)": ""},
    ],
)
def test_what_cannot_be_compared_is_left_out(changes: dict[str, str]) -> None:
    assert chip_of(RRAM | changes) is None


def test_blanks_and_words_are_no_numbers() -> None:
    chip = chip_of(RRAM | {"Supply V(V)": "0.6-0.9", "B_x": "", "C": "?", "E_col (fJ)": "nan", "TOPS/mm2": ""})
    assert chip is not None
    assert chip.macro.supply_v is None
    assert (chip.macro.input_bits, chip.macro.sharing, chip.energy_fj, chip.area_um2) == (1.0, 1, None, None)
    (found,) = scored([chip], load_model("published"))
    assert found.energy is None
    assert found.time is not None


def test_a_single_bit_is_not_compared_in_time() -> None:
    chip = chip_of(RRAM | {"B_ADC": "1"})
    assert chip is not None
    assert scored([chip], load_model("published"))[0].time is None


@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize("cell", CellKind)
def test_a_macro_of_any_node_has_positive_costs_that_rise_with_bits(name: str, cell: CellKind) -> None:
    model = load_model(name)
    for feature_nm in (3.0, 7.0, 28.0, 65.0, 180.0):
        costs = [
            macro_costs(
                macro(feature_nm=feature_nm, cell=cell, adc_precision=bits),
                model=model,
                device=DEVICE,
                technology=TECHNOLOGY,
            )
            for bits in range(1, 13)
        ]
        for quantity in ("energy_fj", "time_ns", "area_um2"):
            values = np.array([getattr(each, quantity) for each in costs])
            assert np.isfinite(values).all()
            assert (values > 0).all()
            assert (np.diff(values) >= 0).all(), quantity


@pytest.mark.parametrize("cell", CellKind)
@pytest.mark.parametrize("node", [130, 65, 22, 7])
def test_the_node_that_a_macro_is_carried_from_hardly_matters_to_published(node: int, cell: CellKind) -> None:
    there = load_technology(f"cmos-{node}nm-lstp")
    near, far = (
        macro_costs(
            macro(feature_nm=float(node), cell=cell),
            model=load_model("published"),
            device=DEVICE,
            technology=technology,
        )
        for technology in (there, TECHNOLOGY)
    )
    for quantity in ("energy_fj", "time_ns", "area_um2"):
        assert getattr(near, quantity) == pytest.approx(getattr(far, quantity), rel=0.25), quantity


@pytest.mark.parametrize("rows", [1, 9, 5000])
def test_the_number_of_rows_may_be_anything(rows: int) -> None:
    model = load_model("published")
    few = macro_costs(macro(rows=rows), model=model, device=DEVICE, technology=TECHNOLOGY)
    more = macro_costs(macro(rows=2 * rows), model=model, device=DEVICE, technology=TECHNOLOGY)
    assert more.energy_fj > few.energy_fj


def test_supplies_scale_energy_with_their_square_and_slow_the_circuits_when_low() -> None:
    scaling = load_model("published").assumed.scaling
    low, nominal = node_ratios(32.0, scaling, 0.6), node_ratios(32.0, scaling)
    assert nominal.energy == nominal.delay == nominal.area == 1
    assert low.energy == pytest.approx((0.6 / 0.9) ** 2)
    assert low.delay > 1
    assert node_ratios(16.0, scaling).area == pytest.approx(0.25)


def test_a_supply_of_the_pads_is_not_that_of_the_core() -> None:
    assert core_v(130.0, 4.2) == core_v(130.0, None) == nominal_v(130.0) == 1.3
    assert core_v(130.0, 1.0) == 1.0


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "benchmarks/silicon.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
    )


def test_the_scoreboard_ends_with_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "chips.csv"
    rows = [RRAM, RRAM | {"Architecture": "Digital"}, RRAM | {"E_col (fJ)": "1011", "T_core(ns)": ""}]
    path.write_text("\n".join([",".join(RRAM), *(",".join(row.values()) for row in rows)]), encoding="utf-8")
    chips, n_rows = chips_of(path)
    assert (len(chips), n_rows) == (2, 3)
    found = run("--data", str(path))
    assert found.returncode == 0, found.stderr
    *lines, last = found.stdout.splitlines()
    assert sum(line.startswith("Samuel") for line in lines) == 2
    word, _, text = last.partition(" ")
    assert word == "summary"
    summary = json.loads(text)
    ratio = scored(chips, load_model("published"))[0].energy
    assert ratio is not None
    assert summary["n"] == 2
    assert summary["energy_median_factor"] == pytest.approx(
        (max(ratio, 1 / ratio) + max(2 * ratio, 1 / (2 * ratio))) / 2, abs=1e-3
    )
    assert {"energy_within_4x", "time_median_factor", "time_within_4x"} <= set(summary)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "no-such.csv"), "no-such.csv cannot be read"),
        (("--data", "LICENSE"), "has no analog chip"),
        (("--data", "LICENSE", "--model", "publishd"), "did you mean 'published'"),
    ],
)
def test_the_scoreboard_refuses_what_it_cannot_read(arguments: tuple[str, ...], message: str) -> None:
    found = run(*arguments)
    assert found.returncode == 2
    assert message in found.stderr
    assert "Traceback" not in found.stderr
