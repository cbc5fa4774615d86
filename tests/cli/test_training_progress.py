"""What a training and a judgement tell while they work: step, images a second, and what is left in truth."""

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.epoch import Step
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_progress import JudgingProgress, TrainingProgress


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Everything(Ticker):
    """Keeps every line, whatever the time."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tick(self, line: Callable[[], str]) -> None:
        self.lines.append(line())

    def clear(self) -> None:
        pass


def in_steps(protocol: TrainingProtocol, clock: Clock, *, step_s: float) -> tuple[list[str], list[str]]:
    """Lines of steps and of epochs of a training whose 8 steps an epoch take so long by the area of their images."""
    said: list[str] = []
    ticker = Everything()
    progress = TrainingProgress(protocol, n_train=80, n_validation=1_000, say=said.append, ticker=ticker, clock=clock)
    for number in range(1, protocol.epochs + 1):
        for step in range(1, 9):
            clock.now_s += step_s * (protocol.size_in_epoch(number) / protocol.image_size) ** 2
            progress.step(Step(epoch=number, number=step, n_steps=8, n_images=10))
        progress.epoch(Epoch(number=number, loss=1.0, seconds=clock.now_s))
    return ticker.lines, said


def test_steps_tell_speed_and_the_time_that_the_rest_really_takes() -> None:
    protocol = TrainingProtocol(name="test", epochs=3)
    steps, epochs = in_steps(protocol, Clock(), step_s=2.0)
    assert steps[0] == "epoch 1/3, step 1 of 8", "one step has no pace yet"
    assert steps[1] == "epoch 1/3, step 2 of 8, 5 images/s, about 44 s of training left"
    assert steps[-2] == "epoch 3/3, step 7 of 8, 5 images/s, about 2 s of training left"
    assert epochs[0] == "epoch 1/3: loss 1.0000, 16 s, about 32 s of training left"
    assert epochs[2] == "epoch 3/3: loss 1.0000, 16 s, trained; measuring 1,000 validation images"


def test_the_time_left_follows_the_size_of_later_images() -> None:
    protocol = TrainingProtocol(name="test", epochs=2, early_sizes=(16,))
    steps, epochs = in_steps(protocol, Clock(), step_s=2.0)
    assert steps[3].endswith("about 18 s of training left"), "four steps of 0.5 s, and 16 s of full size"
    assert epochs[0].endswith("about 16 s of training left")


def test_the_first_epoch_expects_later_ones_to_leave_images_out() -> None:
    protocol = TrainingProtocol(name="test", epochs=8, leave_out=0.5)
    _, epochs = in_steps(protocol, Clock(), step_s=2.0)
    assert epochs[0].endswith("about 88 s of training left"), "six of three quarters, and the last one whole"
    assert epochs[1].endswith("about 96 s of training left"), "six as long as the present one"


def test_a_judgement_counts_all_draws_that_are_left() -> None:
    clock, ticker = Clock(), Everything()
    progress = JudgingProgress("2,000 test images", 3, ticker, clock)
    clock.now_s = 10.0
    progress.draw(0.5)
    clock.now_s = 20.0
    progress.ended()
    clock.now_s = 25.0
    progress.draw(0.25)
    assert ticker.lines == [
        "judging 2,000 test images, 1 of 3 judgements: 50 %, about 50 s left",
        "judging 2,000 test images, 2 of 3 judgements: 25 %, about 35 s left",
    ]


def test_lines_outside_of_a_terminal_come_soon_and_then_more_rarely() -> None:
    clock, stream = Clock(), io.StringIO()
    ticker = Ticker(Console(file=stream, force_terminal=False), clock)
    for second in range(200):
        clock.now_s = float(second)
        ticker.tick(lambda: f"at {clock.now_s:.0f} s")
    told = [int(found) for found in re.findall(r"at (\d+) s", stream.getvalue())]
    assert told == [2, 6, 14, 30, 62, 122, 182]


def test_a_terminal_shows_the_newest_line_and_is_left_without() -> None:
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with Ticker(console, clock) as ticker:
        ticker.tick(lambda: "first line")
        ticker.tick(lambda: pytest.fail("too soon"))
        clock.now_s += 1
        ticker.tick(lambda: "[second] line")
        console.print("said meanwhile")
    shown = stream.getvalue()
    assert "[second] line" in shown, "no markup"
    assert shown.index("said meanwhile") < shown.rindex("\x1b[2K")
    assert "line" not in shown[shown.rindex("\x1b[2K") :]
