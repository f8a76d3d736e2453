"""Say what a database or its driver complains of: whether to try again, what to mend, and nothing of its rows. Pure."""

import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hub.connectors.masking import excerpt
from hub.errors import SourceError, SourceRefused, SourceUnavailable


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a complaint comes to. Words are quoted only where they are known to speak of names, and not of values."""

    is_away: bool = False
    is_slow: bool = False
    quotes: bool = False
    hint: str = ""


_AWAY = _Verdict(is_away=True)
_SLOW = _Verdict(is_away=True, is_slow=True, hint="an index over page.keys helps, smaller pages, or limits.timeout")
_SAID = _Verdict(quotes=True)
_LOGIN = _Verdict(quotes=True, hint="check the user and password of `dsn`")
_WRITES = _Verdict(quotes=True, hint="the hub only reads")
_SILENT = _Verdict()

_MYSQL: dict[int, _Verdict] = {
    **dict.fromkeys((1044, 1045, 1130, 1698, 1820, 1862, 3118, 4151), _LOGIN),
    # Too many connections, shutting down, network, lock wait, deadlock, killed, gone away.
    **dict.fromkeys((1040, 1042, 1043, 1053, 1077, 1079, 1080, 1152, 1153, 1154, 1155, 1156, 1157, 1158), _AWAY),
    **dict.fromkeys((1159, 1160, 1161, 1203, 1205, 1213, 1226, 1317, 1615, 1927, 4031), _AWAY),
    **dict.fromkeys((2002, 2003, 2005, 2006, 2013, 2014, 2026, 2027, 2055), _AWAY),
    **dict.fromkeys((1969, 3024), _SLOW),
    # No such database, table, column, function; syntax; no right to; a view that is broken.
    **dict.fromkeys((1046, 1049, 1051, 1052, 1054, 1055, 1060, 1064, 1109, 1115, 1128, 1129, 1142, 1143, 1146), _SAID),
    **dict.fromkeys((1149, 1193, 1222, 1241, 1247, 1248, 1267, 1271, 1305, 1318, 1356, 1370, 1449, 1582, 1630), _SAID),
    **dict.fromkeys((1290, 1792), _WRITES),
}
_POSTGRESQL: dict[str, _Verdict] = {
    **dict.fromkeys(("08", "53", "57", "58", "40", "55P03", "25P03", "72"), _AWAY),
    "57014": _SLOW,
    "28": _LOGIN,
    **dict.fromkeys(("3D", "3F", "42", "0A", "25"), _SAID),
    "25006": _WRITES,
    "42883": _Verdict(quotes=True, hint="does since.format say how its column holds a time?"),
}
"""By SQLSTATE, or by its first two characters, which are its class."""
_SQLITE: dict[int, _Verdict] = {
    **dict.fromkeys((5, 6, 10, 14), _AWAY),  # busy, locked, I/O error, cannot open
    9: _SLOW,
    **dict.fromkeys((1, 11, 23, 26), _SAID),  # no such table or column and syntax, corrupt, not authorized, no database
    8: _WRITES,
    18: _Verdict(quotes=True, hint="leave the column out that holds it, or raise limits.max_body"),
}
_MSSQL: dict[int, _Verdict] = {
    **dict.fromkeys((4060, 18450, 18452, 18456, 18470, 18487, 18488), _LOGIN),
    **dict.fromkeys((102, 156, 207, 208, 209, 229, 230, 4104, 8120), _SAID),
    **dict.fromkeys((1204, 1205, 1222, 17142, 20002, 20003, 20004, 20006, 20009, 20047), _AWAY),
}
_ORACLE: dict[int, _Verdict] = {
    **dict.fromkeys((1005, 1017, 28000, 28001), _LOGIN),
    **dict.fromkeys((900, 904, 907, 911, 923, 933, 936, 942, 1031, 918), _SAID),
    **dict.fromkeys((18, 20, 28, 54, 60, 1012, 1033, 1034, 1089, 3113, 3114, 3135, 12154, 12170), _AWAY),
    **dict.fromkeys((12505, 12514, 12516, 12519, 12520, 12528, 12537, 12541, 12543), _AWAY),
    **dict.fromkeys((1013, 3136), _SLOW),
    1456: _WRITES,
}
_TABLES: dict[str, dict[int, _Verdict]] = {"mysql": _MYSQL, "mariadb": _MYSQL, "mssql": _MSSQL, "oracle": _ORACLE}
_OF_DRIVERS = {"mysql": range(2000, 3000), "mariadb": range(2000, 3000), "mssql": range(20000, 30000)}
"""The numbers that drivers give their own complaints, of a server that they lost; all others are about the question."""
_AWAY_BY_NAME = {"OperationalError", "InterfaceError", "InternalError"}


def told(error: BaseException, dialect: str, seconds: float, hidden: Iterable[str] = ()) -> SourceError:
    """Make of a complaint one of the two that there are; `seconds` is how long a page may take."""
    if isinstance(error, SourceError):
        return error
    said = getattr(error, "orig", None) or error
    if isinstance(said, ssl.SSLCertVerificationError):
        reason = getattr(said, "verify_message", "") or "it does not fit the host"
        return SourceRefused(f"the certificate of the database is not to be trusted: {reason}")
    if isinstance(said, UnicodeError):
        return SourceRefused("holds text that is not in the encoding of the connection", hint="set `encoding`")
    if isinstance(said, TimeoutError):
        return SourceUnavailable(too_slow(seconds))
    if isinstance(said, OSError):
        return SourceUnavailable(f"no connection ({said.strerror or type(said).__name__})")
    number = _number(said, dialect)
    verdict = _verdict(said, dialect, number) or _by_class(error, said)
    return _error(verdict, said, number, seconds, hidden)


def too_slow(seconds: float) -> str:
    return f"gave no whole page within {seconds:g} s"


def _error(verdict: _Verdict, said: BaseException, number: str, seconds: float, hidden: Iterable[str]) -> SourceError:
    kind = SourceUnavailable if verdict.is_away else SourceRefused
    if verdict.is_slow:
        return kind(too_slow(seconds), hint=verdict.hint)
    name = f"{type(said).__name__} {number}".rstrip()
    if not verdict.quotes:
        return kind(f"fails with {name}", hint=verdict.hint)
    return kind(f"{excerpt(_words(said), hidden)} ({name})", hint=verdict.hint)


def _number(said: BaseException, dialect: str) -> str:
    """Find the code that the database gives its complaints."""
    first: Any = said.args[0] if said.args else None
    if dialect == "sqlite":
        return str(getattr(said, "sqlite_errorname", ""))
    if dialect == "oracle":
        named = re.search(r"\b(?:ORA|DPY|TNS)-\d+", str(first))
        return named[0] if named else ""
    if dialect not in _TABLES:
        return str(getattr(said, "sqlstate", None) or getattr(said, "pgcode", None) or "")
    while isinstance(first, tuple) and first:
        first = first[0]
    return str(first) if isinstance(first, int) else ""


def _verdict(said: BaseException, dialect: str, number: str) -> _Verdict | None:
    if dialect == "sqlite":
        return _SQLITE.get(getattr(said, "sqlite_errorcode", 0) & 0xFF)
    if dialect not in _TABLES:
        return _POSTGRESQL.get(number) or _POSTGRESQL.get(number[:2])
    digits = number.removeprefix("ORA-")
    code = int(digits) if digits.isdecimal() else 0
    verdict = _TABLES[dialect].get(code)
    if verdict is None and code and dialect in _OF_DRIVERS:
        return _AWAY if code in _OF_DRIVERS[dialect] else _SILENT
    return verdict


def _by_class(error: BaseException, said: BaseException) -> _Verdict:
    """Judge what no table knows: by what the driver calls it, or what became of the connection."""
    names = {kind.__name__ for kind in type(said).__mro__}
    is_away = getattr(error, "connection_invalidated", False) or bool(names & _AWAY_BY_NAME)
    return _AWAY if is_away else _SILENT


def _words(said: BaseException) -> str:
    """Take the sentence out of a complaint, of which some drivers make a tuple with its number."""
    last: Any = said.args[-1] if said.args else ""
    while isinstance(last, tuple) and last:
        last = last[-1]
    text = last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last)
    return re.sub(r"^<class '[^']*'>: ", "", text)
