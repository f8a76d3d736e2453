"""The yardstick: an endpoint for these questions alone, by hand. No GraphQL: it knows each question by its first word.

Starlette, asyncpg, orjson, one statement a question, a pool without ceremony, as little Python a row as there can be.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = "(a.{0} at time zone 'UTC')::text"
_COLUMNS = ", ".join([
    *("a.id", "a.external_id", "a.title", "a.content", "a.status", "a.kind", "a.urgency", "a.topic", "a.area"),
    *("a.location_address", "a.location_longitude", "a.location_latitude"),
    *(_TIME.format(name) for name in ("created_at", "updated_at", "due_at")),
    *("s.name", "s.title", "(extract(epoch from a.created_at) * 1000000)::int8"),
])  # fmt: skip
_ORDER = "status desc, created_at desc, id desc"  # with the status as a range, so that its index is walked
_LISTED = (
    "select " + _COLUMNS + " from (select * from appeal a where status >= $1 and {where} "
    f"order by {_ORDER} limit 51) a join source s on s.name = a.source order by a.created_at desc, a.id desc"
)
INBOX = _LISTED.format(where="status <= $1 and area = $2")
DEEP = _LISTED.format(where="(status, created_at, id) < ($1, $2, $3)")
SINGLE = f"select {_COLUMNS}, a.events::text from appeal a join source s on s.name = a.source where a.id = $1"
DASHBOARD = """
select status, source, topic, grouping(status, source, topic), count(*) from appeal
where created_at >= $1 and created_at < $2
group by grouping sets ((status), (source), (topic)) order by 5 desc, 1, 2, 3
"""
_pool: "asyncio.LifoQueue[asyncpg.Connection]" = asyncio.LifoQueue()


async def fetch(statement: str, *parameters: Any) -> list[asyncpg.Record]:
    connection = await _pool.get()
    try:
        return await connection.fetch(statement, *parameters)
    finally:
        _pool.put_nowait(connection)


def _node(r: Sequence[Any]) -> dict[str, Any]:
    return {
        "id": f"Appeal:{r[0]}",
        "externalId": r[1],
        "title": r[2],
        "content": r[3],
        "status": r[4],
        "kind": r[5],
        "urgency": r[6],
        "topic": r[7],
        "area": r[8],
        "location": {"address": r[9], "longitude": r[10], "latitude": r[11]},
        "createdAt": r[12].replace(" ", "T") + "Z",
        "updatedAt": r[13].replace(" ", "T") + "Z",
        "dueAt": None if r[14] is None else r[14].replace(" ", "T") + "Z",
        "source": {"name": r[15], "title": r[16]},
    }


def _page(rows: Sequence[Any], mark: str) -> Any:
    edges = [{"cursor": f"CREATED_DESC~{mark}~{r[17]}~{r[0]}", "node": _node(r)} for r in rows[:50]]
    end = edges[-1]["cursor"] if edges else None
    return {"appeals": {"edges": edges, "pageInfo": {"hasNextPage": len(rows) > 50, "endCursor": end}}}


def _event(event: Any) -> Any:
    return {
        "at": event["at"] and event["at"].replace("+00:00", "Z"),
        "text": event["text"],
        "by": event["by"],
        "status": event["status"],
        "statusText": event["status_text"],
    }


def _counts(rows: Sequence[Any], place: int, kind: int) -> Any:
    found = [(row[place], row[4]) for row in rows if row[3] == kind]
    return {"count": sum(count for _, count in found), "found": found}


async def inbox(given: Any) -> Any:
    return _page(await fetch(INBOX, given["status"], given["area"]), "-")


async def deep(given: Any) -> Any:
    _, mark, at, number = given["after"].split("~")
    at = _EPOCH + timedelta(microseconds=int(at))
    return _page(await fetch(DEEP, given["status"], at, int(number)), mark)


async def single(given: Any) -> Any:
    row = (await fetch(SINGLE, int(given["id"][7:])))[0]
    return {"appeal": {**_node(row), "events": [_event(event) for event in orjson.loads(row[18])]}}


async def dashboard(given: Any) -> Any:
    since, until = (datetime.fromisoformat(given[name]) for name in ("since", "until"))
    rows = await fetch(DASHBOARD, since, until)
    by_status, by_source, by_topic = _counts(rows, 0, 3), _counts(rows, 1, 5), _counts(rows, 2, 6)
    return {
        "status": {
            "count": by_status["count"],
            "groups": [{"count": count, "status": value} for value, count in by_status["found"]],
        },
        "source": {"groups": [{"count": count, "source": {"name": value}} for value, count in by_source["found"]]},
        "topic": {"groups": [{"count": count, "topic": value} for value, count in by_topic["found"]]},
    }


async def typename(_: Any) -> Any:
    return {"__typename": "Query"}


_ANSWERS = {"Inbox": inbox, "Deep": deep, "Single": single, "Dashboard": dashboard, "Typename": typename}


async def answer(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    name = asked["query"][6:].partition("(")[0].partition(" ")[0]
    data = await _ANSWERS[name](asked.get("variables"))
    return Response(orjson.dumps({"data": data}), media_type="application/json")


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    for _ in range(10):
        connection = await asyncpg.connect(
            os.environ["DATABASE_URL"], statement_cache_size=1_000, server_settings={"timezone": "UTC", "jit": "off"}
        )
        _pool.put_nowait(connection)
    yield


app = Starlette(routes=[Route("/graphql", answer, methods=["POST"])], lifespan=_lifespan)
