"""What the surrogate and the choice of designs to train are worth: whole runs, each part replaced in turn.

    python benchmarks/search_loop.py --seeds 8

A simulated run of the present search, with its defaults but three rounds of eight: 16 first designs, then three times
a surrogate of all labels, a search on it, and eight designs trained, one of them a homogeneous rival and one a probe. A
label is the formula of `search.formula` plus Gaussian noise of 1.2 points. What counts is the hypervolume of the
labelled designs' true objectives, in percent of a reference front's, which long searches on the true values find, and
how well the designs of the rounds were predicted beforehand, all together: Kendall's tau, error, coverage of the 90 %
interval, and how far the front's highest prediction lay above the best label of the run. Medians of the first over the
seeds (least ... most), means of the others.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from search.formula import FormulaLandscape
from search.labelling import Labeller, LabelProblem
from search.own_loop import Choice, Choose, Round, as_in_a_run, run_loop
from search_labels import N_REFERENCE, OUT, reference_volume

from xpert_evo.accuracy.surrogate.models import MODELS
from xpert_evo.accuracy.surrogate.quality import Quality
from xpert_evo.backbones import load_backbone
from xpert_evo.orchestration.choosing import starting_designs
from xpert_evo.orchestration.goals import joint_goals
from xpert_evo.search.infill import select_infill
from xpert_evo.space import Genomes, SearchSpace

N_FIRST, N_ROUNDS, N_A_ROUND, N_PROBES = 16, 3, 8, 2
N_LABELS = N_FIRST + N_ROUNDS * N_A_ROUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a simulated run ended.

    Attributes:
        volume: Hypervolume of the labelled designs' true objectives.
        quality: Of what was predicted of the designs of the rounds; None without a surrogate.
        excess: Highest prediction of the last front less the best label of the run, a fraction.
    """

    volume: float
    quality: Quality | None = None
    excess: float = float("nan")


def simulate(problem: LabelProblem, seed: int, kind: str | None = None, choose: Choose = as_in_a_run) -> Outcome:
    """A run with a surrogate of a kind and a rule that chooses the designs of a round."""
    label = Labeller(problem, N_LABELS, seed)
    rounds = run_loop(label, seed, n_first=N_FIRST, n_a_round=N_A_ROUND, n_probes=N_PROBES, kind=kind, choose=choose)
    last = rounds[-1]
    excess = float(last.surrogate.predict(last.front)[0].max() - label.labels.max())
    return Outcome(volume=problem.volume(label.genomes), quality=_quality(rounds), excess=excess)


def _quality(rounds: list[Round]) -> Quality:
    """Returns the quality of the predictions by which the designs of the rounds were chosen."""
    predicted = [one.surrogate.predict(one.chosen) for one in rounds]
    means, stds = (np.concatenate(column) for column in zip(*predicted, strict=True))
    return Quality.of(means, stds, np.concatenate([one.labels for one in rounds]))


def without_surrogate(problem: LabelProblem, seed: int) -> Outcome:
    """As many labels, all chosen before the first one for spread in cost and in the genes' averages."""
    label = Labeller(problem, N_LABELS, seed)
    [goal] = joint_goals(problem.task)
    label(starting_designs(problem.task, goal, N_LABELS, seed))
    return Outcome(volume=problem.volume(label.genomes))


def from_the_population(choice: Choice) -> Genomes:
    """As in a run, but from the search's own designs, which are not evolved further under the drawn functions."""
    state = choice.searched.state
    own = state.genomes[state.feasible] if state.feasible.any() else state.genomes
    return as_in_a_run(replace(choice, searched=replace(choice.searched, candidates=own)))


def without_rivals(choice: Choice) -> Genomes:
    """As in a run, with probes in place of homogeneous rivals."""
    chooser = choice.chooser()
    chooser.members(choice.searched, choice.n_members)
    return _filled_up(choice, chooser.tried[len(choice.labelled) :])


