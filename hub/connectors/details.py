"""Ask for more about each ticket, and join the answer to it."""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, urljoin

from hub.connectors.auth import Request
from hub.connectors.base import Options
from hub.connectors.http import Answer, NotThere, Session
from hub.connectors.paging import parameters_of
from hub.connectors.paths import NOTHING, Path, reader
from hub.model import Ticket

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


class Detail(Options):
    """One more call for each ticket, joined to it under a name."""

    url: str
    """The URL of one ticket's detail; `{path}` stands for a value of the ticket. May be relative to the list's."""
    into: str = "detail"
    """The name under which it is joined; null where the source has no such detail (404, 410)."""
    only_if: Path | None = None
    """Ask only for tickets where this is neither missing, empty, false nor 0."""
    query: Mapping[str, str | int | float | bool] = {}
    """Parameters of the call."""
    records: Path = ""
    """Where the answer holds the detail; left out, all of it is joined."""


Question: TypeAlias = Callable[[Ticket], Request | None]
"""What to ask about one ticket; None where there is nothing to ask."""


def url_details(
    options: Detail, list_url: str, headers: Mapping[str, str], parsed: Callable[[Answer], Any]
) -> "DetailCalls":
    """Ask for each ticket's URL; `parsed` makes sense of an answer as the list's answers are."""
    template, query, records = urljoin(list_url, options.url), parameters_of(options.query), reader(options.records)

    def question(ticket: Ticket) -> Request | None:
        url = filled(template, ticket)
        return None if url is None else Request("GET", url, query, headers)

    return DetailCalls(options.into, options.only_if, question, lambda answer: records(parsed(answer)))


class DetailCalls:
    """The detail calls of one source, joined under the name `into`; `read` makes sense of an answer."""

    def __init__(self, into: str, only_if: Path | None, question: Question, read: Callable[[Answer], Any]) -> None:
        self._into = into
        self._only_if = reader(only_if) if only_if else None
        self._question = question
        self._read = read

    async def join(self, session: Session, tickets: list[Ticket]) -> list[Ticket]:
        """Give the tickets with their details, in the same order; limits.concurrency bounds the calls at once."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._joined(session, ticket)) for ticket in tickets]
        except ExceptionGroup as group_of:
            raise group_of.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _joined(self, session: Session, ticket: Ticket) -> Ticket:
        question = self._question(ticket)
        if question is None or (self._only_if is not None and self._only_if(ticket) in NOTHING):
            return ticket
        try:
            detail = await session.fetch(question, self._read)
        except NotThere:
            detail = None
        return {**ticket, self._into: detail}


def filled(template: str, ticket: Ticket) -> str | None:
    """Fill a URL's placeholders, percent-encoded; None where a value is missing, or would climb to another path."""
    values = {path: reader(path)(ticket) for path in _PLACEHOLDER.findall(template)}
    if any(not isinstance(value, str | int) or str(value).strip() in {"", ".", ".."} for value in values.values()):
        return None
    return _PLACEHOLDER.sub(lambda found: quote(str(values[found[1]]), safe=""), template)
