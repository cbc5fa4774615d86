"""What `xpert-evo train` is asked for, checked before anything is written; and what `--dry-run` tells of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, build_network
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.checkpoints import WEIGHTS_NAME, Start, read_start, take_weights
from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.training.training import check_draws_cells
from xpert_evo.backbone_remarks import remarks_on
from xpert_evo.backbones import Backbone, backbone_of
from xpert_evo.cli.assumptions import assumption_lines, settings_for
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.judging import NoisyDevices, active
from xpert_evo.design import Design, blaming, load_designs
from xpert_evo.errors import TrainingError, UsageError
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.step_times import Costs, measured_costs
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.streams import in_shell
from xpert_evo.words import counted, duration

RESULT_NAME = "result.json"
CHECKPOINT_NAME = "checkpoint.safetensors"

_BUDGET_S = 10.0
"""Seconds that `--dry-run` measures for, more or less."""


class Asked(TypedDict):
    """What the command line asks for besides the design and the settings.

    Attributes:
        protocol: Its name.
        seed: Of the training and of the devices drawn.
        noise: Of the devices, as KEY=VALUE.
        noise_draws: Devices drawn.
        norm_images: Training images that each draw's batch norm is calibrated on.
        to_judge: Judge on the test set; else the result tells the validation accuracy alone.
        noise_aware: Train with cells that vary as `noise` says, drawn anew in every step.
        out: Folder; None for one named after design, protocol and seed.
        start_from: Weights to go on from.
    """

    protocol: str
    seed: int
    noise: Sequence[str]
    noise_draws: int
    norm_images: NotRequired[int]
    to_judge: NotRequired[bool]
    noise_aware: NotRequired[bool]
    out: Path | None
    start_from: NotRequired[Path | None]


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
        assumptions: Lines that tell the images and the chip.
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
    assumptions: tuple[str, ...]

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
        noisy = self.noisy.n_draws if self.noisy.settings != NonIdealities() else 0
        return 1 + noisy if self.to_judge else 0

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


def plan_training(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    **asked: Unpack[Asked],
) -> TrainingPlan:
    """The plan for the arguments of `training.train_one`; raises UsageError and what reading files raises."""
    protocol, seed, start_from = asked["protocol"], asked["seed"], asked.get("start_from")
    noise_aware = asked.get("noise_aware", False)
    chosen = load_protocol(protocol)
    if chosen.needs_weights and start_from is None:
        raise UsageError(
            f"--protocol {protocol} goes on from trained weights; name those of an earlier training with --start-from, "
            "or choose another protocol, such as one-night."
        )
    settings, run = settings_for(path, config, assignments, options)
    noisy = NoisyDevices.read(asked["noise"], asked["noise_draws"], asked.get("norm_images", 0))
    if noise_aware:
        _check_noise_aware(chosen, noisy.settings)
    design = _only_design(path)
    dataset = cached_dataset(settings.dataset)
    with blaming(str(path)):
        backbone = backbone_of(
            design.backbone,
            settings.space.backbone,
            n_classes=dataset.n_classes,
            image_channels=dataset.image_channels,
        )
        design.check(backbone)
    start = read_start(start_from) if start_from is not None else None
    variant = ("-noise-aware" if noise_aware else "") + (f"-from-{start.digest[:8]}" if start else "")
    return TrainingPlan(
        design=design,
        backbone=backbone,
        dataset=dataset,
        protocol=chosen,
        crossbar=Hardware.of(settings).crossbar,
        seed=seed,
        noisy=noisy,
        noise_aware=noise_aware,
        to_judge=asked.get("to_judge", True),
        start=start,
        folder=asked["out"] or Path("runs") / f"train-{design.digest}-{protocol}-{seed}{variant}",
        assumptions=(*assumption_lines(settings, dataset, run), *remarks_on(backbone), *dataset.notes),
    )


def _check_noise_aware(protocol: TrainingProtocol, devices: NonIdealities) -> None:
    if devices.disturbs_converters or not devices.disturbs_cells:
        raise UsageError(
            "--noise-aware draws cells anew in every step of the training; give --noise for cells alone, such as "
            f"variation_ratio=0.05 (got {active(devices)}). `xpert-evo judge` takes the rest."
        )
    try:
        check_draws_cells(protocol)
    except TrainingError as failure:
        raise UsageError(f"--noise-aware: {failure}") from None


def _only_design(path: Path) -> Design:
    designs = load_designs(path)
    if len(designs) != 1:
        raise UsageError(
            f"{path} holds {len(designs)} designs, and train takes one; write it to a file of its own, such as with "
            f"`xpert-evo show DIR --id {designs[0].digest[:8]} --json > design.json`."
        )
    return designs[0]


def check_not_ended(folder: Path) -> None:
    """Raises UsageError where a folder holds a training that has ended."""
    if (folder / RESULT_NAME).exists():
        raise UsageError(
            f"{folder} holds a training that has ended; judge it with `xpert-evo judge {in_shell(folder)}`, or choose "
            "another --out for another one."
        )


def show_plan(plan: TrainingPlan) -> None:
    """Prints what would be trained, where to, and how long it would take here; writes nothing."""
    check_not_ended(plan.folder)
    network = plan.network()
    console = PlainConsole()
    console.lines([*plan.assumptions, *_plan_lines(plan, network)])
    console.lines(["measuring how long it takes on this machine ..."], style="dim")
    with console.ticker() as ticker:
        costs = measured_costs(
            plan.design,
            plan.backbone,
            plan.crossbar,
            plan.dataset,
            plan.protocol,
            budget_s=_BUDGET_S,
            tell=lambda what: ticker.tick(lambda: f"measuring {what}"),
        )
    console.lines(_time_lines(plan, costs))


def _plan_lines(plan: TrainingPlan, network: CrossbarNetwork) -> Iterator[str]:
    p, geometries = plan.protocol, [layer.geometry for layer in network.crossbar_layers]
    n_weights = sum(layer.weight.numel() for layer in network.crossbar_layers)
    own = [layer.channel_depth for layer in plan.design.layers if layer.channel_depth is not None]
    trained = [geometry.out_channels for geometry in geometries[:-1]]
    width = (
        f"a proxy with {min(trained)} to {max(trained)} channels a layer in place of {min(own)} to {max(own)}"
        if p.width_divisor > 1
        else "at its own width"
    )
    yield (
        f"design {plan.design.digest} of {plan.backbone.name}, {width}: {counted(len(geometries), 'layer')}, "
        f"{n_weights:,} weights in {counted(sum(g.n_crossbars for g in geometries), 'crossbar')} of "
        f"{plan.crossbar.rows} x {plan.crossbar.columns}"
    )
    yield (
        f"protocol {p.name}: {counted(p.epochs, 'epoch')} of {plan.n_train:,} training images of {p.image_size} x "
        f"{p.image_size}, seed {plan.seed}"
    )
    if plan.start is not None:
        yield f"goes on from weights of design {plan.start.design[:8]} by {plan.start.protocol}"
    if plan.noise_aware:
        yield f"noise-aware: {active(plan.noisy.settings)}, drawn anew in every step"
    if (plan.folder / CHECKPOINT_NAME).exists():
        yield f"{plan.folder} holds a checkpoint: the training goes on from there, and takes less than told below"
    files = [WEIGHTS_NAME, RESULT_NAME]
    yield f"would write {' and '.join(files)} (and {CHECKPOINT_NAME} while it trains) to {plan.folder}"


def _time_lines(plan: TrainingPlan, costs: Costs) -> Iterator[str]:
    training_s = costs.training_s(plan.protocol, len(plan.dataset.train))
    measuring_s = costs.measuring_s(plan.protocol, len(plan.dataset.train), plan.n_validation)
    n_test = len(plan.dataset.test)
    judging_s = plan.n_judgements * costs.judgement_s(n_test)
    judged = (
        f"{duration(judging_s)} for {counted(plan.n_judgements, 'judgement')} of {n_test:,} test images"
        if plan.to_judge
        else "no judgement"
    )
    yield (
        f"time: about {duration(training_s + measuring_s + judging_s)}: {duration(training_s)} for the steps, "
        f"{duration(measuring_s)} for {plan.n_validation:,} validation images, {judged}"
    )
    yield "(from a few steps and images; other work on the machine adds to it)"
