"""Whole runs of every mode: what they search, what they train, and that a resumed one is the same run."""

from typing import Any

import numpy as np
import pytest

from xpert_evo.config import parse_config
from xpert_evo.errors import ConfigError, InfeasibleError
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration import rounds
from xpert_evo.orchestration.batches import plans_of
from xpert_evo.orchestration.choosing import infill
from xpert_evo.orchestration.goals import ACCURACY_LOSS
from xpert_evo.orchestration.names import REUSED
from xpert_evo.orchestration.start import prepare
from xpert_evo.report.comparison import compare
from xpert_evo.search.phases import FIRST_PHASE, SECOND_PHASE
from xpert_evo.search.seeding import DEPTH_FACTORS, homogeneous_designs
from xpert_evo.space import PAPER_CHOICES
from xpert_evo.store import Label, Store, Topic

MODES = ("joint", "two-phase", "random", "random-homogeneous")


def kinds_that_vary(task: Any, genomes: np.ndarray) -> set[GeneKind]:
    varying = np.ptp(genomes, axis=0) > 0
    return {gene.kind for gene, varies in zip(task.space.genes, varying, strict=True) if varies}


@pytest.mark.parametrize("mode", MODES)
def test_all_modes_train_the_same_number_of_designs_and_end_with_a_front(runs: Any, mode: str) -> None:
    config = runs.settings(search={"mode": mode})
    runs.go("run", config)
    result = runs.result("run")
    assert len(result.measured) == config.training.n_labels
    assert len({candidate.digest for candidate in result.measured}) == config.training.n_labels
    assert result.final
    assert result.front
    assert result.baseline is not None


@pytest.mark.parametrize("mode", MODES)
def test_a_run_that_is_stopped_again_and_again_is_the_same_run(runs: Any, same_content: Any, mode: str) -> None:
    config = runs.settings(search={"mode": mode})
    whole, stopped = runs.go("whole", config), runs.killed_and_resumed("stopped", config, every=3)
    assert same_content(whole, stopped)


def test_two_phases_first_vary_the_network_and_then_its_precisions_alone(runs: Any) -> None:
    runs.go("run", runs.settings(search={"mode": "two-phase"}))
    result, batches = runs.result("run"), runs.batches("run")
    note = runs.notes("run", Topic.TWO_PHASE)["network"]
    network = np.array([note["genome"]])
    genome_of = {c.digest: result.task.space.encode([c.design])[0] for c in result.measured}
    first = np.array([genome_of[d] for name in ("first", "round-1") for d in batches[name]])
    second = np.array([genome_of[d] for name in ("second-phase", "round-2") for d in batches[name]])
    assert kinds_that_vary(result.task, np.concatenate([first, result.task.baseline])) <= set(FIRST_PHASE)
    assert kinds_that_vary(result.task, np.concatenate([second, network])) <= set(SECOND_PHASE)
    assert note["after_round"] == 1
    assert kinds_that_vary(result.task, second) == set(SECOND_PHASE) & set(result.task.space.kinds)


def test_the_network_is_the_fastest_that_keeps_the_accuracy_and_the_area(runs: Any) -> None:
    runs.go("run", runs.settings(search={"mode": "two-phase"}))
    result, batches = runs.result("run"), runs.batches("run")
    note = runs.notes("run", Topic.TWO_PHASE)["network"]
    asked = note["limits"]["least_accuracy"]
    baseline = next(c for c in result.measured if c.batch == "first" and c.digest == result.baseline.digest)
    assert asked == pytest.approx(baseline.validation - ACCURACY_LOSS)
    good = [
        c.hardware["latency_us"]
        for c in result.measured
        if c.digest in {*batches["first"], *batches["round-1"]}
        and c.validation >= asked
        and c.hardware["area_mm2"] <= 50
    ]
    assert note["keeps_limits"]
    assert note["latency_us"] == pytest.approx(min(good))


