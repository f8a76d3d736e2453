"""GraphQL services: a schema in its own language, and one field that lists tickets, by cursor or by offset."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiohttp import web
from graphql import GraphQLResolveInfo, GraphQLSchema, build_schema, graphql

from replica.city import Snapshot
from replica.counters.answers import Refusal, fill, json_answer
from replica.counters.base import House, Ledger
from replica.counters.doors import Door, Guard
from replica.counters.lists import Asked
from replica.counters.paging import Pages, Question, Wrong


@dataclass(frozen=True, kw_only=True)
class Graphql:
    """A service whose field `lists` answers with what `content` holds, where `$rows` stands for the tickets.

    With `relay` a ticket is the node of an edge that has a cursor.
    """

    schema: str
    lists: str
    content: Any
    pages: Pages
    asked: Asked
    door: Door
    relay: bool = False

    @cached_property
    def built(self) -> GraphQLSchema:
        return build_schema(self.schema)

    def open(self, ledger: Ledger, house: House) -> None:
        service = _Service(self, ledger, self.door.guard(ledger.name, house))
        house.mount(ledger.name, [*service.guard.routes(), web.post("/graphql", service.answer)])


_UNKNOWN = Refusal(200, {"errors": [{"message": "not logged in", "extensions": {"code": "UNAUTHENTICATED"}}]})


@dataclass(frozen=True, slots=True)
class _Service:
    kind: Graphql
    ledger: Ledger
    guard: Guard

    async def answer(self, request: web.Request) -> web.Response:
        if not self.guard.admits(request, request.query):
            return _UNKNOWN.answer()
        asked = await request.json()
        root = {self.kind.lists: lambda _info, **arguments: self._list(request, arguments)}
        result = await graphql(
            self.kind.built,
            asked.get("query", ""),
            root,
            variable_values=asked.get("variables"),
            operation_name=asked.get("operationName"),
            field_resolver=_read,
        )
        errors = {"errors": [error.formatted for error in result.errors]} if result.errors else {}
        return json_answer({"data": result.data, **errors})

    def _list(self, request: web.Request, arguments: Mapping[str, Any]) -> Any:
        asked = {name: str(value) for name, value in _leaves(arguments) if value is not None}
        question = Question(asked, request.url, self.ledger.desk.now())
        try:
            cut = self.kind.pages.cut(self.kind.asked.found(self.ledger, question), question)
        except Wrong as wrong:
            raise ValueError(f"invalid {wrong}") from wrong
        rows = [self._edge(seen) if self.kind.relay else self.ledger.row(seen) for seen in cut.seen]
        return fill(self.kind.content, {**cut.facts, "rows": rows})

    def _edge(self, seen: Snapshot) -> dict[str, Any]:
        return {"cursor": str(seen.case.number), "node": self.ledger.row(seen)}


def _read(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """Read a field of a row; the listing field is asked with its arguments."""
    found = source.get(info.field_name) if isinstance(source, Mapping) else None
    return found(info, **arguments) if callable(found) else found


def _leaves(arguments: Mapping[str, Any]) -> Any:
    for name, value in arguments.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield name, value
