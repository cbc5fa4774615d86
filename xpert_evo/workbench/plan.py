"""Plan of a training of one design: its arguments, checked before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.preconditions import check_draws_cells
from xpert_evo.accuracy.training.protocols import TrainingProtocol, fitted, load_protocol
from xpert_evo.accuracy.training.teacher import Teacher, read_teacher
from xpert_evo.accuracy.training.weights import Start, read_start, take_weights
from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.backbones import Backbone, backbone_of
from xpert_evo.config import RunConfig
from xpert_evo.design import Design, blaming, load_designs
from xpert_evo.errors import TrainingError, UsageError
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.streams import in_shell
from xpert_evo.workbench.arguments import Spelling, as_argument
from xpert_evo.workbench.devices import NoisyDevices

RESULT_NAME = "result.json"
CHECKPOINT_NAME = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """A training that is ready to begin.

    Attributes:
        design: Design to train.
        backbone: Backbone of the design.
        dataset: Images for training and judging.
        protocol: Training protocol.
        crossbar: Crossbars that the network runs on.
        chip: Names or files of the chip's `device` and `technology`.
        seed: Random seed of the training and of the device draws.
        noisy: Noisy devices to judge on.
        noise_aware: Whether the training steps also draw this device noise.
        to_judge: Whether to judge the network on the test set after the training.
        start: Trained weights to start from; None for random weights.
        teacher: Trained networks whose class probabilities are learned; None for labels alone.
        folder: Output folder; it is created when the training begins.
        spelled: Spelling of arguments in messages.
    """

    design: Design
    backbone: Backbone
    dataset: Dataset
    protocol: TrainingProtocol
    crossbar: CrossbarSpec
    chip: Mapping[str, str]
    seed: int
    noisy: NoisyDevices
    noise_aware: bool
    to_judge: bool
    start: Start | None
    teacher: Teacher | None
    folder: Path
    spelled: Spelling

    @property
    def devices(self) -> NonIdealities | None:
        """Device noise that is drawn anew in every training step; None for ideal devices."""
        return self.noisy.settings if self.noise_aware else None

    @property
    def judged_devices(self) -> NonIdealities | None:
        """Devices of the chips that are judged; None if only ideal ones are."""
        return self.noisy.settings if self.to_judge and self.noisy.n_noisy else None

    @property
    def n_train(self) -> int:
        """Number of training images per epoch."""
        return min(self.protocol.n_train or len(self.dataset.train), len(self.dataset.train))

    @property
    def n_validation(self) -> int:
        """Number of validation images."""
        return min(self.protocol.n_validation or len(self.dataset.validation), len(self.dataset.validation))

    @property
    def n_judgements(self) -> int:
        """Number of passes over the test images, for ideal devices and all draws of noisy ones."""
        return 1 + self.noisy.n_noisy if self.to_judge else 0

    def network(self) -> CrossbarNetwork:
        """The network before training, with random or start weights; raises TrainingError if the latter do not fit."""
        network = build_network(
            self.design,
            self.backbone,
            crossbar=self.crossbar,
            width_divisor=self.protocol.width_divisor,
            image_size=self.protocol.size_for(self.backbone.image_size),
        )
        if self.start is not None:
            take_weights(network, self.start)
        return network

    def check_not_ended(self) -> None:
        """Raises UsageError if the folder contains a finished training."""
        if (self.folder / RESULT_NAME).exists():
            raise UsageError(
                f"{self.folder} contains a finished training; judge it with `xpert-evo judge "
                f"{in_shell(self.folder)}`, or choose another {self.spelled('out')} for a new training."
            )


def plan_training(
    design: Design | Path,
    settings: RunConfig,
    *,
    protocol: str | TrainingProtocol,
    seed: int,
    noisy: NoisyDevices,
    noise_aware: bool,
    to_judge: bool,
    start_from: Path | None,
    teachers: Sequence[Path] = (),
    out: Path | None,
    name: str | None = None,
    spelled: Spelling = as_argument,
) -> TrainingPlan:
    """The plan for the arguments of `training.train`; raises UsageError and the errors of reading files.

    `name` replaces that of the protocol in the name of the default folder.
    """
    chosen = _chosen_protocol(protocol, start_from, spelled)
    if noise_aware:
        check_noise_aware(chosen, noisy, spelled)
    where = str(design) if isinstance(design, Path) else "the design"
    wanted = _only_design(design) if isinstance(design, Path) else design
    start = read_start(start_from) if start_from is not None else None
    dataset = cached_dataset(settings.dataset)
    with blaming(where):
        backbone = backbone_of(
            wanted.backbone,
            _offered_backbone(settings, start),
            n_classes=dataset.n_classes,
            image_channels=dataset.image_channels,
            image_size=dataset.image_size,
        )
        wanted.check(backbone)
    teacher = read_teacher(teachers, dataset) if teachers else None
    variant = ("-noise-aware" if noise_aware else "") + (f"-from-{start.digest[:8]}" if start else "")
    variant += "".join(f"-taught-by-{one.weights_sha256[:8]}" for one in teacher.references) if teacher else ""
    return TrainingPlan(
        design=wanted,
        backbone=backbone,
        dataset=dataset,
        protocol=fitted(chosen, dataset.name, len(dataset.train)),
        crossbar=Hardware.of(settings).of_design(wanted).crossbar,
        chip={"device": settings.hardware.device, "technology": settings.hardware.technology},
        seed=seed,
        noisy=noisy,
        noise_aware=noise_aware,
        to_judge=to_judge,
        start=start,
        teacher=teacher,
        folder=out or Path("runs") / f"train-{wanted.digest}-{name or chosen.name}-{seed}{variant}",
        spelled=spelled,
    )


def _offered_backbone(settings: RunConfig, start: Start | None) -> str | BackboneDescription:
    """The backbone of the settings; unless that is a custom one, the custom one of the network that is trained on."""
    own = settings.space.backbone
    return start.backbone if isinstance(own, str) and start is not None and start.backbone is not None else own


def _chosen_protocol(named: str | TrainingProtocol, start_from: Path | None, spelled: Spelling) -> TrainingProtocol:
    """The protocol of an argument; raises UsageError if it needs trained weights and none are given."""
    chosen = load_protocol(named) if isinstance(named, str) else named
    if chosen.needs_weights and start_from is None:
        raise UsageError(
            f"{spelled('protocol')} {chosen.name} continues from trained weights; give those of an earlier training "
            f"with {spelled('start_from')}, or use {spelled('recipe')} hour, which begins with random weights."
        )
    return chosen


def _only_design(path: Path) -> Design:
    """The only design in a file; raises UsageError if it contains several."""
    designs = load_designs(path)
    if len(designs) != 1:
        raise UsageError(
            f"{path} contains {len(designs)} designs, but train takes one; write one to its own file, for example with "
            f"`xpert-evo show DIR --id {designs[0].digest[:8]} --json > design.json`."
        )
    return designs[0]


def check_noise_aware(protocol: TrainingProtocol, noisy: NoisyDevices, spelled: Spelling) -> None:
    """Raises UsageError if a protocol cannot be trained with these devices drawn in every step."""
    name = spelled("noise_aware")
    if noisy.is_ideal:
        raise UsageError(
            f"{name} draws new devices in every training step, so {spelled('noise')} must describe some, such as "
            f"variation_ratio=0.05, got {noisy.drawn}."
        )
    try:
        check_draws_cells(protocol)
    except TrainingError as failure:
        raise UsageError(f"{name}: {failure}") from None
