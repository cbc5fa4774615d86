"""Ctrl-C and SIGTERM stop a run at a moment that breaks nothing."""

import os
import signal

import pytest

from xpert_evo.errors import InterruptedRunError
from xpert_evo.orchestration.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_once_outside_a_transaction(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts("xpert-evo resume here"), pytest.raises(InterruptedRunError, match="xpert-evo resume here"):
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_signal_waits_for_the_transaction_to_finish() -> None:
    done = []

    def work(interrupts: Interrupts) -> None:
        with interrupts.held_back():
            with interrupts.held_back():
                os.kill(os.getpid(), signal.SIGINT)
                done.append("inner")
            done.append("outer")
        done.append("after")

    with Interrupts("resume") as interrupts, pytest.raises(InterruptedRunError):
        work(interrupts)
    assert done == ["inner", "outer"]
