"""The methods that `search_labels.py` compares at equal labels; each labels designs until the budget is spent.

All of them know costs and limits exactly. Surrogates of the opponents read the genes that change the accuracy, as
ordinals, so that they need not learn that the others do not matter.
"""

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.stats import kendalltau
from search.labelling import Labeller
from search.own_loop import run_loop
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.neural_network import MLPRegressor

from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.choosing import unknown
from xpert_evo.orchestration.task import Task
from xpert_evo.search import Nsga2, SearchSettings
from xpert_evo.search.seeding import DEPTH_FACTORS, first_population, homogeneous_designs
from xpert_evo.space import Genomes

Method = Callable[[Labeller, int], None]
"""Spends all labels, from a seed."""

N_FIRST, N_A_ROUND = 20, 10
"""Labels before the first model, and labels between two models, of every method that has a model."""


def ours(label: Labeller, seed: int) -> None:
    """The steps of `xpert-evo run`, with labels from the landscape: 20 first designs, then rounds of 10."""
    run_loop(label, seed, n_first=N_FIRST, n_a_round=N_A_ROUND)


def nsganetv2(label: Labeller, seed: int) -> None:
    """A loop like that of NSGANetV2 (Lu et al., ECCV 2020): surrogates switched by rank correlation, NSGA-II, a subset.

    A multilayer perceptron, radial basis functions and a Gaussian process on the genes compete in cross-validation in
    every round; NSGA-II searches from the labelled designs on the winner's predictions, 5,000 a round, and the front
    members to label are those that spread evenly over the objectives' range, the widest gaps first.
    """
    problem, rng = label.problem, np.random.default_rng(seed)
    task = problem.task
    label(first_population(task.space, N_FIRST, rng, feasible=task.feasible))
    while label.n_left:
        model = _switched(_ordinals(task, label.genomes), label.labels, seed)
        search = Nsga2(task.space, SearchSettings(), seed=rng.integers(2**31), initial=label.genomes)
        while search.state.n_evaluated < 5_000:
            genomes = search.ask()
            predicted = np.clip(model(_ordinals(task, genomes)), 0.0, 1.0)
            broken = task.constraints.violations(task.own_costs(genomes))
            search.tell(problem.objectives(genomes, predicted), broken)
        front = unknown(search.state.genomes[search.state.feasible], label.genomes)
        known = problem.objectives(label.genomes, label.labels)
        predicted = np.clip(model(_ordinals(task, front)), 0.0, 1.0)
        chosen = _widest_gaps(problem.objectives(front, predicted), known, N_A_ROUND)
        new = front[chosen] if len(front) else task.space.random(rng, N_A_ROUND)
        label(new)


def _ordinals(task: Task, genomes: Genomes) -> FloatArray:
    """Genes that change the accuracy, scaled to [0, 1], (designs, those genes)."""
    columns = _columns(task)
    return np.asarray(genomes[:, columns] / np.maximum(task.space.n_choices[columns] - 1, 1))


def _columns(task: Task) -> list[int]:
    return [i for i, gene in enumerate(task.space.genes) if gene.kind.record.changes_accuracy]


def _switched(table: FloatArray, labels: FloatArray, seed: int) -> Callable[[FloatArray], FloatArray]:
    """The model of the highest rank correlation in five-fold cross-validation, fitted to all labels."""
    folds = np.random.default_rng(seed).permutation(len(labels)) % 5
    makers = (_perceptron, _radial, _process)
    taus = []
    for make in makers:
        predicted = np.empty_like(labels)
        for fold in range(5):
            out = folds == fold
            predicted[out] = make(table[~out], labels[~out])(table[out])
        taus.append(float(np.nan_to_num(kendalltau(predicted, labels).statistic, nan=-1.0)))
    return makers[int(np.argmax(taus))](table, labels)


def _perceptron(table: FloatArray, labels: FloatArray) -> Callable[[FloatArray], FloatArray]:
    model = MLPRegressor(hidden_layer_sizes=(100,), alpha=1e-2, solver="lbfgs", max_iter=100, random_state=0)
    mean, std = labels.mean(), labels.std()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose, against overfitting
        model.fit(table, (labels - mean) / std)
    return lambda rows: np.asarray(model.predict(rows) * std + mean)


def _radial(table: FloatArray, labels: FloatArray) -> Callable[[FloatArray], FloatArray]:
    _, first = np.unique(table, axis=0, return_index=True)
    model = RBFInterpolator(table[first], labels[first], kernel="linear", smoothing=0.1, degree=0)
    return lambda rows: np.asarray(model(rows))


def _process(table: FloatArray, labels: FloatArray) -> Callable[[FloatArray], FloatArray]:
    kernel = ConstantKernel(1.0) * RBF(2.0, (0.3, 30.0)) + WhiteKernel(0.05, (1e-3, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound on the noise may bind
        model = GaussianProcessRegressor(kernel, normalize_y=True).fit(table, labels)
    return lambda rows: np.asarray(model.predict(rows))


def _widest_gaps(points: FloatArray, known: FloatArray, n: int) -> list[int]:
    """Positions of the points farthest from everything labelled or chosen, one after another."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = np.where(high > low, high - low, 1.0)
    distance = np.linalg.norm((points[:, None] - known[None]) / scale, axis=2).min(axis=1)
    chosen: list[int] = []
    for _ in range(min(n, len(points))):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm((points - points[chosen[-1]]) / scale, axis=1))
        distance[chosen] = -1.0
    return chosen


def optuna(sampler_name: str) -> Method:
    """A sampler of Optuna with its defaults, for the noisy objectives, the area limit as its constraint."""

    def run(label: Labeller, seed: int) -> None:
        library = importlib.import_module("optuna")
        library.logging.set_verbosity(logging.ERROR)
        problem, space = label.problem, label.problem.task.space

        def objective(trial: Any) -> tuple[float, ...]:
            genome = np.array([[trial.suggest_int(f"g{i}", 0, int(k) - 1) for i, k in enumerate(space.n_choices)]])
            broken = problem.task.constraints.violations(problem.task.own_costs(genome))
            trial.set_constraint("limits", float(broken.max(initial=-1.0)))
            return tuple(problem.objectives(genome, label(genome))[0])

        sampler = getattr(library.samplers, sampler_name)(seed=seed)
        library.create_study(directions=["minimize"] * 2, sampler=sampler).optimize(objective, n_trials=label.n_left)

    return run


def random_homogeneous(label: Labeller, seed: int) -> None:
    """Homogeneous designs within the limits in random order, with five factors on the backbone's depths."""
    task = label.problem.task
    designs = homogeneous_designs(task.space, DEPTH_FACTORS)
    designs = designs[task.feasible(designs)]
    label(designs[np.random.default_rng(seed).permutation(len(designs))])


def methods() -> Mapping[str, Method]:
    """All methods by name; those of Optuna and BoTorch only where these are installed."""
    found: dict[str, Method] = {
        "xpert-evo": ours,
        "NSGANetV2-like": nsganetv2,
        "random homogeneous": random_homogeneous,
    }
    if importlib.util.find_spec("optuna") is not None:
        found |= {"Optuna TPE": optuna("TPESampler"), "Optuna NSGA-II": optuna("NSGAIISampler")}
    if importlib.util.find_spec("botorch") is not None:
        found["BoTorch qLogNEHVI"] = importlib.import_module("search.with_botorch").qlognehvi
    return found
