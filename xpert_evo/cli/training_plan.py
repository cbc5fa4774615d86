"""Output of `xpert-evo train --dry-run`: the training plan and an estimate of its time."""

from collections.abc import Callable, Iterator, Sequence

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.accuracy.training.protocols import fitted
from xpert_evo.accuracy.training.recipes import Stage
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.image_sources import size_text
from xpert_evo.orchestration.stage_times import StageTimes
from xpert_evo.orchestration.step_times import Costs, measured_costs
from xpert_evo.words import counted, duration
from xpert_evo.workbench.plan import CHECKPOINT_NAME, RESULT_NAME, TrainingPlan
from xpert_evo.workbench.recipes import STAGES_NAME, RecipePlan, times_of

_BUDGET_S = 10.0
"""Approximate time that `--dry-run` spends measuring [s]."""


def show_plan(plan: TrainingPlan | RecipePlan, assumed: Sequence[str]) -> None:
    """Prints what would be trained, the output folder and the estimated time on this machine; writes nothing.

    Args:
        plan: Plan of the training.
        assumed: Lines that describe the images and the chip.
    """
    first = plan.training if isinstance(plan, RecipePlan) else plan
    first.check_not_ended()
    network = first.network()
    console = PlainConsole()
    stages = stage_lines(plan) if isinstance(plan, RecipePlan) else _protocol_lines(plan)
    console.lines([*assumed, *_network_lines(first, network), *stages, *_file_lines(plan)])
    console.lines(["measuring speed on this machine ..."], style="dim")
    with console.ticker() as ticker:

        def tell(what: str) -> None:
            ticker.tick(lambda: f"measuring {what}")

        if isinstance(plan, RecipePlan):
            lines = [*_recipe_time_lines(plan, times_of(plan, tell))]
        else:
            lines = [*_time_lines(plan, _measured(plan, tell))]
    console.lines(lines)


def stage_lines(plan: RecipePlan) -> Iterator[str]:
    """Lines on the stages of a recipe."""
    n_images, recipe = len(plan.training.dataset.train), plan.recipe
    within = "" if recipe.hours is None else f", scaled to {recipe.hours:g} h on the machine that began it"
    yield f"recipe {recipe.name}: {counted(len(recipe.stages), 'stage')}, seed {plan.training.seed}{within}"
    for number, stage in enumerate(recipe.stages, start=1):
        p = fitted(stage.protocol, plan.training.dataset.name, n_images)
        exact = ", exact emulation in every step" if p.exact else ""
        passes = f", at most {stage.at_most} times while the validation accuracy rises" if stage.at_most > 1 else ""
        yield (
            f"stage {number}: {p.name}, {counted(p.epochs, 'epoch')} of {min(p.n_train or n_images, n_images):,} "
            f"training images of {size_text(p.size_for(plan.training.backbone.image_size))}{exact}{passes}"
        )


def _measured(plan: TrainingPlan, tell: Callable[[str], None]) -> Costs:
    return measured_costs(
        plan.design,
        plan.backbone,
        plan.crossbar,
        plan.dataset,
        plan.protocol,
        budget_s=_BUDGET_S,
        devices=plan.judged_devices,
        noise_aware=plan.devices,
        teacher=plan.teacher,
        tell=tell,
    )


def _network_lines(plan: TrainingPlan, network: CrossbarNetwork) -> Iterator[str]:
    p, geometries = plan.protocol, [layer.geometry for layer in network.crossbar_layers]
    n_weights = sum(layer.weight.numel() for layer in network.crossbar_layers)
    own = [layer.channel_depth for layer in plan.design.layers if layer.channel_depth is not None]
    trained = [geometry.out_channels for geometry in geometries[:-1] or geometries]
    own = own or trained  # a network whose depths are all fixed
    width = (
        f"a proxy with {min(trained)} to {max(trained)} channels per layer instead of {min(own)} to {max(own)}"
        if p.width_divisor > 1
        else "at full width"
    )
    yield (
        f"design {plan.design.digest} of {plan.backbone.name}, {width}: {counted(len(geometries), 'layer')}, "
        f"{n_weights:,} weights in {counted(sum(g.n_crossbars for g in geometries), 'crossbar')} of "
        f"{plan.crossbar.rows} x {plan.crossbar.columns}"
    )
    if plan.start is not None:
        design = f"design {plan.start.design[:8]}, trained with {plan.start.protocol}"
        of = f"the imported network {plan.start.design}" if plan.start.is_imported else design
        n_kept, n_channels = sum(geometry.out_channels for geometry in geometries), plan.start.n_channels
        yield f"starts from weights of {of}{f', {n_kept:,} of {n_channels:,} channels' if n_kept < n_channels else ''}"
    if plan.teacher is not None:
        names = ", ".join(one.design[:8] for one in plan.teacher.references)
        yield f"learns the class probabilities of {names}: {100 * plan.teacher.share:.0f} % of the targets"
    if plan.noise_aware:
        yield f"noise-aware: {plan.noisy.drawn}, drawn anew in every step"


def _protocol_lines(plan: TrainingPlan) -> Iterator[str]:
    p = plan.protocol
    yield (
        f"protocol {p.name}: {counted(p.epochs, 'epoch')} of {plan.n_train:,} training images of "
        f"{size_text(p.size_for(plan.backbone.image_size))}, seed {plan.seed}"
    )


def _file_lines(plan: TrainingPlan | RecipePlan) -> Iterator[str]:
    if isinstance(plan, RecipePlan):
        folder = plan.training.folder
        if plan.is_begun:
            yield f"{folder} contains a part of this training: it continues from there and takes less time than below"
        yield f"would write {WEIGHTS_NAME}, {RESULT_NAME} and the network of each stage ({STAGES_NAME}) to {folder}"
        return
    if (plan.folder / CHECKPOINT_NAME).exists():
        yield f"{plan.folder} contains a checkpoint: the training continues from it and takes less time than below"
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
        f"time: about {duration(training_s + measuring_s + judging_s)}: {duration(training_s)} for training steps, "
        f"{duration(measuring_s)} for {plan.n_validation:,} validation images, {judged}"
    )
    yield "(extrapolated from a few steps and images; other work on the machine adds to it)"


def _recipe_time_lines(plan: RecipePlan, times: StageTimes) -> Iterator[str]:
    n_test, n_judgements = len(plan.training.dataset.test), plan.training.n_judgements
    for number, (stage, training_s, measuring_s) in enumerate(
        zip(plan.recipe.stages, times.training_s, times.measuring_s, strict=True), start=1
    ):
        each = " for each pass" if stage.at_most > 1 else ""
        yield (
            f"stage {number}, {stage.protocol.name}: about {duration(training_s + measuring_s)}{each} "
            f"({duration(training_s)} for training steps, {duration(measuring_s)} for validation images)"
        )
    if n_judgements:
        yield (
            f"judging: about {duration(times.judging_s)} for {counted(n_judgements, 'judgement')} of {n_test:,} test "
            "images"
        )
    least, most = (times.total_s(tuple(n(stage) for stage in plan.recipe.stages)) for n in (_fewest, _most))
    yield f"time: about {duration(least)}" + (f" to {duration(most)}" if most > least else "")
    yield "(extrapolated from a few steps and images; other work on the machine adds to it)"


def _fewest(stage: Stage) -> int:
    """Passes of a stage that stops paying as soon as that can be known."""
    return min(2, stage.at_most)


def _most(stage: Stage) -> int:
    return stage.at_most
