"""The emulation's wires against nodal solutions, and what they must be in the limits."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hw_models import CrossbarSpec, WeightCoding
from tests.accuracy.geometries import fine_geometry
from xpert_evo.accuracy.crossbars.adc_noise import NoisyProduct
from xpert_evo.accuracy.crossbars.arrays import Cells, partial_sums, program
from xpert_evo.accuracy.crossbars.cell_draws import draw_cells
from xpert_evo.accuracy.crossbars.chip_product import active_share, chip_product, straight_through
from xpert_evo.accuracy.crossbars.coding import max_code
from xpert_evo.accuracy.crossbars.emulation import EmulatedLayer, emulate_layer
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nodal import Crossbar, column_currents
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, cells_holding, disturbed
from xpert_evo.accuracy.crossbars.quantisers import weight_codes
from xpert_evo.accuracy.crossbars.row_wires import read_cycles

FloatArray = NDArray[np.float64]

CODINGS = [
    (WeightCoding.OFFSET_ANALOG, 2),
    (WeightCoding.OFFSET_DIGITAL, 0),
    (WeightCoding.OFFSET_DIGITAL, 1),
    (WeightCoding.DIFFERENTIAL, 0),
]
SETTINGS = NonIdealities(
    variation_ratio=0.1,
    on_off_ratio=20.0,
    on_ohm=6000.0,
    row_wire_ohm=2.0,
    column_wire_ohm=9.0,
    driver_ohm=20.0,
    sense_ohm=5.0,
)
N_ROWS = 32


def crossbar_of(coding: WeightCoding, n_references: int) -> CrossbarSpec:
    return CrossbarSpec(rows=N_ROWS, columns=32, coding=coding, reference_columns=n_references)


def random_codes(crossbar: CrossbarSpec) -> torch.Tensor:
    """As many weights as a crossbar holds."""
    n_weights, most = crossbar.columns // crossbar.columns_per_weight, max_code(crossbar)
    shape = (n_weights, N_ROWS)
    half = torch.randint((most + 1) // 2, shape, generator=torch.Generator().manual_seed(0))
    sign = torch.randint(2, shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return (2 * half + 1) * sign


def active_rows(n_vectors: int = 40) -> torch.Tensor:
    return (torch.rand(N_ROWS, n_vectors, generator=torch.Generator().manual_seed(2)) < 0.3).to(torch.uint8)


def drawn_cells(
    crossbar: CrossbarSpec, settings: NonIdealities, column_sharing: int, adc_precision: int | None = None
) -> Cells:
    codes = random_codes(crossbar)
    cells, _ = disturbed(
        codes,
        program(codes.float(), (crossbar.rows_at_once,) * crossbar.row_groups, crossbar),
        crossbar,
        column_sharing=column_sharing,
        nonidealities=settings,
        generator=torch.Generator().manual_seed(5),
        adc_precision=adc_precision,
    )
    return cells


def sums_of(cells: Cells) -> list[FloatArray]:
    """Partial sums of each slice."""
    return [s.scaled.double().numpy().copy() / s.scale for s in partial_sums(active_rows(), cells, 1)]


def nodal_sums(
    crossbar: CrossbarSpec, settings: NonIdealities, column_sharing: int, group: int = 0
) -> Iterator[FloatArray]:
    """The same by the nodal solver for a group of rows, with the same draw of cells; without a digital reference."""
    inputs = active_rows().clone()
    inputs[: group * crossbar.rows_at_once] = 0
    inputs[(group + 1) * crossbar.rows_at_once :] = 0
    drawn = draw_cells(random_codes(crossbar), crossbar, settings, torch.Generator().manual_seed(5))
    columns = [torch.stack(drawn.places, 1).flatten(0, 1)]
    digital = crossbar.coding is WeightCoding.OFFSET_DIGITAL
    if drawn.references is not None:
        columns.append(drawn.references.mean(0) if digital else drawn.references[0])
    conductances = torch.cat(columns).double().numpy()
    currents = np.zeros((len(conductances), active_rows().shape[1]))
    references = np.zeros_like(currents[: crossbar.columns])
    for positions in read_cycles(crossbar, column_sharing):
        network = Crossbar(
            conductances=conductances.T,
            wires=settings.relative_wires,
            selected=np.isin(np.arange(len(conductances)), positions),
        )
        found = column_currents(network, inputs.T.numpy().astype(float)).T
        currents[list(positions)] = found[list(positions)]
        if drawn.references is not None:
            read = [p for p in positions if p < crossbar.columns]
            references[read] = found[crossbar.columns :].mean(0, keepdims=True)
    half_levels = 2 * (2**crossbar.cell_bits - 1) / (1 - settings.least_conductance)
    cells = currents[: crossbar.columns]
    for s in range(crossbar.cells_per_weight):
        if crossbar.coding is WeightCoding.DIFFERENTIAL:
            yield (cells[2 * s :: 4] - cells[2 * s + 1 :: 4]) * half_levels / 2
        else:
            yield (cells[s::2] - (0 if digital else references[s::2])) * half_levels


@pytest.mark.parametrize("column_sharing", [1, 4])
@pytest.mark.parametrize(("coding", "n_references"), CODINGS)
def test_partial_sums_are_those_of_the_nodal_solution(
    coding: WeightCoding, n_references: int, column_sharing: int
) -> None:
    crossbar = crossbar_of(coding, n_references)
    ideal_wires = SETTINGS.model_copy(
        update={"row_wire_ohm": 0.0, "column_wire_ohm": 0.0, "driver_ohm": 0.0, "sense_ohm": 0.0}
    )
    without = sums_of(drawn_cells(crossbar, ideal_wires, column_sharing))
    found = sums_of(drawn_cells(crossbar, SETTINGS, column_sharing))
    for fast, ideal, nodal in zip(found, without, nodal_sums(crossbar, SETTINGS, column_sharing), strict=True):
        lost = np.sqrt(np.mean((ideal[: len(nodal)] - nodal) ** 2))
        assert lost > 0.05 * nodal.std(), "the wires of this test must matter"
        assert np.sqrt(np.mean((fast[: len(nodal)] - nodal) ** 2)) < 0.08 * lost


@pytest.mark.parametrize(("coding", "n_references"), CODINGS)
def test_groups_of_rows_are_read_through_the_wire_past_the_groups_below(
    coding: WeightCoding, n_references: int
) -> None:
    crossbar = replace(crossbar_of(coding, n_references), rows_read=16)
    found = sums_of(drawn_cells(crossbar, SETTINGS, 4))
    n_slices = len(found) // crossbar.row_groups
    assert crossbar.row_groups == 2
    for group in range(2):
        for s, nodal in enumerate(nodal_sums(crossbar, SETTINGS, 4, group)):
            fast = found[group * n_slices + s][: len(nodal)]
            assert np.sqrt(np.mean((fast - nodal) ** 2)) < 0.025 * nodal.std()


@pytest.mark.parametrize(("coding", "n_references"), CODINGS)
def test_wires_of_next_to_no_resistance_change_nothing(coding: WeightCoding, n_references: int) -> None:
    crossbar = crossbar_of(coding, n_references)
    thick = NonIdealities(on_off_ratio=20.0, on_ohm=6000.0, row_wire_ohm=1e-6, column_wire_ohm=1e-6)
    for before, after in zip(
        sums_of(drawn_cells(crossbar, NonIdealities(on_off_ratio=20.0), 4)),
        sums_of(drawn_cells(crossbar, thick, 4)),
        strict=True,
    ):
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("adc_precision", [4, 6, 8])
@pytest.mark.parametrize(("coding", "n_references"), CODINGS)
def test_what_an_adc_cannot_feel_is_rounded_and_stays_within_a_tenth_of_its_step(
    coding: WeightCoding, n_references: int, adc_precision: int
) -> None:
    crossbar = crossbar_of(coding, n_references)
    settings = NonIdealities(on_off_ratio=20.0, on_ohm=20_000.0, row_wire_ohm=1.5, column_wire_ohm=4.4)
    fine, coarse = (drawn_cells(crossbar, settings, 4, precision) for precision in (None, adc_precision))
    assert fine.column_drop is not None
    assert fine.column_drop.bends
    assert not fine.digit_steps
    assert coarse.rounded_drop is not None
    assert len(coarse.digit_steps) == crossbar.cells_per_weight
    for exact, rounded in zip(sums_of(fine), sums_of(coarse), strict=True):
        step = np.ptp(exact) / (2**adc_precision - 1)
        assert 0 < np.sqrt(np.mean((exact - rounded) ** 2)) < 0.1 * step


def test_more_columns_read_at_once_more_rows_and_higher_conductances_lose_more() -> None:
    crossbar = crossbar_of(WeightCoding.OFFSET_DIGITAL, 0)
    plain = NonIdealities(on_ohm=20_000.0, row_wire_ohm=2.0, column_wire_ohm=4.0)
    total = {
        "plain": sums_of(drawn_cells(crossbar, plain, 8)),
        "sharing": sums_of(drawn_cells(crossbar, plain, 1)),
        "conductance": sums_of(drawn_cells(crossbar, plain.model_copy(update={"on_ohm": 6000.0}), 8)),
    }
    assert total["sharing"][0].sum() < 0.995 * total["plain"][0].sum()
    assert total["conductance"][0].sum() < 0.99 * total["plain"][0].sum()
    ideal = sums_of(program(random_codes(crossbar).float(), (N_ROWS,), crossbar))[0]
    kept = total["plain"][0].sum(0) / ideal.sum(0)
    n_active = active_rows().sum(0).numpy()
    assert np.corrcoef(n_active, kept)[0, 1] < -0.6


def test_columns_that_share_an_adc_are_neighbours_and_an_analog_reference_is_always_read() -> None:
    analog = CrossbarSpec(columns=8, coding=WeightCoding.OFFSET_ANALOG)
    assert read_cycles(analog, 4) == ((0, 4, 8), (1, 5, 8), (2, 6, 8), (3, 7, 8))
    pairs = CrossbarSpec(columns=8, coding=WeightCoding.DIFFERENTIAL)
    assert read_cycles(pairs, 2) == ((0, 1, 4, 5), (2, 3, 6, 7))
    digital = CrossbarSpec(columns=8, coding=WeightCoding.OFFSET_DIGITAL, reference_columns=1)
    assert read_cycles(digital, 4) == ((0, 4, 8), (1, 5), (2, 6), (3, 7))
    assert read_cycles(analog, 64) == tuple((p, 8) for p in range(8))


@pytest.mark.parametrize("coding", WeightCoding)
@pytest.mark.parametrize("cell_bits", [1, 3])
def test_an_adc_for_more_columns_than_a_crossbar_converts_reads_one_after_the_other(
    coding: WeightCoding, cell_bits: int
) -> None:
    crossbar = CrossbarSpec(columns=32, coding=coding, cell_bits=cell_bits, reference_columns=1)
    cycles = read_cycles(crossbar, 32)
    columns = [p for cycle in cycles for p in cycle if p < crossbar.columns]
    used = crossbar.columns // crossbar.columns_per_weight * crossbar.columns_per_weight
    assert sorted(columns) == list(range(used)), "each column is read once, and no cycle reads nothing"
    assert all(cycles)
    layer = CrossbarLayer(replace(fine_geometry(crossbar), column_sharing=32), normalised=True)
    layer.initialise(torch.Generator().manual_seed(1))
    inputs = torch.rand(2, 12, 6, 6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = emulate_layer(layer, inputs, nonidealities=NonIdealities(on_ohm=6000.0, row_wire_ohm=1e-6))(inputs)
        torch.testing.assert_close(found, emulate_layer(layer, inputs)(inputs), atol=0.01, rtol=0)


@torch.no_grad()
def test_partial_sums_may_exceed_those_of_the_digits_where_nothing_cancels_the_common_term() -> None:
    layer = wired_layer(WeightCoding.OFFSET_DIGITAL, 1)
    layer.weight.fill_(1.0)
    inputs = 3 * torch.rand(4, 12, 6, 6, generator=torch.Generator().manual_seed(2))
    devices = NonIdealities(on_ohm=1e4, driver_ohm=2e4, sense_ohm=500.0, row_wire_ohm=1.5, column_wire_ohm=4.4)
    emulated = emulate_layer(layer, inputs, nonidealities=devices)
    assert isinstance(emulated, EmulatedLayer)
    cells = emulated.cells
    windows = torch.full((sum(cells.array_rows), 1), 1, dtype=torch.uint8)
    highest = max(float((s.scaled / s.scale).max()) for s in partial_sums(windows, cells, 1))
    of_digits = max(cells.array_rows) * cells.largest
    assert of_digits + 1 < highest <= of_digits + cells.largest_common_term
    assert torch.isfinite(emulated(inputs)).all()


def wired_layer(coding: WeightCoding, n_references: int) -> CrossbarLayer:
    geometry = fine_geometry(CrossbarSpec(coding=coding, reference_columns=n_references))
    layer = CrossbarLayer(geometry, normalised=True)
    layer.initialise(torch.Generator().manual_seed(1))
    return layer


@pytest.mark.parametrize(("coding", "n_references"), [c for c in CODINGS if c != (WeightCoding.OFFSET_DIGITAL, 0)])
def test_training_sees_weights_that_follow_what_the_emulated_wires_deliver(
    coding: WeightCoding, n_references: int
) -> None:
    layer = wired_layer(coding, n_references)
    g = layer.geometry
    settings = NonIdealities(on_off_ratio=20.0, on_ohm=6000.0, row_wire_ohm=1.5, column_wire_ohm=4.4)
    inputs = torch.rand(8, 12, 6, 6, generator=torch.Generator().manual_seed(2))
    weights = straight_through(
        layer.weight,
        cells_holding(
            layer.weight,
            g.crossbar,
            array_rows=g.array_rows,
            nonidealities=settings,
            generator=torch.Generator(),
            column_sharing=g.column_sharing,
        ),
        g.crossbar,
        scale=weight_codes(layer.weight.detach(), g.crossbar)[1],
        activity=0.4,
    )
    with torch.no_grad():
        exact = emulate_layer(layer, inputs, percentile=100.0, nonidealities=settings)(inputs)
        ideal, linear = layer.product(inputs), layer.product(inputs, weights)
    lost = (exact - ideal).square().mean().sqrt()
    assert lost > 0.05 * exact.std()
    assert (exact - linear).square().mean().sqrt() < 0.55 * lost


def test_training_follows_the_rows_that_are_active_around_each_input() -> None:
    """Some parts of the images are dark and some bright: one matrix for all of them misses what the columns lose."""
    layer = wired_layer(WeightCoding.OFFSET_ANALOG, 1)
    g = layer.geometry
    settings = NonIdealities(on_ohm=6000.0, column_wire_ohm=9.0)
    places = torch.linspace(0.1, 1.0, 6)[:, None].expand(6, 6)
    inputs = torch.rand(8, 12, 6, 6, generator=torch.Generator().manual_seed(2))
    inputs = inputs * (torch.rand(inputs.shape, generator=torch.Generator().manual_seed(3)) < places**2)
    emulated = emulate_layer(layer, inputs, percentile=100.0, nonidealities=settings)
    activity = active_share(layer, inputs)
    scale = weight_codes(layer.weight.detach(), g.crossbar)[1]
    weights = straight_through(layer.weight, emulated.cells, g.crossbar, scale=scale, activity=activity)
    with torch.no_grad():
        exact = emulated(inputs)
        one_matrix = (layer.product(inputs, weights) - exact).square().mean().sqrt()
        followed = (chip_product(layer, emulated, inputs) - exact).square().mean().sqrt()
    assert followed < 0.9 * one_matrix


def test_training_counts_the_rows_that_its_inputs_activate() -> None:
    layer = wired_layer(WeightCoding.OFFSET_ANALOG, 1)
    # Codes 5 and 0 of 15: each bit that is set at all is set in half of the rows.
    inputs = torch.tensor([5 / 15, 0.0]).repeat(6, 18).view(1, 6, 6, 6).expand(2, 6, 6, 6)
    assert float(active_share(layer, inputs)) == pytest.approx(0.5)


def test_noise_aware_steps_feel_the_wires_of_the_rows_that_are_active() -> None:
    layer = wired_layer(WeightCoding.DIFFERENTIAL, 0).eval()
    layer.noise_correction.fill_(0.0)
    settings = NonIdealities(on_ohm=6000.0, column_wire_ohm=9.0)
    product = NoisyProduct(torch.Generator().manual_seed(0), torch.device("cpu"), settings)
    kept = []
    for most in (0.2, 1.0):
        inputs = torch.rand(4, 12, 6, 6, generator=torch.Generator().manual_seed(2)).mul(15).round() / 15
        inputs = torch.where(torch.rand(inputs.shape, generator=torch.Generator().manual_seed(3)) < most, inputs, 0.0)
        with torch.no_grad():
            ideal = layer.product(inputs)
            kept.append(float((product(layer, inputs) * ideal).sum() / ideal.square().sum()))
    assert kept[1] < kept[0] - 0.02 < 0.98


def test_the_emulated_layer_repeats_with_its_seed() -> None:
    layer = wired_layer(WeightCoding.OFFSET_ANALOG, 1)
    inputs = torch.rand(4, 12, 6, 6, generator=torch.Generator().manual_seed(2))

    def outputs(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            return emulate_layer(layer, inputs, nonidealities=SETTINGS, generator=generator)(inputs)

    assert torch.equal(outputs(1), outputs(1))
    assert not torch.equal(outputs(1), outputs(2))
