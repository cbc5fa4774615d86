"""Copies share whole positions: no layer is faster than the conversion of one position, whatever its copies."""

from __future__ import annotations

import numpy as np
import pytest

from hw_models import (
    CrossbarSpec,
    HardwareReport,
    LayerShapes,
    Peripherals,
    evaluate,
    load_device,
    load_model,
    load_technology,
)

MODELS = ("published", "optimistic", "pessimistic")
CHOICES = {"column_sharing": 32, "adc_type": 0, "adc_precision": 8, "input_precision": 8}


def report(model: str, **layer: int) -> HardwareReport:
    """The report of a layer; `copies` are those in further tiles."""
    copies = layer.pop("copies", 1)
    return evaluate(
        LayerShapes(**layer),
        Peripherals(**CHOICES, copies=copies),
        crossbar=CrossbarSpec(),
        device=load_device("rram-100k"),
        technology=load_technology("cmos-32nm-lstp"),
        model=load_model(model),
    )


@pytest.mark.parametrize("model", MODELS)
def test_a_linear_layer_takes_at_least_one_vector(model: str) -> None:
    found = report(model, output_size=1, in_channels=512, kernel_size=1, out_channels=10)
    assert found.copies.item() == 8
    assert found.latency_ns.item() >= 8 * 32 * found.clock_ns.item()


@pytest.mark.parametrize("model", ["xpertsim", "neurosim"])
def test_the_simulators_divide_by_all_copies(model: str) -> None:
    found = report(model, output_size=1, in_channels=512, kernel_size=1, out_channels=10)
    converting = found.breakdown["latency_ns"]["adc"].item()
    assert converting == pytest.approx(8 * 32 * found.clock_ns.item() / found.copies.item())


@pytest.mark.parametrize("model", MODELS)
def test_four_positions_with_four_copies_are_not_faster_than_one(model: str) -> None:
    layer = {"in_channels": 512, "kernel_size": 3, "out_channels": 512}
    one, four = report(model, output_size=1, **layer), report(model, output_size=2, copies=4, **layer)
    assert four.latency_ns.item() >= 0.999 * one.latency_ns.item(), "up to rounding to whole cycles"


@pytest.mark.parametrize("model", MODELS)
def test_more_copies_never_slow_a_layer_down(model: str) -> None:
    layer = {"output_size": 8, "in_channels": 128, "kernel_size": 3, "out_channels": 256}
    times = [report(model, copies=copies, **layer).latency_ns.item() for copies in (1, 2, 4, 8, 16, 64, 128)]
    assert (np.diff(times) <= 1e-9).all()
