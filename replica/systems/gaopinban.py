"""高频办·随手拍: short-lived OAuth 2 tokens, opaque cursors, epoch milliseconds, GCJ-02, details by a second call."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from aiohttp import encode_basic_auth, web

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.datum import gcj02
from replica.systems.base import json_answer, whole
from replica.tokens import Tokens
from replica.writing import NO_SUCH_DAY, is_flawed, milliseconds

CLIENT_ID, CLIENT_SECRET = "hub", "demo-gaopinban"

_STATUSES = {
    Stage.RECEIVED: "new",
    Stage.ACCEPTED: "confirmed",
    Stage.DECLINED: "refused",
    Stage.DISPATCHED: "assigned",
    Stage.WORKING: "doing",
    Stage.RETURNED: "bounced",
    Stage.DONE: "done",
    Stage.AGAIN: "reopened",
    Stage.CLOSED: "closed",
}
_TYPES = {"0105": "parking", "0501": "hazard", "0103": "hazard"}
_MOST = 500


class Gaopinban:
    remit: ClassVar = Remit(
        history=timedelta(days=60), every=timedelta(hours=7), within="沙洋县滨江新区", codes=("01", "02", "03", "05")
    )

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tokens = Tokens(desk, timedelta(minutes=5))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/oauth/token", self.token),
            web.get("/api/v2/reports", self.reports),
            web.get("/api/v2/reports/{id}", self.report),
        ]

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        in_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not in_form and request.headers.get("Authorization") != encode_basic_auth(CLIENT_ID, CLIENT_SECRET):
            return json_answer({"error": "invalid_client"}, status=401)
        if form.get("grant_type") != "client_credentials":
            return json_answer({"error": "unsupported_grant_type"}, status=400)
        lifetime = int(self._tokens.ttl.total_seconds())
        return json_answer({"access_token": self._tokens.give(), "token_type": "Bearer", "expires_in": lifetime})

    async def reports(self, request: web.Request) -> web.Response:
        self._check(request)
        limit = whole(request.query, "limit", 50, _MOST)
        after = _position(request.query["cursor"]) if "cursor" in request.query else (-1, -1)
        since = whole(request.query, "updated_after", 0, 10**14)
        moved = self._desk.snapshots(datetime.fromtimestamp(since / 1000, UTC))
        left = sorted((each for each in moved if _place(each) > after), key=_place)
        page = left[:limit]
        following = _cursor(page[-1]) if len(left) > limit else None
        return json_answer({"data": {"items": [_item(seen) for seen in page], "next_cursor": following}})

    async def report(self, request: web.Request) -> web.Response:
        self._check(request)
        for seen in self._desk.snapshots():
            if _id(seen) == request.match_info["id"]:
                return json_answer({"data": _detail(seen)})
        return json_answer({"error": "not_found"}, status=404)

    def _check(self, request: web.Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not self._tokens.is_good(token):
            raise web.HTTPUnauthorized(text='{"error": "invalid_token"}', content_type="application/json")


def _place(seen: Snapshot) -> tuple[int, int]:
    return int(seen.updated_at.timestamp()), seen.case.number


def _cursor(seen: Snapshot) -> str:
    return base64.urlsafe_b64encode("{}:{}".format(*_place(seen)).encode()).decode()


def _position(cursor: str) -> tuple[int, int]:
    try:
        moment, number = base64.urlsafe_b64decode(cursor).decode().split(":")
        return int(moment), int(number)
    except (binascii.Error, ValueError) as error:
        raise web.HTTPBadRequest(text='{"error": "bad_cursor"}', content_type="application/json") from error


def _id(seen: Snapshot) -> str:
    return f"GPB-{seen.case.number}"


def _item(seen: Snapshot) -> dict[str, Any]:
    case = seen.case
    longitude, latitude = gcj02(case.longitude, case.latitude)
    return {
        "id": None if is_flawed(seen, Flaw.NO_ID) else _id(seen),
        "type": _TYPES.get(case.scene.code, "other"),
        "title": case.title,
        "description": f"<p>{case.content}</p>",
        "category": {"code": case.scene.code, "name": case.scene.topic},
        "status": "archived_v1" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _STATUSES[seen.stage],
        "created_ms": NO_SUCH_DAY if is_flawed(seen, Flaw.NO_SUCH_DAY) else milliseconds(case.created_at),
        "updated_ms": milliseconds(seen.updated_at),
        "deadline_ms": milliseconds(case.created_at + timedelta(days=3)),
        "reporter": {"nick": case.reporter, "mobile": f"+86 {case.phone[:3]} {case.phone[3:7]} {case.phone[7:]}"},
        "place": {"address": case.place.address, "division": case.place.area, "lon": longitude, "lat": latitude},
        "handling_unit": {"name": f"{case.place.community}居委会"},
        "co_units": [{"name": "物业服务企业"}, {"name": case.scene.office}],
        "photos": [f"https://img.example.invalid/gpb/{case.number}/{shot}.jpg" for shot in (1, 2)],
        "has_result": seen.result is not None,
    }


def _detail(seen: Snapshot) -> dict[str, Any]:
    steps = [step for step in seen.case.steps if step.at <= seen.updated_at]
    history = [{"status": _STATUSES[step.stage], "at_ms": milliseconds(step.at)} for step in steps]
    return {"id": _id(seen), "result": seen.result, "score": seen.grade, "history": history}
