"""The questions that are asked of every server, each in its own words, and the facts of an answer, for comparing."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from bench import city
from hub.model import Status
from hub.schema.cursors import write_cursor
from hub.store.reads import Position
from hub.wanted import AppealFilter, AppealOrder

Ask = Callable[[str, Mapping[str, Any]], Any]
"""Sends a query with its variables, and gives the data that is answered."""

_FIELDS = """id externalId title content status kind urgency topic { text } area { code }
  location { address longitude latitude } createdAt updatedAt dueAt source { name title }"""
_PAGE = f"edges {{ cursor node {{ {_FIELDS} }} }} pageInfo {{ hasNextPage endCursor }}"
_THEIR_FIELDS = """rowId externalId title content status kind urgency topic area locationAddress locationLongitude
  locationLatitude createdAt updatedAt dueAt sourceBySource { name title }"""
_THEIR_PAGE = f"edges {{ cursor node {{ {_THEIR_FIELDS} }} }} pageInfo {{ hasNextPage endCursor }}"

OURS = {
    "inbox": f"""query Inbox($status: AppealStatus!, $area: String!) {{
        appeals(filter: {{status: [$status], area: [$area]}}, first: 50) {{ {_PAGE} }} }}""",
    "deep": f"""query Deep($status: AppealStatus!, $after: String!) {{
        appeals(filter: {{status: [$status]}}, first: 50, after: $after) {{ {_PAGE} }} }}""",
    "single": f"""query Single($id: ID!) {{ appeal(id: $id) {{
        {_FIELDS} events {{ at text by status statusText }} }} }}""",
    "dashboard": """query Dashboard($since: DateTime!, $until: DateTime!) {
        status: appealStatistics(filter: {created: {since: $since, until: $until}}, groupBy: [STATUS]) {
          count groups { count status } }
        source: appealStatistics(filter: {created: {since: $since, until: $until}}, groupBy: [SOURCE]) {
          groups { count source { name } } }
        topic: appealStatistics(filter: {created: {since: $since, until: $until}}, groupBy: [TOPIC]) {
          groups { count topic { text } } } }""",
    "typename": "query Typename { __typename }",
    "search": f"""query Search($text: String!) {{ appeals(filter: {{text: $text}}, first: 50) {{ {_PAGE} }} }}""",
}
THEIRS = {
    "inbox": f"""query Inbox($status: String!, $area: String!) {{
        appeals(condition: {{status: $status, area: $area}}, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], first: 50) {{
          {_THEIR_PAGE} }} }}""",
    "deep": f"""query Deep($status: String!, $after: Cursor!) {{
        appeals(condition: {{status: $status}}, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], first: 50, after: $after) {{
          {_THEIR_PAGE} }} }}""",
    "single": f"query Single($id: BigInt!) {{ appeal(rowId: $id) {{ {_THEIR_FIELDS} events }} }}",
    "dashboard": """query Dashboard($since: Datetime!, $until: Datetime!) { dashboard(since: $since, until: $until) {
        total byStatus { key count } bySource { key count } byTopic { key count } } }""",
    "typename": OURS["typename"],
}
_CURSOR = """query Cursor($status: String!, $offset: Int!) {
    appeals(condition: {status: $status}, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], first: 1, offset: $offset) {
      pageInfo { endCursor } } }"""
_OFFSETS = (90_000, 100_000, 110_000)  # some 2,000 pages in, of a million appeals


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with each of several sets of variables in turn; None for a server that is not asked."""

    name: str
    ours: Sequence[str]
    theirs: Sequence[str] | None = None
    by_hand: bool = False


