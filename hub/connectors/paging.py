"""Walk the pages of an answer: each way of paging says what to send, and where the next page is. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import Field, model_validator

from hub.connectors.base import Options
from hub.connectors.paths import Path, reader

At: TypeAlias = int | str
"""Where a page is: its number, its offset, a cursor or a URL."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One page as it was read.

    `at` is where it was asked for, `seen` counts the tickets of this walk, this page's included, and `stale` tells that
    every one of them is older than what was asked for.
    """

    at: At | None
    payload: Any
    tickets: int
    seen: int
    link: str | None = None
    stale: bool = False


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

    def total(self, payload: Any) -> int | None:
        """Read how many tickets the source says there are."""


class PageSize(Options):
    send: str
    """The parameter that carries the page size."""
    value: int = Field(100, ge=1, le=100_000)
    """How many tickets to ask for at once."""


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
        return {self.size.send: str(self.size.value)} if self.size else {}

    def kept(self, turn: Turn) -> At | None:
        del turn
        return None

    def total(self, payload: Any) -> int | None:
        del payload
        return None

    def is_full(self, tickets: int) -> bool:
        return self.size is not None and tickets >= self.size.value


class _Counted(_Sized):
    total_path: Path | None = Field(None, alias="total")
    """Where the answer says how many tickets there are in all."""
    until: Literal["empty", "short", "seen"] = "empty"
    """The last page is empty, or shorter than `size`, or (read newest first) holds nothing newer than the last run."""

    @model_validator(mode="after")
    def _short_of_what(self) -> "_Counted":
        if self.until == "short" and self.size is None:
            raise ValueError("`until: short` needs `size`, or no page would count as short")
        return self

    def total(self, payload: Any) -> int | None:
        return whole_number(reader(self.total_path)(payload)) if self.total_path else None

    def _is_last(self, turn: Turn) -> bool:
        if turn.tickets == 0 or (self.until == "short" and not self.is_full(turn.tickets)):
            return True
        if self.until == "seen" and turn.stale:
            return True
        total = self.total(turn.payload)
        return total is not None and turn.seen >= total


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
        pages = whole_number(reader(self.pages)(turn.payload)) if self.pages else None
        if self._is_last(turn) or (pages is not None and number - self.start + 1 >= pages):
            return None
        return number + 1


class ByOffset(_Counted):
    """Pages start after so many tickets."""

    by: Literal["offset"]
    send: str = "offset"
    """The parameter that carries the number of tickets to skip."""

    def first(self) -> At:
        return 0

    def parameters(self, at: At | None) -> dict[str, str]:
        return {self.send: str(at), **super().parameters(at)}

    def after(self, turn: Turn) -> At | None:
        # By what came, not by what was asked: a source that caps the size would skip tickets otherwise.
        return None if self._is_last(turn) else (whole_number(turn.at) or 0) + turn.tickets


class _Told(_Sized):
    more: Path | None = None
    """Where the answer says true while there is more, such as `meta.has_more`."""
    end: Path | None = None
    """Where the answer says true on the last page, such as `end_of_stream`."""

    def _is_last(self, turn: Turn) -> bool:
        if self.more and not is_yes(reader(self.more)(turn.payload)):
            return True
        return bool(self.end and is_yes(reader(self.end)(turn.payload)))


class ByCursor(_Told):
    """Each answer names the cursor of the next page."""

    by: Literal["cursor"]
    send: str = "cursor"
    """The parameter that carries the cursor."""
    next: Path
    """Where the answer holds the cursor of the next page."""
    keep: bool = False
    """The cursor stays good between runs: the next run goes on from it, and `since` is sent only without one."""

    def sends_since(self, at: At | None) -> bool:
        return at is None or not self.keep

    def parameters(self, at: At | None) -> dict[str, str]:
        return {**super().parameters(at), **({} if at is None else {self.send: str(at)})}

    def after(self, turn: Turn) -> At | None:
        following = self.following(turn)
        # The same cursor over an empty page is how some feeds say that nothing is new.
        if following is None or self._is_last(turn) or (turn.tickets == 0 and following == turn.at):
            return None
        return following

    def kept(self, turn: Turn) -> At | None:
        if not self.keep:
            return None
        following = self.following(turn)
        return turn.at if following is None else following

    def following(self, turn: Turn) -> At | None:
        """Read the cursor that stands in the answer, whether or not there is more."""
        found = reader(self.next)(turn.payload)
        return found if isinstance(found, int | str) and not isinstance(found, bool) and found != "" else None


class ByNextUrl(_Told):
    """Each answer holds the URL of the next page."""

    by: Literal["next_url"]
    next: Path
    """Where the answer holds the URL of the next page, such as `links.next`."""

    def sends_since(self, at: At | None) -> bool:
        return at is None

    def after(self, turn: Turn) -> At | None:
        found = reader(self.next)(turn.payload)
        return found if isinstance(found, str) and found and not self._is_last(turn) else None


class ByLink(_Sized):
    """The Link header of each answer holds the URL of the next page (RFC 8288)."""

    by: Literal["link"]

    def sends_since(self, at: At | None) -> bool:
        return at is None

    def after(self, turn: Turn) -> At | None:
        return turn.link


class OnePage(_Sized):
    """The whole answer comes at once."""

    by: Literal["none"] = "none"

    def after(self, turn: Turn) -> At | None:
        del turn
        return None


Paging: TypeAlias = Annotated[ByPage | ByOffset | ByCursor | ByNextUrl | ByLink | OnePage, Field(discriminator="by")]


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
