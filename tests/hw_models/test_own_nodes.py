"""Technologies of a user: impossible constants are refused, a supply voltage has an effect, names prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw_models import (
    AdcType,
    CrossbarSpec,
    HardwareModelError,
    HardwareReport,
    Technology,
    evaluate,
    load_adc,
    load_device,
    load_model,
    load_technology,
)
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY, peripherals, shapes, text_of


def own_node(folder: Path, text: str, name: str = "my-node.toml") -> Technology:
    """The technology of a user's file at 32 nm with these tables."""
    (folder / name).write_text(f"[node]\nfeature_nm = 32\n{text}", encoding="utf-8")
    return load_technology(str(folder / name))


def costs(technology: Technology, model: str = "published", **changes: object) -> HardwareReport:
    """The report of the default layer under a model."""
    setting = {"crossbar": CrossbarSpec(), "device": load_device("rram-100k"), "model": load_model(model)}
    return evaluate(shapes(), peripherals(), technology=technology, **(setting | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[layout]\nflipflop_width_um = 0\n", r"layout\.flipflop_width_um must be between 0\.0001 and 10000, got 0\."),
        ("[flash]\nsense_onset_ohm = 0\n", r"flash\.sense_onset_ohm must be between"),
        ("[flash]\nslowest_column_ratio = 0\n", r"flash\.slowest_column_ratio must be between"),
        ("[timing]\nlayout_ratio = 0\n", r"timing\.layout_ratio must be between"),
        ("[timing]\nbuffer_core_bits = 0\n", r"timing\.buffer_core_bits must be between 1 and"),
        ("[timing]\ntree_um_per_ns = 0\n", r"timing\.tree_um_per_ns must be between"),
        ("[wires]\nwidth_um = 0\n", r"wires\.width_um must be between"),
        ("[wires]\naspect_ratio = 0\n", r"wires\.aspect_ratio must be between"),
        (
            "[timing]\nmux_sharing = [128, 64, 32, 16, 8, 4, 2, 1]\n",
            r"timing\.mux_sharing must be positive and in ascending order, got \(128",
        ),
        ("[area]\nregister_decoder_entries = [0, 1, 2, 3, 4, 5, 6]\n", r"register_decoder_entries must be positive"),
        ("vdd_v = 0.2\n", r"node\.vdd_v must be between 0\.45 and 1\.35, got 0\.2"),
        ("vdd_v = 3.3\n", r"node\.vdd_v must be between 0\.45 and 1\.35, got 3\.3"),
        ("vdd_v = 0\n", r"node\.vdd_v must be a positive number"),
    ],
)
def test_a_node_with_a_fault_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HardwareModelError, match=message) as caught:
        own_node(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", ["published", "xpertsim", "neurosim"])
def test_a_lower_supply_saves_energy_and_takes_time(tmp_path: Path, model: str) -> None:
    low, nominal = own_node(tmp_path, "vdd_v = 0.7\n"), own_node(tmp_path, "", "nominal.toml")
    reports = [costs(technology, model) for technology in (low, nominal)]
    squared = (0.7 / 0.9) ** 2
    logic = [report.breakdown["energy_pj"]["accumulation"].item() for report in reports]
    assert logic[0] == pytest.approx(squared * logic[1])
    assert reports[0].latency_ns.item() > reports[1].latency_ns.item()
    assert reports[0].area_um2.item() == reports[1].area_um2.item()
    assert low.constants["energy.full_adder_pj"].source.startswith("scaled by 0.605 from cmos-32nm-lstp")
    assert low.leakage.full_adder_uw == pytest.approx(0.7 / 0.9 * nominal.leakage.full_adder_uw)


def test_a_lower_supply_acts_on_published_converters_and_on_tables(tmp_path: Path) -> None:
    low = own_node(tmp_path, "vdd_v = 0.7\n")
    for adc in (None, load_adc("isaac")):
        energies = [costs(each, adc=adc).breakdown["energy_pj"]["adc"].item() for each in (low, TECHNOLOGY)]
        assert energies[0] < 0.75 * energies[1]


def test_the_nominal_supply_changes_nothing(tmp_path: Path) -> None:
    given = own_node(tmp_path, "vdd_v = 0.9\n")
    for model in ("published", "xpertsim"):
        for quantity in ("energy_pj", "latency_ns", "area_um2", "leakage_uw"):
            found, known = (getattr(costs(each, model), quantity) for each in (given, TECHNOLOGY))
            assert found.item() == known.item()


def test_a_node_that_is_called_like_one_of_the_reference_is_still_ones_own(tmp_path: Path) -> None:
    own = own_node(tmp_path, "[energy]\nfull_adder_pj = 1\n", "cmos-32nm-lstp.toml")
    assert own.name == TECHNOLOGY.name
    for model in ("published", "xpertsim"):
        (note,) = costs(own, model, device=DEVICE).notes
        assert note.startswith("Technology 'cmos-32nm-lstp', a file of your own, is extrapolated")
        assert costs(TECHNOLOGY, model, device=DEVICE).notes == ()


def test_a_cost_model_that_is_called_like_a_simulator_has_not_its_data(tmp_path: Path) -> None:
    path = tmp_path / "neurosim.toml"
    path.write_text(text_of("models", "neurosim").replace("1.17537", "2.0"), encoding="utf-8")
    own = load_model(str(path))
    assert own.name == "neurosim"
    # 1,024 outputs lie in the data of the simulator alone.
    wide = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": TECHNOLOGY}
    reports = [
        evaluate(
            shapes(out_channels=1024), peripherals(adc_type=AdcType.FLASH.code, adc_precision=4), **wide, model=each
        )
        for each in (own, load_model("neurosim"))
    ]
    assert [len(report.notes) for report in reports] == [1, 0]
