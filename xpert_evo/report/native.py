"""The designs of a run at native size: their accuracies, their costs, and the native front among them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xpert_evo.accuracy.surrogate.quality import kendall_tau
from xpert_evo.accuracy.training.recipes import Recipe
from xpert_evo.config import RunConfig
from xpert_evo.design import design_from_text
from xpert_evo.objectives import OBJECTIVES
from xpert_evo.orchestration.chips import IDEAL_DEVICES, device_words
from xpert_evo.orchestration.names import HOMOGENEOUS, NATIVE, REFINED
from xpert_evo.orchestration.native_plan import native_note, refined_weights
from xpert_evo.orchestration.task import Task
from xpert_evo.report.candidates import Candidate, OnChips, alone, figures_alone
from xpert_evo.search import non_dominated
from xpert_evo.store import Label, Plan, Store
from xpert_evo.words import counted, lower, times

_LEAST_FOR_TAU = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeDesign:
    """A design trained at native size.

    Attributes:
        candidate: Its accuracies and costs; `label` and `predicted` are None, as those of the search are of a proxy.
        role: `searched` or `homogeneous`, or `refined` for peripherals chosen again for a trained network.
        expected: Accuracy that the search's surrogate expects of its proxy (fraction); None for refined designs.
    """

    candidate: Candidate
    role: str
    expected: float | None

    @property
    def is_homogeneous(self) -> bool:
        """Whether it is a homogeneous rival."""
        return self.role == HOMOGENEOUS

    def to_plain(self) -> dict[str, Any]:
        """The entry of `native.json`."""
        plain = self.candidate.to_plain()
        accuracy = {
            name: plain["accuracy"][name]
            for name in ("measured", "split", "validation", "emulation", "n_images", "devices", "ideal", "on_chips")
            if name in plain["accuracy"]
        }
        return {
            **plain,
            "role": self.role,
            "accuracy": {
                **accuracy,
                "std": self.candidate.measured_std,
                "interval": self.candidate.interval,
                "expected_of_proxy": self.expected,
                "protocol": self.candidate.protocol,
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeResult:
    """Trainings at native size of a run.

    Attributes:
        recipe: Recipe of the trainings, its protocols fitted to the data set as they are carried out.
        designs: Trained designs, by rising EDAP.
        n_planned: Number of planned trainings.
        failed: Ids of designs whose training failed in every attempt.
        is_refined: Whether refinements have ended or are not wanted.
        refined_files: Refined networks by the id of their design, as paths in the run's folder.
    """

    recipe: Recipe
    designs: list[NativeDesign]
    n_planned: int
    failed: list[str]
    is_refined: bool
    refined_files: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Whether all trainings have ended, and the refinements, if any are wanted."""
        return self.is_refined and len(self.designs) + len(self.failed) >= self.n_planned

    @property
    def missing_words(self) -> str:
        """What is missing of trainings that have not ended: `2 networks are missing`."""
        n_missing = self.n_planned - len(self.designs) - len(self.failed)
        if not n_missing:
            return "" if self.is_refined else "refined networks are missing"
        refined = "" if self.is_refined else ", and those that are refined"
        return f"{counted(n_missing, 'network')}{refined} {'is' if n_missing == 1 and not refined else 'are'} missing"

    @property
    def front(self) -> list[NativeDesign]:
        """The native front: designs that no other one beats in validation accuracy at native size and in EDAP."""
        if not self.designs:
            return []
        candidates = [one.candidate for one in self.designs]
        error = OBJECTIVES["accuracy"].minimised(np.array([c.validation for c in candidates]))
        edap = np.log10([c.hardware["edap"] for c in candidates])
        on_front = np.zeros(len(candidates), dtype=bool)
        on_front[non_dominated(np.stack([error, edap], axis=1))] = True
        return [one for one, is_on_front in zip(self.designs, on_front, strict=True) if is_on_front]

    @property
    def size_words(self) -> str:
        """`at native size`, or what a recipe of narrower networks trains instead."""
        divisor = self.recipe.stages[0].protocol.width_divisor
        return "at native size" if divisor == 1 else f"at 1/{divisor} of the native width"

    @property
    def recipe_words(self) -> str:
        """The recipe with its stages: `recipe hour: one-night (24 epochs), exact-tune (1 epoch)`."""
        stages = ", ".join(f"{s.protocol.name} ({counted(s.protocol.epochs, 'epoch')})" for s in self.recipe.stages)
        hours = "" if self.recipe.hours is None else f", scaled to a run of {self.recipe.hours:g} h"
        return f"recipe {self.recipe.name}: {stages}{hours}"

    @property
    def tau(self) -> float | None:
        """Kendall's tau between what the search expected of proxies and validation at native size; None if too few."""
        known = [(one.expected, one.candidate.validation) for one in self.designs if one.expected is not None]
        if len(known) < _LEAST_FOR_TAU:
            return None
        expected, found = (np.array(column) for column in zip(*known, strict=True))
        return kendall_tau(expected, found)

    @property
    def has_rivals(self) -> bool:
        """Whether a homogeneous design was trained, with which those of the search can be compared."""
        return any(one.is_homogeneous for one in self.designs)

    def of(self, digest: str) -> NativeDesign | None:
        """Returns the design with an id; None if it was not trained."""
        return next((one for one in self.designs if one.candidate.digest == digest), None)

    def rival_of(self, design: NativeDesign) -> NativeDesign | None:
        """Returns the homogeneous design of lowest EDAP that is at least as accurate on validation images, or None."""
        good = [
            one
            for one in self.designs
            if one.is_homogeneous and one.candidate.validation >= design.candidate.validation
        ]
        return min(good, key=lambda one: one.candidate.hardware["edap"], default=None)

    @property
    def line(self) -> str:
        """Compares the designs of the search with their homogeneous rivals in a sentence for the terminal."""
        if not self.has_rivals:
            return (
                f"No homogeneous design was trained {self.size_words}, so there is nothing to compare the designs of "
                "the search with; native.rivals is the number of homogeneous designs to train."
            )
        own = [one for one in self.front if not one.is_homogeneous]
        if not own:
            return f"No design of the search is on the native front of {len(self.front)}: the rivals are better."
        parts = []
        for one in sorted(own, key=lambda design: -design.candidate.validation):
            rival = self.rival_of(one)
            digest = one.candidate.digest[:8]
            if rival is None:
                parts.append(f"{digest} is more accurate than every homogeneous design trained")
            else:
                ratio = rival.candidate.hardware["edap"] / one.candidate.hardware["edap"]
                parts.append(f"{digest} has {lower(ratio)} EDAP than {rival.candidate.digest[:8]}")
        return (
            f"Against homogeneous designs that are at least as accurate on validation images {self.size_words}: "
            f"{'; '.join(parts)}."
        )


