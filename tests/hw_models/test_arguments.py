"""What a user may get wrong, and the sentence that says so."""

from __future__ import annotations

from typing import Any

import pytest

from hw_models import AdcType, CrossbarSpec, HardwareModelError, evaluate, explain
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY, cost, peripherals, shapes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_size": 8.0}, "output_size must contain integers"),
        ({"in_channels": [[[3]]]}, "3 axes"),
        ({"in_channels": []}, "in_channels is empty"),
        ({"kernel_size": 0}, r"kernel_size must be between 1 and 4096, got 0"),
        ({"out_channels": -4}, "out_channels must be between"),
        ({"in_channels": [3, 64], "out_channels": [[1, 2, 3]]}, r"broadcast .*in_channels \(1, 2\)"),
        ({"groups": 3}, "groups must divide in_channels"),
    ],
)
def test_shapes_are_checked_at_the_door(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(HardwareModelError, match=message):
        shapes(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_precision": 0}, "input_precision must be between 1"),
        ({"adc_precision": 0}, "adc_precision must be between 1"),
        ({"adc_type": 2}, "adc_type must be between 0 and 1"),
        ({"column_sharing": True}, "column_sharing must contain integers"),
        ({"column_sharing": "8"}, "column_sharing must contain integers"),
    ],
)
def test_peripherals_are_checked_at_the_door(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(HardwareModelError, match=message):
        peripherals(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 0}, "crossbar.rows must be between 4"),
        ({"columns": 64.0}, "crossbar.columns must be an integer"),
        ({"tile_side": 6}, "multiple of pe_side"),
        ({"coding": "offset-analogue"}, "did you mean 'offset-analog'"),
        ({"columns": 4, "cell_bits": 1}, "a weight needs 8 columns"),
        ({"columns": 4, "coding": "differential", "cell_bits": 2}, "needs 8 columns, but the crossbar has only 4"),
    ],
)
def test_a_crossbar_is_checked_at_the_door(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(HardwareModelError, match=message):
        CrossbarSpec(**changes)


def test_more_sharing_than_columns_is_refused() -> None:
    with pytest.raises(HardwareModelError, match="column_sharing must be at most the crossbar's 64 columns, got 128"):
        cost(choices=peripherals(column_sharing=128))


def test_more_bits_than_a_cell_stores_are_refused() -> None:
    with pytest.raises(HardwareModelError, match="'sram' stores at most 1 bits"):
        cost(device="sram")


@pytest.mark.parametrize("activity", [0.0, 1.5, float("nan"), "much"])
def test_a_wrong_activity_is_refused(activity: Any) -> None:
    with pytest.raises(HardwareModelError, match="activity must"):
        evaluate(
            shapes(), peripherals(), crossbar=CrossbarSpec(), device=DEVICE, technology=TECHNOLOGY, activity=activity
        )


def test_shapes_and_peripherals_must_fit_together() -> None:
    with pytest.raises(HardwareModelError, match="column_sharing"):
        cost(shapes(in_channels=[64, 128]), peripherals(column_sharing=[2, 4, 8]))


def test_adc_types_know_names_and_codes() -> None:
    assert (AdcType.SAR.code, AdcType.FLASH.code) == (0, 1)
    assert AdcType.from_name("sar") is AdcType.SAR
    with pytest.raises(HardwareModelError, match="did you mean 'flash'"):
        AdcType.from_name("flsh")


def test_explain_refuses_a_layer_that_is_not_there() -> None:
    with pytest.raises(HardwareModelError, match=r"layer must be between 0 and 0, got 3"):
        explain(shapes(), peripherals(), layer=3, crossbar=CrossbarSpec(), device=DEVICE, technology=TECHNOLOGY)
