"""The errors a user meets, and how a command turns them into lines and an exit code."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn


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


def exit_with(main: Callable[[], None]) -> NoReturn:
    """Run `main` and end the process with the exit code of its outcome.

    A `RepriseError` becomes its lines on standard error and its exit code. Any other exception is
    a bug and keeps its traceback (exit code 1).
    """
    try:
        main()
    except RepriseError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`… | head`): not an error of ours.
        sys.stderr.close()
        sys.exit(141)
    sys.exit(0)
