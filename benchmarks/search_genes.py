"""What the genes of the crossbars are worth: whole simulated runs in spaces with and without them.

    python benchmarks/search_genes.py --seeds 8

Each run has 200 labels: 40 first designs, then four times a surrogate of all labels, a search of 3,000 evaluations on
it, and 40 designs trained, five of them homogeneous rivals and five probes. A training measures the formula of
`search.formula`, in which weights of few bits lose as much as the signal-to-noise ratio of their quantisation says, and
a seed's luck of 0.012. What counts is the hypervolume of the trained designs' true objectives, from the same reference
point in every space: half of all images wrong, at the EDAP of the paper's baseline. Printed are the hypervolumes by
seed, in how many seeds each space is ahead of the paper's, and by what factor its lowest EDAP at an accuracy is lower.
"""

import argparse
from collections.abc import Mapping

import numpy as np
import torch
from search.problems import Problem, co_search

from hw_models import CrossbarSpec
from xpert_evo.accuracy.surrogate.fit import AUTO, FittedSurrogate, fit_surrogate
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.search import Nsga2, SearchSettings, hypervolume, non_dominated
from xpert_evo.search.infill import select_infill
from xpert_evo.search.seeding import DEPTH_FACTORS, first_designs, first_population, homogeneous_designs
from xpert_evo.space import PAPER_CHOICES, WIDE_CHOICES, Choices, Genomes

SEED_STD = 0.012
N_FIRST, N_ROUNDS, N_A_ROUND, N_RIVALS, N_PROBES, N_EVALUATED = 40, 4, 40, 5, 5, 3_000
ACCURACIES = (0.75, 0.8, 0.85)
SPACES: Mapping[str, Choices] = {
    "paper": PAPER_CHOICES,
    "weight bits": {**PAPER_CHOICES, GeneKind.WEIGHT_PRECISION: WIDE_CHOICES[GeneKind.WEIGHT_PRECISION]},
    "wide": WIDE_CHOICES,
}


