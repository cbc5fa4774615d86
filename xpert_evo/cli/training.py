"""`xpert-evo train`: reads its options and shows the progress and result of a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, Unpack

from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.backbone_remarks import remarks_on
from xpert_evo.cli.assumptions import assumption_lines, settings_for
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.judging import DeviceOptions, JudgingDisplay, as_option, read_devices
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_plan import show_plan
from xpert_evo.cli.training_progress import TrainingProgress
from xpert_evo.streams import in_shell
from xpert_evo.workbench.plan import TrainingPlan, plan_training
from xpert_evo.workbench.training import carry_out


class Asked(DeviceOptions):
    """Command-line options besides the design and the settings.

    Attributes:
        protocol: Name of the training protocol.
        seed: Random seed of the training and of the device draws.
        to_judge: Whether to judge on the test set; otherwise the result contains only the validation accuracy.
        noise_aware: Whether to train with the device noise of `noise`, drawn anew in every step.
        out: Folder of the training; None for one named after design, protocol and seed.
        start_from: Trained weights to start from.
    """

    protocol: str
    seed: int
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
        """Shows the progress of the epoch."""
        self._training.step(step)

    def epoch(self, epoch: Epoch) -> None:
        """Shows the loss and the time left."""
        self._training.epoch(epoch)

    def trained(self, validation_accuracy: float, emulation: str) -> None:
        """Shows the validation accuracy."""
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
    """Trains the design in a file, or continues from a checkpoint in `out`; shows the progress.

    Args:
        path: Path of the design file.
        config: Path of the settings file.
        assignments: Values of `--set`.
        options: Settings given by the command's own options, by dotted name.
        dry_run: Whether to show only the plan and the estimated time, and write nothing.
        **asked: The other options of the command.

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
        noisy=read_devices(asked, settings.hardware),
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
        console.lines([f"judge the network with `xpert-evo judge {in_shell(plan.folder)}`"])
