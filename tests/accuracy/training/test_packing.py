"""Packed networks: a quarter of the size, and the crossbars compute the same, bit for bit."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from hw_models import CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.quantisers import weight_codes
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.checkpoints import METADATA_KEY, read_tensors, write_tensors
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.packing import packed, unpacked
from xpert_evo.accuracy.training.training import TrainedDesign
from xpert_evo.accuracy.training.weights import find_weights, load_network, read_start, save_weights
from xpert_evo.errors import TrainingError

CROSSBARS = [
    CrossbarSpec(),
    CrossbarSpec(coding=WeightCoding.DIFFERENTIAL),
    CrossbarSpec(weight_bits=4, cell_bits=2),
    CrossbarSpec(weight_bits=12),
]


SEED = rb"\"seed\": "
"""What precedes the seed in a file."""


def _crossbars(trained: TrainedDesign) -> list[CrossbarSpec]:
    return [layer.geometry.crossbar for layer in trained.network.crossbar_layers]


@pytest.mark.parametrize("crossbar", CROSSBARS)
@given(seed=st.integers(0, 1 << 16), scale=st.floats(1e-6, 1e6))
def test_unpacked_weights_have_the_codes_and_the_scale_of_the_packed_ones(
    crossbar: CrossbarSpec, seed: int, scale: float
) -> None:
    weights = torch.randn(7, 3, 3, 3, generator=torch.Generator().manual_seed(seed)) * scale
    small = packed({"layers.0.weight": weights, "layers.0.bias": torch.ones(7)}, [crossbar])
    assert not small["layers.0.weight"].is_floating_point()
    back = unpacked(small, [crossbar], where="test")
    assert set(back) == {"layers.0.weight", "layers.0.bias"}
    for found, wanted in zip(
        weight_codes(back["layers.0.weight"], crossbar), weight_codes(weights, crossbar), strict=True
    ):
        assert torch.equal(found, wanted)
    again = unpacked(packed(back, [crossbar]), [crossbar], where="test")
    assert torch.equal(again["layers.0.weight"], back["layers.0.weight"])


def test_a_layer_without_any_weight_stays_without(crossbar: CrossbarSpec) -> None:
    small = packed({"layers.0.weight": torch.zeros(2, 1, 1, 1)}, [crossbar])
    back = unpacked(small, [crossbar], where="test")
    codes = weight_codes(back["layers.0.weight"], crossbar)[0]
    assert torch.equal(codes, weight_codes(torch.zeros(2, 1, 1, 1), crossbar)[0])


def test_a_packed_network_is_judged_like_the_trained_one(
    trained: TrainedDesign, dataset: Dataset, tmp_path: Path
) -> None:
    whole, small = tmp_path / "weights.safetensors", tmp_path / "small.safetensors"
    save_weights(trained, whole)
    tensors, metadata = read_tensors(whole)
    write_tensors(small, packed(tensors, _crossbars(trained)), metadata)
    assert small.stat().st_size < 0.5 * whole.stat().st_size, "the fixture's norms are much of it"
    assert judge(load_network(small), dataset) == judge(trained, dataset)
    found = [find_weights(path) for path in (small, whole)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].header == found[1].header == trained.header
    assert read_start(small).design == trained.design.digest


def test_a_file_that_differs_in_one_bit_or_its_header_is_told_and_earlier_ones_are_read(
    trained: TrainedDesign, tmp_path: Path
) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(trained, path)
    whole = path.read_bytes()
    save_weights(trained, path)
    assert path.read_bytes() == whole, "the same network gives the same file"
    seed = whole.index(SEED) + len(SEED)
    for place in (len(whole) - 1, len(whole) // 2, seed):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(TrainingError, match=r"weights\.safetensors does not match its own checksum"):
            load_network(path)
    path.write_bytes(whole)
    tensors, metadata = read_tensors(path)
    path.write_bytes(save(tensors, {METADATA_KEY: json.dumps(metadata)}))
    assert read_start(path).design == trained.design.digest


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        (None, "packed weights but not the crossbar"),
        ({"rows": "many"}, "its crossbar cannot be read"),
        ({"side": 3}, "its crossbar cannot be read"),
    ],
)
def test_packed_weights_without_their_crossbar_are_refused(
    trained: TrainedDesign, tmp_path: Path, plain: dict[str, Any] | None, why: str
) -> None:
    path = tmp_path / "small.safetensors"
    save_weights(trained, path)
    tensors, metadata = read_tensors(path)
    write_tensors(path, packed(tensors, _crossbars(trained)), metadata | {"crossbar": plain})
    with pytest.raises(TrainingError, match=why):
        load_network(path)


def test_codes_of_another_crossbar_are_refused(trained: TrainedDesign, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_weights(trained, path)
    tensors, metadata = read_tensors(path)
    other = asdict(replace(trained.crossbar, weight_bits=4, cell_bits=2))
    write_tensors(path, packed(tensors, _crossbars(trained)), metadata | {"crossbar": other})
    with pytest.raises(
        TrainingError,
        match=r"codes from \d+ to \d+, but codes of 4-bit weights range from 0 to 15; the file is damaged",
    ):
        load_network(path)


def test_signed_codes_are_refused(trained: TrainedDesign, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_weights(trained, path)
    tensors, metadata = read_tensors(path)
    small = packed(tensors, _crossbars(trained))
    centred = {n: (t.to(torch.int16) - 128).to(torch.int8) for n, t in small.items() if t.dtype == torch.uint8}
    write_tensors(path, small | centred, metadata)
    with pytest.raises(TrainingError, match=r"codes from -\d+ to \d+, .* from 0 to 255; the file is damaged"):
        load_network(path)
