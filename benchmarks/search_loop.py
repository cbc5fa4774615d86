"""What the surrogate and the choice of designs to train are worth: whole runs, each part switched off in turn.

    python benchmarks/search_loop.py --seeds 5

This is version 1 of the search, which chose designs by their expected gain on mean predictions; `search_labels.py` runs
the present one. A simulated run, with the defaults of that version but three rounds of eight: 16 first designs, then
three times a surrogate of all labels, a search of 3,000 evaluations on it, and eight designs trained, one of them a
homogeneous rival and one a probe. A training
measures the formula of `search.formula` and a seed's luck of 0.012. What counts is the hypervolume of the trained
designs' true objectives, in percent of the reference front's (`search_quality.py reference`), and how well the designs
of the rounds were predicted beforehand, all together: Kendall's tau, error, coverage of the 90 % interval, and how far
the front's highest prediction lay above the best training of the run. Medians of the first over the seeds (least ...
most), means of the others.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from search.problems import Problem, co_search
from search.runs import OUT, reference_hypervolume

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.surrogate.fit import AUTO, FittedSurrogate, fit_surrogate
from xpert_evo.accuracy.surrogate.models import MODELS
from xpert_evo.accuracy.surrogate.quality import Quality
from xpert_evo.objectives import FloatArray
from xpert_evo.search import Nsga2, SearchSettings, hypervolume
from xpert_evo.search.infill import select_infill
from xpert_evo.search.seeding import DEPTH_FACTORS, first_designs, first_population, homogeneous_designs
from xpert_evo.space import Genomes

SEED_STD = 0.012
N_FIRST, N_ROUNDS, N_A_ROUND, N_PROBES, N_EVALUATED = 16, 3, 8, 2, 3_000
N_RIVALS = N_PROBES // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a simulated run ended.

    Attributes:
        hypervolume: Of the trained designs' true objectives.
        quality: Of what was predicted of the designs of the rounds; None without a surrogate.
        excess: Highest prediction of the last front less the best label of the run, a fraction.
    """

    hypervolume: float
    quality: Quality | None = None
    excess: float = float("nan")


Choose = Callable[["_Run", FittedSurrogate, Genomes], Genomes]


class _Run:
    """The state of a simulated run: trained designs, their labels, and a generator for all that is random."""

    def __init__(self, problem: Problem, seed: int, n_first: int) -> None:
        self.problem, self.rng, self.seed = problem, np.random.default_rng(seed), seed
        baseline = problem.space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
        self.genomes = first_designs(
            problem.space,
            n_first,
            self.rng,
            costs=lambda genomes: np.log10(problem.values(genomes)["edap"]),
            feasible=self.feasible,
            reference=baseline,
        )
        self.labels = self.train(self.genomes)

    def feasible(self, genomes: Genomes) -> np.ndarray:
        """Which designs keep the limit."""
        return np.asarray((self.problem.score(genomes)[1] <= 0).all(axis=1))

    def train(self, genomes: Genomes) -> FloatArray:
        """What trainings would measure."""
        luck = SEED_STD * self.rng.standard_normal(len(genomes))
        return np.clip(self.problem.values(genomes)["accuracy"] + luck, 0, 1)

    def objectives(self, genomes: Genomes, accuracies: FloatArray) -> FloatArray:
        """Minimised: error, and the logarithm of EDAP as the problem states it."""
        exact = self.problem.score(genomes)[0]
        return np.stack([1 - accuracies, exact[:, 1]], axis=1)

    def hypervolume(self) -> float:
        """Of what was trained, by its true objectives."""
        kept = self.genomes[self.feasible(self.genomes)]
        return hypervolume(self.problem.score(kept)[0], self.problem.reference_point)


def simulate(problem: Problem, seed: int, kind: str, choose: Choose) -> Outcome:
    """A run with a surrogate of a kind and a rule that chooses the designs of a round."""
    run = _Run(problem, seed, N_FIRST)
    means, stds, measured, top = [], [], [], 0.0
    for round_ in range(N_ROUNDS):
        surrogate = fit_surrogate(
            problem.space, run.genomes, run.labels, crossbar=CrossbarSpec(), seed=seed + round_, kind=kind
        )
        front = _searched(run, surrogate)
        top = float(surrogate.predict(front)[0].max())
        new = _with_probes(run, choose(run, surrogate, front))
        mean, std = surrogate.predict(new)
        labels = run.train(new)
        means, stds, measured = [*means, mean], [*stds, std], [*measured, labels]
        run.genomes, run.labels = np.concatenate([run.genomes, new]), np.concatenate([run.labels, labels])
    quality = Quality.of(np.concatenate(means), np.concatenate(stds), np.concatenate(measured))
    return Outcome(hypervolume=run.hypervolume(), quality=quality, excess=top - float(run.labels.max()))


def without_surrogate(problem: Problem, seed: int) -> Outcome:
    """As many trainings, all chosen before the first one for spread in cost and in the genes' averages."""
    return Outcome(hypervolume=_Run(problem, seed, N_FIRST + N_ROUNDS * N_A_ROUND).hypervolume())


