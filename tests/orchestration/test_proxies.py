"""Choices that the proxies of a run cannot tell apart are told before any work."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw_models import CrossbarSpec
from tests.faults.conftest import quick, small_settings
from tests.orchestration.test_label_rules import Kept
from tests.small_runs import OWN_BACKBONE
from xpert_evo.accuracy.crossbars.network import build_network, proxy_depth
from xpert_evo.accuracy.training.protocols import PROTOCOLS
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig, parse_config
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.proxies import merged_depths, proxy_warnings
from xpert_evo.orchestration.start import begin
from xpert_evo.orchestration.task import build_space
from xpert_evo.space import SearchSpace


def space_of(config: RunConfig) -> SearchSpace:
    return build_space(config, load_backbone(config.space.backbone, n_classes=10, image_channels=3))


def depths_of(backbone: str, depths: list[int], protocol: str = "laptop") -> RunConfig:
    return parse_config(
        {
            "space": {"backbone": backbone, "channel_depth": depths},
            "training": {"protocol": protocol, "finalist_protocol": protocol},
        }
    )


@given(divisor=st.sampled_from([1, 2, 4, 8, 16, 32]), depth=st.integers(1, 1024))
def test_a_wider_layer_has_no_narrower_proxy(divisor: int, depth: int) -> None:
    assert 1 <= proxy_depth(depth, divisor) <= proxy_depth(depth + 1, divisor)
    assert proxy_depth(depth, divisor) <= depth
    if depth >= 64:
        assert proxy_depth(depth, divisor) == (depth if divisor == 1 else max(4, depth // divisor))


@pytest.mark.parametrize("protocol", ["smoke", "laptop", "laptop-finalist"])
@pytest.mark.parametrize("backbone", ["vgg16", "vgg8", "resnet20"])
def test_usual_depths_have_proxies_of_their_own(backbone: str, protocol: str) -> None:
    for depths in ([8, 16, 32, 64], [16, 32, 64], [64, 128, 256, 512]):
        config = depths_of(backbone, depths, protocol)
        if (protocol, depths[0]) != ("smoke", 8):
            assert merged_depths(space_of(config), PROTOCOLS[protocol]) == {}


def test_narrow_designs_that_were_one_network_are_different_ones() -> None:
    backbone = load_backbone("resnet20", n_classes=10, image_channels=3)
    space = space_of(depths_of("resnet20", [8, 16, 32]))
    shapes = set()
    depth_columns = [i for i, gene in enumerate(space.genes) if gene.kind is GeneKind.CHANNEL_DEPTH]
    for choice in range(3):
        genome = np.zeros((1, space.n_genes), dtype=np.int64)
        genome[0, depth_columns] = choice
        network = build_network(
            space.decode(genome)[0], backbone, crossbar=CrossbarSpec(), width_divisor=8, image_size=(16, 16)
        )
        shapes.add(tuple(layer.geometry.out_channels for layer in network.crossbar_layers))
    assert len(shapes) == 3


def test_depths_that_become_one_proxy_are_told_by_layer() -> None:
    config = parse_config(
        {
            "space": {"backbone": "vgg8", "layers": {"conv2": {"channel_depth": [64, 68, 128]}}},
            "training": {"protocol": "laptop", "finalist_protocol": "native-short"},
        }
    )
    [text] = proxy_warnings(space_of(config), config)
    assert text.startswith("protocol laptop trains channel depths 64 and 68 of conv2 as one proxy, of 8 channels")


def test_tied_layers_are_told_through_the_one_that_has_the_choice() -> None:
    config = depths_of("resnet20", [64, 65])
    [text] = proxy_warnings(space_of(config), config)
    assert "64 and 65 of every layer" in text


def test_one_s_own_backbone_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(OWN_BACKBONE)
    config = depths_of(str(tmp_path / "small.toml"), [48, 50])
    [text] = proxy_warnings(space_of(config), config)
    assert "48 and 50 of every layer as one proxy, of 7 channels" in text


def test_a_run_says_it_before_its_first_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", quick)
    listener = Kept()
    begin(small_settings(space={"channel_depth": [64, 66, 128]}), tmp_path / "run", listener)
    assert "64 and 66 of every layer as one proxy" in listener.texts[1]
