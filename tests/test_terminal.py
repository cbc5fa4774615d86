"""Drawings of characters keep their size and show every point, whatever the numbers."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from xpert_evo.progress import GenerationEnded, LiveScreen, Message, TrainingEnded
from xpert_evo.terminal import Marks, scatter, sparkline

POINTS = st.tuples(st.floats(1e-3, 1e12), st.floats(0, 1))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 80))
def test_a_sparkline_is_as_long_as_it_may_be_and_ends_with_the_last_value(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(len(values), width)
    if values[-1] == max(values) > min(values[-1:] + values[:1]) and width > 1:
        assert line[-1] == "█"


def test_a_sparkline_of_nothing_is_empty() -> None:
    assert sparkline([], 10) == ""
    assert sparkline([3.0, 3.0], 10) == "▁▁"


@given(st.lists(POINTS, min_size=1, max_size=40), st.integers(30, 120), st.integers(2, 20))
def test_a_scatter_has_its_size_and_its_corners(points: list[tuple[float, float]], width: int, height: int) -> None:
    lines = scatter([Marks(sign="o", points=tuple(points))], width=width, height=height)
    assert len(lines) == height + 1
    assert max(map(len, lines)) <= width
    assert sum(line.count("o") for line in lines) >= 1


def test_later_marks_lie_above_earlier_ones() -> None:
    groups = [Marks(sign=".", points=((1e3, 0.5), (1e6, 0.9))), Marks(sign="#", points=((1e6, 0.9),))]
    lines = scatter(groups, width=40, height=5)
    assert lines[0].endswith("#")
    assert lines[0].startswith("  90.0│")
    assert lines[4].startswith("  50.0│.")
    assert scatter([], width=40, height=5) == []


def test_the_screen_shows_curve_front_surrogate_and_time_left() -> None:
    screen = LiveScreen(Console(file=io.StringIO(), force_terminal=True, width=110, height=40))
    screen.tell(Message(text="surrogate 1: ridge", topic="surrogate"))
    screen.tell(Message(text="surrogate 2: networks", topic="surrogate"))
    training = TrainingEnded(
        batch="first",
        done=3,
        total=9,
        digest="a" * 16,
        accuracy=0.8,
        predicted=None,
        seconds=4.0,
        left_s=75.0,
        edap=1e5,
    )
    screen.tell(training)
    for generation in (1, 2, 3):
        front = ((1e4, 0.6), (1e6, 0.9))
        screen.tell(
            GenerationEnded(
                round=1, generation=generation, total=9, hypervolume=1.0 * generation, n_feasible=5, front=front
            )
        )
    shown = Console(file=io.StringIO(), width=110, height=40)
    with shown.capture() as capture:
        shown.print(screen._content())
    screen.close()
    text = capture.get()
    for words in ("●", "·", "▁▅█ 3.0000", "about 75 s left", "surrogate 2: networks", "generation 3/9"):
        assert words in text
    assert "surrogate 1" not in text
