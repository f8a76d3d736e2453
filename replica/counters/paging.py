"""The ways in which web systems cut a list into pages, and what they say of each page."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any, Protocol

from yarl import URL

from replica.city import Snapshot


class Wrong(Exception):
    """A question that makes no sense: the message names the parameter."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asked: its parameters wherever they stood, its URL, and what time it is at the desk."""

    asked: Mapping[str, str]
    url: URL
    now: datetime

    def whole(self, name: str, default: int, most: int) -> int:
        """Read a count between 0 and `most`."""
        given = str(self.asked.get(name, default))
        if not given.isdecimal() or int(given) > most:
            raise Wrong(f"{name}={given}")
        return int(given)


@dataclass(frozen=True, slots=True)
class Cut:
    """One page: the cases on it, and the facts that an envelope may tell of it."""

    seen: Sequence[Snapshot]
    facts: Mapping[str, Any] = field(default_factory=dict)
    link: URL | None = None


class Pages(Protocol):
    def cut(self, found: list[Snapshot], question: Question) -> Cut:
        """Cut one page out of what was found, which comes in the order of birth. Raises Wrong."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything at once."""

    def cut(self, found: list[Snapshot], question: Question) -> Cut:
        return Cut(found, {"total": len(found)})


@dataclass(frozen=True, slots=True)
class Numbered:
    """Pages have numbers; with `strict`, a size that is too large is refused, else it is cut down without a word."""

    page: str = "page"
    size: str = "size"
    usual: int = 20
    most: int = 200
    first: int = 1
    strict: bool = False
    newest_first: bool = False

    def cut(self, found: list[Snapshot], question: Question) -> Cut:
        size = min(question.whole(self.size, self.usual, self.most if self.strict else 100_000), self.most)
        page = question.whole(self.page, self.first, 1_000_000)
        if self.newest_first:
            found = sorted(found, key=place, reverse=True)
        start = max(0, page - self.first) * size
        facts = {"page": page, "size": size, "pages": ceil(len(found) / max(size, 1)), "total": len(found)}
        return Cut(found[start : start + size], {**facts, "more": start + size < len(found)})


@dataclass(frozen=True, slots=True)
class Skipped:
    """Pages begin after so many tickets."""

    start: str = "offset"
    size: str = "limit"
    usual: int = 20
    most: int = 100

    def cut(self, found: list[Snapshot], question: Question) -> Cut:
        size = min(question.whole(self.size, self.usual, 100_000), self.most)
        start = question.whole(self.start, 0, 10**9)
        page = found[start : start + size]
        facts = {"start": start, "count": len(page), "total": len(found)}
        return Cut(page, {**facts, "more": start + size < len(found)})


@dataclass(frozen=True, slots=True)
class Cursors:
    """Each page names a cursor for the next, by when a ticket last moved; one of one's own making is refused.

    With `export` it is the Zendesk way: a start or a cursor is a must, the last page has a cursor too, which stays
    good, and the second under way is held back: a ticket that moves later within it would slip behind the cursor.
    """

    cursor: str = "cursor"
    size: str = "limit"
    usual: int = 50
    most: int = 500
    export: str = ""

    def cut(self, found: list[Snapshot], question: Question) -> Cut:
        if self.export and not {self.cursor, self.export} & question.asked.keys():
            raise Wrong(f"Missing {self.export} or {self.cursor}")
        size = question.whole(self.size, self.usual, self.most)
        after, until = self._after(question), int(question.now.timestamp()) if self.export else 10**12
        left = sorted((each for each in found if after < place(each) < (until, -1)), key=place)
        page, more = left[:size], len(left) > size
        end = _cursor(page[-1]) if page else question.asked.get(self.cursor)
        following = question.url.with_query({self.cursor: end, self.size: str(size)}) if end else None
        facts = {"next": end if more else None, "end": end, "url": str(following) if following else None}
        return Cut(page, {**facts, "more": more, "last": not more, "count": len(page), "total": len(found)})

    def _after(self, question: Question) -> tuple[int, int]:
        if self.cursor not in question.asked:
            return (-1, -1)
        try:
            moment, number = base64.b64decode(question.asked[self.cursor]).decode().rstrip("|").split("||")
            return int(float(moment)), int(number)
        except (binascii.Error, ValueError) as error:
            raise Wrong(self.cursor) from error


def place(seen: Snapshot) -> tuple[int, int]:
    """Order cases by when they last moved."""
    return int(seen.updated_at.timestamp()), seen.case.number


def _cursor(seen: Snapshot) -> str:
    moment, number = place(seen)
    return base64.b64encode(f"{moment}.0||{number}|".encode()).decode()


@dataclass(frozen=True, slots=True)
class Linked:
    """The next page is a URL, in the Link header and among the facts. Secrets of the query stay out of it."""

    size: str = "per_page"
    usual: int = 30
    most: int = 100
    hidden: str = ""

    def cut(self, found: list[Snapshot], question: Question) -> Cut:
        size, after = question.whole(self.size, self.usual, self.most), question.whole("after_id", 0, 10**15)
        left = sorted((each for each in found if each.case.number > after), key=lambda each: each.case.number)
        page, following = left[:size], None
        if len(left) > size:
            # The key stays out of the link: links end up in logs.
            kept = {name: value for name, value in question.url.query.items() if name != self.hidden}
            following = question.url.with_query({**kept, "after_id": str(page[-1].case.number)})
        return Cut(page, {"next": str(following) if following else None, "total": len(found)}, following)


@dataclass(frozen=True, slots=True)
class Board:
    """A board of threads, the newest first: the next page begins below the last thread that one has."""

    rows: int

    def cut(self, found: list[Snapshot], question: Question) -> Cut:
        last = question.whole("lastItem", 0, 10**15)
        size = min(question.whole("rows", self.rows, 1000), self.rows)
        left = [seen for seen in found if last == 0 or seen.case.number < last]
        return Cut(sorted(left, key=lambda each: each.case.number, reverse=True)[:size])


BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
