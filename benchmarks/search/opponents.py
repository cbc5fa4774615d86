"""The methods that the search benchmark compares; each scores designs until its budget is spent."""

import importlib
import importlib.util
import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.sms import SMSEMOA
from pymoo.core.problem import Problem as PymooProblem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize
from search.problems import Recorder

from xpert_evo.objectives import Constraints
from xpert_evo.search import Nsga2, SearchSettings
from xpert_evo.search.phases import FIRST_PHASE, SECOND_PHASE, frozen_space, to_whole_space
from xpert_evo.search.seeding import DEPTH_FACTORS, first_population, homogeneous_designs

Method = Callable[[Recorder, int, int], None]
"""Scores n designs with a recorder, from a seed."""


def ours(settings: SearchSettings | None = None, *, seeded: bool = True) -> Method:
    """This project's search with its defaults, or with `settings`."""
    settings = settings or SearchSettings()

    def run(record: Recorder, n: int, seed: int) -> None:
        space = record.problem.space
        rng = np.random.default_rng(seed)
        initial = first_population(space, min(50, settings.population_size), rng) if seeded else None
        search = Nsga2(space, settings, seed=seed, initial=initial)
        while record.n_evaluated < n:
            search.tell(*record(search.ask()))

    return run


def two_phases(least_accuracy: float) -> Method:
    """The paper's order: half of the budget for least latency at a given accuracy, half for the precisions.

    The first phase freezes 8-bit inputs and ADCs and keeps the area limit; the second searches accuracy against EDAP on
    the network that the first one found.
    """

    def run(record: Recorder, n: int, seed: int) -> None:
        problem, rng = record.problem, np.random.default_rng(seed)
        limits = Constraints(area_limit_mm2=50.0, least_accuracy=least_accuracy)
        top = (problem.space.n_choices - 1)[None]
        first = frozen_space(problem.space, top, FIRST_PHASE)
        search = Nsga2(first, SearchSettings(), seed=seed, initial=first_population(first, 50, rng))
        while record.n_evaluated < n // 2:
            genomes = to_whole_space(first, problem.space, search.ask())
            record(genomes)
            values = problem.values(genomes)
            search.tell(np.log10(values["latency"])[:, None], limits.violations(values))
        best = to_whole_space(first, problem.space, search.state.genomes[:1])
        second = frozen_space(problem.space, best, SECOND_PHASE)
        search = Nsga2(second, SearchSettings(), seed=seed, initial=first_population(second, 50, rng))
        while record.n_evaluated < n:
            search.tell(*record(to_whole_space(second, problem.space, search.ask())))

    return run


def pymoo(algorithm: type, *, seeded: bool = False) -> Method:
    """An algorithm of pymoo as its documentation sets it up for integers: population 100, SBX and PM, rounded.

    Seeded, its first population is 100 random homogeneous designs.
    """

    def run(record: Recorder, n: int, seed: int) -> None:
        space = record.problem.space
        sampling: Any = IntegerRandomSampling()
        if seeded:
            designs = homogeneous_designs(space, DEPTH_FACTORS)
            sampling = designs[np.random.default_rng(seed).permutation(len(designs))[:100]]
        operators = {
            "crossover": SBX(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
            "mutation": PM(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair()),
        }
        engine = algorithm(pop_size=100, sampling=sampling, eliminate_duplicates=True, **operators)
        minimize(_AsPymoo(record), engine, ("n_eval", n), seed=seed, verbose=False)

    return run


class _AsPymoo(PymooProblem):
    def __init__(self, record: Recorder) -> None:
        top = record.problem.space.n_choices - 1
        super().__init__(n_var=len(top), n_obj=2, n_ieq_constr=1, xl=0, xu=top, vtype=int)
        self.record = record

    def _evaluate(self, x: np.ndarray, out: dict[str, Any], *_: object, **__: object) -> None:
        out["F"], out["G"] = self.record(x.astype(np.int64))


def optuna(sampler_name: str) -> Method:
    """A sampler of Optuna with its defaults and the area limit as its constraint."""

    def run(record: Recorder, n: int, seed: int) -> None:
        library = importlib.import_module("optuna")
        library.logging.set_verbosity(logging.ERROR)
        space = record.problem.space

        def objective(trial: Any) -> tuple[float, ...]:
            genome = [trial.suggest_int(f"g{i}", 0, int(k) - 1) for i, k in enumerate(space.n_choices)]
            objectives, violations = record(np.array([genome]))
            trial.set_constraint("area", float(violations[0, 0]))
            return tuple(objectives[0])

        sampler = getattr(library.samplers, sampler_name)(seed=seed)
        library.create_study(directions=["minimize"] * 2, sampler=sampler).optimize(objective, n_trials=n)

    return run


def random(record: Recorder, n: int, seed: int) -> None:
    """Uniform random genomes."""
    record(record.problem.space.random(np.random.default_rng(seed), n))


def random_homogeneous(record: Recorder, n: int, seed: int) -> None:
    """Homogeneous designs in random order, with five factors on VGG16's depths: 2,400 there are."""
    designs = homogeneous_designs(record.problem.space, DEPTH_FACTORS)
    record(designs[np.random.default_rng(seed).permutation(len(designs))[:n]])


def methods() -> Mapping[str, Method]:
    """All methods by name; Optuna's, and AGE-MOEA2, which needs numba, only where these are installed."""
    found: dict[str, Method] = {
        "xpert-evo": ours(),
        "pymoo NSGA-II": pymoo(NSGA2),
        "pymoo NSGA-II, seeded": pymoo(NSGA2, seeded=True),
        "pymoo SMS-EMOA": pymoo(SMSEMOA),
        "two phases, from 85 %": two_phases(0.85),
        "two phases, from 90 %": two_phases(0.90),
        "random": random,
        "random homogeneous": random_homogeneous,
    }
    if importlib.util.find_spec("numba") is not None:
        found["pymoo AGE-MOEA2"] = pymoo(importlib.import_module("pymoo.algorithms.moo.age2").AGEMOEA2)
    if importlib.util.find_spec("optuna") is not None:
        found |= {"Optuna NSGA-II": optuna("NSGAIISampler"), "Optuna TPE": optuna("TPESampler")}
    return found
