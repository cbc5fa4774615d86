"""What the genes of the crossbars are worth: whole simulated runs in spaces with and without them.

    python benchmarks/search_genes.py --seeds 8

Each run of the present search has 200 labels: 40 first designs, then four times a surrogate of all labels, a search on
it, and 40 designs trained, five of them homogeneous rivals and five probes. A label is the formula of `search.formula`,
in which weights of few bits lose as much as the signal-to-noise ratio of their quantisation says, plus Gaussian noise
of 1.2 points. What counts is the hypervolume of the labelled designs' true objectives, from the same reference point in
every space: chance, at the EDAP of the paper's baseline. Printed are the hypervolumes by seed, in how many seeds each
space is ahead of the paper's, and by what factor its lowest EDAP at an accuracy is lower.
"""

import argparse
from collections.abc import Mapping

import numpy as np
import torch
from search.formula import FormulaLandscape
from search.labelling import Labeller, LabelProblem
from search.own_loop import run_loop

from xpert_evo.accuracy.surrogate.kinds import AUTO
from xpert_evo.backbones import load_backbone
from xpert_evo.genes import GeneKind
from xpert_evo.space import PAPER_CHOICES, WIDE_CHOICES, Choices, SearchSpace

N_FIRST, N_ROUNDS, N_A_ROUND, N_PROBES = 40, 4, 40, 10
ACCURACIES = (0.75, 0.8, 0.85)
SPACES: Mapping[str, Choices] = {
    "paper": PAPER_CHOICES,
    "weight bits": {**PAPER_CHOICES, GeneKind.WEIGHT_PRECISION: WIDE_CHOICES[GeneKind.WEIGHT_PRECISION]},
    "wide": WIDE_CHOICES,
}


def simulate(problem: LabelProblem, seed: int, kind: str, n_rounds: int) -> tuple[float, list[float]]:
    """A whole run: hypervolume of what was labelled, and the lowest EDAP at each of `ACCURACIES` (infinite if none)."""
    label = Labeller(problem, N_FIRST + n_rounds * N_A_ROUND, seed)
    run_loop(label, seed, n_first=N_FIRST, n_a_round=N_A_ROUND, n_probes=N_PROBES, kind=kind)
    kept = label.genomes[problem.task.feasible(label.genomes)]
    accuracies, edap = problem.landscape.accuracy(kept), problem.task.costs(kept)["edap"]
    lowest = [float(np.min(edap[accuracies >= least], initial=np.inf)) for least in ACCURACIES]
    return problem.volume(label.genomes), lowest


def main() -> None:
    """Prints a line for each run, then the comparison with the paper's space."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--spaces", nargs="*", choices=list(SPACES), default=list(SPACES), help="besides the paper's")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--surrogate", default=AUTO)
    parser.add_argument("--rounds", type=int, default=N_ROUNDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    backbone = load_backbone(options.backbone)
    problems = {
        name: LabelProblem(FormulaLandscape(SearchSpace(backbone, choices)))
        for name, choices in SPACES.items()
        if name in {"paper", *options.spaces}
    }
    found: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in problems}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name, problem in problems.items():
            found[name].append(simulate(problem, seed, options.surrogate, options.rounds))
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
