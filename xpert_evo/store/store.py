"""Reads and writes a run's records: plans, labels, failures, generations, notes and the diary."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zipfile import BadZipFile

from xpert_evo.errors import StoreError
from xpert_evo.store.database import FILE_NAME, damaged
from xpert_evo.store.records import Failure, Generation, Label, Plan, Topic
from xpert_evo.store.rows import as_json, failure_of, generation_of, label_of, packed, plan_of
from xpert_evo.store.run_file import RunFile

_MOST_VALUES = 500  # per query; SQLite may be built to take no more than 999


class Store(RunFile):
    """The store of one run. Use as a context manager; made by `create`, `open` or `open_readonly`."""

    # Writing; each belongs inside a transaction. Numbers are given the types that SQLite gives back, since checksums
    # tell 1 from 1.0 and from NumPy's.

    def add_plans(self, plans: Sequence[Plan]) -> None:
        """Writes the plans of a batch."""
        for plan in plans:
            self._insert(
                "plans",
                batch=plan.batch,
                position=int(plan.position),
                digest=plan.digest,
                design=plan.design,
                context=plan.context,
                predicted=None if plan.predicted is None else float(plan.predicted),
                std=None if plan.std is None else float(plan.std),
            )

    def add_label(self, label: Label) -> None:
        """Writes a finished training."""
        self._add_training(label, accuracy=float(label.accuracy), failure=None, details=label.details)

    def add_failure(self, failure: Failure) -> None:
        """Writes a failed training."""
        self._add_training(failure, accuracy=None, failure=failure.reason, details={})

    def add_generation(self, generation: Generation) -> None:
        """Writes a generation."""
        self._insert(
            "generations",
            round=int(generation.round),
            generation=int(generation.generation),
            state=packed(generation.arrays),
            summary=as_json(generation.summary),
        )

    def add_note(self, topic: Topic, key: str, value: Any) -> None:
        """Writes a plain value under a topic, such as the cross-validation of a surrogate."""
        self._insert("notes", topic=str(topic), key=key, value=as_json(value))

    def add_event(self, kind: str, text: str) -> None:
        """Writes a line into the run's diary."""
        self._insert("events", at=_now(), kind=kind, text=text)

    # Reading.

    def meta(self, key: str) -> Any:
        """A value given to `create`; raises StoreError where there is none."""
        found = self.later_meta(key)
        if found is None:
            raise StoreError(f"{self.folder / FILE_NAME} has no '{key}'; it is damaged or not a run.")
        return found

    def later_meta(self, key: str) -> Any:
        """A value given to `create` that runs of earlier versions lack; None where there is none."""
        rows = self._select("meta", "WHERE key = ?", (key,))
        return json.loads(rows[0]["value"]) if rows else None

    def plans(self, batch: str | None = None) -> list[Plan]:
        """Returns the plans in order: of one batch, or of all."""
        where, values = ("", ()) if batch is None else ("WHERE batch = ?", (batch,))
        return [plan_of(row) for row in self._each("plans", where, values)]

    def each_plan(self) -> Iterator[Plan]:
        """All plans in order, one at a time: a long run has more of them than should be held at once."""
        return (plan_of(row) for row in self._each("plans", "", ()))

    def labels(self, context: str) -> dict[str, Label]:
        """Returns the labels of a context by the design's digest, oldest first."""
        rows = self._each("trainings", "WHERE accuracy IS NOT NULL AND context = ?", (context,), "id")
        return {row["digest"]: label_of(row) for row in rows}

    def accuracies(self, context: str) -> dict[str, float]:
        """Returns only the accuracies of `labels`, by the design's digest, to save memory in long runs."""
        rows = self._each("trainings", "WHERE accuracy IS NOT NULL AND context = ?", (context,), "id")
        return {row["digest"]: row["accuracy"] for row in rows}

    def labelled(self, context: str, digests: Sequence[str]) -> set[str]:
        """Returns which of the designs have a label in a context, without reading other labels."""
        found: set[str] = set()
        for i in range(0, len(digests), _MOST_VALUES):
            part = digests[i : i + _MOST_VALUES]
            where = f"WHERE accuracy IS NOT NULL AND context = ? AND digest IN ({', '.join('?' * len(part))})"
            found.update(row["digest"] for row in self._each("trainings", where, (context, *part), "id"))
        return found

    def all_labels(self) -> list[Label]:
        """Returns all labels, oldest first."""
        return [label_of(row) for row in self._each("trainings", "WHERE accuracy IS NOT NULL", (), "id")]

    def failures(self, context: str | None = None) -> list[Failure]:
        """Returns failed trainings, oldest first: of one context, or all."""
        where, values = ("", ()) if context is None else (" AND context = ?", (context,))
        return [failure_of(row) for row in self._each("trainings", f"WHERE failure IS NOT NULL{where}", values, "id")]

    def last_generation(self, round_: int | None = None, *, first: int = 0, last: int = 2**62) -> Generation | None:
        """The newest generation of a round, or of the whole run; within numbers, which tell a round's searches apart.

        Args:
            round_: None for the newest round that has any.
            first: Least number that counts.
            last: Largest one.
        """
        where, values = "WHERE generation BETWEEN ? AND ?", [first, last]
        if round_ is not None:
            where, values = f"{where} AND round = ?", [*values, round_]
        rows = self._select("generations", where, values, "round DESC, generation DESC LIMIT 1")
        try:
            return generation_of(rows[0]) if rows else None
        except (ValueError, OSError, EOFError, BadZipFile) as failure:
            raise damaged(self.folder, f"a generation cannot be read: {failure}", in_a_row=True) from None

    def summaries(self) -> list[dict[str, Any]]:
        """Figures about every generation, oldest first, with `round` and `generation`."""
        rows = self._each("generations", "", ())
        return [{"round": r["round"], "generation": r["generation"], **json.loads(r["summary"])} for r in rows]

    def notes(self, topic: Topic) -> dict[str, Any]:
        """Plain values under a topic, oldest first."""
        return {row["key"]: json.loads(row["value"]) for row in self._select("notes", "WHERE topic = ?", (str(topic),))}

    def note(self, topic: Topic, key: str) -> Any:
        """The plain value under a topic and a key; None where there is none."""
        rows = self._select("notes", "WHERE topic = ? AND key = ?", (str(topic), key))
        return json.loads(rows[0]["value"]) if rows else None

    def events(self) -> list[tuple[str, str, str]]:
        """(time, kind, text) of the diary, oldest first."""
        return [(row["at"], row["kind"], row["text"]) for row in self._select("events", "", (), "id")]

    def last_at(self) -> datetime | None:
        """When a training ended last, or the diary got its last line."""
        rows = [
            *self._select("trainings", "", (), "id DESC LIMIT 1"),
            *self._select("events", "", (), "id DESC LIMIT 1"),
        ]
        return max((datetime.fromisoformat(row["at"]) for row in rows), default=None)

    def _add_training(
        self, training: Label | Failure, *, accuracy: float | None, failure: str | None, details: Mapping[str, Any]
    ) -> None:
        self._insert(
            "trainings",
            digest=training.digest,
            context=training.context,
            protocol=training.protocol,
            seed=int(training.seed),
            accuracy=accuracy,
            failure=failure,
            seconds=float(training.seconds),
            details=as_json(details),
            at=_now(),
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
