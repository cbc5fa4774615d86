"""What lies outside the reference data is said in the report, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_models import (
    AdcModel,
    CrossbarSpec,
    HardwareReport,
    Peripherals,
    evaluate,
    load_device,
    load_model,
    load_technology,
)
from hw_models.coverage import NEUROSIM, NODES_NM, XPERTSIM
from scripts.networks import reference_network, vgg16_shapes
from scripts.reference import evaluate_rows, read_rows
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY, cost, peripherals, shapes

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
ROWS = read_rows(GOLDEN / "hardware.csv")
NETWORKS = [str(name) for name in read_rows(GOLDEN / "hardware_networks.csv")["name"]]
COLUMNS = {
    "output_size": "F",
    "in_channels": "Cin",
    "out_channels": "Cout",
    "column_sharing": "CS",
    "adc_precision": "AP",
    "input_precision": "IP",
}


def in_setting(**changes: Any) -> HardwareReport:
    """The report of the default layer in another setting."""
    setting = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": TECHNOLOGY}
    return evaluate(shapes(), peripherals(), **(setting | changes))


def test_the_reference_data_lie_inside() -> None:
    for _, report in evaluate_rows(ROWS):
        assert report.notes == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_reference_networks_lie_inside(name: str) -> None:
    layers, choices, pe_side, device = reference_network(name)
    assert cost(layers, choices, device=device, pe_side=pe_side).notes == ()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_range_is_that_of_the_reference_data(name: str) -> None:
    values = ROWS[COLUMNS[name]].tolist()
    if name in XPERTSIM.shapes:  # the networks' classifiers are not among the single layers
        values += vgg16_shapes().arrays()[name].ravel().tolist()
    known = {**XPERTSIM.shapes, **XPERTSIM.peripherals}[name]
    assert (known.least, known.most) == (min(values), max(values))


def test_what_has_no_range_has_the_values_of_the_reference_data() -> None:
    for known, column in ((XPERTSIM.sides, "xbar"), (XPERTSIM.cell_bits, "cellbit"), (XPERTSIM.kernels, "k")):
        assert list(known) == sorted(set(ROWS[column]))
    assert [side**2 for side in XPERTSIM.pe_sides] == sorted(set(ROWS["pe_xbars"]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"output_size": 56},
            "The height of the output map is extrapolated: got 56, but the reference data cover 1 to 32.",
        ),
        (
            {"output_width": 4},
            "The shape of the output map is extrapolated: got 8 x 4, but the reference data cover squares",
        ),
        (
            {"in_channels": [1, 64]},
            "The number of input channels is extrapolated: got 1, but the reference data cover 3 to",
        ),
        (
            {"in_channels": [1, 600]},
            "The number of input channels is extrapolated: got 1 and 600, but the reference data",
        ),
        (
            {"out_channels": 1000},
            "The number of output channels is extrapolated: got 1000, but the reference data cover 10",
        ),
        (
            {"kernel_size": [1, 7, 2, 7]},
            "The kernel is extrapolated: got 2 and 7, but the reference data cover 1 and 3.",
        ),
        ({"stride": 2}, "The stride is extrapolated: got 2, but the reference data cover 1."),
        ({"groups": 64}, "The number of groups is extrapolated: got 64, but the reference data cover 1."),
    ],
)
def test_shapes_beyond_the_data_are_told(changes: dict[str, Any], sentence: str) -> None:
    notes = cost(shapes(**changes)).notes
    assert any(note.startswith(sentence) for note in notes), notes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"column_sharing": 1}, "The column sharing is extrapolated: got 1, but the reference data cover 2 to 128."),
        (
            {"adc_precision": [2, 12]},
            "The ADC precision is extrapolated: got 2 and 12 bits, but the reference data cover 3",
        ),
        (
            {"input_precision": 12},
            "The input precision is extrapolated: got 12 bits, but the reference data cover 1 to 8.",
        ),
    ],
)
def test_peripherals_beyond_the_data_are_told(changes: dict[str, Any], sentence: str) -> None:
    (note,) = cost(choices=peripherals(**changes)).notes
    assert note.startswith(sentence)


@pytest.mark.parametrize(
    ("crossbar", "sentence"),
    [
        (
            {"rows": 128},
            "The crossbar is extrapolated: got 128 x 64, but the reference data cover sides of 32, 64 and 128.",
        ),
        (
            {"rows": 256, "columns": 256},
            "The crossbar is extrapolated: got 256 x 256, but the reference data cover sides",
        ),
        (
            {"cell_bits": 3},
            "The precision of a cell is extrapolated: got 3 bits, but the reference data cover 1, 2 and 4.",
        ),
        ({"weight_bits": 6}, "The precision of a weight is extrapolated: got 6 bits, but the reference data cover 8."),
        ({"pe_side": 1}, "The side of a PE in crossbars is extrapolated: got 1, but the reference data cover 2 and 4."),
        ({"tile_side": 16}, "The side of a tile in crossbars is extrapolated: got 16, but the reference data cover 8."),
        ({"coding": "differential"}, "Weight coding is extrapolated: got 'differential' with 0 reference columns, but"),
        (
            {"rows_read": 16},
            "Reading rows is extrapolated: got 16 of 64 at once, but the reference data cover all at once.",
        ),
        ({"reference_columns": 1}, "Weight coding is extrapolated: got 'offset-analog' with 1 reference column, but"),
    ],
)
def test_crossbars_beyond_the_data_are_told(crossbar: dict[str, Any], sentence: str) -> None:
    (note,) = cost(**crossbar).notes
    assert note.startswith(sentence)


def test_less_sharing_than_cells_a_weight_is_told() -> None:
    (note,) = cost(choices=peripherals(column_sharing=[2, 8]), cell_bits=1).notes
    assert note == (
        "The column sharing at 8 cells per weight is extrapolated: got 2, but the reference data cover 8 to 128."
    )
    assert cost(choices=peripherals(column_sharing=8), cell_bits=1).notes == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"device": load_device("pcm")},
            "Device 'pcm' is extrapolated: the reference data cover rram-6k and rram-100k",
        ),
        (
            {"technology": replace(TECHNOLOGY, name="mine")},
            "Technology 'mine' is extrapolated: the reference data cover",
        ),
        (
            {"schedule": "pipelined"},
            "The schedule is extrapolated: got 'pipelined', but the reference data cover 'sequential' only.",
        ),
        ({"activity": 0.7}, "The activity is extrapolated: got 0.7, but the reference data cover 0.1 to 0.5."),
        (
            {"adc_model": AdcModel.SURVEY},
            "The ADCs' energy is extrapolated: got 'survey', but the reference data cover",
        ),
    ],
)
def test_settings_beyond_the_data_are_told(changes: dict[str, Any], sentence: str) -> None:
    (note,) = in_setting(**changes).notes
    assert note.startswith(sentence)


@given(data=st.data(), n_designs=st.integers(1, 3), n_layers=st.integers(1, 3))
def test_a_note_is_there_where_one_design_of_a_batch_leaves_a_range_and_names_its_value(
    data: st.DataObject, n_designs: int, n_layers: int
) -> None:
    """Every quantity with a range, drawn from values inside and outside of it."""
    fields = {
        name: np.array(
            [[data.draw(st.sampled_from(values)) for _ in range(n_layers)] for _ in range(n_designs)], dtype=np.int64
        )
        for name, values in {
            "output_size": [1, 28, 32, 33],
            "in_channels": [2, 4, 100, 512, 514],
            "out_channels": [8, 10, 512, 516],
            "stride": [1, 2],
            "groups": [1, 2],
            "column_sharing": [1, 2, 64],
            "adc_precision": [2, 3, 8, 9],
            "input_precision": [1, 8, 9],
            "copies": [1, 2],
        }.items()
    }
    choices = {name: fields.pop(name) for name in ("column_sharing", "adc_precision", "input_precision", "copies")}
    notes = cost(shapes(**fields), Peripherals(adc_type=0, **choices)).notes
    told = {**XPERTSIM.shapes, **XPERTSIM.peripherals}
    found = fields | choices | {"output_width": fields["output_size"]}
    for name, known in told.items():
        outside = found[name][(found[name] < known.least) | (found[name] > known.most)]
        own = [note for note in notes if note.startswith(f"{known.name} is extrapolated")]
        assert len(own) == bool(outside.size)
        if own:
            assert str(outside.min()) in own[0]
            assert str(outside.max()) in own[0]
    assert len(notes) <= len(told)


NEUROSIM_MODEL = load_model("neurosim")


def by_upstream(**changes: Any) -> HardwareReport:
    """The default layer by the model `neurosim` at 22 nm, in another setting."""
    setting = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": load_technology("cmos-22nm-lstp")}
    return evaluate(shapes(), peripherals(), model=NEUROSIM_MODEL, **(setting | changes))


@pytest.mark.parametrize("node", NODES_NM)
def test_no_node_of_the_models_data_is_called_extrapolated(node: int) -> None:
    assert by_upstream(technology=load_technology(f"cmos-{node}nm-lstp")).notes == ()


def test_a_cell_of_the_models_data_is_inside_whatever_its_name_is() -> None:
    cell = replace(DEVICE.cell, on_ohm=20000.0, on_off_ratio=100.0)
    device = replace(DEVICE, name="mine", cell=cell, extrapolated=True)
    assert by_upstream(device=device).notes == ()
    (note,) = by_upstream(device=device, technology=load_technology("cmos-45nm-lstp")).notes
    assert note.startswith("Device 'mine' is extrapolated")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"crossbar": CrossbarSpec(rows=128, columns=128)},
            "The crossbar is extrapolated: got 128 x 128, but the reference data cover sides of 64.",
        ),
        ({"activity": 0.5}, "The activity is extrapolated: got 0.5, but the reference data cover 0.25."),
        (
            {"technology": replace(TECHNOLOGY, name="cmos-28nm")},
            "Technology 'cmos-28nm' is extrapolated: the reference data cover cmos-130nm-lstp, cmos-90nm-lstp,",
        ),
    ],
)
def test_what_upstreams_data_lack_is_told_though_xpertsims_have_it(changes: dict[str, Any], sentence: str) -> None:
    (note,) = by_upstream(**changes).notes
    assert note.startswith(sentence)


def test_ranges_of_upstream_are_those_of_its_data() -> None:
    upstream = read_rows(GOLDEN / "upstream.csv")
    assert sorted(NEUROSIM.peripherals) == sorted(XPERTSIM.peripherals)
    for name in ("column_sharing", "adc_precision", "input_precision"):
        known, values = NEUROSIM.peripherals[name], upstream[COLUMNS[name]]
        assert (known.least, known.most) == (values.min(), values.max())
    assert {f"cmos-{node:g}nm-lstp" for node in upstream["node_nm"]} == set(NEUROSIM.technologies)
