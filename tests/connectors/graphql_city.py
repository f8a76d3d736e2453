"""A made-up platform that speaks GraphQL as Strawberry serves it: connections, offsets, and a ticket's history."""

from collections.abc import Iterable
from datetime import datetime

import strawberry
from aiohttp import web
from strawberry import relay
from strawberry.aiohttp.views import GraphQLView

CALLED = [datetime.fromisoformat(f"2026-03-{day:02}T08:00:00+08:00") for day in range(1, 15)]


@strawberry.type
class Note:
    at: datetime
    text: str


@strawberry.type
class Ticket(relay.Node):
    number: relay.NodeID[int]
    status: str
    updated_at: datetime

    @strawberry.field
    def sqbh(self) -> str:
        return f"QY{self.number:04}"

    @strawberry.field
    def title(self) -> str:
        return f"诉求{self.number}"


TICKETS = [
    Ticket(number=number, status="OPEN" if number % 2 else "DONE", updated_at=at) for number, at in enumerate(CALLED)
]


@strawberry.input
class TicketFilter:
    status: str | None = None
    updated_after: datetime | None = None


@strawberry.type
class Slice:
    items: list[Ticket]
    total: int


def chosen(wanted: TicketFilter | None) -> list[Ticket]:
    found = TICKETS
    if wanted and wanted.status:
        found = [ticket for ticket in found if ticket.status == wanted.status]
    if wanted and wanted.updated_after:
        found = [ticket for ticket in found if ticket.updated_at >= wanted.updated_after]
    return found


@strawberry.type
class Query:
    @relay.connection(relay.ListConnection[Ticket])
    def tickets(self, filter: TicketFilter | None = None) -> Iterable[Ticket]:  # noqa: A002  # as APIs call it
        return chosen(filter)

    @strawberry.field
    def slice(self, offset: int, limit: int, since: int | None = None) -> Slice:
        after = datetime.fromtimestamp(since or 0).astimezone()
        found = [ticket for ticket in TICKETS if ticket.updated_at >= after]
        return Slice(items=found[offset : offset + limit], total=len(found))

    @strawberry.field
    def history(self, sqbh: str) -> list[Note] | None:
        if sqbh == "QY0003":
            return None
        return [Note(at=CALLED[0], text=f"已派单 {sqbh}")]

    @strawberry.field
    def broken(self) -> list[Ticket | None]:
        raise ValueError("boom")


SCHEMA = strawberry.Schema(query=Query)
VIEW = GraphQLView(SCHEMA, graphql_ide=None)


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer as the platform does; for `upstream.serving`."""
    return await VIEW(request)
