"""Settings of noisy devices, alone and together: what cannot be is refused, and so is what has no effect."""

import pytest
import torch
from pydantic import ValidationError

from hw_models import CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.arrays import program
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, disturbed
from xpert_evo.cli.judging import read_devices
from xpert_evo.config import parse_config
from xpert_evo.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"stuck_on_ratio": 0.6, "stuck_off_ratio": 0.6}, "add up to at most 1, got 0.6"),
        ({"stuck_on_ratio": 1.2}, "less than or equal to 1"),
        ({"stuck_off_ratio": -0.1}, "greater than or equal to 0"),
        ({"variation_ratio": float("nan")}, "variation_ratio"),
        ({"variation_ratio": float("inf")}, "variation_ratio"),
        ({"on_off_ratio": 1.0}, "greater than 1"),
        ({"on_off_ratio": float("inf")}, "finite"),
        ({"wire_resistance_ratio": -1.0}, "greater than or equal to 0"),
        ({"drift_time_s": 0.5}, "greater than or equal to 1"),
        ({"drift_time_s": float("inf")}, "finite"),
        ({"drift_exponent": -0.1}, "greater than or equal to 0"),
        ({"drift_exponent_spread_ratio": 11.0}, "less than or equal to 10"),
        ({"adc_offset_steps": float("nan")}, "adc_offset_steps"),
        ({"adc_noise_steps": -1.0}, "greater than or equal to 0"),
        ({"variation_law": "uniform"}, "variation_law"),
    ],
)
def test_devices_that_cannot_be_are_refused(settings: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        NonIdealities.model_validate(settings)


def test_every_cell_may_be_stuck() -> None:
    crossbar = CrossbarSpec(coding=WeightCoding.DIFFERENTIAL)
    codes = torch.zeros(40, 100)
    cells, _ = disturbed(
        codes,
        program(codes, (64, 36), crossbar),
        crossbar,
        column_sharing=8,
        nonidealities=NonIdealities(stuck_on_ratio=0.25, stuck_off_ratio=0.75),
        generator=torch.Generator().manual_seed(0),
    )
    assert set(torch.cat(cells.digits).unique().tolist()) == {-15.0, 0.0, 15.0}
    assert float((torch.cat(cells.digits) > 0).float().mean()) == pytest.approx(0.25 * 0.75, abs=0.02)


@pytest.mark.parametrize(
    ("noise", "why"),
    [
        (["stuck_on_ratio=0.6", "stuck_off_ratio=0.6"], "shares of the same cells and must add up to at most 1"),
        (["drift_time_s=1000"], "drift_time_s=1000 has no effect without a drift_exponent above 0"),
        (["drift_exponent=0.05"], "drift_exponent=0.05 has no effect without a drift_time_s above 1"),
        (["variation_ratio=0.05", "drift_exponent_spread_ratio=0.3"], "no effect without a drift_exponent above 0"),
        (["stuck_on_ratio=0.1", "variation_law=lognormal"], "no effect without a variation_ratio above 0"),
        (["variation_ratio=0.05", "drift_time_s=100"], "no effect without a drift_exponent above 0"),
    ],
)
def test_noise_that_cannot_be_or_has_no_effect_is_refused(noise: list[str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_devices({"noise": noise, "noise_draws": 1, "ideal": True}, parse_config({}).hardware)


@pytest.mark.parametrize(
    "noise",
    [
        ["stuck_on_ratio=0.5", "stuck_off_ratio=0.5"],
        ["variation_ratio=0.05", "variation_law=lognormal"],
        ["drift_exponent=0.05", "drift_time_s=1000", "drift_exponent_spread_ratio=0.3"],
        ["variation_ratio=0"],
        ["adc_noise_steps=0.5", "on_off_ratio=150", "wire_resistance_ratio=0.001"],
    ],
)
def test_noise_that_can_be_is_taken(noise: list[str]) -> None:
    found = read_devices({"noise": noise, "noise_draws": 1, "ideal": True}, parse_config({}).hardware)
    assert found.n_draws == 1