class Run:
    """A simulated run: trained designs, their labels, and a generator for all that is random."""

    def __init__(self, problem: Problem, seed: int, kind: str) -> None:
        self.problem, self.seed, self.kind = problem, seed, kind
        self.rng = np.random.default_rng(seed)
        self.genomes = first_designs(
            problem.space,
            N_FIRST,
            self.rng,
            costs=lambda genomes: np.log10(problem.values(genomes)["edap"]),
            feasible=self.feasible,
            reference=problem.space.baseline(),
        )
        self.labels = self.train(self.genomes)

    def feasible(self, genomes: Genomes) -> np.ndarray:
        """Which designs keep the limit."""
        return np.asarray((self.problem.score(genomes)[1] <= 0).all(axis=1))

    def train(self, genomes: Genomes) -> FloatArray:
        """What trainings would measure."""
        luck = SEED_STD * self.rng.standard_normal(len(genomes))
        return np.clip(self.problem.values(genomes)["accuracy"] + luck, 0, 1)

    def advance(self) -> None:
        """One round: a surrogate, a search on it, and trainings."""
        space, n_labels = self.problem.space, len(self.labels)
        surrogate = fit_surrogate(
            space, self.genomes, self.labels, crossbar=CrossbarSpec(), seed=self.seed + n_labels, kind=self.kind
        )
        members = self._promising(surrogate, self._searched(surrogate), N_A_ROUND - N_RIVALS - N_PROBES)
        homogeneous = homogeneous_designs(space, DEPTH_FACTORS)
        homogeneous = homogeneous[self.feasible(homogeneous)]
        best = non_dominated(self._objectives(homogeneous, surrogate.predict(homogeneous)[0]))
        rivals = self._promising(surrogate, homogeneous[best], N_RIVALS, besides=members)
        chosen = np.concatenate([members, rivals])
        pool = self.rng.permutation(first_population(space, 4 * N_A_ROUND, self.rng, feasible=self.feasible))
        chosen = np.concatenate([chosen, pool[: N_A_ROUND - len(chosen)]])
        self.genomes, self.labels = (
            np.concatenate([self.genomes, chosen]),
            np.concatenate([self.labels, self.train(chosen)]),
        )

    def _searched(self, surrogate: FittedSurrogate) -> Genomes:
        """The feasible front of a search on the surrogate's predictions."""
        initial = first_population(self.problem.space, 50, self.rng, feasible=self.feasible)
        search = Nsga2(
            self.problem.space, SearchSettings(), seed=self.seed, initial=np.concatenate([self.genomes, initial])
        )
        while search.state.n_evaluated < N_EVALUATED:
            genomes = search.ask()
            exact, violations = self.problem.score(genomes)
            search.tell(np.stack([1 - surrogate.predict(genomes)[0], exact[:, 1]], axis=1), violations)
        return search.state.genomes[search.state.front]

    def _promising(
        self, surrogate: FittedSurrogate, genomes: Genomes, n: int, besides: Genomes | None = None
    ) -> Genomes:
        """Those of some genomes that the trained front may gain most from."""
        counted = self.genomes if besides is None else np.concatenate([self.genomes, besides])
        mean, std = surrogate.predict(genomes)
        kept = self.feasible(counted)
        chosen = select_infill(
            n,
            genomes=genomes,
            mean=self._objectives(genomes, mean),
            std=std[:, None] * np.array([1.0, 0.0]),
            trained=counted,
            front=self._objectives(counted, surrogate.predict(counted)[0])[kept],
            reference_point=self.problem.reference_point,
            rng=self.rng,
        )
        return np.asarray(genomes[chosen])

    def _objectives(self, genomes: Genomes, accuracies: FloatArray) -> FloatArray:
        return np.stack([1 - accuracies, self.problem.score(genomes)[0][:, 1]], axis=1)

    def truth(self) -> tuple[float, list[float]]:
        """Hypervolume of what was trained, and the lowest EDAP at each of `ACCURACIES` (infinite where none)."""
        kept = self.genomes[self.feasible(self.genomes)]
        values = self.problem.values(kept)
        lowest = [float(np.min(values["edap"][values["accuracy"] >= least], initial=np.inf)) for least in ACCURACIES]
        return hypervolume(self.problem.score(kept)[0], self.problem.reference_point), lowest


def simulate(problem: Problem, seed: int, kind: str) -> tuple[float, list[float]]:
    """A whole run; see `Run.truth`."""
    run = Run(problem, seed, kind)
    for _ in range(N_ROUNDS):
        run.advance()
    return run.truth()


def main() -> None:
    """Prints a line for each run, then the comparison with the paper's space."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--spaces", nargs="*", choices=list(SPACES), default=list(SPACES), help="besides the paper's")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--surrogate", default=AUTO)
    options = parser.parse_args()
    torch.set_num_threads(1)
    problems = {name: co_search(options.backbone, choices=choices) for name, choices in SPACES.items()}
    problems = {name: problem for name, problem in problems.items() if name in {"paper", *options.spaces}}
    found: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in problems}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name, problem in problems.items():
            found[name].append(simulate(problem, seed, options.surrogate))
            volume, lowest = found[name][-1]
            print(f"seed {seed}, {name:12s} hypervolume {volume:.4f}, lowest EDAP {lowest}", flush=True)
    base = np.array([volume for volume, _ in found["paper"]])
    for name, outcomes in found.items():
        volumes = np.array([volume for volume, _ in outcomes])
        ratios = np.array([lowest for _, lowest in found["paper"]]) / np.array([lowest for _, lowest in outcomes])
        told = ", ".join(
            f"{100 * least:g} %: {np.median(column):.2f} ({column.min():.2f}...{column.max():.2f})"
            for least, column in zip(ACCURACIES, ratios.T, strict=True)
        )
        gains = 100 * (volumes / base - 1)
        print(
            f"{name:12s} {np.median(volumes):.4f}, ahead in {int((volumes > base).sum())} of {len(base)}, by "
            f"{np.median(gains):+.1f} % ({gains.min():+.1f}...{gains.max():+.1f}); EDAP lower by a factor at {told}"
        )


if __name__ == "__main__":
    main()