def by_gain(run: _Run, surrogate: FittedSurrogate, front: Genomes, *, smooth: bool = True) -> Genomes:
    """The rule of version 1."""
    members = _promising(run, surrogate, front, N_A_ROUND - N_PROBES, besides=front[:0], smooth=smooth)
    homogeneous = homogeneous_designs(run.problem.space, DEPTH_FACTORS)
    homogeneous = homogeneous[run.feasible(homogeneous)]
    rivals = _promising(run, surrogate, homogeneous, N_RIVALS, besides=members, smooth=smooth)
    return np.concatenate([members, rivals])


def without_rivals(run: _Run, surrogate: FittedSurrogate, front: Genomes) -> Genomes:
    """The rule of version 1, with probes in place of homogeneous rivals."""
    return _promising(run, surrogate, front, N_A_ROUND - N_PROBES, besides=front[:0])


def over_lucky_labels(run: _Run, surrogate: FittedSurrogate, front: Genomes) -> Genomes:
    """The rule of version 1, with gains over the labels as they came, lucky ones among them."""
    return by_gain(run, surrogate, front, smooth=False)


def _promising(
    run: _Run, surrogate: FittedSurrogate, genomes: Genomes, n: int, besides: Genomes, *, smooth: bool = True
) -> Genomes:
    """Those of some genomes that the trained front may gain most from, none trained or among `besides`."""
    mean, std = surrogate.predict(genomes)
    counted = np.concatenate([run.genomes, besides])
    accuracies = surrogate.predict(counted)[0]
    if not smooth:
        accuracies[: len(run.labels)] = run.labels
    kept = run.feasible(counted)
    chosen = select_infill(
        n,
        genomes=genomes,
        mean=run.objectives(genomes, mean),
        std=std[:, None] * np.array([1.0, 0.0]),
        trained=counted,
        front=run.objectives(counted, accuracies)[kept],
        reference_point=run.problem.reference_point,
        rng=run.rng,
    )
    return np.asarray(genomes[chosen])


def from_the_front(run: _Run, surrogate: FittedSurrogate, front: Genomes) -> Genomes:
    """Members of the front at random."""
    del surrogate
    return np.asarray(run.rng.permutation(front)[: N_A_ROUND - N_PROBES])


def from_everywhere(run: _Run, surrogate: FittedSurrogate, front: Genomes) -> Genomes:
    """No member of the front: all designs of the round are probes."""
    del run, surrogate
    return front[:0]


def _searched(run: _Run, surrogate: FittedSurrogate) -> Genomes:
    """The feasible front of a search on the surrogate's predictions."""
    initial = first_population(run.problem.space, 50, run.rng, feasible=run.feasible)
    search = Nsga2(run.problem.space, SearchSettings(), seed=run.seed, initial=np.concatenate([run.genomes, initial]))
    while search.state.n_evaluated < N_EVALUATED:
        genomes = search.ask()
        exact, violations = run.problem.score(genomes)
        search.tell(np.stack([1 - surrogate.predict(genomes)[0], exact[:, 1]], axis=1), violations)
    return search.state.genomes[search.state.front]


def _with_probes(run: _Run, chosen: Genomes) -> Genomes:
    """The chosen designs filled up with ones drawn from everywhere."""
    pool = run.rng.permutation(first_population(run.problem.space, 4 * N_A_ROUND, run.rng, feasible=run.feasible))
    return np.concatenate([chosen, pool[: N_A_ROUND - len(chosen)]])


def variants() -> Mapping[str, Callable[[Problem, int], Outcome]]:
    """Whole runs by name, the default first."""
    found: dict[str, Callable[[Problem, int], Outcome]] = {
        "everything": lambda problem, seed: simulate(problem, seed, AUTO, by_gain),
        "infill: over lucky labels": lambda problem, seed: simulate(problem, seed, AUTO, over_lucky_labels),
        "infill: no rivals": lambda problem, seed: simulate(problem, seed, AUTO, without_rivals),
        "infill: random of the front": lambda problem, seed: simulate(problem, seed, AUTO, from_the_front),
        "infill: probes alone": lambda problem, seed: simulate(problem, seed, AUTO, from_everywhere),
        "no surrogate": without_surrogate,
    }
    for kind in MODELS:
        found[f"surrogate: {kind}"] = lambda problem, seed, kind=str(kind): simulate(problem, seed, kind, by_gain)
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="variants, by the beginning of their names")
    options = parser.parse_args()
    torch.set_num_threads(1)
    problem = co_search()
    whole = reference_hypervolume(problem, np.load(OUT / "search_reference_vgg16.npy"))
    print(f"{'variant':30s}{'hypervolume %':>22s}{'tau':>7s}{'RMSE':>8s}{'in 90 %':>9s}{'excess':>8s}")
    for name, variant in variants().items():
        if options.only and not name.startswith(tuple(options.only)):
            continue
        outcomes = [variant(problem, seed) for seed in range(options.seeds)]
        shares = [100 * outcome.hypervolume / whole for outcome in outcomes]
        line = f"{name:30s}{np.median(shares):9.1f} ({min(shares):.1f}...{max(shares):.1f})"
        qualities = [outcome.quality for outcome in outcomes if outcome.quality is not None]
        if qualities:
            tau, rmse, coverage = np.mean([(q.tau, q.rmse, q.coverage) for q in qualities], axis=0)
            excess = np.mean([outcome.excess for outcome in outcomes])
            line += f"{tau:8.2f}{rmse:8.4f}{coverage:9.2f}{excess:+8.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
