"""Walk the pages of an answer: each way of paging says what to send, and where the next page is. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, TypeAlias

import orjson
from pydantic import Field, model_validator

from hub.connectors.base import Options
from hub.connectors.paths import Path, reader
from hub.errors import SourceRefused
from hub.model import Ticket

At: TypeAlias = int | str
"""Where a page is: its number, its offset, a cursor or a URL."""

_HEADERS = "@headers."
_LISTED = "json:"
_RANGE = re.compile(r"(?:[\w-]+ )?(?:\d+-\d+|\*)/\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Turn:
    """One page as it was read.

    `at` is where it was asked for, `seen` counts the tickets of this walk, this page's included, and `stale` tells that
    every one of them is older than what was asked for. `rows` are the tickets, `total` how many there are in all.
    """

    at: At | None
    payload: Any
    tickets: int
    seen: int
    link: str | None = None
    stale: bool = False
    rows: Sequence[Ticket] = ()
    total: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def told(self, path: str) -> Any:
        """Read what the answer says at a path; `@headers.X-Next` is a header of it."""
        return _told(path, self.payload, self.headers)


def _told(path: str, payload: Any, headers: Mapping[str, str]) -> Any:
    return headers.get(path.removeprefix(_HEADERS)) if path.startswith(_HEADERS) else reader(path)(payload)


class Way(Protocol):
    """A way of paging, as those know it who walk it."""

    @property
    def by(self) -> str: ...

    def first(self) -> At | None:
        """Say where the first page is."""

    def after(self, turn: Turn) -> At | None:
        """Say where the next page is; None after the last. May raise SourceRefused."""

    def kept(self, turn: Turn) -> At | None:
        """Say where the next run goes on, where a place outlives the run."""

    def total(self, payload: Any, headers: Mapping[str, str] | None = None) -> int | None:
        """Read how many tickets the source says there are."""


class PageSize(Options):
    send: str | None = None
    """The parameter that carries the page size; left out where the URL or the body says it already."""
    value: int = Field(100, ge=1, le=100_000)
    """How many tickets to ask for at once."""


def size_parameters(size: PageSize | None) -> dict[str, str]:
    """Say what to send to be given pages of that size."""
    return {size.send: str(size.value)} if size and size.send else {}


class _Sized(Options):
    size: PageSize | None = None
    """The page size to ask for, and the parameter that carries it."""

    def first(self) -> At | None:
        return None

    def sends_since(self, at: At | None) -> bool:
        """Tell whether `since` goes with the page at `at`, or where that is already says it."""
        del at
        return True

    def parameters(self, at: At | None) -> dict[str, str]:
        """Say what to send for the page at `at`."""
        del at
        return size_parameters(self.size)

    def total(self, payload: Any, headers: Mapping[str, str] | None = None) -> int | None:
        """Read how many tickets the source says there are."""
        del payload, headers
        return None

    def kept(self, turn: Turn) -> At | None:
        """Say where the next run goes on, where a place outlives the run."""
        del turn
        return None

    def is_full(self, tickets: int) -> bool:
        return self.size is not None and tickets >= self.size.value

    @model_validator(mode="after")
    def _short_of_what(self) -> "_Sized":
        if getattr(self, "until", "") == "short" and self.size is None:
            raise ValueError("`until: short` needs `size`, or no page would count as short")
        return self

    def _is_enough(self, turn: Turn, until: str) -> bool:
        """Tell whether the run may end with this page, whatever the source says."""
        return (until == "short" and not self.is_full(turn.tickets)) or (until == "seen" and turn.stale)


class _Told(_Sized):
    more: Path | None = None
    """Where the answer says true while there is more, such as `meta.has_more`."""
    end: Path | None = None
    """Where the answer says true on the last page, such as `end_of_stream`."""

    def _is_last(self, turn: Turn) -> bool:
        if self.more and not is_yes(turn.told(self.more)):
            return True
        return bool(self.end and is_yes(turn.told(self.end)))


class _Counted(_Told):
    total_path: Path | None = Field(None, alias="total")
    """Where the answer says how many tickets there are in all, such as `total` or `@headers.X-Total-Count`."""
    until: Literal["empty", "short", "seen"] = "empty"
    """The last page is empty, or shorter than `size`, or (read newest first) holds nothing newer than the last run."""

    def total(self, payload: Any, headers: Mapping[str, str] | None = None) -> int | None:
        told = _told(self.total_path, payload, headers or {}) if self.total_path else None
        # RFC 9110, section 14.4: `items 0-49/200`.
        return whole_number(told.rpartition("/")[2] if isinstance(told, str) and _RANGE.fullmatch(told) else told)

    def _is_last(self, turn: Turn) -> bool:
        if turn.tickets == 0 or self._is_enough(turn, self.until):
            return True
        return super()._is_last(turn) or (turn.total is not None and turn.seen >= turn.total)


class ByPage(_Counted):
    """Pages have numbers."""

    by: Literal["page"]
    send: str = "page"
    """The parameter that carries the page number."""
    start: int = Field(1, ge=0, alias="first")
    """The number of the first page."""
    pages: Path | None = None
    """Where the answer says how many pages there are."""

    def first(self) -> At:
        return self.start

    def parameters(self, at: At | None) -> dict[str, str]:
        return {self.send: str(at), **super().parameters(at)}

    def after(self, turn: Turn) -> At | None:
        number = whole_number(turn.at) or 0
        pages = whole_number(turn.told(self.pages)) if self.pages else None
        if self._is_last(turn) or (pages is not None and number - self.start + 1 >= pages):
            return None
        return number + 1


class ByOffset(_Counted):
    """Pages start after so many tickets."""

    by: Literal["offset"]
    send: str = "offset"
    """The parameter that carries the number of tickets to skip."""
    to: str | None = None
    """The parameter that carries the last row, for sources that are asked for a range of rows; needs `size`.

    Where one parameter carries both, write it in `query`: `range: "{page}-{to}"`.
    """
    start: int = Field(0, ge=0, le=1, alias="first")
    """The number of the first row, where the source counts from 1."""

    @model_validator(mode="after")
    def _range_of_what(self) -> "ByOffset":
        if self.to is not None and self.size is None:
            raise ValueError("`to` needs `size`, or no row would be the last")
        return self

    def first(self) -> At:
        return self.start

    def parameters(self, at: At | None) -> dict[str, str]:
        last = {self.to: str(self.last_row(at))} if self.to else {}
        return {self.send: str(at), **last, **super().parameters(at)}

    def last_row(self, at: At | None) -> int | None:
        """Say which row is the last of the page at `at`; None where pages have no size."""
        return (whole_number(at) or 0) + self.size.value - 1 if self.size else None

    def after(self, turn: Turn) -> At | None:
        # By what came, not by what was asked: a source that caps the size would skip tickets otherwise.
        return None if self._is_last(turn) else (whole_number(turn.at) or 0) + turn.tickets


class ByCursor(_Told):
    """Each answer names the cursor of the next page."""

    by: Literal["cursor"]
    send: str = "cursor"
    """The parameter that carries the cursor."""
    next: Path
    """Where the answer holds the cursor of the next page; a list of values, such as `hits.hits[-1].sort`, stays one."""
    keep: bool = False
    """The cursor stays good between runs: the next run goes on from it, and `since` is sent only without one."""
    without: Sequence[str] = ()
    """Parameters that must not stand beside a cursor, such as `metadataPrefix` and `from` (OAI-PMH)."""
    until: Literal["told", "short", "seen"] = "told"
    """Besides where the source says so: a page shorter than `size`, or (read newest first) older than the last run."""

    def sends_since(self, at: At | None) -> bool:
        return at is None or not self.keep

    def parameters(self, at: At | None) -> dict[str, Any]:
        return {**super().parameters(at), **({} if at is None else {self.send: _written(at)})}

    def after(self, turn: Turn) -> At | None:
        following = self.following(turn)
        # The same cursor over an empty page is how some feeds say that nothing is new.
        if following is None or self._is_last(turn) or (turn.tickets == 0 and following == turn.at):
            return None
        return None if self._is_enough(turn, self.until) else following

    def kept(self, turn: Turn) -> At | None:
        following = self.following(turn) if self.keep else None
        return turn.at if self.keep and following is None else following

    def following(self, turn: Turn) -> At | None:
        """Read the cursor that stands in the answer, whether or not there is more."""
        found = turn.told(self.next)
        return _several(found) if isinstance(found, list) else _place(found)


class ByLast(_Sized):
    """The next page begins after the last ticket of this one."""

    by: Literal["last"]
    send: str = "after"
    """The parameter that carries what the last ticket holds."""
    key: Path = Field(alias="from")
    """Where a ticket holds it, such as `tid`; the list must be sorted by it."""
    start: At | None = Field(None, alias="first")
    """What to send for the first page; left out, nothing."""
    until: Literal["empty", "short", "seen"] = "empty"
    """The last page is empty, or shorter than `size`, or (read newest first) holds nothing newer than the last run."""
    keep: bool = False
    """The list only grows at its end: the next run goes on after the last ticket of this one."""

    def first(self) -> At | None:
        return self.start

    def sends_since(self, at: At | None) -> bool:
        return at == self.start or not self.keep

    def parameters(self, at: At | None) -> dict[str, str]:
        return {**super().parameters(at), **({} if at is None else {self.send: str(at)})}

    def after(self, turn: Turn) -> At | None:
        if not turn.rows or self._is_enough(turn, self.until):
            return None
        if (following := self._following(turn)) is None:
            raise SourceRefused(
                f"gives no ticket on a page one text or number at `page.from: {self.key}`",
                hint="nobody could tell where the next page begins",
            )
        # A source that answers from the last ticket on, that one included, ends with nothing but it.
        return None if following == turn.at else following

    def kept(self, turn: Turn) -> At | None:
        if not self.keep:
            return None
        following = self._following(turn)
        return turn.at if following is None else following

    def _following(self, turn: Turn) -> At | None:
        # A ticket that does not say where it stands comes again on the next page, behind the last one that does.
        places = map(_place, map(reader(self.key), reversed(turn.rows)))
        return next((place for place in places if place is not None), None)


class ByNextUrl(_Told):
    """Each answer holds the URL of the next page."""

    by: Literal["next_url"]
    next: Path
    """Where the answer holds the URL of the next page, such as `links.next`."""
    keep: Path | None = None
    """Where the last page holds the URL that the next run begins with, such as `"@odata.deltaLink"`."""
    until: Literal["told", "seen"] = "told"
    """Besides where the source says so: (read newest first) a page that holds nothing newer than the last run."""

    def sends_since(self, at: At | None) -> bool:
        return at is None

    def after(self, turn: Turn) -> At | None:
        found = turn.told(self.next)
        if not isinstance(found, str) or not found or self._is_last(turn):
            return None
        return None if self._is_enough(turn, self.until) else found

    def kept(self, turn: Turn) -> At | None:
        found = turn.told(self.keep) if self.keep else None
        return found if isinstance(found, str) and found else None


class ByLink(_Sized):
    """The Link header of each answer holds the URL of the next page (RFC 8288)."""

    by: Literal["link"]
    until: Literal["told", "seen"] = "told"
    """Besides where the source says so: (read newest first) a page that holds nothing newer than the last run."""

    def sends_since(self, at: At | None) -> bool:
        return at is None

    def after(self, turn: Turn) -> At | None:
        return None if self._is_enough(turn, self.until) else turn.link


class OnePage(_Sized):
    """The whole answer comes at once."""

    by: Literal["none"] = "none"

    def after(self, turn: Turn) -> At | None:
        del turn
        return None


Paging: TypeAlias = Annotated[
    ByPage | ByOffset | ByCursor | ByLast | ByNextUrl | ByLink | OnePage, Field(discriminator="by")
]


def _place(found: Any) -> At | None:
    return found if isinstance(found, int | str) and not isinstance(found, bool) and found != "" else None


def _several(found: list[Any]) -> At | None:
    is_flat = not any(isinstance(value, list | dict) for value in found)
    return _LISTED + orjson.dumps(found).decode() if found and is_flat else None


def _written(at: At) -> Any:
    found = sent(at)
    return found if isinstance(found, list) else str(found)


def sent(at: At | None) -> Any:
    """Return a place as the source wants it: a list of values, such as the `sort` of a hit, was one from the start."""
    return orjson.loads(at.removeprefix(_LISTED)) if isinstance(at, str) and at.startswith(f"{_LISTED}[") else at


def next_link(headers: list[str]) -> str | None:
    """Read the target of `rel="next"` from Link headers."""
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", ", ".join(headers)):
        relations = re.search(r"""(?i);\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))""", parameters)
        if relations and "next" in (relations[1] or relations[2]).lower().split():
            return str(target)
    return None


def whole_number(value: Any) -> int | None:
    """Read a whole number, also as text."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value.strip()) else None


def is_yes(value: Any) -> bool:
    return (
        value is True or value == 1 or (isinstance(value, str) and value.strip().lower() in {"true", "1", "y", "yes"})
    )


def parameters_of(query: Mapping[str, Any]) -> dict[str, str]:
    """Write option values as a query carries them."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
