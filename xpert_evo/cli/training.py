"""`xpert-evo train`: what the command line asks for, and what it shows of a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.backbone_remarks import remarks_on
from xpert_evo.cli.assumptions import assumption_lines, settings_for
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.judging import JudgingDisplay, as_option, read_noise
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_plan import show_plan
from xpert_evo.cli.training_progress import TrainingProgress
from xpert_evo.streams import in_shell
from xpert_evo.workbench.plan import TrainingPlan, plan_training
from xpert_evo.workbench.training import carry_out


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


class TrainingDisplay(JudgingDisplay):
    """Shows a training and its judgement in lines."""

    def __init__(self, plan: TrainingPlan, console: PlainConsole, ticker: Ticker) -> None:
        super().__init__(console, ticker)
        self._plan = plan
        self._training = TrainingProgress(
            plan.protocol, n_train=plan.n_train, n_validation=plan.n_validation, say=self.say, ticker=ticker
        )

    def step(self, step: Step) -> None:
        """Tells how far the epoch is."""
        self._training.step(step)

    def epoch(self, epoch: Epoch) -> None:
        """Tells the loss and the time that is left."""
        self._training.epoch(epoch)

    def trained(self, validation_accuracy: float, emulation: str) -> None:
        """Tells the validation accuracy."""
        self.say(
            f"validation: {100 * validation_accuracy:.2f} % of {self._plan.n_validation:,} images, ideal devices "
            f"(protocol {self._plan.protocol.name}, {emulation})"
        )


def train_one(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    dry_run: bool = False,
    **asked: Unpack[Asked],
) -> None:
    """Trains the design in a file, or goes on where `out` has a checkpoint; shows how far it is.

    Args:
        path: Of the design.
        config: Settings file.
        assignments: Of `--set`.
        options: The command's own settings, by dotted name.
        dry_run: Show what would be trained and how long it would take, and write nothing.
        **asked: The rest of what the command line asked for.

    Raises:
        UsageError: A file or folder cannot be used.
        InterruptedRunError: Ctrl-C.
    """
    settings, run = settings_for(path, config, assignments, options)
    plan = plan_training(
        path,
        settings,
        protocol=asked["protocol"],
        seed=asked["seed"],
        noisy=read_noise(asked["noise"], asked["noise_draws"], asked.get("norm_images", 0)),
        noise_aware=asked.get("noise_aware", False),
        to_judge=asked.get("to_judge", True),
        start_from=asked.get("start_from"),
        out=asked["out"],
        spelled=as_option,
    )
    assumed = [*assumption_lines(settings, plan.dataset, run), *remarks_on(plan.backbone), *plan.dataset.notes]
    if dry_run:
        show_plan(plan, assumed)
        return
    console = PlainConsole()
    console.lines(assumed)
    with console.ticker() as ticker:
        carry_out(plan, TrainingDisplay(plan, console, ticker))
    console.lines([f"weights and result.json: {plan.folder}"])
    if not plan.to_judge:
        console.lines([f"judge them with `xpert-evo judge {in_shell(plan.folder)}`"])