def by_mean_predictions(choice: Choice) -> Genomes:
    """Front members by their expected gain over a front of mean predictions: the rule of version 1, without rivals."""
    goal, surrogates = choice.searched.goal, choice.surrogates
    front = choice.searched.state.genomes[choice.searched.state.front]
    expected = surrogates.values(choice.labelled)
    within = (goal.constraints.violations(expected) <= 0).all(axis=1)
    chosen = select_infill(
        choice.n_members,
        genomes=front,
        mean=goal.traded.minimised(surrogates.values(front)),
        std=surrogates.doubt(front, goal.traded),
        trained=choice.labelled,
        front=goal.traded.minimised(expected)[within],
        reference_point=choice.task.reference_of(goal.traded),
        rng=choice.chooser().rng,
    )
    return _filled_up(choice, front[chosen])


def from_the_front(choice: Choice) -> Genomes:
    """Members of the search's front at random."""
    front = choice.searched.state.genomes[choice.searched.state.front]
    return _filled_up(choice, choice.chooser().rng.permutation(front)[: choice.n_members])


def from_everywhere(choice: Choice) -> Genomes:
    """No member of the front: all designs of the round are probes."""
    return _filled_up(choice, choice.labelled[:0])


def _filled_up(choice: Choice, chosen: Genomes) -> Genomes:
    """The chosen designs filled up with ones drawn from everywhere."""
    chooser = choice.chooser()
    chooser.tried = np.concatenate([choice.labelled, chosen])
    chooser.probes(choice.searched.goal, choice.n_designs - len(chosen), choice.n_designs)
    return chooser.tried[len(choice.labelled) :]


RULES: Mapping[str, Choose] = {
    "infill: the population alone": from_the_population,
    "infill: no rivals": without_rivals,
    "infill: mean predictions": by_mean_predictions,
    "infill: random of the front": from_the_front,
    "infill: probes alone": from_everywhere,
}


def variants() -> Mapping[str, Callable[[LabelProblem, int], Outcome]]:
    """Whole runs by name, the default first."""
    found: dict[str, Callable[[LabelProblem, int], Outcome]] = {"everything": simulate}
    for name, rule in RULES.items():
        found[name] = lambda problem, seed, rule=rule: simulate(problem, seed, choose=rule)
    found["no surrogate"] = without_surrogate
    for kind in MODELS:
        found[f"surrogate: {kind}"] = lambda problem, seed, kind=str(kind): simulate(problem, seed, kind)
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--only", nargs="*", help="variants, by the beginning of their names")
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--reference", type=int, default=N_REFERENCE, help="evaluations of a search for the reference")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the reference")
    options = parser.parse_args()
    torch.set_num_threads(1)
    problem = LabelProblem(FormulaLandscape(SearchSpace(load_backbone(options.backbone))))
    options.out.mkdir(exist_ok=True)
    whole = reference_volume(f"formula {options.backbone}", problem, options.reference, options.out)
    print(f"{'variant':30s}{'hypervolume %':>22s}{'tau':>7s}{'RMSE':>8s}{'in 90 %':>9s}{'excess':>8s}")
    for name, variant in variants().items():
        if options.only and not name.startswith(tuple(options.only)):
            continue
        outcomes = [variant(problem, seed) for seed in range(options.seeds)]
        shares = [100 * outcome.volume / whole for outcome in outcomes]
        line = f"{name:30s}{np.median(shares):9.1f} ({min(shares):.1f}...{max(shares):.1f})"
        qualities = [outcome.quality for outcome in outcomes if outcome.quality is not None]
        if qualities:
            tau, rmse, coverage = np.mean([(q.tau, q.rmse, q.coverage) for q in qualities], axis=0)
            excess = np.mean([outcome.excess for outcome in outcomes])
            line += f"{tau:8.2f}{rmse:8.4f}{coverage:9.2f}{excess:+8.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
