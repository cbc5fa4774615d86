"""What `search_labels.py` gives every method: a landscape, exact costs, noisy labels, and a count of them."""

import hashlib
from dataclasses import replace
from functools import cached_property

import numpy as np
from search.landscapes import Landscape

from xpert_evo.config import load_config
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.completing import Completion
from xpert_evo.orchestration.goals import joint_goals
from xpert_evo.orchestration.task import Task, build_task
from xpert_evo.orchestration.worst_case import WorstCase
from xpert_evo.search import Nsga2, SearchSettings, hypervolume, non_dominated
from xpert_evo.search.seeding import first_population
from xpert_evo.space import Genomes

NOISE_STD = 0.012
"""Standard deviation of a label's noise, a fraction: the spread between seeds of short trainings."""


class LabelProblem:
    """A landscape with the costs and limits of a run: accuracy against EDAP within the area limit.

    Args:
        landscape: See `search.landscapes`.
        settings: Further settings of the run by dotted name; they replace those of the landscape.
    """

    def __init__(self, landscape: Landscape, settings: dict[str, object] | None = None) -> None:
        self.landscape = landscape
        chosen = {**getattr(landscape, "settings", {}), **(settings or {})}
        backbone = landscape.space.backbone
        config = load_config(None, {"space.backbone": backbone.name, "training.devices": "ideal", **chosen})
        task = build_task(config, n_classes=backbone.n_classes, image_channels=backbone.image_channels)
        space, baseline = landscape.space, landscape.space.baseline()
        table, worst = task.hardware.table(space), None
        if task.worst_case is not None:
            worst = WorstCase.of(task.hardware, table, space, baseline, config.search.cost_models)
        self.task: Task = replace(
            task, space=space, backbone=backbone, table=table, baseline=baseline, worst_case=worst
        )

    @cached_property
    def digest(self) -> str:
        """Tells problems apart: by true objectives and violations of 300 designs, rounded, and the reference point."""
        task = self.task
        genomes = np.concatenate([task.baseline, task.space.random(np.random.default_rng(0), 300)])
        violations = task.constraints.on_chip.violations(task.own_costs(genomes))
        parts = (task.space.n_choices, self.true_objectives(genomes), violations, task.reference_point)
        rounded = b"".join((np.round(part, 9) + 0.0).tobytes() for part in parts)
        return hashlib.sha256(rounded).hexdigest()[:12]

    def objectives(self, genomes: Genomes, accuracies: FloatArray) -> FloatArray:
        """Minimised objectives, (designs, objectives), of designs with these accuracies."""
        return self.task.objectives.minimised(self.task.values(genomes, {"accuracy": accuracies}))

    def true_objectives(self, genomes: Genomes) -> FloatArray:
        """Minimised objectives without noise, (designs, objectives)."""
        return self.objectives(genomes, self.landscape.accuracy(genomes))

    def volume(self, genomes: Genomes) -> float:
        """Hypervolume of the true objectives of those designs that keep the limits."""
        kept = genomes[self.task.feasible(genomes)]
        return hypervolume(self.true_objectives(kept), self.task.reference_point) if len(kept) else 0.0

    def reference(self, n_evaluations: int, n_runs: int = 2) -> Genomes:
        """The undominated designs of long searches on the true values, (designs, genes).

        Genes that only change costs are set as in a run.
        """
        completion = Completion(joint_goals(self.task)[-1])
        found = []
        for seed in range(n_runs):
            settings = SearchSettings(population_size=400, offspring_size=200, screening=(6, 1)[seed % 2])
            rng = np.random.default_rng(1000 + seed)
            initial = first_population(self.task.space, 200, rng, feasible=self.task.feasible)
            search = Nsga2(completion.space, settings, seed=1000 + seed, initial=completion.own(initial))
            while search.state.n_evaluated < n_evaluations:
                genomes = completion.whole(search.ask())
                broken = self.task.constraints.violations(self.task.own_costs(genomes))
                search.tell(self.true_objectives(genomes), broken)
            found.append(completion.whole(search.state.genomes[search.state.front]))
        union = np.concatenate(found)
        return np.asarray(union[non_dominated(self.true_objectives(union))])


class Labeller:
    """Labels designs, with noise from a seed, and remembers all of it in order.

    Args:
        problem: The problem.
        n_most: Number of labels after which no more are given.
        seed: Random seed of the noise.
    """

    def __init__(self, problem: LabelProblem, n_most: int, seed: int) -> None:
        self.problem, self.n_most = problem, n_most
        self._rng = np.random.default_rng([seed, 77])
        self.genomes = np.empty((0, problem.task.space.n_genes), dtype=np.int64)
        self.labels = np.empty(0)

    @property
    def n_left(self) -> int:
        """Number of labels that remain."""
        return self.n_most - len(self.labels)

    def __call__(self, genomes: Genomes) -> FloatArray:
        """Labels of as many of the designs as the budget allows, (designs,)."""
        genomes = genomes[: self.n_left]
        noise = NOISE_STD * self._rng.standard_normal(len(genomes))
        labels = np.clip(self.problem.landscape.accuracy(genomes) + noise, 0.0, 1.0)
        self.genomes = np.concatenate([self.genomes, genomes])
        self.labels = np.concatenate([self.labels, labels])
        return np.asarray(labels)

    def offered(self, n: int) -> Genomes:
        """The measured front after n labels: designs within the limits that no other label dominates."""
        genomes, labels = self.genomes[:n], self.labels[:n]
        kept = self.problem.task.feasible(genomes)
        genomes, labels = genomes[kept], labels[kept]
        return genomes[non_dominated(self.problem.objectives(genomes, labels))] if len(genomes) else genomes
