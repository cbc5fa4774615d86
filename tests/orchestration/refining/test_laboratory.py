"""What is told of the steps of a refinement while they are carried out."""

import itertools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.refinable import design, refinable
from xpert_evo.executors import JobDone, SerialExecutor
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
