"""Which labels of earlier runs and versions may stand for new ones."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults.conftest import quick, small_settings
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.config import parse_config
from xpert_evo.errors import StoreError
from xpert_evo.orchestration import batches
from xpert_evo.orchestration.label_rules import RULES, label_context, rules_of
from xpert_evo.orchestration.names import FINALISTS, REUSED
from xpert_evo.orchestration.randomness import Purpose, spawned
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.progress import Silent, choose_listener
from xpert_evo.store import FILE_NAME, Store, Topic


@pytest.mark.parametrize(
    ("crossbar", "first_context", "is_kept"),
    [
        ({}, "af78b86499e7c2a5", True),
        ({"coding": "differential", "cell_bits": 3}, "05397fe90d30666e", True),
        ({"coding": "offset-digital"}, "cd563e2d36dc736d", True),
        ({"cell_bits": 3}, "503940cd2a2faecd", False),
    ],
)
def test_labels_of_the_first_version_are_good_where_its_emulation_was(
    crossbar: dict[str, object], first_context: str, *, is_kept: bool
) -> None:
    ideal = {"devices": "ideal", "judge_chips": 0}
    config = parse_config({"training": ideal, "hardware": {"crossbar": {"reference_columns": 1, **crossbar}}})
    assert (label_context(config, load_protocol("laptop"), "0" * 16, rules=1) == first_context) is is_kept


@pytest.mark.parametrize("coding", ["offset-analog", "differential", "offset-digital"])
def test_labels_by_earlier_rules_stand_for_no_label_of_today(coding: str) -> None:
    config = parse_config({"hardware": {"crossbar": {"coding": coding}}})
    protocol = load_protocol("laptop")
    old, new = (label_context(config, protocol, "0" * 16, rules=rules) for rules in (1, RULES))
    assert old != new == label_context(config, protocol, "0" * 16)
    assert rules_of([old], config, protocol, "0" * 16) == 1
    assert rules_of([new], config, protocol, "0" * 16) == rules_of([], config, protocol, "0" * 16) == RULES


@pytest.mark.parametrize(
    ("crossbar", "is_kept"),
    [
        ({}, True),
        ({"coding": "differential"}, True),
        ({"weight_bits": 12}, True),
        ({"weight_bits": 7}, False),
        ({"coding": "differential", "cell_bits": 1}, False),
    ],
)
def test_labels_by_the_second_rules_are_good_but_for_few_bits_and_cells_for_signs(
    crossbar: dict[str, object], *, is_kept: bool
) -> None:
    config, protocol = parse_config({"hardware": {"crossbar": crossbar}}), load_protocol("laptop")
    second, today = (label_context(config, protocol, "0" * 16, rules=rules) for rules in (2, RULES))
    assert (second == today) is is_kept
    assert rules_of([second], config, protocol, "0" * 16) == (RULES if is_kept else 2)


def test_a_counter_in_place_of_a_converted_column_makes_other_labels() -> None:
    contexts = {
        label_context(
            parse_config({"hardware": {"crossbar": {"reference_columns": 1, **crossbar}}}),
            load_protocol("laptop"),
            "0" * 16,
        )
        for crossbar in ({"coding": "offset-digital"}, {"coding": "offset-digital", "reference_columns": 0})
    }
    assert len(contexts) == 2


@pytest.mark.parametrize("old", [False, True])
def test_finalists_with_the_seed_of_their_label_are_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, old: bool
) -> None:
    def with_one_purpose(seed: int, purpose: Purpose, *key: int) -> np.random.SeedSequence:
        return spawned(seed, Purpose.TRAINING if old and purpose is Purpose.FINALIST else purpose, *key)

    monkeypatch.setattr("xpert_evo.orchestration.batches.train_job", quick)
    with monkeypatch.context() as patch:
        patch.setattr(batches, "spawned", with_one_purpose)
        begin(small_settings(training={"finalist_protocol": "laptop"}), tmp_path / "first", Silent())
    begin(small_settings(training={"finalist_protocol": "laptop"}), tmp_path / "again", Silent(), [tmp_path / "first"])
    with Store.open_readonly(tmp_path / "again") as store:
        reused: list[Any] = store.plans(REUSED)
        finalists = {plan.context for plan in store.plans(FINALISTS)}
    assert bool(finalists & {plan.context for plan in reused}) is not old
    assert len(reused) > 2


def test_a_damaged_row_of_an_earlier_run_costs_its_own_label_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batches, "train_job", quick)
    begin(small_settings(), tmp_path / "damaged", Silent())
    with closing(sqlite3.connect(tmp_path / "damaged" / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE trainings SET accuracy = 0.99 WHERE id = 2")
    with pytest.raises(StoreError, match="reuse what is sound with `xpert-evo run --labels-from"):
        go_on(tmp_path / "damaged", {}, Silent())
    begin(small_settings(), tmp_path / "anew", choose_listener(quiet=False), [tmp_path / "damaged"])
    assert "1 damaged row of" in capsys.readouterr().out
    with Store.open_readonly(tmp_path / "anew") as store:
        assert store.note(Topic.REUSED, "labels") == 8
        assert 0.99 not in {label.accuracy for label in store.all_labels()}
