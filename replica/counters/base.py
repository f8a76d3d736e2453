"""The face of a counter, what it serves from, and the house that it opens in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aiohttp import web

from replica.city import Case, Clock, Desk, Remit, Snapshot
from replica.columns import Columns, write
from replica.counters.servers import Server
from replica.faults import Faults

S = TypeVar("S", bound=Server)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The cases of one system, and how it writes them down."""

    desk: Desk
    columns: Columns

    @property
    def name(self) -> str:
        return self.desk.name

    def row(self, seen: Snapshot) -> dict[str, Any]:
        row: dict[str, Any] = write(self.columns, seen)
        return row


@dataclass(frozen=True)
class Batch:
    """What moved from `since` until just before `until`, by birth, as it stood then."""

    ledger: Ledger
    since: datetime
    until: datetime

    @cached_property
    def seen(self) -> Sequence[Snapshot]:
        return self.ledger.desk.moved(self.since, self.until)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return [self.ledger.row(seen) for seen in self.seen]


class NotNow(Exception):
    """A feed cannot take anything at the moment: what moved is told again, with what moves until then."""


class Feed(Protocol):
    """Where a system sends what moved, by itself: a folder, a mailbox, a queue, somebody else's door."""

    def ends(self, since: datetime) -> datetime | None:
        """Say when a batch that begins at `since` ends at the latest; None where it may be as long as it likes."""

    async def take(self, batch: Batch) -> None:
        """Take what moved. Raises NotNow."""


class House(Protocol):
    """What a counter finds where it opens."""

    clock: Clock
    faults: Faults
    files: Path | None
    hub: str | None
    """Where the hub is, for those who push to it; None as long as nobody knows."""

    def mount(self, name: str, routes: Sequence[web.RouteDef]) -> None:
        """Answer these addresses below the path of that name."""

    def feed(self, ledger: Ledger, feed: Feed) -> None:
        """Tell the feed what moves, from the beginning on."""

    def server(self, kind: type[S]) -> S:
        """Return the one server of its kind, which is started with the house."""


class Counter(Protocol):
    def open(self, ledger: Ledger, house: House) -> None: ...


@dataclass(frozen=True, slots=True)
class System:
    """One legacy system: what it is there for, how it writes a case down, and where that is had.

    `quoted` says how other systems quote its number of a case; only of a hotline that kept its number (双号并行).
    """

    name: str
    remit: Remit
    columns: Columns
    counter: Counter
    quoted: Callable[[Case], str] | None = None

    @property
    def line(self) -> str:
        return self.name.removeprefix("hotline-")