def load_native(store: Store, task: Task, config: RunConfig) -> NativeResult | None:
    """Reads the trainings at native size; None before they are planned."""
    planned = native_note(store)
    if planned is None:
        return None
    plans = [plan for plan in store.plans() if plan.batch in {NATIVE, REFINED}]
    labels = {(label.digest, label.context): label for label in store.all_labels()}
    tries = Counter((failure.digest, failure.context) for failure in store.failures())
    designs = [
        NativeDesign(
            candidate=_candidate(task, plan, labels[plan.digest, plan.context]),
            role="refined" if plan.batch == REFINED else planned.roles[plan.digest],
            expected=None if plan.batch == REFINED else planned.expected[plan.digest],
        )
        for plan in plans
        if (plan.digest, plan.context) in labels
    ]
    failed = [
        plan.digest
        for plan in plans
        if (key := (plan.digest, plan.context)) not in labels and tries[key] > config.training.retries
    ]
    wanted = config.native.refine and not planned.recipe.is_proxy
    refined = refined_weights(store)
    designs.sort(key=lambda one: one.candidate.hardware["edap"])
    return NativeResult(
        recipe=task.recipe_carried_out(planned.recipe),
        designs=designs,
        n_planned=len(plans),
        failed=failed,
        is_refined=not wanted or refined is not None,
        refined_files=refined or {},
    )


def native_json(native: NativeResult) -> str:
    """Returns the content of `native.json`: the native front first, each design with whether it is on the front."""
    front = {one.candidate.digest for one in native.front}
    entries = [{**one.to_plain(), "on_native_front": one.candidate.digest in front} for one in native.designs]
    return json.dumps(sorted(entries, key=lambda entry: not entry["on_native_front"]), indent=1) + "\n"


def ratio_words(candidate: Candidate, baseline: dict[str, float]) -> str:
    """The EDAP of the baseline over that of a design: `322 x`."""
    return f"{times(baseline['edap'] / candidate.hardware['edap'])} x"


def by_accuracy(designs: Sequence[NativeDesign]) -> list[NativeDesign]:
    """Returns designs by falling validation accuracy at native size."""
    return sorted(designs, key=lambda one: -one.candidate.validation)


def _candidate(task: Task, plan: Plan, label: Label) -> Candidate:
    """A design with its costs; its genes need not be choices of the run's space."""
    design = design_from_text(plan.design)
    test, of_label = label.details["test"], label.details.get("chips")
    return Candidate(
        design=design,
        digest=plan.digest,
        genome=alone(task, design)[1][0],
        protocol=label.protocol,
        validation=label.accuracy,
        robustness=None,
        test=test["accuracy"],
        devices=IDEAL_DEVICES if of_label is None else device_words(task.config),
        ideal=test.get("ideal"),
        on_chips=OnChips.of(test.get("chips")),
        emulation=test["emulation"],
        n_test_images=test["n_images"],
        label=None,
        label_protocol=task.config.training.protocol,
        predicted=None,
        std=None,
        hardware=figures_alone(task, design),
        cost_model=task.hardware.model.name,
        batch=plan.batch,
        reused=False,
        seconds=label.seconds,
    )
