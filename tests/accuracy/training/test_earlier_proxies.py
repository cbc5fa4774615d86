"""Weights of proxies that an earlier version trained."""

from pathlib import Path

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import build_network
from xpert_evo.accuracy.training.checkpoints import write_tensors
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design


def test_proxies_of_earlier_versions_are_read_at_the_widths_that_they_have(
    design: Design, backbone: Backbone, protocol: TrainingProtocol, tmp_path: Path
) -> None:
    narrow = design.model_copy(
        update={
            "layers": tuple(
                layer if layer.channel_depth is None else layer.model_copy(update={"channel_depth": 32})
                for layer in design.layers
            )
        }
    )
    once = build_network(
        narrow, backbone, crossbar=CrossbarSpec(), width_divisor=8, image_size=(16, 16), depths=[4] * len(design.layers)
    )
    once.initialise(torch.Generator().manual_seed(0))
    metadata = {
        "design": narrow.to_plain(),
        "protocol": protocol.model_copy(update={"width_divisor": 8}).model_dump(mode="json"),
    }
    write_tensors(tmp_path / "weights.safetensors", once.state_dict(), metadata)
    read = load_network(tmp_path / "weights.safetensors")
    assert [layer.geometry.out_channels for layer in read.network.crossbar_layers] == [4] * len(design.layers)
    today = build_network(narrow, backbone, crossbar=CrossbarSpec(), width_divisor=8, image_size=(16, 16))
    assert today.crossbar_layers[0].geometry.out_channels == 6
