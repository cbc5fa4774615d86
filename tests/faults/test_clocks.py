"""Clocks that people set, and that jump: times are shown by them, nothing is decided by them."""

import ast
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from tests.faults.conftest import small_settings
from xpert_evo.orchestration.start import begin, go_on
from xpert_evo.progress import Silent
from xpert_evo.store import Store, store

ROOT = Path(__file__).parents[2]
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "time.localtime"}
SHOWN = {
    ("xpert_evo/store/store.py", "datetime.now"),  # the diary; its lines are in order by their number
    ("xpert_evo/cli/status.py", "datetime.now"),  # how long ago something was written
}


def test_no_duration_and_no_limit_goes_by_the_wall_clock() -> None:
    found = set()
    for part in ("xpert_evo", "hw_models"):
        for path in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in WALL_CLOCKS:
                    found.add((str(path.relative_to(ROOT)), name))
    assert found == SHOWN


def test_a_clock_that_jumps_back_and_forth_changes_nothing_but_the_times_shown(
    quick_trainings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(small_settings(), tmp_path / "calm", Silent())
    jumps = cycle([timedelta(0), timedelta(days=4000), timedelta(days=-4000)])
    monkeypatch.setattr(store, "_now", lambda: (datetime.now(UTC) + next(jumps)).isoformat(timespec="milliseconds"))
    begin(small_settings(), tmp_path / "jumping", Silent())
    go_on(tmp_path / "jumping", {}, Silent())
    found = []
    for name in ("calm", "jumping"):
        with Store.open_readonly(tmp_path / name) as run:
            events = [(kind, text) for _, kind, text in run.events()]
            found.append((run.plans(), run.all_labels(), run.summaries(), run.notes("surrogate"), events))
    (*calm, events), (*jumping, more_events) = found
    assert calm == jumping
    assert more_events[:-2] == events, "the diary stands in the order of what happened"
    assert [kind for kind, _ in more_events[-2:]] == ["started", "working"]
