"""Devices of files in the emulation: settings, scatter, drift and noise of drawn cells, and names of earlier runs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from hw_models import CrossbarSpec, WeightCoding, device_names, load_device, load_technology
from xpert_evo.accuracy.crossbars.cell_draws import draw_cells
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, nonidealities_of
from xpert_evo.errors import ConfigError
from xpert_evo.validation import parse

TECHNOLOGY = load_technology("cmos-32nm-lstp")
ONE_SLICE = CrossbarSpec(weight_bits=5, cell_bits=4, coding=WeightCoding.DIFFERENTIAL)
"""Weights of a sign and 4 bits: the positive cell of a positive code holds it."""


def cells_at(level: int, settings: NonIdealities, seed: int = 0, n_cells: int = 20_000) -> torch.Tensor:
    """Conductances of cells that were programmed to one of 16 levels."""
    codes = torch.full((n_cells // 100, 100), level)
    return draw_cells(codes, ONE_SLICE, settings, torch.Generator().manual_seed(seed)).places[0]


@pytest.mark.parametrize("name", device_names())
def test_every_device_gives_settings_that_repeat_with_the_seed(name: str) -> None:
    settings = nonidealities_of(load_device(name), TECHNOLOGY, time_s=3600.0)
    assert settings.disturbs_cells
    assert settings.has_wires
    assert torch.equal(cells_at(9, settings), cells_at(9, settings))
    assert parse(NonIdealities, settings.model_dump(mode="json"), where="", error=ConfigError) == settings
    assert not nonidealities_of(load_device(name)).has_wires


def test_a_device_that_says_nothing_of_its_scatter_has_none() -> None:
    cells = cells_at(15, nonidealities_of(load_device("rram-6k"), TECHNOLOGY))
    assert torch.all(cells == 1)
    assert float(cells_at(0, nonidealities_of(load_device("rram-6k"))).unique()) == pytest.approx(1 / 150)


@pytest.mark.parametrize(
    ("time_s", "half_range_us"), [(1.0, 2.0232), (86_400.0, 3.9093), (172_800.0, 3.9291), (1e9, 3.9291)]
)
def test_rram_of_wan_scatters_as_published_at_half_range(time_s: float, half_range_us: float) -> None:
    """By hand from the fit: 5.1 % of the highest conductance after a second, 9.8 % after a day."""
    programming = load_device("rram-wan2022").programming
    assert programming is not None
    found = np.polynomial.Polynomial(programming.polynomial_us(time_s))(0.5)
    assert found == pytest.approx(half_range_us, rel=0.01)


def test_drawn_cells_scatter_by_the_polynomial_of_their_target() -> None:
    settings = nonidealities_of(load_device("rram-wan2022"), time_s=86_400.0, read_noise=None)
    for level in (3, 8, 15):
        target = 1 / 40 + (1 - 1 / 40) * level / 15
        cells = cells_at(level, settings)
        wanted = np.polynomial.Polynomial(settings.programming_polynomial)(target)
        assert float(cells.std()) == pytest.approx(wanted, rel=0.03)
        assert float(cells.mean()) == pytest.approx(target, abs=0.005)


def test_scatter_grows_between_a_second_and_a_day() -> None:
    half = [
        np.polynomial.Polynomial(nonidealities_of(load_device("rram-wan2022"), time_s=t).programming_polynomial)(0.5)
        for t in (1.0, 60.0, 3600.0, 86_400.0)
    ]
    assert half == sorted(half)
    assert half[0] < half[-1]


def test_pcm_of_joshi_drifts_more_at_low_conductances_and_its_noise_grows() -> None:
    device = load_device("pcm-joshi2020")
    day = nonidealities_of(device, time_s=86_400.0)
    assert day.drift_law is not None
    still = day.model_copy(update={"programming_polynomial": (), "read_noise": None})
    for level, exponent in ((15, 0.049), (4, 0.049), (0, 0.0244 + 0.0155 * math.log(95))):
        target = 1 / 95 + (1 - 1 / 95) * level / 15
        ratio = torch.log(cells_at(level, still) / target).mean() / math.log(1 + 86_400 / 20)
        assert float(-ratio) == pytest.approx(exponent, rel=0.03)
    noise = day.read_noise
    assert noise is not None
    g = torch.tensor([1.0, 0.01])
    assert noise.deviation(g, 1.0)[0] == pytest.approx(0.0088 * math.sqrt(math.log((1 + 2.5e-7) / 5e-7)))
    assert torch.all(noise.deviation(g, 86_400.0) > noise.deviation(g, 1.0))
    assert noise.deviation(torch.tensor(1e-6), 1.0) == pytest.approx(0.2 * math.sqrt(math.log(2e6)), rel=0.01)


def test_programming_never_makes_a_deviation_or_a_conductance_negative() -> None:
    settings = NonIdealities(programming_polynomial=(-1.0, 2.0))
    assert torch.all(cells_at(3, settings) == torch.tensor(3 / 15))
    wild = cells_at(1, NonIdealities(programming_polynomial=(1.0,)))
    assert wild.min() == 0
    assert wild.std() > 0.3


@pytest.mark.parametrize("time_s", [0.0, -1.0, 0.5, float("nan"), float("inf")])
def test_a_time_before_the_first_second_is_refused(time_s: float) -> None:
    with pytest.raises(ValueError, match=r"^the time since programming must be at least 1 s and finite, got \S+ s\.$"):
        nonidealities_of(load_device("pcm-joshi2020"), time_s=time_s)


def test_new_laws_leave_the_draws_of_earlier_ones_as_they_were() -> None:
    plain = NonIdealities(variation_ratio=0.1, stuck_on_ratio=0.05)
    assert torch.equal(cells_at(9, plain), cells_at(9, plain.model_copy(update={"on_ohm": 6000.0})))
    assert not torch.equal(cells_at(9, plain), cells_at(9, plain.model_copy(update={"programming_polynomial": (0.1,)})))


def test_settings_of_earlier_runs_open_with_their_name_for_wires() -> None:
    without = parse(NonIdealities, {"wire_resistance_ratio": 0.0}, where="", error=ConfigError)
    assert without == NonIdealities()
    wired = parse(NonIdealities, {"wire_resistance_ratio": 0.001, "drift_time_s": 2.0}, where="", error=ConfigError)
    assert wired == NonIdealities(on_ohm=1.0, row_wire_ohm=0.001, column_wire_ohm=0.001, drift_time_s=2.0)
    assert wired.relative_wires.row_ohm == 0.001


def test_devices_of_earlier_versions_keep_the_text_that_their_checkpoints_hold() -> None:
    assert NonIdealities(variation_ratio=0.05, on_off_ratio=150.0).identity == (
        "variation_ratio=0.05 variation_law=<VariationLaw.GAUSSIAN: 'gaussian'> stuck_on_ratio=0.0 stuck_off_ratio=0.0 "
        "on_off_ratio=150.0 wire_resistance_ratio=0.0 drift_exponent=0.0 drift_exponent_spread_ratio=0.0 "
        "drift_time_s=1.0 adc_offset_steps=0.0 adc_noise_steps=0.0"
    )
    wired = NonIdealities(on_ohm=6000.0, row_wire_ohm=1.5)
    assert wired.identity.endswith("adc_noise_steps=0.0 on_ohm=6000.0 row_wire_ohm=1.5")


def test_devices_of_a_stored_judgement_open() -> None:
    stored = Path(__file__).parents[1] / "training" / "earlier" / "judged.json"
    noise = json.loads(stored.read_text(encoding="utf-8"))["device_noise"]
    assert "wire_resistance_ratio" in noise
    assert parse(NonIdealities, noise, where="", error=ConfigError) == NonIdealities(variation_ratio=0.05)


def test_wires_need_the_resistance_of_a_cell() -> None:
    with pytest.raises(ConfigError, match=r"^--noise: resistances of wires.* need on_ohm.*for example on_ohm=6000"):
        parse(NonIdealities, {"row_wire_ohm": 1.5}, where="--noise", error=ConfigError)
