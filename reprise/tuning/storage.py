"""Where a study is kept: a journal in .state by default, or any database that SQLAlchemy reaches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchModuleError, ProgrammingError, SQLAlchemyError

from reprise.database.address import address_of, scrubbed, secrets_of
from reprise.foundation.errors import RepriseError, UserError

JOURNAL = "journal.log"
# Seconds: how often a machine says that its trials are alive, and after what silence others take them over.
HEARTBEAT, SILENCE = 15, 120
PAUSES = (0.2, 1.0, 2.0)  # seconds between attempts to make the tables


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """Open the storage.

    Parameters
    ----------
    url : str or None
        Of a database; None: a file in `folder`, which the caller holds the lock of.
    folder : Path

    Raises
    ------
    UserError
        If the URL is none, or the database can't be reached.
    """
    if url is None:
        return JournalStorage(JournalFileBackend(str(_mended(folder / JOURNAL))))
    address = address_of(url, "--storage", makes=True).render_as_string(hide_password=False)
    with telling(url):
        for pause in PAUSES:
            try:
                return _database(address)
            except (IntegrityError, ProgrammingError):  # another machine made the tables at this moment
                time.sleep(pause)
        return _database(address)


def _database(address: str) -> RDBStorage:
    return RDBStorage(
        address,
        heartbeat_interval=HEARTBEAT,
        grace_period=SILENCE,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
    )


@contextmanager
def telling(url: str | None) -> Iterator[None]:
    """Turn what a storage raises into one line, without the URL's password."""
    try:
        yield
    except RepriseError:
        raise
    except (ImportError, NoSuchModuleError) as error:
        raise UserError(
            f"--storage: no driver for this URL ({_told(error, url)}); install one, such as psycopg[binary]"
        ) from None
    except (SQLAlchemyError, OptunaError) as error:
        inner = error.__cause__ if isinstance(error.__cause__, DBAPIError) else error
        cause = inner.orig if isinstance(inner, DBAPIError) and inner.orig is not None else inner
        raise UserError(f"--storage: {_told(cause, url)}") from None


def _told(error: BaseException, url: str | None) -> str:
    return scrubbed(error, [] if url is None else secrets_of(address_of(url, "--storage", makes=True)))


def _mended(path: Path) -> Path:
    """Remove what a crash left of a journal: a last line without its end, and the lock of a dead process."""
    for lock in path.parent.glob(f"{path.name}.lock*"):
        lock.unlink()
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as stream:
                stream.truncate(whole)
    return path
