"""Wires and scatter in files of technologies and devices, and the sentence about implausible devices."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from hw_models import CrossbarSpec, HardwareModelError, load_device, load_technology
from hw_models.arrays import FloatArray
from hw_models.constants import parse_file
from hw_models.plausibility import column_strain, implausibility, wire_loss_ratio
from hw_models.technology import device_from, technology_from
from hw_models.wires import wire_resistances
from tests.hw_models.hardware_settings import text_of

TECHNOLOGY = load_technology("cmos-32nm-lstp")


def test_wires_of_32_nm_have_the_resistance_that_their_constants_give() -> None:
    found = wire_resistances(load_device("rram-6k"), TECHNOLOGY)
    assert (found.row_ohm, found.column_ohm) == (pytest.approx(1.47, abs=0.01), pytest.approx(4.41, abs=0.01))


def test_files_without_the_optional_tables_load() -> None:
    text = re.sub(r"\[wires\][^\[]*", "", text_of("technologies", "cmos-32nm-lstp"))
    bare = technology_from(parse_file(text, "cmos-32nm-lstp"))
    assert bare.wires is None
    assert implausibility(load_device("rram-6k"), bare, CrossbarSpec(), column_sharing=8) is None
    device = load_device("rram-6k")
    assert (device.programming, device.drift, device.read_noise, device.stuck) == (None, None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("c4_us = { value = [-16.815, -16.458, -11.934]", "c4_us = { value = [-16.815]", "must have 3 entries, as"),
        ("times_s = { value = [1, 86400", "times_s = { value = [1, 0.5", "must be positive and in ascending order"),
        ("c3_us", "c9_us", r"programming.c3_us must have 3 entries, as|unknown constant programming\.c9_us"),
        ("[read_noise]", "[reed_noise]", r"unknown table \[reed_noise\]"),
    ],
)
def test_a_broken_law_is_refused_with_one_sentence(old: str, new: str, message: str) -> None:
    text = text_of("devices", "rram-wan2022")
    assert old in text
    with pytest.raises(HardwareModelError, match=message):
        device_from(parse_file(text.replace(old, new, 1), "rram-wan2022"))


def test_stuck_cells_are_read_from_a_file() -> None:
    table = (
        '\n[stuck]\non_ratio = { value = 0.02, unit = "1", source = "fit" }\n'
        'off_ratio = { value = 0.01, unit = "1", source = "fit" }\n'
    )
    device = device_from(parse_file(text_of("devices", "rram-wan2022") + table, "rram-wan2022"))
    assert device.stuck is not None
    assert (device.stuck.on_ratio, device.stuck.off_ratio) == (0.02, 0.01)


def test_a_device_of_6_kohm_is_told_to_strain_its_wires_with_figures() -> None:
    told = implausibility(load_device("rram-6k"), TECHNOLOGY, CrossbarSpec(), column_sharing=8)
    assert told is not None
    assert re.search(
        r"rram-6k.* 0\.571 mA, .* mA/um2 .*above the 20 mA/um2 limit.* up to \d+ % .*8 columns per ADC\.$", told
    )
    assert implausibility(load_device("rram-100k"), TECHNOLOGY, CrossbarSpec(), column_sharing=2) is None


def test_strain_is_that_of_a_line_of_equal_cells() -> None:
    device, crossbar = load_device("rram-6k"), CrossbarSpec()
    strain = column_strain(device, TECHNOLOGY, crossbar, column_sharing=4)
    assert strain is not None
    siemens = 0.25 * device.cell.conductance_ratio / device.cell.on_ohm
    ohm = wire_resistances(device, TECHNOLOGY).column_ohm
    ladder = np.diag(np.full(64, 2 / ohm + siemens)) - (np.eye(64, k=1) + np.eye(64, k=-1)) / ohm
    ladder[0, 0] -= 1 / ohm
    kept = np.linalg.solve(ladder, np.full(64, siemens * 0.5))[-1] / ohm / (64 * siemens * 0.5)
    assert 1 - strain.column_loss_ratio == pytest.approx(kept, rel=0.01)
    assert strain.current_ma == pytest.approx(1e3 * 64 * siemens * 0.5)
    few = column_strain(device, TECHNOLOGY, crossbar, column_sharing=32)
    assert few is not None
    assert few.row_loss_ratio < strain.row_loss_ratio
    assert math.isclose(few.column_loss_ratio, strain.column_loss_ratio)
    assert few.loss_ratio < strain.loss_ratio


@pytest.mark.parametrize("rows_read", [8, 16, 32, 64])
def test_a_groups_current_flows_past_the_idle_groups(rows_read: int) -> None:
    """The mean over the groups of a ladder in which only one group's rows are connected."""
    device, crossbar = load_device("rram-6k"), CrossbarSpec(rows_read=rows_read)
    wires = wire_resistances(device, TECHNOLOGY)
    siemens = 0.25 * device.cell.conductance_ratio / device.cell.on_ohm
    kept = []
    for first in range(0, 64, rows_read):
        active = np.where((np.arange(64) >= first) & (np.arange(64) < first + rows_read), siemens, 0.0)
        ladder = np.diag(2 / wires.column_ohm + active) - (np.eye(64, k=1) + np.eye(64, k=-1)) / wires.column_ohm
        ladder[0, 0] -= 1 / wires.column_ohm
        ladder[-1, -1] += 1 / (wires.column_ohm + wires.sense_ohm) - 1 / wires.column_ohm
        current = np.linalg.solve(ladder, active)[-1] / (wires.column_ohm + wires.sense_ohm)
        kept.append(current / (rows_read * siemens))
    strain = column_strain(device, TECHNOLOGY, crossbar, column_sharing=8)
    assert strain is not None
    assert strain.column_loss_ratio == pytest.approx(1 - np.mean(kept), rel=0.06)
    found = wire_loss_ratio(device, TECHNOLOGY, crossbar, n_rows=[64, 576], n_columns=64, column_sharing=8)
    assert found == pytest.approx([strain.loss_ratio] * 2)


def test_losses_of_layers_agree_with_a_whole_column_and_grow_with_what_is_read_at_once() -> None:
    device, crossbar = load_device("rram-6k"), CrossbarSpec()

    def lost(*, n_rows: ArrayLike, n_columns: ArrayLike, column_sharing: ArrayLike) -> FloatArray:
        return wire_loss_ratio(
            device, TECHNOLOGY, crossbar, n_rows=n_rows, n_columns=n_columns, column_sharing=column_sharing
        )

    for sharing in (2, 8, 32):
        strain = column_strain(device, TECHNOLOGY, crossbar, column_sharing=sharing)
        assert strain is not None
        whole = lost(n_rows=[64, 640], n_columns=1024, column_sharing=sharing)
        assert whole == pytest.approx([strain.loss_ratio] * 2)
    rows = lost(n_rows=[9, 27, 64], n_columns=64, column_sharing=8)
    for growing in (
        rows,
        lost(n_rows=64, n_columns=[8, 32, 64], column_sharing=2),
        lost(n_rows=64, n_columns=64, column_sharing=[32, 8, 2]),
    ):
        assert list(growing) == sorted(growing)
        assert growing[0] < growing[-1]
    bare = replace(TECHNOLOGY, wires=None)
    none = wire_loss_ratio(device, bare, crossbar, n_rows=[9, 64], n_columns=64, column_sharing=8)
    assert list(none) == [0.0, 0.0]
