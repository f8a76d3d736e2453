"""Make sense of what an answer holds: its tickets, or the error that stands in their place."""

from collections.abc import Iterable, Sequence
from typing import Any

from hub.connectors.formats import parse_json, parse_xml
from hub.connectors.http import LoginExpired, NotThere
from hub.connectors.masking import excerpt
from hub.connectors.paths import Path, chains_in, is_plain, missing, reader
from hub.connectors.places import keys_of as split
from hub.connectors.verdicts import ErrorEnvelope
from hub.errors import SourceError, SourceRefused, SourceUnavailable
from hub.model import Ticket

_KINDS = {list: "a list", str: "a text", bool: "true or false"}


class NothingThere(NotThere):
    """The envelope of an answer says that there is nothing: no such ticket, or none at all."""


class Records:
    """Finds the tickets at a path: one alone is a list of one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = reader(path)

    def of(self, payload: Any, *, markup: bool) -> list[Ticket]:
        """List the tickets of an answer; a path that leads nowhere is an error, not an empty list."""
        found = self._found(payload)
        if found is None:
            self._must_be_there(payload, markup)
            return []
        rows = found if isinstance(found, list) else [found]
        return [row if isinstance(row, dict) else {"value": row} for row in rows]

    def _must_be_there(self, payload: Any, markup: bool) -> None:
        path = self._path
        if payload is None or path == "":
            return
        if not is_plain(path):
            lacking = next((lack for chain in chains_in(path) if (lack := missing(chain, payload))), None)
            raise SourceRefused(
                f"holds nothing at `records: {path}`{f': {_lacks(*lacking)}' if lacking else ''}",
                hint="end the path with || `[]` only if that is how it says that there are none",
            )
        # XML leaves out an element that would be empty, so only its root must be there.
        lacking = missing(path.split(".")[0] if markup else path, payload)
        if lacking is not None:
            raise SourceRefused(
                f"holds no `{lacking[0]}` of `records: {path}`; {_holds(*lacking[1:])}",
                hint=f"if that is how it says that there are none, write `records: {path} || `[]``",
            )


def _lacks(key: str, above: str, payload: Any) -> str:
    return f"there is no `{key}`; {_holds(above, payload)}"


def _holds(above: str, payload: Any) -> str:
    return f"{f'`{above}`' if above else 'it'} holds {keys_of(payload)}"


def keys_of(payload: Any) -> str:
    """Name what stands at the top of an answer, for messages."""
    if isinstance(payload, dict):
        return ", ".join(list(payload)[:12]) or "nothing"
    return _KINDS.get(type(payload), "a number")


def opened_inside(payload: Any, paths: Iterable[str], *, lenient: bool = False) -> Any:
    """Parse the JSON or XML that stands as a text at these paths; a text that is neither stays as it is."""
    for path in paths:
        payload = _opened_at(payload, split(path), lenient)
    return payload


def _opened_at(value: Any, keys: Sequence[str], lenient: bool) -> Any:
    if isinstance(value, list):
        return [_opened_at(each, keys, lenient) for each in value]
    if not keys:
        return _parsed(value, lenient) if isinstance(value, str) else value
    if not isinstance(value, dict) or keys[0] not in value:
        return value
    return {**value, keys[0]: _opened_at(value[keys[0]], keys[1:], lenient)}


def _parsed(text: str, lenient: bool) -> Any:
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start not in {"{", "[", "<"}:
        return text
    try:
        if start == "<":
            return parse_xml(text.encode(), encoding="utf-8")
        return parse_json(text.encode(), lenient=lenient)
    except (SourceError, UnicodeError):
        return text


def judge(payload: Any, envelope: ErrorEnvelope) -> None:
    """Raise what the envelope of an answer says: nothing, ask again, log in again, or an error."""
    code = reader(envelope.path)(payload)
    if _among(code, envelope.ok):
        return
    message = reader(envelope.message)(payload) if envelope.message else None
    said = f"answered {envelope.path}={excerpt(str(code))}: {excerpt(str(message or ''))!r}"
    if _among(code, envelope.retry):
        raise SourceUnavailable(said)
    if _among(code, envelope.expired):
        raise LoginExpired(said, hint="check `auth`")
    raise NothingThere(said) if _among(code, envelope.absent) else SourceRefused(said)


def _among(code: Any, codes: Iterable[Any]) -> bool:
    """Compare codes as text as well: sources say 0 one day and "0" the next."""
    return any((type(code) is type(known) and code == known) or str(code) == str(known) for known in codes)
