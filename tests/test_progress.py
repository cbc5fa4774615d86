"""What is told while a run works: complete, in plain words, machine-readable where asked for."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from xpert_evo.progress import (
    Event,
    GenerationEnded,
    JsonLines,
    LiveScreen,
    Message,
    PlainLines,
    TrainingEnded,
    describe,
)
from xpert_evo.words import duration

TRAINED = TrainingEnded(
    batch="round-1",
    done=3,
    total=8,
    digest="0123456789abcdef",
    accuracy=0.876,
    predicted=0.85,
    seconds=12.3,
    left_s=61.0,
)
FAILED = TrainingEnded(
    batch="first",
    done=1,
    total=8,
    digest="f" * 16,
    accuracy=None,
    predicted=None,
    seconds=0.0,
    left_s=None,
    reason="the loss is nan",
)
EVOLVED = GenerationEnded(round=1, generation=20, total=100, hypervolume=1.25, n_feasible=77)


def test_lines_say_what_people_ask_for() -> None:
    assert describe(TRAINED) == (
        "training 3/8 (round-1) 01234567: 87.60 % on validation, predicted 85.0 %, 12 s; about 61 s left"
    )
    assert describe(FAILED) == "training 1/8 (first) ffffffff: failed, the loss is nan"
    assert "hypervolume 1.2500, 77 designs" in describe(EVOLVED)
    assert describe(Message(text="x", warning=True)) == "warning: x"


@pytest.mark.parametrize(("seconds", "text"), [(5.4, "5 s"), (99, "99 s"), (600, "10 min"), (7200, "2.0 h")])
def test_durations_have_two_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_speed_stands_before_the_time_left() -> None:
    assert describe(replace(TRAINED, images_per_s=3351.4)).endswith(
        "12 s; 3,351 training images/s by all workers; about 61 s left"
    )


def test_json_lines_hold_every_field() -> None:
    stream = io.StringIO()
    listener = JsonLines(stream)
    for event in (TRAINED, EVOLVED):
        listener.tell(event)
    listener.close()
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["event"] == "TrainingEnded"
    assert first["accuracy"] == 0.876
    assert second["generation"] == 20


def test_plain_lines_skip_most_generations() -> None:
    stream = io.StringIO()
    listener = PlainLines(stream)
    for generation in range(1, 101):
        listener.tell(GenerationEnded(round=1, generation=generation, total=100, hypervolume=1.0, n_feasible=1))
    assert len(stream.getvalue().splitlines()) == 10


@pytest.mark.parametrize("event", [TRAINED, FAILED, EVOLVED, Message(text="[red]not markup[/red]")])
def test_the_live_screen_shows_events_as_they_are(event: Event) -> None:
    stream = io.StringIO()
    screen = LiveScreen(Console(file=stream, force_terminal=True, width=150))
    screen.tell(event)
    screen.close()
    if not isinstance(event, GenerationEnded):
        assert describe(event)[:30] in stream.getvalue()
