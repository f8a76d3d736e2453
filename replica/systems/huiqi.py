"""惠企服务平台: a help desk shaped like the Zendesk incremental cursor export, behind Basic authentication."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from aiohttp import encode_basic_auth, web

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.scenes import Wish
from replica.systems.base import json_answer, whole
from replica.writing import NO_SUCH_DAY, is_flawed

USER, TOKEN = "hub@jingmen.example/token", "demo-huiqi"

_STATUSES = {
    Stage.RECEIVED: "new",
    Stage.ACCEPTED: "open",
    Stage.DECLINED: "deleted",
    Stage.DISPATCHED: "open",
    Stage.WORKING: "open",
    Stage.RETURNED: "hold",
    Stage.DONE: "solved",
    Stage.AGAIN: "open",
    Stage.CLOSED: "closed",
}
_TYPES = {Wish.ASK: "question", Wish.COMPLAIN: "problem", Wish.REPORT: "incident", Wish.SUGGEST: "task"}
_CREDIT_CODE, _PARK = 360001, 360002
_MOST = 1000


class Huiqi:
    remit: ClassVar = Remit(history=timedelta(days=60), every=timedelta(hours=6), codes=("12", "04", "06", "09"))

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v2/incremental/tickets/cursor.json", self.tickets)]

    async def tickets(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != encode_basic_auth(USER, TOKEN):
            return json_answer({"error": "Couldn't authenticate you"}, status=401)
        if "cursor" not in request.query and "start_time" not in request.query:
            return json_answer({"error": "Missing start_time or cursor"}, status=400)
        size = whole(request.query, "per_page", _MOST, _MOST)
        left = self._after(request)
        page = left[:size]
        after = _cursor(page[-1]) if page else request.query.get("cursor")
        url = request.url.with_query({"cursor": after, "per_page": str(size)}) if after else None
        answer = {
            "tickets": [_ticket(request, seen) for seen in page],
            "after_url": str(url) if url else None,
            "before_url": None,
            "after_cursor": after,
            "before_cursor": None,
            "end_of_stream": len(left) <= size,
        }
        return json_answer(answer)

    def _after(self, request: web.Request) -> list[Snapshot]:
        if "cursor" in request.query:
            after = _position(request.query["cursor"])
        else:
            after = (whole(request.query, "start_time", 0, 10**10), -1)
        # The second under way is held back: a ticket that moves later within it would slip behind the cursor.
        settled = int(self._desk.now().timestamp())
        seen = (each for each in self._desk.snapshots() if after < _place(each) < (settled, -1))
        return sorted(seen, key=_place)


def _place(seen: Snapshot) -> tuple[int, int]:
    return int(seen.updated_at.timestamp()), seen.case.number


def _cursor(seen: Snapshot) -> str:
    moment, number = _place(seen)
    return base64.b64encode(f"{moment}.0||{number}|".encode()).decode()


def _position(cursor: str) -> tuple[int, int]:
    try:
        moment, number = base64.b64decode(cursor).decode().rstrip("|").split("||")
        return int(float(moment)), int(number)
    except (binascii.Error, ValueError) as error:
        raise web.HTTPBadRequest(text='{"error": "InvalidCursor"}', content_type="application/json") from error


def _ticket(request: web.Request, seen: Snapshot) -> dict[str, Any]:
    case = seen.case
    return {
        "url": str(request.url.origin().with_path(f"/huiqi/api/v2/tickets/{case.number}.json")),
        "id": None if is_flawed(seen, Flaw.NO_ID) else case.number,
        "external_id": None,
        "via": {"channel": "web" if case.number % 3 else "api", "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": NO_SUCH_DAY if is_flawed(seen, Flaw.NO_SUCH_DAY) else _iso(case.created_at),
        "updated_at": _iso(seen.updated_at),
        "type": _TYPES.get(case.scene.wish),
        "subject": case.title,
        "raw_subject": case.title,
        "description": case.content,
        "priority": "urgent" if case.urgent else "normal",
        "status": "pending_legal" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _STATUSES[seen.stage],
        "recipient": None,
        "requester_id": 6130000000000 + case.number % 10_000,
        "organization_id": None,
        "group_id": 360 + int(case.scene.code[:2]),
        "is_public": not case.secret,
        "due_at": _iso(case.due_at),
        "tags": [case.scene.topic, case.place.area_name],
        "custom_fields": [
            {"id": _CREDIT_CODE, "value": f"91420800MADEUP{case.number % 10_000:04d}"},
            {"id": _PARK, "value": f"{case.place.area_name}产业园"},
        ],
        "satisfaction_rating": _rating(seen),
        "brand_id": 420800,
        "generated_timestamp": int(seen.updated_at.timestamp()),
    }


def _rating(seen: Snapshot) -> dict[str, str] | None:
    if seen.stage is not Stage.CLOSED:
        return {"score": "unoffered"} if seen.stage is Stage.DONE else None
    return {"score": "good" if (seen.grade or 0) >= 4 else "bad"}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