def test_the_first_phase_counts_no_design_that_another_run_trained_at_other_precisions(
    runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = runs.settings(search={"mode": "two-phase", "first_phase_accuracy": 0.6})
    with runs.context("run", config) as run:
        space = run.task.space
        designs = homogeneous_designs(space, DEPTH_FACTORS)
        designs = designs[
            run.task.feasible(designs) & (space.values(designs, GeneKind.INPUT_PRECISION) == 1).all(axis=1)
        ]
        foreign = designs[[run.task.costs(designs)["latency"].argmin()]]
        [plan] = plans_of(run, REUSED, space.decode(foreign))
        label = Label(
            digest=plan.digest, context=plan.context, protocol="laptop", seed=1, accuracy=0.99, seconds=1.0, details={}
        )
        with run.store.transaction() as store:
            store.add_plans([plan])
            store.add_label(label)
        latency = float(run.task.costs(foreign)["latency"][0])
    counted: list[np.ndarray] = []

    def watched(*arguments: Any, labelled: np.ndarray, **options: Any) -> np.ndarray:
        counted.append(labelled)
        return infill(*arguments, labelled=labelled, **options)

    monkeypatch.setattr(rounds, "infill", watched)
    runs.go("run", config)
    first, second = ((genomes == foreign).all(axis=1).any() for genomes in (counted[0], counted[-1]))
    assert not first, "the first phase gains on its own designs"
    assert second, "the second one gains on all that the run's front may hold"
    note = runs.notes("run", Topic.TWO_PHASE)["network"]
    assert latency < note["latency_us"], "it would have been the fastest that keeps the accuracy"
    assert note["digest"] != plan.digest
    task = runs.result("run").task
    assert kinds_that_vary(task, np.array([note["genome"], task.baseline[0]])) <= set(FIRST_PHASE)


@pytest.mark.parametrize(
    ("mode", "space", "words"),
    [
        (
            "two-phase",
            {"adc_precision": [6], "input_precision": [8]},
            "second phase .* a space of at least 2 designs, got 1",
        ),
        ("two-phase", {"channel_depth": [64], "column_sharing": [8], "adc_type": ["sar"]}, "first phase .* got 1;"),
        (
            "joint",
            {kind: [choices[0]] for kind, choices in PAPER_CHOICES.items()},
            "a run needs a space of at least 4 designs, got 1;",
        ),
    ],
)
def test_a_search_without_choices_is_refused_before_any_training(mode: str, space: Any, words: str) -> None:
    config = parse_config({"search": {"mode": mode}, "space": {"backbone": "vgg8", **space}})
    with pytest.raises(ConfigError, match=words):
        prepare(config)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"executor": {"kind": "serial", "workers": 2}}, "executor.workers = 2 has no use with executor.kind"),
        (
            {"executor": {"kind": "serial"}, "training": {"time_limit_s": 5}},
            "training.time_limit_s = 5 has no use",
        ),
        ({"search": {"surrogate": "rige"}}, "unknown surrogate 'rige'; did you mean 'ridge'"),
    ],
)
def test_settings_without_a_use_are_refused_before_any_training_and_stay_readable(settings: Any, words: str) -> None:
    config = parse_config(settings)
    with pytest.raises(ConfigError, match=words):
        prepare(config)


def test_a_second_phase_without_choices_ends_well_all_the_same(runs: Any) -> None:
    space = {"backbone": "vgg8", "adc_precision": [6], "input_precision": [8]}
    runs.go("run", runs.settings(search={"mode": "two-phase"}, space=space))
    assert set(runs.batches("run")) == {"first", "round-1", "finalists"}
    assert runs.result("run").final


def test_a_first_phase_that_keeps_nothing_goes_on_with_what_breaks_least(runs: Any) -> None:
    runs.go("run", runs.settings(search={"mode": "two-phase", "first_phase_accuracy": 0.999}))
    note = runs.notes("run", Topic.TWO_PHASE)["network"]
    assert not note["keeps_limits"]
    assert note["limits"]["least_accuracy"] == 0.999
    assert runs.result("run").front


def test_a_run_that_is_stopped_in_its_first_phase_can_be_reported(runs: Any) -> None:
    runs.go("run", runs.settings(search={"mode": "two-phase"}), runs.executor(stop_after=6))
    assert "round-1" in runs.batches("run")
    result = runs.result("run")
    assert result.predicted_front is None
    assert len(result.measured) == 6
    assert result.generations[-1]["objectives"] == ["latency"]


def test_random_homogeneous_designs_are_homogeneous_and_keep_the_limits(runs: Any) -> None:
    runs.go("run", runs.settings(search={"mode": "random-homogeneous"}))
    result = runs.result("run")
    homogeneous = {row.tobytes() for row in homogeneous_designs(result.task.space, DEPTH_FACTORS)}
    genomes = result.task.space.encode([c.design for c in result.measured])
    assert {row.tobytes() for row in genomes} <= homogeneous
    assert result.task.feasible(genomes[1:]).all()
    with Store.open_readonly(runs.folder / "run") as store:
        assert store.summaries() == []


def test_random_designs_that_never_keep_the_limits_end_with_a_sentence(runs: Any) -> None:
    config = runs.settings(search={"mode": "random"}, hardware={"model": "xpertsim", "area_limit_mm2": 4.8})
    with pytest.raises(InfeasibleError, match="none of the designs"):
        runs.go("run", config)


def test_runs_of_different_modes_compare(runs: Any) -> None:
    for mode in MODES:
        runs.go(mode, runs.settings(search={"mode": mode}))
    comparison = compare([runs.result(mode) for mode in MODES])
    assert comparison.names == list(MODES)
    assert comparison.warnings == []
    assert comparison.hypervolumes is not None
    assert max(comparison.hypervolumes[:2]) > comparison.hypervolumes[2], "a search beats random designs"


def test_two_phases_take_one_limit_on_area() -> None:
    with pytest.raises(ConfigError, match="supports a single area limit"):
        parse_config({"search": {"mode": "two-phase"}, "hardware": {"further_area_limits_mm2": [30.0]}})
