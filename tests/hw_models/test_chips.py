"""Tables of spaces that also choose the chip's crossbars: every chip has the costs of the model, and exact bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hw_models import (
    AdcType,
    CostTable,
    CrossbarSpec,
    HardwareModelError,
    LayerChoices,
    LayerShapes,
    Peripherals,
    WeightCoding,
    chip_level,
    evaluate,
    load_model,
)
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY

ROWS, READ, CODINGS, BITS, SHARING = (32, 128), (16, 64), tuple(WeightCoding)[::2], (3, 4, 8), (4, 16)
N_LAYERS = 2
GIVEN = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": TECHNOLOGY, "model": load_model("published")}


def layers(**changes: object) -> list[LayerChoices]:
    """Two convolutions; columns 0 to 2 choose the chip, 3 and 4 the weight bits, 5 and 6 the sharing of a layer."""
    plain = LayerChoices(
        name="conv",
        output_size=8,
        kernel_size=3,
        in_channels=(64,),
        out_channels=(96,),
        column_sharing=SHARING,
        adc_type=(AdcType.SAR,),
        adc_precision=(5,),
        input_precision=(4,),
        rows=ROWS,
        rows_column=0,
        rows_read=READ,
        rows_read_column=1,
        coding=CODINGS,
        coding_column=2,
        weight_bits=BITS,
    )
    found = [
        replace(plain, name=f"conv{i}", weight_bits_column=3 + i, column_sharing_column=5 + i) for i in range(N_LAYERS)
    ]
    return [replace(layer, **changes) for layer in found]


def all_genomes() -> np.ndarray:
    sizes = (2, 2, 2, 3, 3, 2, 2)
    return np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, sizes), indexing="ij")], axis=1)


def by_model(genomes: np.ndarray, name: str = "published") -> dict[str, np.ndarray]:
    report = evaluate(
        LayerShapes(output_size=8, in_channels=64, kernel_size=3, out_channels=[96] * N_LAYERS),
        Peripherals(
            column_sharing=np.array(SHARING)[genomes[:, 5:]],
            adc_type=0,
            adc_precision=5,
            input_precision=4,
            weight_bits=np.array(BITS)[genomes[:, 3:5]],
            rows=np.array(ROWS)[genomes[:, :1]],
            rows_read=np.array(READ)[genomes[:, 1:2]],
            coding=np.array([coding.code for coding in CODINGS])[genomes[:, 2:3]],
        ),
        **{**GIVEN, "model": load_model(name)},
    )
    return {name: getattr(report, name) for name in ("area_mm2", "latency_us", "energy_uj", "edap")}


@pytest.mark.parametrize("name", ["published", "neurosim", "xpertsim"])
def test_every_chip_costs_what_the_model_says(name: str) -> None:
    genomes = all_genomes()
    table = CostTable.build(layers(), **{**GIVEN, "model": load_model(name)})
    assert table.chip_columns == (0, 1, 2)
    scored = table.score(genomes)
    for field, expected in by_model(genomes, name).items():
        assert_allclose(getattr(scored, field), expected, rtol=1e-12, err_msg=field)
    assert len(np.unique(scored.edap.round(9))) > 50


def test_a_single_evaluation_equals_a_chip_with_those_crossbars() -> None:
    genomes = np.array([[0, 1, 1, 0, 2, 0, 1]])
    crossbar = CrossbarSpec(rows=32, coding=WeightCoding.DIFFERENTIAL)
    alone = evaluate(
        LayerShapes(output_size=8, in_channels=64, kernel_size=3, out_channels=[96, 96]),
        Peripherals(column_sharing=[4, 16], adc_type=0, adc_precision=5, input_precision=4, weight_bits=[3, 8]),
        **{**GIVEN, "crossbar": crossbar},
    )
    assert by_model(genomes)["edap"][0] == pytest.approx(alone.edap[0], rel=1e-12), "64 rows read are all 32"


def test_bounds_are_the_extremes_over_all_chips() -> None:
    genomes = all_genomes()
    table = CostTable.build(layers(), **{**GIVEN, "model": load_model("xpertsim")})
    costs = by_model(genomes, "xpertsim")
    bounds = table.bounds()
    assert bounds.smallest_mm2 == pytest.approx(costs["area_mm2"].min())
    assert bounds.largest_mm2 == pytest.approx(costs["area_mm2"].max())
    for genome, wanted in ((bounds.smallest_genome, bounds.smallest_mm2), (bounds.largest_genome, bounds.largest_mm2)):
        assert table.score(genome[None]).area_mm2[0] == pytest.approx(wanted)
        assert sum(part[0] for part in table.by_layer(genome).values()) == pytest.approx(wanted)
    value, genome = table.extreme((0.0, 1.0, 0.0), fixed={0: 1, 3: 2})
    within = (genomes[:, 0] == 1) & (genomes[:, 3] == 2)
    assert (genome[0], genome[3]) == (1, 2)
    assert value == pytest.approx(costs["latency_us"][within].min())


def test_tables_are_built_for_the_chips_that_designs_need() -> None:
    table = CostTable.build(layers(), **GIVEN)
    before = len(table._built)
    table.score(all_genomes()[-1:])
    assert (before, len(table._built)) == (1, 2)


def test_weight_bits_in_as_many_cells_share_an_entry() -> None:
    [few, *_] = CostTable.build(layers(), **GIVEN)._tables((0, 0, 0)).layers
    assert few.sizes == (2, 3)
    assert len(few.costs) == 2 * 2, "3 and 4 bits take one cell"


def test_weights_may_be_stored_differently_by_layer() -> None:
    own = [replace(layer, coding_column=7 + i) for i, layer in enumerate(layers())]
    table = CostTable.build(own, **GIVEN)
    assert table.chip_columns == (0, 1)
    genomes = np.concatenate([all_genomes()] + [all_genomes()[:, 2:3]] * 2, axis=1)
    genomes[:, 2] = 0
    assert_allclose(table.score(genomes).edap, by_model(all_genomes())["edap"], rtol=1e-12)
    mixed = genomes.copy()
    mixed[:, 8] = 1 - mixed[:, 8]
    assert not np.isclose(table.score(mixed).edap, table.score(genomes).edap).any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"columns": (16, 64), "columns_column": 9}, "at most the crossbar's 8 pairs of columns, got 16"),
        ({"cell_bits": (2, 6), "cell_bits_column": 9}, "stores at most 4 bits, got crossbar.cell_bits = 6"),
        ({"rows": tuple(range(4, 400))}, "make 1584 chips, more than 256"),
    ],
)
def test_chips_that_cannot_be_built_are_refused_before_any_search(changes: dict[str, object], words: str) -> None:
    with pytest.raises(HardwareModelError, match=words):
        CostTable.build(layers(**changes), **GIVEN)


def test_units_around_the_tiles_follow_each_designs_columns() -> None:
    layer = LayerShapes(output_size=8, in_channels=64, kernel_size=3, out_channels=64)
    chosen = Peripherals(
        column_sharing=8, adc_type=0, adc_precision=5, input_precision=4, columns=[[64], [128]], weight_bits=8
    )
    both = chip_level(layer, chosen, **GIVEN).area_um2["pooling"]
    assert both[1] == pytest.approx(2 * both[0])
