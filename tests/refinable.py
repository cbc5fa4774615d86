"""A small network at native size that was trained for a second, for tests of its refinement."""

import tomllib
from functools import lru_cache
from pathlib import Path

from tests.small_runs import OWN_BACKBONE
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import save_weights
from xpert_evo.backbone_file import parse_description
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.config import RunConfig, load_config
from xpert_evo.design import Design, parse_design
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.refining import Refinable, Refining, prepare
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Listener, Silent

PROTOCOL = TrainingProtocol(
    name="native-second",
    image_size=16,
    epochs=4,
    n_train=2_048,
    batch_size=64,
    n_validation=200,
    n_recalibration=256,
    n_threads=1,
)

TUNING = PROTOCOL.model_copy(
    update={"name": "tune-second", "epochs": 1, "n_train": 256, "exact": True, "learning_rate": 0.002}
)


def backbone(n_classes: int = 10, image_channels: int = 1) -> Backbone:
    """The small backbone, which adds its first layer's output to its third."""
    description = parse_description(tomllib.loads(OWN_BACKBONE), where="small")
    return load_backbone(description, n_classes=n_classes, image_channels=image_channels)


def design() -> Design:
    """A design of the small backbone with bits to spare."""
    layer = {"column_sharing": 8, "adc_type": "flash", "adc_precision": 6, "input_precision": 5}
    depths = {"stem": 8, "wide": 12, "join": 8, "classifier": None}
    layers = [{"name": name, "channel_depth": depth, **layer} for name, depth in depths.items()]
    return parse_design({"backbone": backbone().name, "layers": layers})


def settings(tmp_path: Path, **more: object) -> RunConfig:
    """Settings that name the backbone."""
    path = tmp_path / "small.toml"
    path.write_text(OWN_BACKBONE)
    return load_config(None, {"space.backbone": str(path), "executor.kind": "serial", **more})


@lru_cache(maxsize=1)
def trained() -> TrainedDesign:
    """The trained network; shared, so tests must not change it."""
    dataset = cached_dataset(RunConfig().dataset)
    crossbar = Hardware.of(RunConfig()).crossbar
    return train_design(design(), backbone(), dataset, PROTOCOL, crossbar=crossbar, seed=0)


def refinable(tmp_path: Path, refining: Refining, listener: Listener | None = None, **more: object) -> Refinable:
    """The trained network, prepared for a refinement under `settings`."""
    return prepare(weights(tmp_path), settings(tmp_path, **more), refining, listener or Silent())


def weights(tmp_path: Path) -> Path:
    """A file of the trained network."""
    path = tmp_path / "weights.safetensors"
    save_weights(trained(), path)
    return path
