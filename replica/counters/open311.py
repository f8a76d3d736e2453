"""Open311 GeoReport v2 servers, as cities run them: two statuses, service codes, 90 days an answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from aiohttp import web

from replica.city import Snapshot, Stage
from replica.columns import Column
from replica.counters.answers import Xml, json_answer
from replica.counters.base import House, Ledger
from replica.counters.paging import BEGINNING, Numbered, Question
from replica.scenes import SCENES
from replica.writing import OFFSET

LONGEST = timedelta(days=90)


def rollup(seen: Snapshot) -> str:
    """Say what the standard can say: open or closed."""
    return "closed" if seen.stage in (Stage.DECLINED, Stage.DONE, Stage.CLOSED) else "open"


def updated_once_closed(seen: Snapshot) -> str:
    """Date only what is over: a client has to notice other changes by comparing."""
    return str(OFFSET.write(seen.updated_at)) if seen.stage is Stage.CLOSED else ""


def known_by(number: Column) -> Column:
    """Number a case when it is accepted at the latest; one in forty waits that long, and has only a token so far."""
    return lambda seen: None if _is_waiting(seen) else number(seen)


def token(seen: Snapshot) -> str | None:
    return f"t{seen.case.number:x}" if _is_waiting(seen) else None


def _is_waiting(seen: Snapshot) -> bool:
    return seen.case.number % 40 == 0 and seen.stage is Stage.RECEIVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Open311:
    """Toronto's way (XML, no paging, 90 days an answer), or the one with pages and `updated_after` in JSON."""

    form: Literal["json", "xml"]
    prefix: str = ""
    jurisdiction: str = ""
    key: str = ""

    def open(self, ledger: Ledger, house: House) -> None:
        server = _Server(self, ledger)
        base = "/open311/v2"
        routes = [
            web.get(f"{base}/services.{self.form}", server.services),
            web.get(f"{base}/requests.{self.form}", server.requests),
            web.get(f"{base}/requests/{{id}}.{self.form}", server.request),
        ]
        house.mount(ledger.name, routes)


@dataclass(frozen=True, slots=True)
class _Server:
    kind: Open311
    ledger: Ledger

    async def services(self, _request: web.Request) -> web.Response:
        rows = [
            {"service_code": f"{self.kind.prefix}{scene.code}", "service_name": scene.topic, "group": scene.office}
            for scene in SCENES
        ]
        return self._answer("services", "service", rows)

    async def requests(self, request: web.Request) -> web.Response:
        """Answer with the requests filed, or with those that changed since a moment."""
        kind, query = self.kind, request.query
        if kind.key and query.get("api_key") != kind.key:
            return self._error(403, "Invalid api_key received -- can't proceed with request.")
        if kind.jurisdiction and query.get("jurisdiction_id", kind.jurisdiction) != kind.jurisdiction:
            return self._error(404, "jurisdiction_id provided was not found.")
        try:
            found = self._found(request)
        except ValueError as error:
            return self._error(400, str(error))
        return self._answer("service_requests", "request", [self._row(seen) for seen in found])

    def _found(self, request: web.Request) -> list[Snapshot]:
        now = self.ledger.desk.now()
        end = max(_time(request, "end_date", now), BEGINNING)
        if self.kind.form == "xml":
            # Whatever is asked for, an answer holds ninety days; the newest comes first.
            start = max(_time(request, "start_date", end - LONGEST), end - LONGEST)
            return [seen for seen in reversed(self.ledger.desk.snapshots()) if start <= seen.case.created_at <= end]
        start = _time(request, "start_date", BEGINNING)
        moved = self.ledger.desk.snapshots(_time(request, "updated_after", BEGINNING))
        filed = [seen for seen in moved if start <= seen.case.created_at <= end]
        paging = Numbered("page", "page_size", usual=50, most=100)
        return list(paging.cut(filed, Question(request.query, request.url, now)).seen)

    async def request(self, request: web.Request) -> web.Response:
        rows = [self._row(seen) for seen in self.ledger.desk.snapshots()]
        found = [row for row in rows if str(row.get("service_request_id")) == request.match_info["id"]]
        if not found:
            return self._error(404, "service_request_id provided was not found.")
        return self._answer("service_requests", "request", found)

    def _row(self, seen: Snapshot) -> dict[str, Any]:
        row = self.ledger.row(seen)
        # Where there is no number yet, or no token any more, the field is not there at all.
        missing = ("service_request_id", "token") if self.kind.form == "json" else ()
        return {name: value for name, value in row.items() if value is not None or name not in missing}

    def _answer(self, root: str, name: str, rows: list[dict[str, Any]], status: int = 200) -> web.Response:
        if self.kind.form == "json":
            return json_answer(rows, status=status)
        body = Xml().document({root: {name: rows}})
        return web.Response(body=body, content_type="text/xml", charset="utf-8", status=status)

    def _error(self, code: int, description: str) -> web.Response:
        return self._answer("errors", "error", [{"code": str(code), "description": description}], code)


def _time(request: web.Request, name: str, default: datetime) -> datetime:
    """Read a time from the query; raises ValueError when it is none, or has no offset."""
    return OFFSET.read(request.query[name]) if name in request.query else default


NOTES = {
    Stage.RECEIVED: "Initiated - The request has been received.",
    Stage.ACCEPTED: "In progress - The request has been reviewed.",
    Stage.DECLINED: "Cancelled - The request is not a city matter.",
    Stage.DISPATCHED: "In progress - The request has been scheduled.",
    Stage.WORKING: "In progress - A crew is on site.",
    Stage.RETURNED: "Unassigned - The request was returned.",
    Stage.DONE: "Completed - The request has been completed.",
    Stage.AGAIN: "In progress - The request was opened again.",
    Stage.CLOSED: "Closed - The request has been closed.",
}
"""Free text in which the first words hold the true state, as Toronto writes it."""
