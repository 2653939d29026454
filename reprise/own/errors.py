"""What a user's own code raises, as one line that names the file and the line."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from reprise.foundation.errors import RepriseError, UserError

LONGEST = 300  # characters of a message; torch's can fill a page


class Refusal(Exception):
    """Something that code of one's own may not do; where it did is found by `telling`."""


@contextmanager
def telling(where: str | None) -> Iterator[None]:
    """Turn whatever is raised inside into one line.

    Parameters
    ----------
    where : str or None
        Named if no line of own/ takes part; None: such an error is not the user's and goes on as it is.

    Raises
    ------
    UserError
    """
    try:
        yield
    except RepriseError:
        raise
    except (Exception, SystemExit) as error:
        place = place_of(error) or where
        if place is None:
            raise
        message = " ".join(str(error).split())
        message = message if len(message) <= LONGEST else message[: LONGEST - 1] + "…"
        kind = "" if isinstance(error, Refusal) else type(error).__name__
        raise UserError(f"{place}: {': '.join(filter(None, (kind, message)))}") from None


def place_of(error: BaseException) -> str | None:
    """Return the file and line of own/ that an error came from, such as own/model.py:12."""
    if isinstance(error, SyntaxError) and error.filename and error.filename.startswith("own/"):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    return next((f"{f.filename}:{f.lineno}" for f in reversed(frames) if f.filename.startswith("own/")), None)
