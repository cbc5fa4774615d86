"""How good the surrogate is by model and number of labels, on a formula or on the labels of real runs.

    python benchmarks/surrogate_quality.py --repeats 5
    python benchmarks/surrogate_quality.py --run runs/cifar10 --labels 24 45 --repeats 6

Without a run, labels are the formula accuracy of the search benchmark plus a seed's luck of 0.012, and 200 other
designs of the same kind are held out. With a run, its trained designs are split at random: so many to learn from, the
others held out; a line `rounds` learns from all batches before a round and predicts the round, as the run itself does.
`auto` is the winner of the competition. `best` counts coverage on the third of the held-out designs with the highest
predictions, the ones that a search would select. Numbers are means over the repeats; speed is designs predicted a
second, features included.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from search.formula import FormulaAccuracy

from hw_models import CrossbarSpec
from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.surrogate.fit import AUTO, LEAST_LABELS, fit_surrogate, honesty
from xpert_evo.accuracy.surrogate.models import MODELS
from xpert_evo.accuracy.surrogate.quality import Quality
from xpert_evo.backbones import load_backbone
from xpert_evo.library import load_run
from xpert_evo.objectives import FloatArray
from xpert_evo.search.seeding import varied_designs
from xpert_evo.space import Genomes, SearchSpace

SEED_STD = 0.012
N_HELD_OUT = 200
N_TIMED = 20_000

Split = tuple[SearchSpace, Genomes, FloatArray, Genomes, FloatArray, float | None]
"""Space, designs and labels to learn from, designs and labels held out, spread between seeds if it is known."""


def from_formula(n_labels: int, n_repeats: int) -> Iterator[Split]:
    """Fresh designs for each repeat, labelled by the formula."""
    space = SearchSpace(load_backbone("vgg16"))
    truth = FormulaAccuracy(space, CrossbarSpec())
    for repeat in range(n_repeats):
        rng = np.random.default_rng(repeat)
        genomes = varied_designs(space, n_labels + N_HELD_OUT, rng)
        labels = np.clip(truth(genomes) + SEED_STD * rng.standard_normal(len(genomes)), 0, 1)
        yield space, genomes[:n_labels], labels[:n_labels], genomes[n_labels:], labels[n_labels:], SEED_STD


class RealRun:
    """The labels of a run on disk."""

    def __init__(self, folder: Path) -> None:
        result = load_run(folder).result
        self.space = result.task.space
        self.genomes = self.space.encode([candidate.design for candidate in result.measured])
        self.labels = np.array([candidate.validation for candidate in result.measured])
        self.batches = np.array([candidate.batch for candidate in result.measured])

    def at_random(self, n_labels: int, n_repeats: int) -> Iterator[Split]:
        """Random splits."""
        for repeat in range(n_repeats):
            order = np.random.default_rng(repeat).permutation(len(self.labels))
            yield self._split(order[:n_labels], order[n_labels:])

    def by_rounds(self) -> Iterator[Split]:
        """Every batch after the first, predicted from those before."""
        names = list(dict.fromkeys(self.batches.tolist()))
        for i in range(1, len(names)):
            before = np.isin(self.batches, names[:i])
            if before.sum() >= LEAST_LABELS:
                yield self._split(np.flatnonzero(before), np.flatnonzero(self.batches == names[i]))

    def _split(self, learnt: np.ndarray, out: np.ndarray) -> Split:
        return self.space, self.genomes[learnt], self.labels[learnt], self.genomes[out], self.labels[out], None


def print_rows(name: str, splits: list[Split], kinds: list[str]) -> None:
    """A row for each model."""
    for kind in kinds:
        rows = [_judged(split, kind, seed) for seed, split in enumerate(splits)]
        tau, by_macs, rmse, coverage, best, fit, speed = np.mean(rows, axis=0)
        print(
            f"{name:>8s} {kind:18s} {tau:6.2f} {by_macs:8.2f} {rmse:7.4f} {coverage:8.2f} {best:6.2f}"
            f" {fit:6.1f} {speed:10,.0f}",
            flush=True,
        )


def _judged(split: Split, kind: str, seed: int) -> tuple[float, ...]:
    space, genomes, labels, unseen, measured, seed_std = split
    began = time.process_time()
    surrogate = fit_surrogate(space, genomes, labels, crossbar=CrossbarSpec(), seed=seed, seed_std=seed_std, kind=kind)
    fitted = time.process_time()
    surrogate.predict(space.random(np.random.default_rng(0), N_TIMED))
    speed = N_TIMED / (time.process_time() - fitted)
    mean, std = surrogate.predict(unseen)
    report = honesty(mean, std, measured, macs(space, unseen))
    high = np.argsort(-mean)[: max(2, len(mean) // 3)]
    best = Quality.of(mean[high], std[high], measured[high]).coverage
    quality = report.surrogate
    return quality.tau, report.baseline.tau, quality.rmse, quality.coverage, best, fitted - began, speed


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--labels", type=int, nargs="*", default=[16, 30, 60, 120])
    parser.add_argument("--run", type=Path, help="folder of a run whose labels to use")
    parser.add_argument("--models", nargs="*", default=[*MODELS, AUTO])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{'labels':>8s} {'model':18s} {'tau':>6s} {'by MACs':>8s} {'RMSE':>7s} {'in 90 %':>8s} {'best':>6s}"
        f" {'fit s':>6s} {'designs/s':>10s}"
    )
    run = RealRun(options.run) if options.run else None
    for n in options.labels:
        splits = run.at_random(n, options.repeats) if run else from_formula(n, options.repeats)
        print_rows(str(n), list(splits), options.models)
    if run and len(rounds := list(run.by_rounds())):
        print_rows("rounds", rounds, options.models)


if __name__ == "__main__":
    main()
