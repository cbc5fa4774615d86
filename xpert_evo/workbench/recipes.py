"""`train` by a recipe: plans its stages, trains what is missing, and judges the network of the last one."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from xpert_evo.accuracy.training.judge import Judgement, form_of
from xpert_evo.accuracy.training.recipes import DEFAULT_RECIPE, Recipe, load_recipe
from xpert_evo.accuracy.training.results import AgedJudgement, TrainingResult
from xpert_evo.accuracy.training.stages import StagedTraining, StagesResult, keep_weights, train_stages
from xpert_evo.accuracy.training.weights import WEIGHTS_NAME, load_network
from xpert_evo.config import RunConfig
from xpert_evo.design import Design
from xpert_evo.errors import ConfigError, UsageError
from xpert_evo.files import write_text
from xpert_evo.orchestration import stage_times
from xpert_evo.orchestration.stage_times import Budget, StageTimes, Trainee
from xpert_evo.validation import parse
from xpert_evo.words import duration
from xpert_evo.workbench.arguments import Spelling, as_argument
from xpert_evo.workbench.devices import NoisyDevices
from xpert_evo.workbench.folders import alone, make_folder, place_words, stoppable
from xpert_evo.workbench.listening import Listener
from xpert_evo.workbench.measuring import measure
from xpert_evo.workbench.plan import RESULT_NAME, TrainingPlan, check_noise_aware, plan_training

PLAN_NAME = "recipe.json"
STAGES_NAME = "stages"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePlan:
    """A training by a recipe that is ready to begin or to go on.

    Attributes:
        recipe: Recipe with the stages to train.
        training: Plan of the first stage; its folder is that of the whole training.
        is_begun: Whether the folder contains this training already.
    """

    recipe: Recipe
    training: TrainingPlan
    is_begun: bool

    @property
    def identity(self) -> dict[str, Any]:
        """Everything but the stages that determines the network, by name, as in `recipe.json`."""
        plan = self.training
        return {
            "design": plan.design.digest,
            "data set": plan.dataset.digest,
            "crossbar": asdict(plan.crossbar),
            "seed": plan.seed,
            "start": None if plan.start is None else plan.start.digest,
            "noise": None if plan.devices is None else plan.devices.identity,
            **({} if plan.teacher is None else {"teachers": plan.teacher.identity}),
        }

    def staged(self) -> StagedTraining:
        """The training of all stages."""
        plan = self.training
        return StagedTraining(
            design=plan.design,
            backbone=plan.backbone,
            dataset=plan.dataset,
            stages=self.recipe.stages,
            crossbar=plan.crossbar,
            seed=plan.seed,
            folder=plan.folder / STAGES_NAME,
            start=plan.start,
            devices=plan.devices,
            teacher=plan.teacher,
        )


def plan_recipe(
    design: Design | Path,
    settings: RunConfig,
    *,
    recipe: str,
    hours: float | None,
    seed: int,
    noisy: NoisyDevices,
    noise_aware: bool,
    to_judge: bool,
    start_from: Path | None,
    teachers: Sequence[Path] = (),
    out: Path | None,
    spelled: Spelling = as_argument,
    tell: Callable[[str], None] | None = None,
) -> RecipePlan:
    """The plan for the arguments of `training.train`; a begun training keeps the stages that it was begun with.

    Raises:
        UsageError: An argument is wrong, or the folder contains another training.
        ConfigError: The recipe is unknown or damaged.
    """
    if hours is not None and not hours > 0:
        raise UsageError(f"{spelled('hours')} must be above 0, got {hours:g}.")
    chosen = load_recipe(recipe)
    if chosen.needs_weights and start_from is None:
        raise UsageError(
            f"{spelled('recipe')} {chosen.name} continues from trained weights; give those of an earlier training with "
            f"{spelled('start_from')}, or use {spelled('recipe')} {DEFAULT_RECIPE}, which begins with random weights."
        )
    first = chosen.stages[0].protocol
    name = chosen.name if hours is None else f"{chosen.name}-{hours:g}h"
    training = plan_training(
        design,
        settings,
        protocol=first,
        seed=seed,
        noisy=noisy,
        noise_aware=noise_aware,
        to_judge=to_judge,
        start_from=start_from,
        teachers=teachers,
        out=out,
        name=name,
        spelled=spelled,
    )
    if noise_aware:
        for stage in chosen.stages:
            check_noise_aware(stage.protocol, noisy, spelled)
    plan = RecipePlan(recipe=chosen, training=training, is_begun=False)
    known = _known(plan, asked=chosen.model_copy(update={"hours": hours}))
    if known is not None:
        return replace(plan, recipe=known, is_begun=True)
    return plan if hours is None else replace(plan, recipe=_fitted(plan, hours, tell))


def times_of(plan: RecipePlan, tell: Callable[[str], None] | None = None) -> StageTimes:
    """Measures how long the stages and the judgement would take on this machine."""
    training = plan.training
    trainee = Trainee(
        design=training.design,
        backbone=training.backbone,
        crossbar=training.crossbar,
        dataset=training.dataset,
        teacher=training.teacher,
        noise_aware=training.devices,
        devices=training.judged_devices,
    )
    n_judged = [len(training.dataset.test)] * training.n_judgements
    return stage_times.measured_times(trainee, plan.recipe, n_judged=n_judged, tell=tell)


def _fitted(plan: RecipePlan, hours: float, tell: Callable[[str], None] | None) -> Recipe:
    """The recipe with its epochs scaled so that training and judging take so many hours on this machine."""
    times, training = times_of(plan, tell), plan.training
    budget = Budget(
        recipe=plan.recipe,
        dataset=training.dataset,
        hours=hours,
        seconds=3600 * hours,
        needed_s=lambda shares: times.scaled(shares).once_s,
    )
    recipe, shares = budget.fitted()
    shortest = times.scaled(shares)
    if shortest.once_s > 1.1 * budget.seconds:
        raise UsageError(
            f"{training.spelled('hours')} {hours:g} is too short: measuring and judging take about "
            f"{duration(times.fixed_s)} and the shortest useful training {duration(sum(shortest.training_s))}; give "
            f"more, or use a quicker {training.spelled('recipe')}."
        )
    return recipe


def carry_out_recipe(plan: RecipePlan, listener: Listener) -> TrainingResult:
    """Trains as planned, or goes on at the stage and epoch of the last call; writes weights and `result.json`.

    Raises:
        UsageError: The folder cannot be used.
        TrainingError: A training diverges.
        InterruptedRunError: Ctrl-C.
    """
    training = plan.training
    make_folder(training)
    stages = training.folder / STAGES_NAME
    with alone(training), stoppable(training.folder, lambda: any(stages.glob("*"))):
        if not plan.is_begun:
            content = {"recipe": plan.recipe.model_dump(mode="json"), "training": plan.identity}
            write_text(training.folder / PLAN_NAME, json.dumps(content, indent=1) + "\n")
        stages.mkdir(exist_ok=True)
        trained = train_stages(
            plan.staged(),
            on_pass=listener.stage,
            on_end=lambda result, is_known: listener.stage_ended(result, is_known=is_known),
            on_epoch=listener.epoch,
            on_step=listener.step,
        )
        weights = training.folder / WEIGHTS_NAME
        keep_weights(trained.weights, weights)
        result = _result(plan, trained, listener)
        write_text(training.folder / RESULT_NAME, json.dumps(result.to_plain(), indent=1) + "\n")
    return result


def _known(plan: RecipePlan, asked: Recipe) -> Recipe | None:
    """The recipe of a training that the folder contains already; raises UsageError if it is another training."""
    path, out = plan.training.folder / PLAN_NAME, plan.training.spelled("out")
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = parse(Recipe, content["recipe"], where=str(path), error=ConfigError)
        identity = content["training"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as failure:
        raise UsageError(f"{path} cannot be read ({failure}); choose another {out}, or remove the folder.") from None
    differing = [name for name in {**plan.identity, **identity} if identity.get(name) != plan.identity.get(name)]
    if (found.name, found.hours) != (asked.name, asked.hours):
        differing.append(f"recipe ({_recipe_words(found)})")
    elif asked.hours is None and found.stages != _as_stored(asked).stages:
        differing.append("definition of the recipe's stages")
    if differing:
        raise UsageError(
            f"{plan.training.folder} contains another training with a different {' and '.join(differing)}; choose "
            f"another {out}."
        )
    return found


def _as_stored(recipe: Recipe) -> Recipe:
    return parse(Recipe, recipe.model_dump(mode="json"), where=recipe.name, error=ConfigError)


def _recipe_words(recipe: Recipe) -> str:
    return recipe.name if recipe.hours is None else f"{recipe.name} within {recipe.hours:g} h"


def _result(plan: RecipePlan, trained: StagesResult, listener: Listener) -> TrainingResult:
    training, kept = plan.training, trained.passes[trained.kept]
    weights = training.folder / WEIGHTS_NAME
    network = load_network(weights)
    listener.trained(kept.validation_accuracy, kept.emulation)
    ideal: Judgement | None = None
    chips: tuple[AgedJudgement, ...] = ()
    if training.to_judge:
        ideal, chips = measure(network, weights, training.dataset, training.noisy, listener, seed=training.seed)
    protocol = network.header.protocol
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return TrainingResult(
        header=network.header,
        dataset_name=training.dataset.name,
        trained_on=place_words(protocol, device),
        seconds=trained.seconds,
        validation_emulation=form_of(protocol),
        test=ideal,
        test_with_device_noise=chips[0].judgement if chips else None,
        device_noise=training.noisy.settings if training.to_judge else None,
        devices=training.noisy.told if training.to_judge else None,
        chip=training.chip,
        recipe={
            "name": plan.recipe.name,
            "hours": plan.recipe.hours,
            "stages": [asdict(one) for one in trained.passes],
            "kept": trained.kept + 1,
        },
    )
