"""The errors a user meets, and how a command turns them into lines and an exit code."""

from __future__ import annotations

import difflib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from reprise.foundation.streams import give_up_output, prepare_streams, tell
from reprise.foundation.system_errors import refusal


class RepriseError(Exception):
    """An expected failure: printed one line a problem, without a traceback.

    Parameters
    ----------
    *problems : str
        One line each: where, what was found, what is allowed, the nearest fix.
    """

    exit_code = 1

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class UserError(RepriseError):
    """The user's input is wrong (exit code 2); nothing was written."""

    exit_code = 2


class EnvironmentProblem(RepriseError):
    """The machine or its packages cannot do what was asked (exit code 3)."""

    exit_code = 3


class Interrupted(RepriseError):
    """A signal ended the work; the training state was kept.

    Parameters
    ----------
    signal_number : int
        The exit code is 128 plus this number, as shells count it.
    message : str
        What was kept and how to go on.
    """

    def __init__(self, signal_number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the member of `allowed` that looks most like `name`, or None when none is close."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return close[0] if close else None


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C asks the process to end, which cleans up as after Ctrl-C.

    Parameters
    ----------
    signal_number : int
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number


def exit_with(main: Callable[[], None]) -> NoReturn:
    """Run `main` and end the process with the exit code of its outcome.

    A `RepriseError` becomes its lines on standard error and its exit code; so does what the system refuses
    (see `reprise.foundation.system_errors`). Any other exception is a bug and keeps its traceback (exit code
    1).
    """
    prepare_streams()
    with _raising_termination():
        code = _outcome(main)
    give_up_output()
    sys.exit(code)


def _outcome(main: Callable[[], None]) -> str | int | None:
    """Return the exit code; what has to be said is said."""
    try:
        return _finished(main)
    except RepriseError as error:
        tell(*error.problems)
        return error.exit_code
    except KeyboardInterrupt as stop:
        number = stop.signal_number if isinstance(stop, Terminated) else signal.SIGINT
        tell("interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}")
        return 128 + number
    except BrokenPipeError:  # the reader of our output went away (`… | head`): not an error of ours
        return 128 + signal.SIGPIPE
    except Exception as error:
        refused = refusal(error)
        if refused is None:
            raise
        tell(refused.line)
        return refused.exit_code


def _finished(main: Callable[[], None]) -> str | int | None:
    """Run `main` until its output is written, too; return 0, or the code that argparse ends with."""
    code: str | int | None = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    return code


@contextmanager
def _raising_termination() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP of a terminal that closes, raise `Terminated`: without it no `finally` runs."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may ask for signals
        return
    # Where a signal is ignored, as nohup has it, that stays.
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
