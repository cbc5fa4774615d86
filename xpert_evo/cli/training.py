"""`xpert-evo train`: reads its options and shows the progress and result of a training."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, Unpack

from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.recipes import DEFAULT_RECIPE
from xpert_evo.accuracy.training.stages import StagePass, StageResult
from xpert_evo.backbone_remarks import remarks_on
from xpert_evo.cli.assumptions import assumption_lines, settings_for
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.judging import DeviceOptions, JudgingDisplay, as_option, read_devices
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_plan import show_plan, stage_lines
from xpert_evo.cli.training_progress import TrainingProgress
from xpert_evo.config import RunConfig
from xpert_evo.streams import in_shell
from xpert_evo.words import duration
from xpert_evo.workbench.plan import TrainingPlan, plan_training
from xpert_evo.workbench.recipes import RecipePlan, carry_out_recipe, plan_recipe
from xpert_evo.workbench.training import Asked as Checked
from xpert_evo.workbench.training import carry_out, check_either


class Asked(DeviceOptions):
    """Command-line options besides the design and the settings.

    Attributes:
        recipe: Name or file of the recipe; None for the default, or for a protocol.
        hours: Budget that the recipe is scaled to [h].
        protocol: Name of a single training protocol; None for a recipe.
        seed: Random seed of the training and of the device draws.
        to_judge: Whether to judge on the test set; otherwise the result contains only the validation accuracy.
        noise_aware: Whether to train with the device noise of `noise`, drawn anew in every step.
        out: Folder of the training; None for one named after design, protocol and seed.
        start_from: Trained weights to start from.
        teachers: Trained networks whose class probabilities are learned.
    """

    recipe: NotRequired[str | None]
    hours: NotRequired[float | None]
    protocol: NotRequired[str | None]
    seed: int
    to_judge: NotRequired[bool]
    noise_aware: NotRequired[bool]
    out: Path | None
    start_from: NotRequired[Path | None]
    teachers: NotRequired[Sequence[Path]]


class TrainingDisplay(JudgingDisplay):
    """Shows a training in one or several stages and its judgement in lines."""

    def __init__(self, plan: TrainingPlan, console: PlainConsole, ticker: Ticker) -> None:
        super().__init__(console, ticker)
        self._plan = plan
        self._protocol, self._ticker_line = plan.protocol, ticker
        self._training = self._progress()

    def stage(self, begun: StagePass) -> None:
        """Shows the stage that begins."""
        self._protocol = begun.protocol
        self._training = self._progress()
        if not begun.is_known:
            again = f", pass {begun.repetition}" if begun.repetition > 1 else ""
            self.say(f"stage {begun.stage} of {begun.n_stages}: {begun.protocol.name}{again}")

    def stage_ended(self, result: StageResult, *, is_known: bool) -> None:
        """Shows the validation accuracy of a stage."""
        state = "already finished" if is_known else f"finished in {duration(result.seconds)}"
        self.say(
            f"{result.protocol} {state}: {100 * result.validation_accuracy:.2f} % on validation images "
            f"({result.emulation})"
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
            f"validation: {100 * validation_accuracy:.2f} % of {self._n_validation:,} images, ideal devices "
            f"(protocol {self._protocol.name}, {emulation})"
        )

    def _progress(self) -> TrainingProgress:
        n_train = len(self._plan.dataset.train)
        return TrainingProgress(
            self._protocol,
            n_train=min(self._protocol.n_train or n_train, n_train),
            n_validation=self._n_validation,
            say=self.say,
            ticker=self._ticker_line,
        )

    @property
    def _n_validation(self) -> int:
        n_all = len(self._plan.dataset.validation)
        return min(self._protocol.n_validation or n_all, n_all)


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
    check_either(asked.get("protocol"), asked.get("recipe"), asked.get("hours"), as_option)
    settings, run = settings_for(path, config, assignments, options)
    console = PlainConsole()
    with console.ticker() as ticker:
        plan = _planned(path, settings, asked, tell=lambda what: ticker.tick(lambda: f"measuring {what}"))
    first = plan.training if isinstance(plan, RecipePlan) else plan
    assumed = [*assumption_lines(settings, first.dataset, run), *remarks_on(first.backbone), *first.dataset.notes]
    if first.noisy.remark and first.to_judge:
        assumed.append(first.noisy.remark)
    if dry_run:
        show_plan(plan, assumed)
        return
    console.lines(assumed)
    with console.ticker() as ticker:
        display = TrainingDisplay(first, console, ticker)
        if isinstance(plan, RecipePlan):
            console.lines([*stage_lines(plan)])
            carry_out_recipe(plan, display)
        else:
            carry_out(plan, display)
    console.lines([f"weights and result.json: {first.folder}"])
    if not first.to_judge:
        console.lines([f"judge the network with `xpert-evo judge {in_shell(first.folder)}`"])


def _planned(path: Path, settings: RunConfig, asked: Asked, tell: Callable[[str], None]) -> TrainingPlan | RecipePlan:
    common: Checked = {
        "seed": asked["seed"],
        "noisy": read_devices(asked, settings.hardware, time_s=settings.training.chip_time_s),
        "noise_aware": asked.get("noise_aware", False),
        "to_judge": asked.get("to_judge", True),
        "start_from": asked.get("start_from"),
        "teachers": asked.get("teachers", ()),
        "out": asked["out"],
    }
    protocol = asked.get("protocol")
    if protocol is not None:
        return plan_training(path, settings, protocol=protocol, spelled=as_option, **common)
    return plan_recipe(
        path,
        settings,
        recipe=asked.get("recipe") or DEFAULT_RECIPE,
        hours=asked.get("hours"),
        spelled=as_option,
        tell=tell,
        **common,
    )
