"""Plans the trainings at native size: their recipe, scaled to the time that is left, and the note that keeps it."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpert_evo.accuracy.crossbars.snr import EMULATION_VERSION
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.training.recipes import Recipe, load_recipe
from xpert_evo.config import RunConfig
from xpert_evo.errors import ConfigError, StoreError
from xpert_evo.executor_kinds import ExecutorKind
from xpert_evo.executors.base import usable_cores
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.effort import makespan
from xpert_evo.orchestration.stage_times import Budget, StageTimes, Trainee, measured_times
from xpert_evo.orchestration.task import Task
from xpert_evo.space import Genomes
from xpert_evo.store import Store, Topic
from xpert_evo.validation import parse

_KEY, _REFINED = "plan", "refined"


@dataclass(frozen=True, slots=True, kw_only=True)
class NativePlan:
    """The trainings at native size of a run, as noted when they were planned.

    Attributes:
        recipe: Recipe of all trainings, scaled to the budget if there is one.
        roles: Digest of each design -> `names.SEARCHED` or `names.HOMOGENEOUS`.
        expected: Digest of each design -> accuracy that the search's surrogate expects of its proxy (fraction).
        seconds: Expected duration of one training [s].
        judging_s: Expected duration of one judgement on test images [s].
        on_chips: Whether networks are judged on the chips of the settings; those of earlier versions were not.
    """

    recipe: Recipe
    roles: Mapping[str, str]
    expected: Mapping[str, float]
    seconds: float
    judging_s: float
    on_chips: bool = True

    def to_plain(self) -> dict[str, Any]:
        """Plain values for the note."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "roles": dict(self.roles),
            "expected": dict(self.expected),
            "seconds": self.seconds,
            "judging_s": self.judging_s,
            "on_chips": self.on_chips,
        }


def native_note(store: Store) -> NativePlan | None:
    """Returns the plan of a run's trainings at native size; None before there is one."""
    plain = store.note(Topic.NATIVE, _KEY)
    if plain is None:
        return None
    where = f"the plan of trainings at native size in {store.folder}"
    return NativePlan(
        recipe=parse(Recipe, plain["recipe"], where=where, error=StoreError),
        roles=plain["roles"],
        expected=plain["expected"],
        seconds=plain["seconds"],
        judging_s=plain["judging_s"],
        on_chips=plain.get("on_chips", False),
    )


def add_native_note(store: Store, plan: NativePlan) -> None:
    """Writes the plan; belongs inside a transaction."""
    store.add_note(Topic.NATIVE, _KEY, plan.to_plain())


def refined_weights(store: Store) -> dict[str, str] | None:
    """Returns refined networks by the id of their design, as paths in the run's folder; None before refining ended."""
    found: dict[str, str] | None = store.note(Topic.NATIVE, _REFINED)
    return found


def add_refined_note(store: Store, weights: Mapping[str, str]) -> None:
    """Writes the refined networks; belongs inside a transaction."""
    store.add_note(Topic.NATIVE, _REFINED, dict(weights))


