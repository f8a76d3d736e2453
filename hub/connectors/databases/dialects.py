"""What each kind of database needs to be told so that it is only read, in time, and in the right encoding."""

import codecs
import math
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.connectors.formats import encoding_named, escaping
from hub.errors import SourceUnavailable

GRACE = 2.0
"""Seconds that a database has to say itself that it took too long."""

_LONGEST_CONNECT = 10.0
_TOO_OLD = {1064, 1193}  # MySQL before 5.6 knows neither read-only transactions nor limits of time.
_STEPS = 10_000  # of SQLite's machine between two looks at the clock; some milliseconds
_CODEC = "hub_lenient_"


class Clock:
    """When the page under way must be there."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = math.inf

    def start(self) -> None:
        self._end = time.monotonic() + self._seconds

    def is_over(self) -> bool:
        return time.monotonic() > self._end


def connect_arguments(driver: str, seconds: float) -> dict[str, Any]:
    """How long a driver may wait for a connection, and for each answer."""
    connect = min(seconds, _LONGEST_CONNECT)
    whole, later = max(1, math.ceil(connect)), math.ceil(seconds + GRACE)
    known: dict[str, dict[str, Any]] = {
        "asyncpg": {"timeout": connect},
        "pymysql": {"connect_timeout": whole, "read_timeout": later, "write_timeout": later},
        "oracledb": {"tcp_connect_timeout": connect},
        "pymssql": {"login_timeout": whole, "timeout": later},
        "psycopg": {"connect_timeout": whole},
        "psycopg2": {"connect_timeout": whole},
    }
    return known.get(driver, {})


def prepare(connection: Any, *, url: sa.URL, seconds: float, zone: ZoneInfo, encoding: str | None) -> None:
    """Tell a new connection what holds for all that is asked over it."""
    dialect = url.get_backend_name()
    for statement in _told(dialect, seconds, zone):
        _tell(connection, statement, is_tolerant=dialect in {"mysql", "mariadb"})
    if url.get_driver_name() == "pymysql":
        _set_encoding(connection, str(url.query.get("charset") or "utf8mb4").lower(), encoding)
    if dialect == "oracle" and hasattr(connection, "call_timeout"):
        connection.call_timeout = int(seconds * 1000)


def begin(dialect: str) -> str | None:
    """What must be said at the beginning of each transaction."""
    return {"oracle": "SET TRANSACTION READ ONLY", "sqlite": "BEGIN"}.get(dialect)


def _told(dialect: str, seconds: float, zone: ZoneInfo) -> Iterator[str]:
    milliseconds = max(1, int(seconds * 1000))
    match dialect:
        case "postgresql":
            yield "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
            yield f"SET statement_timeout = {milliseconds}"
            # So that a timestamp without a zone compares as the source means it.
            yield f"SET TimeZone = '{zone.key}'"
        case "mysql" | "mariadb":
            yield "SET SESSION TRANSACTION READ ONLY"
            yield f"SET SESSION max_statement_time = {seconds:.3f}"  # MariaDB
            yield f"SET SESSION max_execution_time = {milliseconds}"  # MySQL
            yield f"SET SESSION lock_wait_timeout = {max(1, math.ceil(seconds))}"
        case "sqlite":
            yield "PRAGMA query_only = ON"
        case "mssql":
            yield f"SET LOCK_TIMEOUT {milliseconds}"


def _tell(connection: Any, statement: str, *, is_tolerant: bool) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
    except Exception as error:
        if not (is_tolerant and error.args and error.args[0] in _TOO_OLD):
            raise
    finally:
        cursor.close()
    connection.commit()


def _set_encoding(connection: Any, charset: str, encoding: str | None) -> None:
    """Choose how PyMySQL reads and writes texts, where Python's own codec would not do, or the charset is a lie."""
    if charset.startswith("gb"):
        connection.encoding = f"{_CODEC}{encoding_named(charset)}"
    elif encoding is not None and not charset.startswith("utf8"):
        # The second byte of a Chinese character may be a backslash to a server that thinks of Latin letters.
        _tell(connection, "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')", is_tolerant=True)
        connection.encoding = f"{_CODEC}{encoding_named(encoding)}"


def _codec(name: str) -> codecs.CodecInfo | None:
    """Find a codec that lets bytes through which are no text, as lone surrogates, so that they cost one row only."""
    if not name.startswith(_CODEC):
        return None
    codec = encoding_named(name.removeprefix(_CODEC))
    decoder, lenient = codecs.getdecoder(codec), escaping(codec)

    def decode(data: Any, _errors: str = "strict") -> tuple[str, int]:
        return decoder(data, lenient)

    def encode(text: str, _errors: str = "strict") -> tuple[bytes, int]:
        return text.encode(codec, "surrogateescape"), len(text)

    return codecs.CodecInfo(encode, decode, name=name)


codecs.register(_codec)


def open_sqlite(path: Path, clock: Clock, *, encoding: str | None, most_bytes: int) -> sqlite3.Connection:
    """Open a file that must be there; the clock stops what takes too long. Raises SourceError."""
    if not path.is_file():
        raise SourceUnavailable("there is no such file")
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=GRACE, check_same_thread=False, isolation_level=None
    )
    codec = encoding_named(encoding) if encoding else "utf-8"
    connection.text_factory = partial(str, encoding=codec, errors=escaping(codec))
    # A value that is a little too large is told by its column; one that is much too large is not even read.
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2 * most_bytes + 2**20)
    connection.set_progress_handler(clock.is_over, _STEPS)
    return connection


def stop(connection: Any) -> None:
    """End what a driver is waiting for in another thread, as far as it can be ended."""
    end: Callable[[], Any] | None = getattr(connection, "interrupt", None) or getattr(connection, "cancel", None)
    line = getattr(connection, "_sock", None)  # PyMySQL has no word for it.
    with suppress(Exception):
        if end is not None:
            end()
        elif isinstance(line, socket.socket):
            line.shutdown(socket.SHUT_RDWR)


def drop(connection: sa.Connection, cursor: Any) -> None:
    """Give up a connection in the middle of a result, which some drivers would read to its end first, however large."""
    unread: Any = getattr(cursor, "_result", None)  # PyMySQL's; it reads on even when it is thrown away
    if getattr(unread, "unbuffered_active", False):
        unread.unbuffered_active, unread.rows, unread.connection = False, None, None
    connection.invalidate()
