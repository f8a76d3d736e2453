"""Read where a database is, and which driver speaks to it."""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from hub.connectors.extras import needs
from hub.connectors.guard import refuse_forbidden
from hub.errors import OptionsError

_DRIVERS = {
    "postgresql": ("asyncpg", ""),
    "mysql": ("pymysql", "mysql"),
    "mariadb": ("pymysql", "mysql"),
    "sqlite": ("pysqlite", ""),
    "oracle": ("oracledb", "oracle"),
    "mssql": ("pymssql", "mssql"),
}
"""The driver of each kind of database where the DSN names none, and the extra that brings it."""
_NICKNAMES = {"postgres": "postgresql", "sqlserver": "mssql"}
_KEY = ("dsn",)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is; `place` names it without user and password, `hidden` is what must never be quoted."""

    url: sa.URL
    place: str
    hidden: tuple[str, ...]

    @property
    def dialect(self) -> str:
        return self.url.get_backend_name()


def address(dsn: str, password: str | None) -> Address:
    """Read a DSN. Raises OptionsError, and SourceRefused where its driver is not installed."""
    url = _with_driver(_url(dsn.strip()))
    if password is not None and url.get_backend_name() != "sqlite":
        url = url.set(password=password)
    hidden = tuple(text for text in (url.password, password, dsn) if text)
    return Address(url, _place(url), hidden)


def _place(url: sa.URL) -> str:
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host or ""
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{host}{port}/{url.database or ''}"


def _url(dsn: str) -> sa.URL:
    if dsn.lower().startswith("jdbc:"):
        raise OptionsError((_KEY, "is for Java; write it as mysql://user@host:3306/database"))
    try:
        return sa.make_url(dsn)
    except (ArgumentError, ValueError):
        # What SQLAlchemy says of it holds the password.
        raise OptionsError((_KEY, "does not read as mysql://user@host:3306/database")) from None


def _with_driver(url: sa.URL) -> sa.URL:
    """Choose the driver, and see to it that there is one."""
    name, _, driver = url.drivername.partition("+")
    name = _NICKNAMES.get(name, name)
    if name == "sqlite":
        driver = ""  # The one that Python brings opens a file for reading only.
    usual, extra = _DRIVERS.get(name, (driver, ""))
    if driver in {"", usual} and extra:
        needs(usual, extra)
    chosen = url.set(drivername=f"{name}+{driver or usual}" if driver or usual else name)
    try:
        dialect = chosen.get_dialect()
        if driver not in {"", usual}:
            dialect.import_dbapi()
    except NoSuchModuleError:
        raise OptionsError((_KEY, _unknown(name, driver))) from None
    except ImportError:
        cure = f"leave it out for {usual}" if name in _DRIVERS else "install it"
        raise OptionsError((_KEY, f"the driver {driver} is not installed; {cure}")) from None
    if name == "sqlite" and (url.host or url.username):
        raise OptionsError(
            (_KEY, "a file has no host: write three slashes before a relative path, four before another")
        )
    if name == "sqlite" and url.database in {None, "", ":memory:"}:
        raise OptionsError((_KEY, "names no file; write sqlite:///drop/old.db, or sqlite:////srv/old.db"))
    return chosen


def _unknown(name: str, driver: str) -> str:
    if name in _DRIVERS:
        return f"no driver '{driver}' for {name}; leave it out for {_DRIVERS[name][0]}"
    near = get_close_matches(name, _DRIVERS, 1)
    return f"no database '{name}'" + (f"; did you mean '{near[0]}'?" if near else f" (known: {', '.join(_DRIVERS)})")


async def look_up(url: sa.URL) -> None:
    """Make sure that no name leads to where clouds keep their credentials. Raises SourceError."""
    for host in _hosts(url):
        await refuse_forbidden(host)


def _hosts(url: sa.URL) -> list[str]:
    """List the hosts of a DSN; PostgreSQL may have several, behind the question mark. A path is no host."""
    named: Any = url.query.get("host", ())
    several = [named] if isinstance(named, str) else list(named)
    hosts = [url.host, *(_without_port(part) for each in several for part in each.split(","))]
    return [host for host in hosts if host and not host.startswith("/")]


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]
