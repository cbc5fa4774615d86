"""How good the surrogate is by model and number of labels, on the formula accuracy of the search benchmark.

    python benchmarks/surrogate_quality.py --repeats 5

Labels are the formula's accuracy plus a seed's luck of 0.012. Held out are 200 other designs of the same kind. Numbers
are means over the repeats; speed is designs predicted a second, features included.
"""

import argparse
import time

import numpy as np
import torch
from search_accuracy import FormulaAccuracy

from hw_models import CrossbarSpec
from xpert_evo.accuracy.features import macs
from xpert_evo.accuracy.surrogate import fit_surrogate, honesty
from xpert_evo.accuracy.surrogate_models import MODELS
from xpert_evo.backbones import load_backbone
from xpert_evo.search.seeding import varied_designs
from xpert_evo.space import SearchSpace

SEED_STD = 0.012
N_HELD_OUT = 200
N_TIMED = 50_000


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--labels", type=int, nargs="*", default=[16, 30, 60, 120])
    options = parser.parse_args()
    torch.set_num_threads(1)
    space, crossbar = SearchSpace(load_backbone("vgg16")), CrossbarSpec()
    truth = FormulaAccuracy(space, crossbar)
    timed = space.random(np.random.default_rng(0), N_TIMED)
    print(
        f"{'labels':>6s} {'model':18s} {'tau':>6s} {'by MACs':>8s} {'RMSE':>7s} {'in 90 %':>8s}"
        f" {'fit s':>6s} {'designs/s':>10s}"
    )
    for n in options.labels:
        for kind in MODELS:
            rows = []
            for repeat in range(options.repeats):
                rng = np.random.default_rng(repeat)
                genomes = varied_designs(space, n + N_HELD_OUT, rng)
                labels = np.clip(truth(genomes) + SEED_STD * rng.standard_normal(len(genomes)), 0, 1)
                began = time.process_time()
                surrogate = fit_surrogate(
                    space, genomes[:n], labels[:n], crossbar=crossbar, seed=repeat, seed_std=SEED_STD, kind=kind
                )
                fitted = time.process_time()
                surrogate.predict(timed)
                seconds = fitted - began, time.process_time() - fitted
                report = honesty(*surrogate.predict(genomes[n:]), labels[n:], macs(space, genomes[n:]))
                quality = report.surrogate
                rows.append((quality.tau, report.baseline.tau, quality.rmse, quality.coverage, *seconds))
            tau, by_macs, rmse, coverage, fit, predict = np.mean(rows, axis=0)
            print(
                f"{n:6d} {kind:18s} {tau:6.2f} {by_macs:8.2f} {rmse:7.4f} {coverage:8.2f}"
                f" {fit:6.1f} {N_TIMED / predict:10,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