def native_context(
    config: RunConfig, recipe: Recipe, dataset_digest: str, *, refined: bool, chips: Chips | None
) -> str:
    """Returns sixteen digits for everything that determines a label at native size besides the design."""
    content = {
        "stages": [stage.model_dump(mode="json") for stage in recipe.stages],
        "dataset": dataset_digest,
        "emulation": EMULATION_VERSION,
        "crossbar": config.hardware.crossbar.model_dump(mode="json"),
        "judge_images": config.native.judge_images,
        "refined": refined,
        **({} if chips is None else chips.context(judged=True)),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def check_recipe_is_used(config: RunConfig) -> None:
    """Raises ConfigError for a recipe that was asked for although nothing is trained at native size."""
    if not config.native.train:
        raise ConfigError(
            f"native.recipe = {config.native.recipe} (--recipe) trains designs at native size, but native.train is "
            "off; add --to native, or leave it out."
        )


def check_recipe(config: RunConfig, *, is_new: bool) -> None:
    """Raises ConfigError if the recipe of trainings at native size is unknown or needs trained weights.

    Runs that have begun may have kept a wrong recipe, as long as it is not used.
    """
    if (is_new or config.native.train) and load_recipe(config.native.recipe).needs_weights:
        raise ConfigError(
            f"native.recipe = {config.native.recipe} begins with a stage that continues from trained weights, but a "
            "run has none; choose a recipe that begins with random ones, such as hour."
        )


def times_by_size(
    task: Task, dataset: Dataset, genomes: Genomes, recipe: Recipe, tell: Callable[[str], None] | None = None
) -> tuple[list[StageTimes], FloatArray]:
    """Measures the smallest and the largest design; returns their times and each design's place between them.

    Args:
        task: Search task.
        dataset: Data set of the run.
        genomes: Designs, (designs, genes).
        recipe: Recipe of the trainings.
        tell: Called with a description of each measurement.

    Returns:
        Times of the two designs, and for each design its position from 0 to 1 between them by multiply-accumulates.
    """
    sizes = np.asarray(macs(task.space, genomes), dtype=np.float64)
    ends = [int(sizes.argmin()), int(sizes.argmax())]
    n_test = min(task.config.native.judge_images or len(dataset.test), len(dataset.test))
    chips = Chips.of(task.config)
    found = [
        measured_times(
            Trainee(
                design=task.space.decode(genomes[i : i + 1])[0],
                backbone=task.backbone,
                crossbar=task.hardware.crossbar,
                dataset=dataset,
                devices=chips.devices if chips.label_chips or chips.judge_chips else None,
            ),
            recipe,
            n_judged=judged_images(task.config, recipe, n_test, len(dataset.validation)),
            tell=tell,
        )
        for i in dict.fromkeys(ends)
    ]
    width = sizes.max() - sizes.min()
    return [found[0], found[-1]], (sizes - sizes.min()) / (width or 1.0)


def judged_images(config: RunConfig, recipe: Recipe, n_test: int, n_validation: int) -> list[int]:
    """Numbers of images of the judgements of a network: on ideal devices, then on each chip with its calibration."""
    chips = Chips.of(config)
    n_labelled = min(recipe.stages[-1].protocol.n_validation or n_validation, n_validation)
    of_chips = [n_test] * chips.judge_chips + [n_labelled] * chips.label_chips
    return [n_test, *(n + chips.norm_images for n in of_chips)]


def seconds_each(times: Sequence[StageTimes], places: FloatArray) -> list[float]:
    """Duration of each training [s], from the times of the smallest and the largest design and its place between."""
    low, high = (one.once_s for one in times)
    return [float(low + place * (high - low)) for place in places]


def at_a_time(config: RunConfig, recipe: Recipe, n_workers: int) -> int:
    """Number of trainings that run at full speed at a time: stages of several threads share the machine's cores."""
    n_threads = max(stage.protocol.n_threads or 1 for stage in recipe.stages)
    if config.executor.kind not in {ExecutorKind.SERIAL, ExecutorKind.PROCESSES} or config.executor.gpus:
        return n_workers
    return min(n_workers, max(1, usable_cores() // n_threads))


def within(
    times: Sequence[StageTimes],
    places: FloatArray,
    recipe: Recipe,
    dataset: Dataset,
    hours: float,
    *,
    seconds: float,
    n_workers: int,
) -> tuple[Recipe, list[StageTimes]]:
    """Returns the recipe scaled so that all trainings end after so many seconds, and the times of it.

    Args:
        times: Times of the smallest and the largest design by the recipe as it is.
        places: Place of each design between them.
        recipe: Recipe as it is.
        dataset: Data set of the run.
        hours: Hours that the user gave for the whole run [h].
        seconds: What is left of them for these trainings [s].
        n_workers: Number of trainings at a time.
    """

    def needed_s(shares: Sequence[float]) -> float:
        return makespan(seconds_each([one.scaled(shares) for one in times], places), n_workers)

    budget = Budget(recipe=recipe, dataset=dataset, hours=hours, seconds=seconds, needed_s=needed_s)
    scaled, shares = budget.fitted()
    return scaled, [one.scaled(shares) for one in times]
