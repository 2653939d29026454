"""The errors a user meets, and how a command turns them into lines and an exit code."""

from __future__ import annotations

import difflib
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import NoReturn

from reprise.foundation.streams import give_up_output, prepare_streams, tell
from reprise.foundation.system_errors import refusal

INTERRUPTED = "interrupted"


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


def tell_early_interrupts() -> None:
    """Let Ctrl-C before `exit_with`, while modules are being loaded, be told in a word as well."""
    usual = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            tell(INTERRUPTED)
        else:
            usual(kind, error, trace)

    sys.excepthook = hook


def exit_with(main: Callable[[], None]) -> NoReturn:
    """Run `main` and end the process with the exit code of its outcome.

    A `RepriseError` becomes its lines on standard error and its exit code; so does what the system refuses
    (see `reprise.foundation.system_errors`). Any other exception is a bug and keeps its traceback (exit code
    1).
    """
    prepare_streams()
    with _ending_by_signals() as received:
        code = _outcome(main, received)
    give_up_output()
    sys.exit(code)


def _outcome(main: Callable[[], None], received: list[int]) -> str | int | None:
    """Return the exit code; what has to be said is said."""
    try:
        return _finished(main)
    except RepriseError as error:
        tell(*error.problems)
        return error.exit_code
    except KeyboardInterrupt:
        return _ended(received)
    except BrokenPipeError:  # the reader of our output went away (`… | head`): not an error of ours
        return 128 + signal.SIGPIPE
    except BaseException as error:
        if received:  # while a library in C or Rust is being loaded a signal comes out as an error of its own
            return _ended(received)
        refused = refusal(error)
        if refused is None:
            raise
        tell(refused.line)
        return refused.exit_code


def _ended(received: list[int]) -> int:
    number = received[0] if received else signal.SIGINT
    tell(INTERRUPTED if number == signal.SIGINT else f"ended by {signal.Signals(number).name}")
    return 128 + number


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
def _ending_by_signals() -> Iterator[list[int]]:
    """Let SIGTERM, and SIGHUP of a terminal that closes, end the block as Ctrl-C does: any `finally` runs.

    Yields the numbers of the signals that came.
    """
    received = list[int]()

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may ask for signals
        return
    # Where a signal is ignored, as nohup has it, that stays.
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    usual = {n: how for n, how in usual.items() if how in (signal.SIG_DFL, signal.default_int_handler)}
    for number in usual:
        signal.signal(number, end)
    try:
        yield received
    finally:
        for number, how in usual.items():
            signal.signal(number, how)
