"""What files of weights say of them: all of it comes back, older files are read, damaged entries are named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.accuracy.training.weights import find_weights, load_network
from xpert_evo.accuracy.training.weights_header import NetworkReference, WeightsHeader
from xpert_evo.backbone_file import parse_description
from xpert_evo.design import Design
from xpert_evo.errors import TrainingError

STUDY = Path(__file__).parents[3] / "studies" / "cifar10" / "results" / "weights"

OWN = {"name": "tiny", "layers": [{"name": "stem", "reference_depth": 64}, {"name": "classifier", "kind": "linear"}]}


@pytest.fixture
def header(design: Design) -> WeightsHeader:
    """Every entry given."""
    return WeightsHeader(
        design=design,
        protocol=load_protocol("laptop"),
        seed=3,
        dataset="of the images",
        crossbar=CrossbarSpec(rows=32),
        validation_accuracy=0.75,
        started_from=NetworkReference(design="0" * 16, protocol="one-night", weights_sha256="1" * 16),
        teachers=(NetworkReference(design="2" * 16, protocol="hour", weights_sha256="3" * 16),),
        noise_aware=NonIdealities(variation_ratio=0.05),
        backbone=parse_description(OWN, where="own"),
    )


def test_a_header_comes_back_as_it_was(header: WeightsHeader) -> None:
    assert WeightsHeader.from_plain(header.to_plain(), where="file") == header
    least = WeightsHeader(design=header.design, protocol=header.protocol)
    assert WeightsHeader.from_plain(least.to_plain(), where="file") == least
    assert "seed" not in least.to_plain()


def test_a_file_of_a_first_version_says_what_was_trained_and_how(header: WeightsHeader) -> None:
    plain = {name: header.to_plain()[name] for name in ("design", "protocol")}
    read = WeightsHeader.from_plain(plain, where="file")
    assert (read.design, read.protocol) == (header.design, header.protocol)
    assert (read.seed, read.dataset, read.crossbar, read.validation_accuracy) == (None, None, None, None)


def test_whether_weights_are_those_of_a_proxy_or_lack_their_start_follows_from_the_protocol(
    header: WeightsHeader,
) -> None:
    assert header.is_proxy
    assert header.to_plain()["is_proxy"] is True
    tuned = replace(header, protocol=load_protocol("exact-tune"))
    assert not tuned.is_proxy
    assert not tuned.lacks_start
    assert replace(tuned, started_from=None).lacks_start
    assert not replace(header, started_from=None).lacks_start


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"design": None}, "file: the content must be a table"),
        ({"protocol": {"name": "laptop", "epoch": 3}}, "file: unknown name 'epoch'; did you mean 'epochs'"),
        ({"crossbar": {"rows": 1}}, "file: its crossbar cannot be read"),
        ({"validation_accuracy": 75.0}, r"file: validation_accuracy must be a fraction from 0 to 1, got 75\.0"),
        ({"validation_accuracy": "0.75"}, "must be a fraction"),
        ({"started_from": {"design": "0" * 16}}, "file: started_from cannot be read"),
        ({"noise_aware": {"variation": 0.05}}, "file: unknown name 'variation'"),
        ({"backbone": {"name": "tiny"}}, "file, backbone: 'layers' must have at least 2 entries, got 0"),
    ],
)
def test_a_damaged_entry_is_named(header: WeightsHeader, change: dict[str, Any], why: str) -> None:
    with pytest.raises(TrainingError, match=why):
        WeightsHeader.from_plain(header.to_plain() | change, where="file")


def test_weights_that_were_published_with_the_study_are_read() -> None:
    paths = sorted(STUDY.glob("*.safetensors"))
    names = ["04ef0cd0", "1bfe5340", "48c2c253", "4b457d0b", "70075386", "818d99e0-chip", "d27adb7d", "e520ebfc"]
    assert [path.stem for path in paths] == names
    for path in paths:
        found = find_weights(path)
        assert found is not None, path
        assert found.header.design.digest.startswith(path.stem[:8])
        assert (found.image_channels, found.n_classes) == (3, 10)
        accuracy = found.header.validation_accuracy
        is_trained = path.stem in {
            "48c2c253",
            "d27adb7d",
            "818d99e0-chip",
            "e520ebfc",
        }  # the others were chosen after a training
        assert accuracy is not None and accuracy > 0.9 if is_trained else accuracy is None
    assert load_network(path).header == found.header
