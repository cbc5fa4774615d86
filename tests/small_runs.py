"""Parts of small runs that several packages' tests share: a backbone, an accuracy, settings, what a run computed."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpert_evo.accuracy.datasets.catalogue import Split, load_dataset
from xpert_evo.design import Design
from xpert_evo.store import FILE_NAME
from xpert_evo.workbench import judging, plan

Tables = Mapping[str, Mapping[str, object]]

OWN_BACKBONE = """
name = "small"

[[layers]]
name = "stem"
reference_depth = 64
depth_group = "body"
pool = true

[[layers]]
name = "wide"
reference_depth = 128
kernel_size = 5

[[layers]]
name = "join"
reference_depth = 64
adds = "stem"
depth_group = "body"

[[layers]]
name = "classifier"
kind = "linear"
"""

BLOCK_LAYERS: list[dict[str, object]] = [
    {"name": "stem", "reference_depth": 64, "depth_group": "body", "stride": 2},
    {"name": "wide", "reference_depth": 128, "kernel_size": 5},
    {"name": "join", "reference_depth": 64, "adds": "stem", "depth_group": "body", "pool": True},
    {"name": "tail", "reference_depth": 64, "kernel_size": 1},
    {"name": "classifier", "kind": "linear"},
]
"""Layers of a backbone with strides, an addition and kernels of three sizes, as in its description."""

SMOKE_SEARCH: Tables = {
    "space": {"backbone": "vgg8"},
    "search": {"generations": 3, "population_size": 16, "offspring_size": 8, "surrogate": "ridge"},
    "training": {
        "protocol": "smoke",
        "finalist_protocol": "smoke",
        "first_designs": 4,
        "rounds": 1,
        "designs_per_round": 2,
        "probes_per_round": 1,
        "finalists": 2,
        "judge_images": 4,
        "norm_images": 32,
    },
}
"""A search of nine trainings; a real one takes about a second."""


def judge_few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, `train` and `judge` judge the embedded data set on its first 100 test images."""
    data = load_dataset("fashion-mnist")
    few = replace(data, test=Split(images=data.test.images[:100], labels=data.test.labels[:100]))
    for module in (plan, judging):
        monkeypatch.setattr(module, "cached_dataset", lambda _: few)


def with_changes(tables: Tables, changes: Tables) -> dict[str, dict[str, object]]:
    """Tables of settings, in which the changes win."""
    return {name: {**tables.get(name, {}), **changes.get(name, {})} for name in {**tables, **changes}}


def mean_depth(design: Design) -> float:
    """Mean of the layers' log2 of channels, without the last layer, which has none to choose."""
    return float(np.mean([np.log2(layer.channel_depth) for layer in design.layers if layer.channel_depth]))


def saturating_accuracy(design: Design, seed: int, *, noise_std: float) -> float:
    """In place of a training: it rises with channels and precisions and saturates, with the noise of a seed."""
    depth = mean_depth(design)
    adc = np.mean([layer.adc_precision for layer in design.layers])
    inputs = np.mean([layer.input_precision for layer in design.layers])
    noise = np.random.default_rng(seed).normal(0, noise_std)
    lost = 0.25 * np.exp(-(depth - 5) / 1.2) + 0.3 * np.exp(-(adc - 2) / 1.3) + 0.2 * np.exp(-inputs / 1.5)
    return float(np.clip(0.94 - lost + noise, 0.1, 1.0))


def content(folder: Path, *, details: bool) -> dict[str, list[tuple[Any, ...]]]:
    """What a run computed: everything in its store but clocks, durations and the order of events.

    Args:
        folder: The run's.
        details: Whether the details of trainings count; those of real ones hold durations.
    """
    labels = "digest, context, seed, accuracy" + (", details" if details else "")
    queries = {
        "plans": "SELECT batch, position, digest, context, predicted, std FROM plans ORDER BY batch, position",
        "labels": f"SELECT {labels} FROM trainings WHERE failure IS NULL ORDER BY 1, 2",
        "generations": "SELECT round, generation, state, summary FROM generations ORDER BY round, generation",
        "notes": "SELECT topic, key, value FROM notes ORDER BY topic, key",
    }
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}
