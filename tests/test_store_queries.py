"""Questions about parts of a store answer what reading all of it would, and look at no more than they need."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from xpert_evo.errors import StoreError
from xpert_evo.store import FILE_NAME, Failure, Label, Plan, Store

N_LABELS = 1_200


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "run", {"settings": {}}) as made:
        with made.transaction():
            for n in range(N_LABELS):
                context = "a" if n % 3 else "b"
                made.add_plans([Plan(batch=f"batch-{n // 100}", position=n, digest=f"d{n}", design="{}", context="a")])
                made.add_label(
                    Label(
                        digest=f"d{n}",
                        context=context,
                        protocol="p",
                        seed=n,
                        accuracy=n / 2000,
                        seconds=1.0,
                        details={},
                    )
                )
            for n in range(6):
                made.add_failure(
                    Failure(digest=f"f{n}", context="ab"[n % 2], protocol="p", seed=n, reason="sad", seconds=0.0)
                )
        yield made


def test_accuracies_are_those_of_the_labels_of_a_context(store: Store) -> None:
    labels = {label.digest: label.accuracy for label in store.all_labels() if label.context == "a"}
    assert store.accuracies("a") == labels
    assert {digest: label.accuracy for digest, label in store.labels("a").items()} == labels


@pytest.mark.parametrize("n", [0, 1, 499, 500, 501, N_LABELS])
def test_any_number_of_designs_can_be_asked_for(store: Store, n: int) -> None:
    digests = [f"d{i}" for i in range(n)]
    assert store.labelled("a", [*digests, "unknown"]) == {d for i, d in enumerate(digests) if i % 3}


def test_failures_of_a_context(store: Store) -> None:
    assert [failure.digest for failure in store.failures("b")] == ["f1", "f3", "f5"]
    assert len(store.failures()) == 6
    assert store.failures("c") == []


def test_plans_one_at_a_time_are_all_plans_in_order(store: Store) -> None:
    assert list(store.each_plan()) == store.plans()


def test_what_a_batch_asks_does_not_read_the_whole_table(store: Store) -> None:
    connection = sqlite3.connect(store.folder / FILE_NAME)
    for condition in (
        "accuracy IS NOT NULL AND context = 'a' AND digest IN ('d1', 'd2')",
        "failure IS NOT NULL AND context = 'a'",
    ):
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM trainings WHERE {condition} ORDER BY id"
        ).fetchall()
        assert any("USING INDEX" in step[3] for step in plan), plan
    connection.close()


def test_a_changed_row_is_told_by_every_question(store: Store) -> None:
    connection = sqlite3.connect(store.folder / FILE_NAME)
    connection.execute("UPDATE trainings SET accuracy = 0.9 WHERE digest = 'd1'")
    connection.commit()
    connection.close()
    for question in (lambda: store.accuracies("a"), lambda: store.labelled("a", ["d1"]), lambda: store.labels("a")):
        with pytest.raises(StoreError, match="has changed since it was written"):
            question()
    assert store.labelled("a", ["d2"]) == {"d2"}
