"""What a resumed run may change, until when, and that it is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.conftest import quick, small_settings
from xpert_evo.errors import StoreError
from xpert_evo.orchestration.names import FINALISTS
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Event, Silent, TrainingEnded
from xpert_evo.report.result import load_result
from xpert_evo.store import Store


class KilledError(BaseException):
    """Stands for a kill."""


Stop = Callable[[int], object]


@dataclass
class Heard:
    """A listener that remembers how trainings were counted."""

    counts: list[tuple[int, int]] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        if isinstance(event, TrainingEnded):
            self.counts.append((event.done, event.total))

    def close(self) -> None:
        """Nothing to do."""


@pytest.fixture
def stopped_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], object]:
    """A context in which trainings cost nothing and the run is killed after so many."""

    @contextmanager
    def during(most: int | None) -> Iterator[None]:
        done: list[TrainingJob] = []

        def training(job: TrainingJob) -> TrainingReport:
            if len(done) == most:
                raise KilledError
            done.append(job)
            return quick(job)

        with monkeypatch.context() as patch:
            patch.setattr("xpert_evo.orchestration.batches.train_job", training)
            if most is None:
                yield
            else:
                with pytest.raises(KilledError):
                    yield

    return during


def batches(folder: Path) -> set[str]:
    with Store.open_readonly(folder) as store:
        return {plan.batch for plan in store.plans()}


def test_more_rounds_are_kept_for_later_resumes_and_reports(stopped_after: Stop, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with stopped_after(5):
        begin(small_settings(), folder, Silent())
    with stopped_after(2):
        go_on(folder, {"training.rounds": 3}, Silent())
    with stopped_after(None):
        go_on(folder, {}, Silent())
    assert batches(folder) == {"first", "round-1", "round-2", "round-3", FINALISTS}
    with Store.open_readonly(folder) as store:
        assert load_result(store).config.training.rounds == 3
        assert [text for _, kind, text in store.events() if kind == "changed"] == ["training.rounds = 3, before 1"]


@pytest.mark.parametrize(
    ("settings", "most", "why"),
    [({}, 7, "its finalists are chosen"), ({"rounds": 2, "budget_s": 6.0}, 7, "used up training.budget_s")],
    ids=["finalists", "stopped"],
)
def test_rounds_that_would_reach_no_front_are_refused(
    stopped_after: Stop, tmp_path: Path, settings: dict[str, object], most: int, why: str
) -> None:
    folder = tmp_path / "run"
    with stopped_after(most):
        begin(small_settings(training=settings), folder, Silent())
    before = batches(folder)
    with pytest.raises(StoreError, match=rf"training\.rounds .* got 4.*{why}.*--labels-from {folder}"):
        go_on(folder, {"training.rounds": 4}, Silent())
    with stopped_after(None):
        go_on(folder, {"training.rounds": settings.get("rounds", 1)}, Silent())
    assert batches(folder) == before | {FINALISTS}


def test_a_round_that_has_begun_is_not_taken_back(stopped_after: Stop, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with stopped_after(7):
        begin(small_settings(training={"rounds": 3}), folder, Silent())
    assert "round-2" in batches(folder)
    with pytest.raises(StoreError, match="must be at least 2, got 1, for round 2 has begun"):
        go_on(folder, {"training.rounds": 1}, Silent())


def test_a_run_with_workers_and_a_time_limit_goes_on_without_them(stopped_after: Stop, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with stopped_after(5):
        begin(small_settings(), folder, Silent())
    with Store.open(folder) as store, store.transaction():
        settings = store.meta("settings")
        settings["executor"] = {"kind": "processes", "workers": 2}
        settings["training"]["time_limit_s"] = 60.0
        store.replace_meta("settings", settings)
    with stopped_after(None):
        go_on(folder, {"executor.kind": "serial"}, Silent())
    assert FINALISTS in batches(folder)


def test_progress_counts_the_finalists_of_every_limit(stopped_after: Stop, tmp_path: Path) -> None:
    heard, folder = Heard(), tmp_path / "run"
    limits = {"area_limit_mm2": 18.0, "further_area_limits_mm2": [9.0]}
    with stopped_after(8):
        begin(small_settings(hardware=limits), folder, heard)
    assert heard.counts[0] == (1, 6 + 2 * 2 + 1)
    with stopped_after(None):
        go_on(folder, {}, heard)
    with Store.open_readonly(folder) as store:
        n = 6 + len(store.plans(FINALISTS))
    assert heard.counts[-1] == (n, n)
