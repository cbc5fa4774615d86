"""What is told of the steps of a refinement while they are carried out."""

import itertools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.refinable import design, refinable
from xpert_evo.errors import ExecutorError
from xpert_evo.executors import JobDone, JobFailed, SerialExecutor
from xpert_evo.orchestration.refining import Refining
from xpert_evo.orchestration.refining.jobs import Done
from xpert_evo.orchestration.refining.memory import Memory
from xpert_evo.orchestration.refining.refinement import refiner_of
from xpert_evo.orchestration.refining.steps import CHOSEN, CONFIRMED_UNSEEN, At
from xpert_evo.progress import Event, Stage


class _Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Stage):
            self.lines.append(event.text)

    def close(self) -> None:
        """Nothing to do."""


class _Instant(SerialExecutor):
    """Judges at once."""

    def run(
        self, function: Callable[[Any], Any], jobs: Sequence[Any], more: Callable[[], Sequence[Any]] = tuple
    ) -> Iterator[JobDone[Any]]:
        for position in range(len(jobs)):
            yield JobDone(position=position, result=Done(seconds=0.0, accuracy=0.5, n_images=10))


def test_steps_are_told_about_once_a_second_and_long_ones_with_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, clock = _Heard(), itertools.count()
    network = refinable(tmp_path, Refining(n_images=60, n_judged=100))
    networks = [tmp_path / f"{number}.safetensors" for number in range(40)]
    for path in networks:
        path.write_text(path.name)
    memory = Memory(tmp_path)
    lab = refiner_of(network, tmp_path, memory, executor=_Instant(), listener=heard, home=None).laboratory
    monkeypatch.setattr(time, "monotonic", lambda: 0.1 * next(clock))
    heard.lines.clear()
    lab.accuracies(networks, design(), slice(60, 160), At(step=CHOSEN))
    first_s = lab.seconds
    first, *progress = heard.lines
    assert first == f"{CHOSEN}, 40 to do", "the pace is not yet known"
    assert 3 <= len(progress) <= 10
    assert all(re.search(r", \d+ of 40, about [1-9]\d* s left of this step", line) for line in progress)
    heard.lines.clear()
    lab.accuracies(networks[:20], design(), slice(160, None), At(step=CONFIRMED_UNSEEN))
    found = re.match(rf"{CONFIRMED_UNSEEN}, 20 to do, about (\d+) (s|min)$", heard.lines[0])
    assert found, heard.lines[0]
    expected_s = int(found[1]) * (60 if found[2] == "min" else 1)
    ratio = 20 * (len(network.dataset.validation) - 160) / (40 * 100)
    assert expected_s == pytest.approx(ratio * first_s, rel=0.1)
    memory.close()


class _Killed(_Instant):
    """Loses the worker of the first job of a number of batches.

    Args:
        n_deaths: Number of batches.
    """

    def __init__(self, n_deaths: int) -> None:
        self._n_deaths = n_deaths
        self.asked: list[int] = []

    def run(
        self, function: Callable[[Any], Any], jobs: Sequence[Any], more: Callable[[], Sequence[Any]] = tuple
    ) -> Iterator[Any]:
        self.asked.append(len(jobs))
        dies, self._n_deaths = self._n_deaths > 0, self._n_deaths - 1
        for outcome in super().run(function, jobs, more):
            reason = "its worker died (exit code -9)"
            yield JobFailed(position=0, reason=reason) if dies and outcome.position == 0 else outcome


@pytest.mark.parametrize(("n_deaths", "asked"), [(0, [4]), (1, [4, 1]), (2, [4, 1])])
def test_a_measurement_whose_worker_died_is_retried_as_often_as_a_training(
    n_deaths: int, asked: list[int], tmp_path: Path
) -> None:
    network = refinable(tmp_path, Refining(n_images=60, n_judged=100), **{"training.retries": 1})
    networks = [tmp_path / f"{number}.safetensors" for number in range(4)]
    for path in networks:
        path.write_text(path.name)
    memory, executor = Memory(tmp_path), _Killed(n_deaths)
    lab = refiner_of(network, tmp_path, memory, executor=executor, listener=_Heard(), home=None).laboratory
    with closing(memory):
        if n_deaths == 2:
            with pytest.raises(ExecutorError, match=r"its worker died .*; what was measured is kept\."):
                lab.accuracies(networks, design(), slice(60, 160), At(step=CHOSEN))
        else:
            found = lab.accuracies(networks, design(), slice(60, 160), At(step=CHOSEN))
            assert [one.value for one in found] == [0.5] * 4
    assert executor.asked == asked
