"""Being asked to stop: the first request is remembered, a second Ctrl-C ends at once."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import pytest

from reprise.training.signals import StopRequest, stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_remembered_inside_the_block(number: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
        assert stop.signal == number
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_ctrl_c_does_not_wait(first: int) -> None:
    stop = StopRequest()
    stop.note(first, None)
    with pytest.raises(KeyboardInterrupt):
        stop.note(signal.SIGINT, None)


def test_a_second_termination_changes_nothing() -> None:
    """A scheduler that repeats itself; the state is being saved."""
    stop = StopRequest()
    stop.note(signal.SIGTERM, None)
    stop.note(signal.SIGTERM, None)
    assert stop.signal == signal.SIGTERM


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), stop_on_signals():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(sys.platform != "linux", reason="the death of a parent is a signal on Linux only")
def test_the_death_of_the_parent_is_a_signal_inside_the_block_only() -> None:
    def chosen() -> int:
        number = ctypes.c_int(-1)
        get_parent_death_signal = 2
        ctypes.CDLL(None).prctl(get_parent_death_signal, ctypes.byref(number))
        return number.value

    with stop_on_signals():
        assert chosen() == signal.SIGTERM
    assert chosen() == 0
