"""Problems of the search benchmark: the real hardware model with a frozen accuracy, and a recorder of evaluations."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from search.formula import FormulaAccuracy

from hw_models import CrossbarSpec, load_device, load_model, load_technology
from xpert_evo.backbones import load_backbone
from xpert_evo.hardware import Hardware
from xpert_evo.objectives import Constraints, FloatArray, Objectives
from xpert_evo.search import hypervolume
from xpert_evo.space import PAPER_CHOICES, Choices, Genomes, SearchSpace

Score = Callable[[Genomes], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What every method is given: a space and the scores of genomes.

    Attributes:
        space: Where to search.
        score: Minimised objectives (designs, objectives) and violations (designs, constraints) of genomes.
        values: The same designs' accuracy, EDAP, area and latency by name, for methods that state another problem.
        reference_point: Of hypervolumes.
    """

    space: SearchSpace
    score: Score
    values: Callable[[Genomes], Mapping[str, FloatArray]]
    reference_point: FloatArray


class Recorder:
    """Scores genomes and remembers all of it, in order, with the seconds that scoring took."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.objectives: list[FloatArray] = []
        self.violations: list[FloatArray] = []
        self.n_evaluated = 0
        self.seconds = 0.0

    def __call__(self, genomes: Genomes) -> tuple[FloatArray, FloatArray]:
        """Objectives and violations of genomes."""
        began = time.process_time()
        objectives, violations = self.problem.score(genomes)
        self.seconds += time.process_time() - began
        self.objectives.append(objectives)
        self.violations.append(violations)
        self.n_evaluated += len(genomes)
        return objectives, violations

    def feasible(self, n: int) -> FloatArray:
        """Objectives of those among the first n designs that keep all limits."""
        objectives, violations = np.concatenate(self.objectives)[:n], np.concatenate(self.violations)[:n]
        return objectives[(violations <= 0).all(axis=1)]

    def hypervolume(self, n: int) -> float:
        """Returns the hypervolume of the feasible designs among the first n."""
        return hypervolume(self.feasible(n), self.problem.reference_point)


def co_search(
    backbone: str = "vgg16", area_limit_mm2: float | None = 50.0, choices: Choices = PAPER_CHOICES
) -> Problem:
    """A backbone in the paper's space on the device of its published parameters; accuracy by `FormulaAccuracy`.

    The reference point is half of all images wrong, at the EDAP of the homogeneous backbone (SAR, 6 bits, 8 columns an
    ADC, 8-bit inputs): what is worse than that in either objective interests nobody.

    Args:
        backbone: Its name.
        area_limit_mm2: Limit on area; None for 0.7 times that of the homogeneous backbone, as 50 mm2 are of VGG16's 71.
        choices: Choices of the genes; the paper's by default.
    """
    space = SearchSpace(load_backbone(backbone), choices)
    crossbar = CrossbarSpec()
    chip = Hardware(
        crossbar=crossbar,
        device=load_device("rram-6k"),
        technology=load_technology("cmos-32nm-lstp"),
        model=load_model("xpertsim"),
    )
    table = chip.table(space)
    accuracy = FormulaAccuracy(space, crossbar)
    baseline = space.baseline()
    limit = 0.7 * float(table.score(baseline).area_mm2[0]) if area_limit_mm2 is None else area_limit_mm2
    objectives, constraints = Objectives(("accuracy", "edap")), Constraints(area_limit_mm2=limit)

    def values(genomes: Genomes) -> dict[str, FloatArray]:
        costs = table.score(genomes)
        return {
            "accuracy": accuracy(genomes),
            "edap": costs.edap,
            "area": costs.area_mm2,
            "latency": costs.latency_us,
        }

    def score(genomes: Genomes) -> tuple[FloatArray, FloatArray]:
        scored = values(genomes)
        return objectives.minimised(scored), constraints.violations(scored)

    reference_point = np.array([0.5, score(baseline)[0][0, 1]])
    return Problem(space=space, score=score, values=values, reference_point=reference_point)


PROBLEMS: Mapping[str, Callable[[], Problem]] = {
    "vgg16": co_search,
    "vgg8": partial(co_search, "vgg8", None),
}
"""The problem that the operators were tuned on, and one on which nothing was tuned."""
