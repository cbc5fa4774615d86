"""What stopping hopeless trainings early could save at most, from the labels of real runs.

    python benchmarks/hopeless_labels.py runs/cifar10 --margins 0 2 5

A training is hopeless if its label turned out so low that some design labelled in an earlier batch costs less and is
more accurate even after MARGIN points are added to the label. An oracle that knew this after a third of the training,
and never erred, would save two thirds of it. So two thirds of the share of hopeless trainings bound what any rule can
save that reads an accuracy after the first of three epochs; a rule that only forecasts saves less.
"""

import argparse
from pathlib import Path

import numpy as np

from xpert_evo.library import load_run
from xpert_evo.objectives import FloatArray


def is_hopeless(
    labels: FloatArray, edaps: FloatArray, known_labels: FloatArray, known_edaps: FloatArray, margin: float
) -> np.ndarray:
    """Which designs another one of earlier batches dominates by more than a margin.

    Args:
        labels: Accuracies, (designs,).
        edaps: EDAP of each design, (designs,).
        known_labels: Accuracies of earlier batches, (known,).
        known_edaps: EDAP of each of these, (known,).
        margin: A fraction.

    Returns:
        (designs,) of bool.
    """
    cheaper = known_edaps[None] <= edaps[:, None]
    better = known_labels[None] > labels[:, None] + margin
    return np.asarray((cheaper & better).any(axis=1))


def print_run(folder: Path, margins: list[float]) -> None:
    """A row for each batch after the first, and one for all of them."""
    measured = [one for one in load_run(folder).result.measured if not one.reused and one.label is not None]
    labels = np.array([one.label for one in measured])
    edaps = np.array([one.hardware["edap"] for one in measured])
    batches = np.array([one.batch for one in measured])
    names = list(dict.fromkeys(batches.tolist()))
    print(f"{folder.name}: share of hopeless trainings by margin")
    print(f"{'batch':>12s} {'labels':>7s}" + "".join(f" {f'{margin:g} points':>10s}" for margin in margins))
    found: list[np.ndarray] = []
    for i in range(1, len(names)):
        own, known = batches == names[i], np.isin(batches, names[:i])
        rows = np.stack(
            [is_hopeless(labels[own], edaps[own], labels[known], edaps[known], margin / 100) for margin in margins]
        )
        found.append(rows)
        _print_row(names[i], rows)
    if not found:
        print("  one batch only: nothing was known before it, so nothing can be hopeless.")
        return
    together = np.concatenate(found, axis=1)
    _print_row("later ones", together)
    saved = 2 / 3 * together.sum(axis=1) / len(labels)
    print(f"{'saved':>12s} {'at most':>7s}" + "".join(f" {100 * share:8.0f} %" for share in saved))


def _print_row(name: str, rows: np.ndarray) -> None:
    print(f"{name:>12s} {rows.shape[1]:7d}" + "".join(f" {100 * share:8.0f} %" for share in rows.mean(axis=1)))


def main() -> None:
    """Prints a table for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--margins", type=float, nargs="*", default=[0.0, 2.0, 5.0], help="points of accuracy")
    options = parser.parse_args()
    for folder in options.runs:
        print_run(folder, options.margins)


if __name__ == "__main__":
    main()