async def questions(connection: asyncpg.Connection, ask_theirs: Ask | None, *, appeals: int) -> list[Question]:
    """All questions, about appeals that are there. `ask_theirs` is None when PostGraphile is not."""
    open_ones = ("RECEIVED", "ACCEPTED", "DISPATCHED", "IN_PROGRESS")
    inbox = [{"status": status, "area": area} for status in open_ones for area in city.AREAS]
    ids = [row["id"] for row in await connection.fetch(_WITH_EVENTS, appeals)]
    months = [city.END - timedelta(days=30 * number) for number in range(2, 14)]
    spans = [{"since": _iso(start), "until": _iso(start + timedelta(days=30))} for start in months]
    offsets = [offset * appeals // 1_000_000 for offset in _OFFSETS]
    ours = {
        "inbox": inbox,
        "single": [{"id": f"Appeal:{number}"} for number in ids],
        "deep": [{"status": "CLOSED", "after": await _our_cursor(connection, offset)} for offset in offsets],
        "dashboard": spans,
        "typename": [{}],
    }
    theirs = ours | {"single": [{"id": str(number)} for number in ids]}
    if ask_theirs is not None:
        theirs["deep"] = [{"status": "CLOSED", "after": _their_cursor(ask_theirs, offset)} for offset in offsets]
    found = [
        Question(name, _bodies(OURS[name], given), ask_theirs and _bodies(THEIRS[name], theirs[name]), by_hand=True)
        for name, given in ours.items()
    ]
    return [*found, Question("search", _bodies(OURS["search"], [{"text": text} for text in await _texts(connection)]))]


def facts(name: str, data: Any) -> Any:
    """The facts of an answer of either schema."""
    match name:
        case "inbox" | "deep":
            page = data["appeals"]
            return [page["pageInfo"]["hasNextPage"], [_appeal(edge["node"]) for edge in page["edges"]]]
        case "single":
            return _appeal(data["appeal"]), [_event(event) for event in data["appeal"]["events"]]
        case "dashboard" if "dashboard" in data:
            their = data["dashboard"]
            return [_pairs(their[key]) for key in ("byStatus", "bySource", "byTopic")], their["total"]
        case "dashboard":
            return [
                sorted((_grouped(group, key), group["count"]) for group in data[key]["groups"])
                for key in ("status", "source", "topic")
            ], data["status"]["count"]
    return data


_WITH_EVENTS = """
select id from appeal where id > $1 * 9 / 10 and jsonb_array_length(events) > 0 order by id limit 40
"""


def _bodies(query: str, variables: Sequence[Mapping[str, Any]]) -> list[str]:
    text = " ".join(query.split())
    return [json.dumps({"query": text, "variables": each}, ensure_ascii=False) for each in variables]


async def _our_cursor(connection: asyncpg.Connection, offset: int) -> str:
    row = await connection.fetchrow(
        "select created_at, id from appeal where status = 'CLOSED' order by created_at desc, id desc offset $1 limit 1",
        offset,
    )
    wanted = AppealFilter(status=(Status.CLOSED,))
    return write_cursor(Position(row["created_at"], row["id"]), AppealOrder.CREATED_DESC, wanted)


def _their_cursor(ask: Ask, offset: int) -> str:
    cursor: str = ask(_CURSOR, {"status": "CLOSED", "offset": offset})["appeals"]["pageInfo"]["endCursor"]
    return cursor


async def _texts(connection: asyncpg.Connection) -> list[str]:
    """What people search for: numbers, addresses, and words, rare and common."""
    rows = await connection.fetch("select appeal_no, location_address from appeal where id % 997 = 5 limit 8")
    return [
        *(row["appeal_no"] for row in rows),
        *(row["location_address"] for row in rows),
        *("路灯不亮", "象山大道停车难", "漳河大道 停电", "养老金", "月亮湖路 噪音", "欠薪", "电梯", "泉口路 违章"),
    ]


def _iso(time: datetime) -> str:
    return time.isoformat()


def _appeal(node: Any) -> Any:
    location = node.get("location") or {
        name: node[f"location{name.capitalize()}"] for name in ("address", "longitude", "latitude")
    }
    same = ("externalId", "title", "content", "status", "kind", "urgency", "topic", "area")
    return (
        int(node["rowId"] if "rowId" in node else node["id"].partition(":")[2]),
        *(_plain(node[name]) for name in same),
        *location.values(),
        *(_moment(node[name]) for name in ("createdAt", "updatedAt", "dueAt")),
        *(node.get("source") if isinstance(node.get("source"), dict) else node["sourceBySource"]).values(),
    )


def _event(event: Any) -> Any:
    return (
        _moment(event["at"]),
        *(event[name] for name in ("text", "by", "status")),
        event.get("statusText", event.get("status_text")),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _pairs(buckets: Sequence[Any]) -> Any:
    return sorted((bucket["key"], bucket["count"]) for bucket in buckets)


def _grouped(group: Any, key: str) -> str:
    return _plain(group[key])


def _plain(value: Any) -> Any:
    """What an object of ours stands for, where theirs is the plain value."""
    return next(iter(value.values())) if isinstance(value, dict) else value
