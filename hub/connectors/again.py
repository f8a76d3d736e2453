"""Know a page that came before by its bytes: the walk goes on as it did then, and nobody reads its tickets again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from hub.connectors.base import Unread
from hub.connectors.exchange import Answer
from hub.connectors.paging import ByCursor, ByLink, ByOffset, ByPage, OnePage, Paging, next_link
from hub.connectors.paths import is_plain, reader
from hub.connectors.since import is_under_way
from hub.connectors.walking import Part
from hub.model import Cursor, Page

_MOST_PAGES = 1_000  # remembered in one cursor: some 60 bytes each
_LONGEST = 200
_TOLD_BY = ("next", "more", "end", "total_path", "pages")  # where ways of paging look for what an answer tells


@dataclass(frozen=True, slots=True)
class _Gist:
    """How many tickets an answer held, and what it told the paging beside them."""

    tickets: int
    told: dict[str, Any]


class Memory:
    """The pages of the last run and of this one, as the cursor remembers them by the digest of their bytes.

    `salt` is all that besides the bytes decides how an answer is read: other options remember nothing.
    """

    def __init__(self, salt: bytes, page: Paging, cursor: Cursor | None) -> None:
        self._salt = salt
        self._paths = told_paths(page) or []
        self._known = _remembered(cursor)
        self._met: dict[str, _Gist] = {}
        self._last = b""

    def read(self, answer: Answer, read: Callable[[Answer], Part]) -> Part:
        """Read an answer; one that came before tells what it told, and its tickets are read when they are asked for."""
        self._last = digest = self._digest(answer)
        gist = self._known.get(digest.hex())
        if gist is None:
            part = read(answer)
            gist = self._gist(part)
        else:
            tickets = Unread(gist.tickets, digest, lambda: read(answer).tickets)
            part = Part(_payload(gist.told), tickets, next_link(answer.links), headers=answer.headers)
        if gist is not None and len(self._met) < _MOST_PAGES:
            self._met[digest.hex()] = gist
        return part

    def marked(self, page: Page) -> Page:
        """Put into the cursor of the page that was read last what is to be remembered."""
        pages = {**self._known, **self._met} if is_under_way(page.cursor) else self._met
        stored = [[digest, gist.tickets, gist.told] for digest, gist in pages.items()]
        return replace(page, cursor={**page.cursor, "pages": stored}, digest=self._last)

    def _digest(self, answer: Answer) -> bytes:
        said = f"{answer.status} {answer.content_type} {answer.charset}".encode()
        return sha256(b"\0".join((self._salt, said, answer.body))).digest()[:16]

    def _gist(self, part: Part) -> _Gist | None:
        told = {path: found for path in self._paths if (found := reader(path)(part.payload)) is not None}
        fits = all(
            isinstance(found, int | float) or (isinstance(found, str) and len(found) <= _LONGEST)
            for found in told.values()
        )
        return _Gist(len(part.tickets), told) if fits else None


def _remembered(cursor: Cursor | None) -> dict[str, _Gist]:
    try:
        return {digest: _Gist(count, dict(told)) for digest, count, told in (cursor or {}).get("pages") or ()}
    except (AttributeError, TypeError, ValueError):
        return {}  # Nothing depends on it: what is not remembered is read.


def told_paths(page: Paging) -> list[str] | None:
    """Where in an answer this way of paging looks; None for one that a gist cannot serve."""
    if not isinstance(page, ByPage | ByOffset | ByCursor | ByLink | OnePage):
        return None  # A URL may hold a key, and a last ticket a resident's data: neither is kept in a cursor.
    paths = [path for name in _TOLD_BY if (path := getattr(page, name, None)) and not path.startswith("@headers.")]
    return paths if all(map(is_plain, paths)) else None


def _payload(told: dict[str, Any]) -> dict[str, Any]:
    """Make of what was told at paths an answer that tells it there."""
    payload: dict[str, Any] = {}
    for path, found in told.items():
        *above, name = map(str.strip, path.split("."))
        inner = payload
        for key in above:
            inner = inner.setdefault(key, {})
        inner[name] = found
    return payload
