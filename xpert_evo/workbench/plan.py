"""A training of one design whose arguments have been checked, before anything is written."""

from dataclasses import dataclass
from pathlib import Path

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.training.training import check_draws_cells
from xpert_evo.accuracy.training.weights import Start, read_start, take_weights
from xpert_evo.backbones import Backbone, backbone_of
from xpert_evo.config import RunConfig
from xpert_evo.design import Design, blaming, load_designs
from xpert_evo.errors import TrainingError, UsageError
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.streams import in_shell
from xpert_evo.workbench.arguments import Spelling, as_argument
from xpert_evo.workbench.devices import NoisyDevices, device_words

RESULT_NAME = "result.json"
CHECKPOINT_NAME = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """A training that can begin.

    Attributes:
        design: What to train.
        backbone: It was made for.
        dataset: Its images.
        protocol: How.
        crossbar: The arrays.
        seed: Of the training and of the devices drawn.
        noisy: Devices to judge with.
        noise_aware: Whether the steps draw cells of that kind, too.
        to_judge: Whether the test set judges it in the end.
        start: Weights to go on from.
        folder: Where everything is written; not made yet.
        spelled: How messages call arguments.
    """

    design: Design
    backbone: Backbone
    dataset: Dataset
    protocol: TrainingProtocol
    crossbar: CrossbarSpec
    seed: int
    noisy: NoisyDevices
    noise_aware: bool
    to_judge: bool
    start: Start | None
    folder: Path
    spelled: Spelling

    @property
    def devices(self) -> NonIdealities | None:
        """Cells that the steps draw anew."""
        return self.noisy.settings if self.noise_aware else None

    @property
    def n_train(self) -> int:
        """Training images of an epoch."""
        return min(self.protocol.n_train or len(self.dataset.train), len(self.dataset.train))

    @property
    def n_validation(self) -> int:
        """Validation images that are measured."""
        return min(self.protocol.n_validation or len(self.dataset.validation), len(self.dataset.validation))

    @property
    def n_judgements(self) -> int:
        """Passes over the test images: ideal devices, and the draws of noisy ones."""
        return 1 + self.noisy.n_noisy if self.to_judge else 0

    def network(self) -> CrossbarNetwork:
        """As the training begins, but for random weights; raises TrainingError where those to go on from do not fit."""
        network = build_network(
            self.design,
            self.backbone,
            crossbar=self.crossbar,
            width_divisor=self.protocol.width_divisor,
            image_size=self.protocol.image_size,
        )
        if self.start is not None:
            take_weights(network, self.start)
        return network

    def check_not_ended(self) -> None:
        """Raises UsageError where the folder holds a training that has ended."""
        if (self.folder / RESULT_NAME).exists():
            raise UsageError(
                f"{self.folder} holds a training that has ended; judge it with `xpert-evo judge "
                f"{in_shell(self.folder)}`, or choose another {self.spelled('out')} for another one."
            )


def plan_training(
    design: Design | Path,
    settings: RunConfig,
    *,
    protocol: str,
    seed: int,
    noisy: NoisyDevices,
    noise_aware: bool,
    to_judge: bool,
    start_from: Path | None,
    out: Path | None,
    spelled: Spelling = as_argument,
) -> TrainingPlan:
    """The plan for the arguments of `training.train`; raises UsageError and what reading files raises."""
    chosen = _chosen_protocol(protocol, start_from, spelled)
    if noise_aware:
        _check_noise_aware(chosen, noisy.settings, spelled)
    where = str(design) if isinstance(design, Path) else "the design"
    wanted = _only_design(design) if isinstance(design, Path) else design
    dataset = cached_dataset(settings.dataset)
    with blaming(where):
        backbone = backbone_of(
            wanted.backbone,
            settings.space.backbone,
            n_classes=dataset.n_classes,
            image_channels=dataset.image_channels,
        )
        wanted.check(backbone)
    start = read_start(start_from) if start_from is not None else None
    variant = ("-noise-aware" if noise_aware else "") + (f"-from-{start.digest[:8]}" if start else "")
    return TrainingPlan(
        design=wanted,
        backbone=backbone,
        dataset=dataset,
        protocol=chosen,
        crossbar=Hardware.of(settings).crossbar,
        seed=seed,
        noisy=noisy,
        noise_aware=noise_aware,
        to_judge=to_judge,
        start=start,
        folder=out or Path("runs") / f"train-{wanted.digest}-{protocol}-{seed}{variant}",
        spelled=spelled,
    )


def _chosen_protocol(name: str, start_from: Path | None, spelled: Spelling) -> TrainingProtocol:
    """The protocol of a name; raises UsageError where it goes on from trained weights and there are none."""
    chosen = load_protocol(name)
    if chosen.needs_weights and start_from is None:
        raise UsageError(
            f"{spelled('protocol')} {name} goes on from trained weights; name those of an earlier training with "
            f"{spelled('start_from')}, or choose another protocol, such as one-night."
        )
    return chosen


def _only_design(path: Path) -> Design:
    """The one design of a file; raises UsageError where it holds several."""
    designs = load_designs(path)
    if len(designs) != 1:
        raise UsageError(
            f"{path} holds {len(designs)} designs, and train takes one; write it to a file of its own, such as with "
            f"`xpert-evo show DIR --id {designs[0].digest[:8]} --json > design.json`."
        )
    return designs[0]


def _check_noise_aware(protocol: TrainingProtocol, devices: NonIdealities, spelled: Spelling) -> None:
    name = spelled("noise_aware")
    if devices.disturbs_converters or not devices.disturbs_cells:
        raise UsageError(
            f"{name} draws cells anew in every step of the training; give {spelled('noise')} for cells alone, such as "
            f"variation_ratio=0.05 (got {device_words(devices)}). `xpert-evo judge` takes the rest."
        )
    try:
        check_draws_cells(protocol)
    except TrainingError as failure:
        raise UsageError(f"{name}: {failure}") from None
