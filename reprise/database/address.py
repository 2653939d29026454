"""Addresses of databases: URLs as SQLAlchemy takes them, whose passwords reach no message."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from reprise.foundation.errors import UserError

_SECRET = ("pass", "secret", "token", "key")  # parts of the names of a URL's options that hold one


def address_of(url: str, where: str, *, makes: bool = False) -> URL:
    """Return the address that a URL stands for.

    Parameters
    ----------
    url : str
        ``dialect[+driver]://user:password@host/database``.
    where : str
        What the URL was given as, for messages.
    makes : bool
        Whether a file of SQLite may be made.

    Raises
    ------
    UserError
        If it is none.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise UserError(
            f"{where}: not one of a database; write dialect://user@host/database, such as "
            "postgresql://me@localhost/shop or sqlite:///shop.db"
        ) from None
    name = address.database or ""
    if address.get_backend_name() == "sqlite" and not name.startswith("file:"):
        if not name or name == ":memory:":
            raise UserError(f"{where}: sqlite needs a file: sqlite:///shop.db")
        if not makes and not Path(name).is_file():  # SQLite would make an empty one
            raise UserError(f"{where}: {name}: no such file")
    if address.drivername == "postgresql":
        return address.set(drivername="postgresql+psycopg")
    return address


def secrets_of(address: URL) -> list[str]:
    """Return every text that a password of the URL may be written as, longest first."""
    known = [address.password] if address.password else []
    for name, value in address.query.items():
        if any(part in name.lower() for part in _SECRET):
            known += [value] if isinstance(value, str) else value
    forms: set[str] = set()
    for secret in known:
        forms |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    return sorted(filter(None, forms), key=lambda form: (-len(form), form))


def scrubbed(error: BaseException, secrets: list[str]) -> str:
    """Return an error's message as one line without secrets."""
    message = " ".join(str(error).split()) or type(error).__name__
    for secret in secrets:
        message = message.replace(secret, "***")
    return message[:400]
