"""Ask for more about each ticket, and join the answer to it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeAlias

from pydantic import model_validator

from hub.connectors.asking import Asked, Manner, question
from hub.connectors.exchange import Answer, Request
from hub.connectors.http import LoginExpired, NotThere, Session
from hub.connectors.lists import PagedList
from hub.connectors.paging import OnePage, Paging
from hub.connectors.paths import NOTHING, Path, reader
from hub.connectors.placeholders import Find
from hub.errors import SourceRefused
from hub.model import Ticket

ASKED = "asked"
"""The name under which a ticket tells which round of `for_each` it came with."""


class Detail(Asked):
    """One more call for each ticket, joined to it under a name. `{path}` in its texts is a value of the ticket."""

    into: str = "detail"
    """The name under which it is joined; null where the source has no such detail (404, 410)."""
    only_if: Path | None = None
    """Ask only for tickets where this is neither missing, empty, false nor 0."""
    records: Path = ""
    """Where the answer holds the detail; left out, all of it is joined."""
    page: Paging = OnePage()
    """How the detail is paged, where it is a list; all of its pages are joined."""
    optional: bool = False
    """A detail that the source refuses is null; otherwise that stops the run."""
    cached: bool = False
    """Ask each question once a run: for what many tickets share, such as the organization that handles them."""

    @model_validator(mode="after")
    def _readable_paths(self) -> "Detail":
        for name in self.names():
            reader(name)
        return self


Question: TypeAlias = Callable[[Ticket], Request | None]
"""What to ask about one ticket; None where there is nothing to ask."""
Gather: TypeAlias = Callable[[Session, Ticket], Awaitable[Any]]
"""Ask for all pages of one ticket's detail."""


def url_details(options: Detail, manner: Manner) -> "DetailCalls":
    """Ask for each ticket's URL."""
    records, listed = reader(options.records), PagedList(options, options.page, options.records, manner)

    async def gather(session: Session, ticket: Ticket) -> list[Ticket]:
        return await listed.whole(session, finding(ticket))

    return DetailCalls(
        options.into,
        options.only_if,
        lambda ticket: question(options, finding(ticket), manner),
        lambda answer: records(manner.opened(answer)),
        gather=None if isinstance(options.page, OnePage) else gather,
        optional=options.optional,
        cached=options.cached,
    )


def finding(ticket: Ticket) -> Find:
    """Find what a path names in a ticket, or in its round: a text, a number, or a list of them."""

    def find(path: str) -> Any:
        value = reader(path)(ticket)
        if value is None and isinstance(asked := ticket.get(ASKED), dict):
            value = asked.get(path)
        return value if isinstance(value, str | int | float | list) and value not in ("", []) else None

    return find


class DetailCalls:
    """The detail calls of one source, joined under the name `into`; `read` makes sense of an answer."""

    def __init__(
        self,
        into: str,
        only_if: Path | None,
        question: Question,
        read: Callable[[Answer], Any],
        *,
        gather: Gather | None = None,
        optional: bool = False,
        cached: bool = False,
    ) -> None:
        self._into = into
        self._only_if = reader(only_if) if only_if else None
        self._question = question
        self._read = read
        self._gather = gather
        self._optional = optional
        self._cached = cached

    async def join(self, session: Session, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Give the tickets with their details, in the same order; limits.concurrency bounds the calls at once.

        What several tickets of a page ask alike is asked once: a log names a ticket each time that it changed.
        """
        asked = [self._asked(ticket) for ticket in tickets]
        keys = [None if request is None else _key(request) for request in asked]
        calls = {key: (ticket, request) for key, ticket, request in zip(keys, tickets, asked, strict=True) if request}
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {key: group.create_task(self._answer(session, key, *call)) for key, call in calls.items()}
        except ExceptionGroup as group_of:
            raise group_of.exceptions[0] from None
        return [
            {**ticket, self._into: tasks[key].result()} if key in tasks else ticket
            for key, ticket in zip(keys, tickets, strict=True)
        ]

    def _asked(self, ticket: Ticket) -> Request | None:
        if self._only_if is not None and self._only_if(ticket) in NOTHING:
            return None
        return self._question(ticket)

    async def _answer(self, session: Session, key: Hashable, ticket: Ticket, request: Request) -> Any:
        async def ask() -> Any:
            try:
                if self._gather is not None:
                    return await self._gather(session, ticket)
                return await session.fetch(request, self._read)
            except NotThere:
                return None
            except SourceRefused as error:
                # A login that is no longer taken is no answer about this ticket.
                if not self._optional or isinstance(error, LoginExpired):
                    raise
                return None

        return await (session.once((self, key), ask) if self._cached else ask())


def _key(request: Request) -> Hashable:
    # By how they are written, because a protocol may hold in a body what only its signer can send.
    return request.method, str(request.target()), repr((request.body, request.form, request.text))
