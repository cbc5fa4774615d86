"""Output of `xpert-evo train --dry-run`: the training plan and an estimate of its time."""

from collections.abc import Iterator, Sequence

from xpert_evo.accuracy.crossbars.network import CrossbarNetwork
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.orchestration.step_times import Costs, measured_costs
from xpert_evo.words import counted, duration
from xpert_evo.workbench.devices import device_words
from xpert_evo.workbench.plan import CHECKPOINT_NAME, RESULT_NAME, TrainingPlan

_BUDGET_S = 10.0
"""Approximate time that `--dry-run` spends measuring [s]."""


def show_plan(plan: TrainingPlan, assumed: Sequence[str]) -> None:
    """Prints what would be trained, the output folder and the estimated time on this machine; writes nothing.

    Args:
        plan: Plan of the training.
        assumed: Lines that describe the images and the chip.
    """
    plan.check_not_ended()
    network = plan.network()
    console = PlainConsole()
    console.lines([*assumed, *_plan_lines(plan, network)])
    console.lines(["measuring speed on this machine ..."], style="dim")
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
        f"a proxy with {min(trained)} to {max(trained)} channels per layer instead of {min(own)} to {max(own)}"
        if p.width_divisor > 1
        else "at full width"
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
        yield f"starts from weights of design {plan.start.design[:8]}, trained with {plan.start.protocol}"
    if plan.noise_aware:
        yield f"noise-aware: {device_words(plan.noisy.settings)}, drawn anew in every step"
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
