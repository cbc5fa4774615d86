"""Protocols that go on from trained weights start from nothing else."""

from pathlib import Path

import pytest

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol, load_protocol
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
