"""Judging: exact against fast, non-idealities, draws, and weights on disk."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hw_models import CrossbarSpec, WeightCoding
from tests.accuracy.geometries import fine_geometry
from xpert_evo.accuracy.crossbars.arrays import program
from xpert_evo.accuracy.crossbars.chip_product import straight_through
from xpert_evo.accuracy.crossbars.emulation import emulate_layer
from xpert_evo.accuracy.crossbars.fidelity import layer_fidelity, layer_inputs
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, VariationLaw, cells_holding, disturbed
from xpert_evo.accuracy.crossbars.quantisers import weight_codes
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.checkpoints import read_tensors
from xpert_evo.accuracy.training.images import prepared
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import load_network, save_weights
from xpert_evo.backbones import Backbone
from xpert_evo.errors import DataError, TrainingError


def test_exact_and_fast_judgements_are_close_and_named(trained: TrainedDesign, dataset: Dataset) -> None:
    exact, fast = judge(trained, dataset), judge(trained, dataset, exact=False)
    assert exact.mean == pytest.approx(fast.mean, abs=0.06)
    assert exact.emulation != fast.emulation
    assert (exact.split, exact.n_images, exact.spread, exact.protocol) == ("test", 128, 0.0, "test")


def test_judging_is_repeatable_and_honours_split_and_number_of_images(trained: TrainedDesign, dataset: Dataset) -> None:
    noise = NonIdealities(variation_ratio=0.1)
    first = judge(trained, dataset, "validation", nonidealities=noise, n_draws=2, max_images=50)
    assert first == judge(trained, dataset, "validation", nonidealities=noise, n_draws=2, max_images=50)
    assert (first.n_images, first.n_draws, first.split) == (50, 2, "validation")
    assert first.worst <= first.mean
    with pytest.raises(ValueError, match="'validation' or 'test'"):
        judge(trained, dataset, "train")


def test_strong_noise_costs_accuracy(trained: TrainedDesign, dataset: Dataset) -> None:
    ideal = judge(trained, dataset).mean
    assert judge(trained, dataset, nonidealities=NonIdealities(variation_ratio=1.0)).mean < ideal
    assert judge(trained, dataset, nonidealities=NonIdealities(adc_noise_steps=10.0)).mean < ideal


def test_calibrated_norms_take_up_what_variation_does_to_whole_layers(trained: TrainedDesign, dataset: Dataset) -> None:
    noise = NonIdealities(variation_ratio=0.15)
    before = {name: tensor.clone() for name, tensor in trained.network.state_dict().items()}
    plain = judge(trained, dataset, nonidealities=noise, n_draws=3)
    calibrated = judge(trained, dataset, nonidealities=noise, n_draws=3, norm_images=128)
    assert (plain.norm_images, calibrated.norm_images) == (0, 128)
    assert calibrated.mean > plain.mean + 0.05
    assert judge(trained, dataset, norm_images=128).mean == pytest.approx(judge(trained, dataset).mean, abs=0.06)
    for n_images in (2, 385):
        with pytest.raises(DataError, match=f"needs 32 to 384 calibration images, .* got {n_images}"):
            judge(trained, dataset, norm_images=n_images)
    for name, tensor in trained.network.state_dict().items():
        assert torch.equal(tensor, before[name]), f"{name} was not given back"


def test_a_noise_aware_training_bears_noisy_chips_better(
    trained: TrainedDesign, backbone: Backbone, dataset: Dataset, tmp_path: Path
) -> None:
    noise = NonIdealities(variation_ratio=0.1)
    aware = train_design(
        trained.design,
        backbone,
        dataset,
        trained.protocol,
        crossbar=trained.crossbar,
        seed=0,
        device="cpu",
        devices=noise,
    )
    plain, better = (judge(one, dataset, nonidealities=noise, n_draws=6).mean for one in (trained, aware))
    assert better > plain + 0.1
    assert judge(aware, dataset).mean > 0.8
    save_weights(aware, tmp_path / "weights.safetensors")
    _, told = read_tensors(tmp_path / "weights.safetensors")
    assert told["noise_aware"] == noise.model_dump(mode="json")


def test_the_training_measured_its_own_noise(trained: TrainedDesign, dataset: Dataset) -> None:
    images = prepared(dataset.test, trained.protocol, torch.device("cpu")).images
    layers = trained.network.crossbar_layers
    for layer, values in list(zip(layers, layer_inputs(trained.network, images), strict=True))[1:]:
        powers = layer_fidelity(layer, values)
        fast = powers.analytic_noise_power * float(layer.noise_correction)
        assert 10 * torch.log10(torch.tensor(fast / powers.exact_noise_power)).abs() < 6


def test_saved_weights_give_the_same_outputs_and_judgements(
    trained: TrainedDesign, dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(trained, path)
    read = load_network(path)
    assert read.metadata["design"] == trained.design.to_plain()
    assert read.network.crossbar_layers[0].geometry.crossbar == trained.crossbar
    assert judge(read, dataset) == judge(trained, dataset)
    images = prepared(dataset.test, trained.protocol, torch.device("cpu")).images
    product = type(read.network.crossbar_layers[0]).product
    with torch.no_grad():
        assert torch.equal(read.network(images, product), trained.network(images, product))


def test_weights_that_are_not_of_the_design_beside_them_are_refused(trained: TrainedDesign, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    wider = trained.design.layers[0].model_copy(update={"channel_depth": 512})
    design = trained.design.model_copy(update={"layers": (wider, *trained.design.layers[1:])})
    save_weights(replace(trained, design=design), path)
    with pytest.raises(TrainingError, match="does not fit its own design"):
        load_network(path)


CODES = torch.randint(128, (40, 100), generator=torch.Generator().manual_seed(0)) * 2 - 127


def drawn_cells(coding: WeightCoding, settings: NonIdealities, seed: int = 0) -> tuple[list[torch.Tensor], ...]:
    crossbar = CrossbarSpec(coding=coding, reference_columns=1)
    ideal = program(CODES.float(), (64, 36), crossbar)
    cells, _ = disturbed(
        CODES,
        ideal,
        crossbar,
        column_sharing=8,
        nonidealities=settings,
        generator=torch.Generator().manual_seed(seed),
    )
    return list(ideal.digits), list(cells.digits)


@pytest.mark.parametrize("coding", WeightCoding)
def test_negligible_disturbances_leave_the_digits_as_they_are(coding: WeightCoding) -> None:
    ideal, cells = drawn_cells(coding, NonIdealities(variation_ratio=1e-9))
    for before, after in zip(ideal, cells, strict=True):
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("coding", [WeightCoding.OFFSET_ANALOG, WeightCoding.DIFFERENTIAL])
def test_a_finite_on_off_ratio_cancels_where_currents_are_subtracted(coding: WeightCoding) -> None:
    ideal, cells = drawn_cells(coding, NonIdealities(on_off_ratio=10.0))
    for before, after in zip(ideal, cells, strict=True):
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("law", VariationLaw)
def test_variation_has_the_asked_for_spread(law: VariationLaw) -> None:
    ideal, cells = drawn_cells(WeightCoding.DIFFERENTIAL, NonIdealities(variation_ratio=0.05, variation_law=law))
    errors = torch.cat([(a / b - 1)[b != 0] for b, a in zip(ideal, cells, strict=True)])
    assert errors.std() == pytest.approx(0.05, rel=0.1)
    assert errors.mean().abs() < 0.005


@pytest.mark.parametrize("coding", WeightCoding)
def test_the_weights_that_training_sees_are_those_that_the_emulated_cells_deliver(coding: WeightCoding) -> None:
    crossbar = CrossbarSpec(coding=coding, reference_columns=1)
    noise = NonIdealities(variation_ratio=0.1, stuck_on_ratio=0.02, on_off_ratio=20.0)
    geometry = fine_geometry(crossbar)
    layer = CrossbarLayer(geometry, normalised=True)
    layer.initialise(torch.Generator().manual_seed(1))
    inputs = torch.rand(8, 12, 6, 6, generator=torch.Generator().manual_seed(2))
    emulated = emulate_layer(
        layer, inputs, percentile=100.0, nonidealities=noise, generator=torch.Generator().manual_seed(3)
    )
    weights = straight_through(
        layer.weight,
        cells_holding(
            layer.weight,
            crossbar,
            array_rows=geometry.array_rows,
            nonidealities=noise,
            generator=torch.Generator().manual_seed(3),
            column_sharing=geometry.column_sharing,
        ),
        crossbar,
        scale=weight_codes(layer.weight.detach(), crossbar)[1],
        activity=0.0,
    )
    with torch.no_grad():
        ideal, wanted = layer.product(inputs), layer.product(inputs, weights)
        left = emulated(inputs) - wanted
    # Converters round to half a level, finer than any step of ideal cells; that is what is left.
    assert left.std() < 0.05 * (wanted - ideal).std()
    assert left.mean().abs() < 0.02 * (wanted - ideal).std()


def test_reference_columns_average_their_errors() -> None:
    """The error that all columns of a crossbar share is the reference's."""
    shared = []
    for n_columns in (1, 16):
        crossbar = CrossbarSpec(reference_columns=n_columns)
        ideal = program(CODES.float(), (64, 36), crossbar)
        cells, _ = disturbed(
            CODES,
            ideal,
            crossbar,
            column_sharing=8,
            nonidealities=NonIdealities(variation_ratio=0.05),
            generator=torch.Generator().manual_seed(0),
        )
        errors = (cells.digits[0] - ideal.digits[0])[:32]
        shared.append(float(errors.mean(0).square().mean() - errors.var(0).mean() / 32))
    assert shared[0] == pytest.approx((0.05 * 15) ** 2, rel=0.5)
    assert shared[1] == pytest.approx(shared[0] / 16, abs=shared[0] / 8)


def test_stuck_cells_and_drift_do_what_they_say() -> None:
    ideal, stuck = drawn_cells(WeightCoding.OFFSET_DIGITAL, NonIdealities(stuck_on_ratio=1.0))
    assert all(torch.all(digit == 30) for digit in stuck)
    _, drifted = drawn_cells(WeightCoding.OFFSET_DIGITAL, NonIdealities(drift_exponent=0.1, drift_time_s=1000.0))
    torch.testing.assert_close(drifted[1], ideal[1] * 1000**-0.1)
