"""数字城管: Open311 in JSON with `updated_after` and pages; what is not numbered yet has only a token."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from aiohttp import web

from replica.city import Desk, Flaw, Remit, Snapshot, Stage
from replica.systems.base import json_answer, whole
from replica.systems.open311 import NOTES, asked_time, iso, services, status
from replica.writing import NO_SUCH_DAY, is_flawed

KEY = "demo-chengguan"

_EXTENDED = {
    Stage.RECEIVED: "submitted",
    Stage.ACCEPTED: "accepted",
    Stage.DECLINED: "not_city_matter",
    Stage.DISPATCHED: "assigned",
    Stage.WORKING: "in_progress",
    Stage.RETURNED: "referred_back",
    Stage.DONE: "fixed",
    Stage.AGAIN: "reopened",
    Stage.CLOSED: "closed",
}
_MOST = 100
_SLOW_EVERY = 40
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class ShuziChengguan:
    remit: ClassVar = Remit(history=timedelta(days=60), every=timedelta(hours=5), codes=("01", "02", "05"))

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/open311/v2/services.json", self.services),
            web.get("/open311/v2/requests.json", self.requests),
        ]

    async def services(self, _request: web.Request) -> web.Response:
        return json_answer(services(""))

    async def requests(self, request: web.Request) -> web.Response:
        if request.query.get("api_key") != KEY:
            return _error(403, "Invalid api_key received -- can't proceed with request.")
        try:
            updated = asked_time(request, "updated_after", _BEGINNING)
            start = asked_time(request, "start_date", _BEGINNING)
            end = asked_time(request, "end_date", self._desk.now())
        except ValueError as error:
            return _error(400, str(error))
        page, size = whole(request.query, "page", 1, 10**6), whole(request.query, "page_size", 50, _MOST)
        found = [seen for seen in self._desk.snapshots(updated) if start <= seen.case.created_at <= end]
        return json_answer([_row(seen) for seen in found[(page - 1) * size : page * size]])


def _error(code: int, description: str) -> web.Response:
    return json_answer([{"code": code, "description": description}], status=code)


def _row(seen: Snapshot) -> dict[str, Any]:
    case = seen.case
    # A number is given out at once as a rule; where that is slow, there is only the token of the form until then.
    is_slow = case.number % _SLOW_EVERY == 0 and seen.stage is Stage.RECEIVED
    numbered = not is_slow and not is_flawed(seen, Flaw.NO_ID)
    return {
        **({"service_request_id": case.number} if numbered else {"token": f"t{case.number:x}"}),
        "status": status(seen),
        "status_notes": NOTES[seen.stage],
        "service_name": case.scene.topic,
        "service_code": case.scene.code,
        "description": case.content,
        "agency_responsible": case.scene.office,
        "service_notice": None,
        "requested_datetime": NO_SUCH_DAY if is_flawed(seen, Flaw.NO_SUCH_DAY) else iso(case.created_at),
        "updated_datetime": iso(seen.updated_at),
        "expected_datetime": iso(case.due_at),
        "address": case.place.address,
        "address_id": None,
        "zipcode": "448000",
        "lat": case.latitude,
        "long": case.longitude,
        "media_url": f"https://img.example.invalid/cg/{case.number}.jpg" if case.number % 2 else None,
        "extended_attributes": {
            "status_code": "parked" if is_flawed(seen, Flaw.UNKNOWN_STATUS) else _EXTENDED[seen.stage],
            "division": case.place.area,
        },
    }
