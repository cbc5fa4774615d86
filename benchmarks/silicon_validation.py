"""Whether the constants that were fitted to published chips hold on chips that had no part in the fit.

The papers of a table are drawn into two halves. On one half every fitted constant of the model is varied, one after
another, and the value with the least mean |log(model / silicon)| is kept; the other half is then judged with it. The
mean over draws stands beside the figures of the model as it is. A fit that followed single chips would do much worse
on the second half than on the first.

Usage: python benchmarks/silicon_validation.py --data FILE.csv [--model NAME] [--draws N] [--seed N]
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hw_models import load_model
from hw_models.cost_model import CostModel
from hw_models.published_chips import Chip, Scored, chips_of, scored

FITTED = {
    "energy": (("reading", "current_cell_fj"), ("reading", "charge_cell_fj")),
    "time": (
        ("reading", "charge_row_ns"),
        ("reading", "sample_ns"),
        ("converters", "sar_bit_ns"),
        ("converters", "flash_ns"),
    ),
}
STEPS = (0.5, 0.63, 0.79, 1.0, 1.26, 1.59, 2.0)
SWEEPS = 2


def varied(model: CostModel, section: str, key: str, factor: float) -> CostModel:
    """The model with one constant multiplied."""
    part = getattr(model.assumed, section)
    changed = replace(part, **{key: factor * getattr(part, key)})
    return replace(model, assumptions=replace(model.assumed, **{section: changed}))


def loss(found: Sequence[Scored], quantity: str) -> float:
    """Mean |log(model / silicon)|."""
    ratios = [getattr(each, quantity) for each in found]
    return statistics.fmean(abs(math.log(ratio)) for ratio in ratios if ratio is not None)


def fitted(model: CostModel, chips: Sequence[Chip]) -> CostModel:
    """The model with its fitted constants at their best for some chips; times first, as energy depends on sampling."""
    for quantity in ("time", "energy"):
        for _ in range(SWEEPS):
            for section, key in FITTED[quantity]:
                candidates = [varied(model, section, key, factor) for factor in STEPS]
                model = min(candidates, key=lambda each: loss(scored(chips, each), quantity))
    return model


def figures(found: Sequence[Scored]) -> list[float]:
    """Median factor and share within 4 x, of energy and of time."""
    result = []
    for quantity in ("energy", "time"):
        ratios = [getattr(each, quantity) for each in found]
        values = [max(ratio, 1 / ratio) for ratio in ratios if ratio is not None]
        result += [statistics.median(values), sum(value <= 4 for value in values) / len(values)]
    return result


def main() -> None:
    """Print the figures as it is, on the halves of the fit, and on the other halves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Table of chips in the format of the UIUC benchmark.")
    parser.add_argument("--model", default="published", help="Name of a cost model, or the path of its file.")
    parser.add_argument("--draws", type=int, default=10, help="Draws of two halves.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the draws.")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    chips, _ = chips_of(arguments.data)
    papers = sorted({chip.paper for chip in chips})
    generator = random.Random(arguments.seed)
    inside, outside = [], []
    for _ in range(arguments.draws):
        half = set(generator.sample(papers, len(papers) // 2))
        train = [chip for chip in chips if chip.paper in half]
        test = [chip for chip in chips if chip.paper not in half]
        best = fitted(model, train)
        inside.append(figures(scored(train, best)))
        outside.append(figures(scored(test, best)))
    print(f"{'':22s} energy: median factor, within 4 x   time: median factor, within 4 x")
    for name, values in (
        ("as it is", figures(scored(chips, model))),
        ("half of the fit", [statistics.fmean(column) for column in zip(*inside, strict=True)]),
        ("the other half", [statistics.fmean(column) for column in zip(*outside, strict=True)]),
    ):
        print(f"{name:22s} {values[0]:21.2f} {values[1]:11.0%} {values[2]:20.2f} {values[3]:11.0%}")
    whole = fitted(model, chips)
    for section, key in (*FITTED["energy"], *FITTED["time"]):
        now, best_value = (getattr(getattr(each.assumed, section), key) for each in (model, whole))
        print(f"{section}.{key}: {now:g} in the model, {best_value:.3g} by this fit to all chips")


if __name__ == "__main__":
    main()
