"""Protocols that go on from trained weights start from nothing else."""

from pathlib import Path

import pytest

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol, fitted, load_protocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.accuracy.training.weights import read_start, save_weights
from xpert_evo.backbones import Backbone
from xpert_evo.config import load_config
from xpert_evo.design import Design
from xpert_evo.errors import ConfigError, TrainingError
from xpert_evo.orchestration.start import begin, prepare
from xpert_evo.progress import Silent

GOES_ON = ["second-night", "long-second-night", "averaged-night", "fine-tune", "chip-tune", "exact-tune"]


def test_what_needs_weights_is_a_property_of_the_protocol_that_changes_no_digest() -> None:
    assert [name for name, protocol in PROTOCOLS.items() if protocol.needs_weights] == GOES_ON
    for name in GOES_ON:
        protocol = load_protocol(name)
        assert "needs_weights" not in protocol.model_dump(mode="json")
        assert protocol.digest == protocol.model_copy(update={"needs_weights": False}).digest


@pytest.mark.parametrize("name", GOES_ON)
def test_a_training_that_needs_weights_does_not_start_without(
    name: str, design: Design, backbone: Backbone, dataset: Dataset, crossbar: CrossbarSpec
) -> None:
    with pytest.raises(TrainingError, match=f"protocol {name} continues from trained weights .* --start-from"):
        train_design(design, backbone, dataset, load_protocol(name), crossbar=crossbar, seed=0)


def test_with_weights_it_starts(
    design: Design, backbone: Backbone, dataset: Dataset, protocol: TrainingProtocol, tmp_path: Path
) -> None:
    crossbar = CrossbarSpec()
    first = train_design(design, backbone, dataset, protocol, crossbar=crossbar, seed=0, device="cpu")
    save_weights(first, tmp_path / "weights.safetensors")
    tuned = train_design(
        design,
        backbone,
        dataset,
        protocol.model_copy(update={"needs_weights": True, "epochs": 1}),
        crossbar=crossbar,
        seed=0,
        device="cpu",
        start_from=read_start(tmp_path),
    )
    assert tuned.start is not None


@pytest.mark.parametrize("setting", ["protocol", "finalist_protocol"])
@pytest.mark.parametrize("name", GOES_ON)
def test_a_run_takes_no_protocol_that_needs_weights(name: str, setting: str, tmp_path: Path) -> None:
    config = load_config(None, {f"training.{setting}": name})
    with pytest.raises(ConfigError, match=rf"training\.{setting} = {name} continues from trained weights"):
        begin(config, tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()
    assert prepare(config, is_new=False)[0].config == config


def test_images_of_any_size_are_scaled_by_the_ratio_of_the_protocol() -> None:
    laptop = load_protocol("laptop")
    assert laptop.size_for((32, 32)) == (16, 16)
    assert laptop.size_for((64, 48)) == (32, 24)
    assert laptop.size_for((49, 10)) == (24, 8)  # no side below 8 pixels
    assert laptop.size_for((5, 7)) == (5, 7)
    assert load_protocol("one-night").size_for((28, 28)) == (28, 28)
    assert load_protocol("one-night").size_for((64, 64), 16) == (32, 32)


@pytest.mark.parametrize("name", ["smoke", "laptop", "one-night", "exact-tune"])
@pytest.mark.parametrize("n_images", [1, 10, 300, 3_000, 30_000])
def test_protocols_keep_their_number_of_steps_on_few_images(name: str, n_images: int) -> None:
    plain = load_protocol(name)
    fitted = plain.fitted_to(n_images)
    planned = plain.n_train or 45_000
    if 2 * n_images >= planned:
        assert fitted is plain
        return

    def steps(protocol: TrainingProtocol, n: int) -> int:
        return protocol.epochs * max(1, n // protocol.batch_size)

    assert 8 <= fitted.batch_size <= plain.batch_size
    assert plain.epochs <= fitted.epochs <= 10 * plain.epochs
    n_steps, n_planned = steps(fitted, min(n_images, planned)), steps(plain, planned)
    assert n_steps >= 0.6 * n_planned or fitted.epochs == 10 * plain.epochs
    assert n_steps <= 1.5 * n_planned or fitted.epochs == plain.epochs


def test_only_own_images_fit_protocols_to_their_number() -> None:
    laptop = load_protocol("laptop")
    assert fitted(laptop, "fashion-mnist", 100) is laptop
    assert fitted(laptop, "folder:/flowers", 100).batch_size == 8
