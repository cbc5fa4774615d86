"""The cost table: the same numbers as the model, exact bounds, refusals."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from hw_models import (
    AdcType,
    CostTable,
    CrossbarSpec,
    HardwareModelError,
    LayerChoices,
    LayerShapes,
    Peripherals,
    evaluate,
)
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY

SETTING = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": TECHNOLOGY}
CHANNELS = (32, 96, 256)
SHARING = (2, 8)
BITS = (1, 4)


def chain(*, tied: bool = False) -> list[LayerChoices]:
    """Three convolutions; `tied` ones have the channel depth of the first and the last in common."""
    found = []
    for i in range(3):
        column = 0 if tied and i == 2 else 5 * i
        found.append(
            LayerChoices(
                name=f"conv{i + 1}",
                output_size=8,
                kernel_size=3,
                in_channels=(3,) if i == 0 else CHANNELS,
                in_channels_column=None if i == 0 else 5 * (i - 1),
                out_channels=CHANNELS,
                out_channels_column=column,
                column_sharing=SHARING,
                column_sharing_column=5 * i + 1,
                adc_type=(AdcType.SAR, AdcType.FLASH),
                adc_type_column=5 * i + 2,
                adc_precision=(4,),
                input_precision=BITS,
                input_precision_column=5 * i + 4,
            )
        )
    return found


def decoded(genomes: np.ndarray, *, tied: bool) -> tuple[LayerShapes, Peripherals]:
    channels = np.array(CHANNELS)[genomes[:, [0, 5, 0 if tied else 10]]]
    incoming = np.concatenate([np.full((len(genomes), 1), 3), channels[:, :-1]], axis=1)
    return (
        LayerShapes(output_size=8, in_channels=incoming, kernel_size=3, out_channels=channels),
        Peripherals(
            column_sharing=np.array(SHARING)[genomes[:, [1, 6, 11]]],
            adc_type=genomes[:, [2, 7, 12]],
            adc_precision=4,
            input_precision=np.array(BITS)[genomes[:, [4, 9, 14]]],
        ),
    )


@pytest.mark.parametrize("tied", [False, True])
def test_a_table_gives_the_numbers_of_the_model(tied: bool) -> None:
    table = CostTable.build(chain(tied=tied), **SETTING)
    generator = np.random.default_rng(1)
    genomes = np.stack([generator.integers(0, n, 9000) for n in table.n_choices], axis=1)
    costs, report = table.score(genomes), evaluate(*decoded(genomes, tied=tied), **SETTING)
    for name in ("area_mm2", "latency_us", "energy_uj", "edap"):
        np.testing.assert_allclose(getattr(costs, name), getattr(report, name), rtol=1e-9)


@pytest.mark.parametrize("tied", [False, True])
def test_bounds_are_the_extremes_of_all_genomes(tied: bool) -> None:
    table = CostTable.build(chain(tied=tied), **SETTING)
    genomes = np.array(list(itertools.product(*(range(n) for n in table.n_choices))))
    area = table.score(genomes).area_mm2
    bounds = table.bounds()
    assert bounds.smallest_mm2 == pytest.approx(area.min(), rel=1e-12)
    assert bounds.largest_mm2 == pytest.approx(area.max(), rel=1e-12)
    ends = table.score(np.stack([bounds.smallest_genome, bounds.largest_genome])).area_mm2
    np.testing.assert_allclose(ends, [bounds.smallest_mm2, bounds.largest_mm2], rtol=1e-12)
    assert sum(bounds.smallest_by_layer_mm2.values()) == pytest.approx(bounds.smallest_mm2)
    assert [name for name, _ in bounds.largest_holders(2)] == sorted(
        bounds.smallest_by_layer_mm2, key=lambda name: -bounds.smallest_by_layer_mm2[name]
    )[:2]


def test_a_space_without_choices_has_one_design() -> None:
    fixed = LayerChoices(
        name="only",
        output_size=4,
        kernel_size=1,
        in_channels=(64,),
        out_channels=(64,),
        column_sharing=(8,),
        adc_type=(AdcType.SAR,),
        adc_precision=(6,),
        input_precision=(8,),
    )
    table = CostTable.build([fixed], **SETTING)
    costs = table.score(np.zeros((3, 0), dtype=int))
    assert costs.area_mm2.shape == (3,)
    assert table.bounds().smallest_mm2 == table.bounds().largest_mm2 == costs.area_mm2[0]


def test_depthwise_layers_take_one_group_a_channel() -> None:
    layer = replace(
        chain()[0], in_channels=CHANNELS, in_channels_column=0, out_channels_column=0, kernel_size=3, depthwise=True
    )
    table = CostTable.build([layer], **SETTING)
    genome = np.array([[1, 0, 0, 0, 0]])
    report = evaluate(
        LayerShapes(output_size=8, in_channels=96, kernel_size=3, out_channels=96, groups=96),
        Peripherals(column_sharing=2, adc_type=0, adc_precision=4, input_precision=1),
        **SETTING,
    )
    assert table.score(genome).energy_uj[0] == pytest.approx(report.energy_uj[0], rel=1e-12)


@pytest.mark.parametrize(
    ("genomes", "message"),
    [
        (np.zeros((2, 15)), "must be integers"),
        (np.zeros(15, dtype=int), "shape \\(designs, genes\\)"),
        (np.zeros((2, 4), dtype=int), "at least 15 genes"),
        (np.full((2, 15), 7), r"gene 0 must be between 0 and 2"),
        (np.full((2, 15), -1, dtype=np.int8), "gene 0 must be between"),
    ],
)
def test_wrong_genomes_are_refused(genomes: np.ndarray, message: str) -> None:
    with pytest.raises(HardwareModelError, match=message):
        CostTable.build(chain(), **SETTING).score(genomes)


def test_wrong_choices_are_refused() -> None:
    first = chain()[0]
    for wrong, message in (
        (replace(first, column_sharing=()), "column_sharing has no choices"),
        (replace(first, column_sharing_column=None), "2 choices but no genome column"),
        (replace(first, column_sharing_column=0), "different length"),
        (replace(first, column_sharing_column=-2), "negative"),
        (replace(first, column_sharing=(2, 128)), "at most the crossbar's 64 columns"),
        (replace(first, input_precision=tuple([1] * 600_000)), "more than 5000000"),
    ):
        with pytest.raises(HardwareModelError, match=message):
            CostTable.build([wrong], **SETTING)
    with pytest.raises(HardwareModelError, match="at least one layer"):
        CostTable.build([], **SETTING)
    with pytest.raises(HardwareModelError, match="use the same number in both"):
        CostTable.build([first, replace(first, out_channels=(16, 32))], **SETTING)
